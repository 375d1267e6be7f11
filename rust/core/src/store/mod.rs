//! What is on a disk: artifacts, and the benchmark that is made of them.

pub mod artifact;
pub mod benchmark;
pub(crate) mod files;
pub mod listing;
pub mod packed;
pub(crate) mod tensors;
pub(crate) mod trees;
