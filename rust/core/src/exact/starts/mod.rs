//! Good architectures to start from, by local search.

pub(crate) mod ascent;
pub(crate) mod bounding;
pub(crate) mod dominance;
pub(crate) mod penalty;
pub(crate) mod seeds;
