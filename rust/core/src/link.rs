//! Links: a surrogate predicts `link(y)`, a user reads `y`.

use serde::{Deserialize, Serialize};

/// Scale on which a surrogate models its metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Link {
    /// The metric itself.
    Identity,
    /// `1 / y`: time per image, where the costs of blocks add up.
    Reciprocal,
    /// `ln y`.
    Log,
}

impl Link {
    /// The metric's value of a modelled value.
    #[inline]
    pub fn inverse(self, value: f64) -> f64 {
        match self {
            Link::Identity => value,
            Link::Reciprocal => 1.0 / value,
            // The portable exponential: a system library may round the last digit otherwise.
            Link::Log => libm::exp(value),
        }
    }

    /// Size of the slope of the inverse at a modelled value.
    #[inline]
    pub fn slope(self, value: f64) -> f64 {
        match self {
            Link::Identity => 1.0,
            Link::Reciprocal => 1.0 / (value * value),
            Link::Log => libm::exp(value),
        }
    }

    /// The modelled value of a metric's value.
    #[inline]
    pub fn apply(self, y: f64) -> f64 {
        match self {
            Link::Identity => y,
            Link::Reciprocal => 1.0 / y,
            Link::Log => libm::log(y),
        }
    }
}
