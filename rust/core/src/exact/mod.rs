//! The whole space, exactly: proven optima, Pareto fronts, counts, ranks and distributions.
//!
//! Values are sums of small tables, so bounds on whole subtrees cost as much as a few architectures.
//! Searches run in 32-bit fixed point with a proven margin (`fixed`) and decide in float64.

mod answers;
mod bounds;
mod fixed;
mod prepared;
mod question;
mod screen;
mod sensitivity;
mod starts;
mod state;
mod task;
#[cfg(test)]
mod tests;

pub use bounds::counts::Counts;
pub use fixed::tiles::MAX_LIMITS;
pub use question::checks::{MAX_BEST, MAX_BINS, MAX_OBJECTIVES, MAX_POINTS};
pub use question::domain::Domain;
pub use question::kinds::{Constraint, Item, Kind, Outcome, Question};
pub use sensitivity::{Sensitivity, sensitivity};
pub use state::State;
pub use task::Task;
