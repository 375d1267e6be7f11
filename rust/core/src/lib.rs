//! Finite architecture spaces, interaction tables and their batch evaluation. Knows no Python.
mod arena;
pub mod artifact;
pub mod batch;
pub mod benchmark;
mod calibrated;
pub mod climb;
pub mod combine;
mod cover;
mod distance;
pub mod error;
pub mod exact;
mod expand;
mod files;
pub mod forest;
pub mod forms;
pub mod hash;
mod kernels;
pub mod link;
pub mod lower;
mod masks;
pub mod memory;
pub mod names;
mod noise;
mod pack;
pub mod predict;
pub mod sample;
pub mod search;
pub mod sobol;
pub mod space;
mod sums;
pub mod surrogate;
pub mod tables;
#[cfg(test)]
mod testing;
pub mod threads;
pub mod uncertainty;

pub use error::{Error, Result};
