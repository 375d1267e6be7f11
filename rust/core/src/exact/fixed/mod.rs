//! Metrics as sums of tables over levels, in float64 and in fixed point.

pub(crate) mod lattice;
pub(crate) mod network;
pub(crate) mod tiles;
