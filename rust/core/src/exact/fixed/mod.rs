//! Metrics as sums of tables and trees over levels, in float64 and in fixed point.

pub(crate) mod grove;
pub(crate) mod grove_tiles;
pub(crate) mod lattice;
pub(crate) mod network;
pub(crate) mod residuals;
pub(crate) mod row_sets;
pub(crate) mod tiles;
pub(crate) mod trees;
