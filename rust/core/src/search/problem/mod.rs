//! What is sought, and what an algorithm is told of it.

pub(crate) mod brief;
pub(crate) mod definition;
pub(crate) mod evaluate;
pub(crate) mod ladder;
pub(crate) mod multilinear;
pub(crate) mod objective;
pub(crate) mod stream;
