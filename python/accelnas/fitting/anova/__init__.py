"""Gaussian processes with ANOVA and product kernels: their mean and their draws are tables."""

from accelnas.fitting.anova.kernel import AnovaKernel
from accelnas.fitting.anova.known import KnownKernel
from accelnas.fitting.anova.posterior import Tables, posterior_members
from accelnas.fitting.anova.process import GaussianProcess, learn
from accelnas.fitting.anova.product import ProductKernel
from accelnas.fitting.anova.robust import robust
from accelnas.fitting.anova.selection import likeliest

__all__ = [
    "AnovaKernel",
    "GaussianProcess",
    "KnownKernel",
    "ProductKernel",
    "Tables",
    "learn",
    "likeliest",
    "posterior_members",
    "robust",
]
