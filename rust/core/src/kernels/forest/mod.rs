//! Forests of a surrogate's members: three ways to the same leaves, whose fixed-point sums are the same bits.
//!
//! Many rows are cut into bit planes ([`sliced`]); few rows read the masks of leaves ([`masks`]), or walk the trees
//! where masks would take more memory than a model may.

pub(crate) mod fixed;
pub(crate) mod forests;
mod lookup;
mod masks;
mod planes;
mod program;
mod registers;
mod select;
pub(crate) mod sliced;
mod tree;
