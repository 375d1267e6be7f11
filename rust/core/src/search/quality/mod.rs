//! Fronts and how good they are.

pub(crate) mod archive;
pub(crate) mod indicators;
pub(crate) mod ranks;
