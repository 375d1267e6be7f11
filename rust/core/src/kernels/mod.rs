//! The inner loops of predictions, compiled for AVX2 and for any processor.

pub(crate) mod complete;
pub(crate) mod cpu;
pub(crate) mod forest;
pub(crate) mod links;
pub(crate) mod lookup;
pub(crate) mod nearest;
pub(crate) mod rows;
pub(crate) mod spread;
pub(crate) mod transpose;
