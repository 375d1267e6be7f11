//! Finite architecture spaces, interaction tables and their batch evaluation. Knows no Python.
//!
//! Data flows through the folders in the order that `scripts/rust_layers.py` holds: a module uses what stands before it.

pub mod error;
pub mod hash;
pub mod memory;
mod rng;
pub mod threads;

pub mod exact;
mod kernels;
mod layout;
pub mod measure;
pub mod metric;
pub mod pareto;
pub mod predict;
pub mod search;
pub mod source;
pub mod space;
pub mod store;
pub mod surrogate;
pub mod tables;
#[cfg(test)]
mod testing;

pub use error::{Error, Result};
