"""Gaussian processes with an ANOVA kernel: their mean and their draws are interaction tables."""

from accelnas.fitting.anova.kernel import AnovaKernel
from accelnas.fitting.anova.posterior import Tables, posterior_members
from accelnas.fitting.anova.process import GaussianProcess, learn

__all__ = ["AnovaKernel", "GaussianProcess", "Tables", "learn", "posterior_members"]
