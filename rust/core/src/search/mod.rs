//! Seeded searches: algorithms that ask for architectures and are told their scores, and many runs of them at once.
//!
//! Runs advance in cohorts: what all runs of a cohort ask for is evaluated together, by the kernels of batches.

mod algorithm;
mod annealing;
mod archive;
mod brief;
mod cohort;
mod decomposition;
mod evaluate;
mod evolution;
mod farm;
mod gradient;
mod halving;
mod local;
mod multilinear;
mod nsga2;
mod objective;
mod pareto;
mod problem;
mod quality;
mod random;
mod reinforce;
mod stream;
#[cfg(test)]
mod tests;

pub use algorithm::{Algorithm, AlgorithmSpec};
pub use brief::Brief;
pub use cohort::{Cohort, Keep, Log};
pub use evaluate::{Evaluate, Modelled};
pub use farm::{Farm, Watch};
pub use objective::{Objective, is_feasible};
pub use pareto::{crowding_distances, non_dominated_ranks};
pub use problem::Problem;
pub use quality::{hypervolumes, igd_plus};
pub use stream::Stream;
