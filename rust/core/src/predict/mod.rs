//! Predictions: one metric in float32 and float64, batches of several, local optima.

pub mod batch;
pub(crate) mod chunk;
pub(crate) mod deviation;
pub(crate) mod float64;
pub mod optima;
pub mod predictor;

pub use crate::kernels::cpu::build_name;
