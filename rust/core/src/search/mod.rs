//! Seeded searches: algorithms that ask for architectures and are told their scores, and many runs of them at once.
//!
//! Runs advance in cohorts: what all runs of a cohort ask for is evaluated together, by the kernels of batches.

mod algorithms;
mod problem;
mod quality;
mod runs;
#[cfg(test)]
pub(crate) mod tests;

pub use algorithms::algorithm::Algorithm;
pub use algorithms::spec::AlgorithmSpec;
pub use problem::brief::Brief;
pub use problem::definition::Problem;
pub use problem::evaluate::{Evaluate, Modelled};
pub use problem::ladder::Ladder;
pub use problem::objective::{Objective, is_feasible};
pub use problem::stream::Stream;
pub use quality::indicators::{hypervolumes, igd_plus};
pub use quality::ranks::fronts;
pub use runs::cohort::{Cohort, Log};
pub use runs::crew::{Crews, Ended, Workers};
pub use runs::farm::{Farm, Watch};
