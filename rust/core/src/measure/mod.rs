//! Measurements: simulated ones, intervals, and how near the data is.

pub(crate) mod intervals;
pub mod noise;
pub(crate) mod quantiles;
