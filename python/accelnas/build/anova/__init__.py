"""Gaussian processes with an ANOVA kernel: their mean and their draws are interaction tables."""

from accelnas.build.anova.kernel import AnovaKernel
from accelnas.build.anova.posterior import Tables, posterior_members
from accelnas.build.anova.process import GaussianProcess, learn

__all__ = ["AnovaKernel", "GaussianProcess", "Tables", "learn", "posterior_members"]
