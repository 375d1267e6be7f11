//! How the architectures of jobs were settled.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

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

    pub(crate) fn plus(self, other: Counts) -> Counts {
        Counts {
            evaluated: self.evaluated + other.evaluated,
            pruned: self.pruned + other.pruned,
            settled: self.settled + other.settled,
        }
    }
}

/// A number of architectures as JSON's readers take it: beyond 2^64 as text.
pub(crate) fn write<S: Serializer>(n: &u128, to: S) -> Result<S::Ok, S::Error> {
    match u64::try_from(*n) {
        Ok(n) => n.serialize(to),
        Err(_) => n.to_string().serialize(to),
    }
}

/// What [`write`] wrote.
pub(crate) fn read<'de, D: Deserializer<'de>>(from: D) -> Result<u128, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Number(u64),
        Text(String),
    }
    match Written::deserialize(from)? {
        Written::Number(n) => Ok(n.into()),
        Written::Text(text) => text.parse().map_err(D::Error::custom),
    }
}
