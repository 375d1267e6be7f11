//! A source model: decision trees over the choices of a space.

pub mod arrays;
pub(crate) mod paths;
pub mod trees;
