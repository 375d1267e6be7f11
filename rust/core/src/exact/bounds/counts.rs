//! How the architectures of jobs were settled.

use serde::{Deserialize, Serialize};

/// How many architectures were settled in which way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    /// Evaluated one by one.
    pub evaluated: u64,
    /// Excluded by a bound.
    pub pruned: u64,
    /// Included by bounds.
    pub settled: u64,
}

impl Counts {
    pub fn total(&self) -> u64 {
        self.evaluated + self.pruned + self.settled
    }

    pub(crate) fn plus(self, other: Counts) -> Counts {
        Counts {
            evaluated: self.evaluated + other.evaluated,
            pruned: self.pruned + other.pruned,
            settled: self.settled + other.settled,
        }
    }
}
