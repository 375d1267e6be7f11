//! A surrogate: made of trees or tables, summed in float64, combined and divided into variances.

pub mod combine;
pub mod ensemble;
mod extended;
pub(crate) mod given;
pub mod lower;
pub mod repeats;
pub(crate) mod sums;
pub mod uncertainty;
pub mod variances;
