//! The whole space, exactly: proven optima, Pareto fronts, counts, ranks and distributions.
//!
//! Values are sums of small tables, so bounds on whole subtrees cost as much as a few architectures.
//! Searches run in 32-bit fixed point with a proven margin (`lattice`) and decide in float64.

mod best;
mod checks;
mod climb;
mod count;
mod domain;
mod frames;
mod front;
mod histogram;
mod kernels;
mod lattice;
mod network;
mod order;
mod problem;
mod ranks;
mod scan;
mod search;
mod seeds;
mod state;
mod task;
#[cfg(test)]
mod tests;
mod tree;
mod zones;

pub use best::Item;
pub use checks::{MAX_BEST, MAX_BINS};
pub use domain::Domain;
pub use kernels::MAX_LIMITS;
pub use problem::{Constraint, Question};
pub use state::State;
pub use task::{Kind, Outcome, Task};
pub use tree::Counts;
pub use zones::MAX_OBJECTIVES;
