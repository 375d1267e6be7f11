//! Branch and bound over levels.

pub(crate) mod counts;
pub(crate) mod frames;
pub(crate) mod halves;
pub(crate) mod jobs;
pub(crate) mod order;
pub(crate) mod scan;
pub(crate) mod split;
pub(crate) mod tile;
pub(crate) mod tree;
pub(crate) mod walk;
