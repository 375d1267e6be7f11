//! How the architectures of jobs were settled.

use serde::{Deserialize, Serialize};

use crate::exact::question::sizes::{read, write};

/// How many architectures were settled in which way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    /// Evaluated one by one.
    #[serde(serialize_with = "write", deserialize_with = "read")]
    pub evaluated: u128,
    /// Excluded by a bound.
    #[serde(serialize_with = "write", deserialize_with = "read")]
    pub pruned: u128,
    /// Included by bounds.
    #[serde(serialize_with = "write", deserialize_with = "read")]
    pub settled: u128,
}

impl Counts {
    pub fn total(&self) -> u128 {
        self.evaluated + self.pruned + self.settled
    }

    /// With as many architectures `n - 1` times again, which others of these dominate.
    pub(crate) fn with_dominated(self, n: u128) -> Counts {
        Counts { pruned: self.pruned + (n - 1) * self.total(), ..self }
    }

    pub(crate) fn plus(self, other: Counts) -> Counts {
        Counts {
            evaluated: self.evaluated + other.evaluated,
            pruned: self.pruned + other.pruned,
            settled: self.settled + other.settled,
        }
    }
}
