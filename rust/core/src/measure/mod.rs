//! Measurements: simulated ones, intervals, and how near the data is.

pub(crate) mod intervals;
pub(crate) mod noise;
pub(crate) mod quantiles;
