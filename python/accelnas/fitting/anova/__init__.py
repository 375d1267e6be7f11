"""Gaussian processes with ANOVA and product kernels: their mean and their draws are tables."""

from accelnas.fitting.anova.kernel import AnovaKernel
from accelnas.fitting.anova.known import KnownKernel
from accelnas.fitting.anova.posterior import Tables, posterior_members
from accelnas.fitting.anova.process import GaussianProcess, learn
from accelnas.fitting.anova.product import ProductKernel

__all__ = ["AnovaKernel", "GaussianProcess", "KnownKernel", "ProductKernel", "Tables", "learn", "posterior_members"]
