//! A metric: whether more or less of it is better, and the scale that a surrogate models it on.
//!
//! A surrogate predicts `link(y)`, a user reads `y`.

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
    pub const NAMES: [(&str, Link); 3] =
        [("identity", Link::Identity), ("reciprocal", Link::Reciprocal), ("log", Link::Log)];

    pub fn name(self) -> &'static str {
        Link::NAMES[self as usize].0
    }

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

    /// Whether the metric rises (1) or falls (-1) with its modelled value.
    pub(crate) fn sign(self) -> f64 {
        match self {
            Link::Identity | Link::Log => 1.0,
            Link::Reciprocal => -1.0,
        }
    }

    /// Modelled values around a metric's value `y`: up to the first the inverse, as it is computed, is on one side
    /// of `y` or equal, and strictly so below it where `y` is no limit of the link's image; beyond the second on the other.
    ///
    /// `1 / v` is rounded once, by 2^-53 of it, or by 2^-51 where it is subnormal, and so is `1 / y`. `libm`'s `exp`
    /// and `log` err by less than a unit in the last place: `exp(v)` by 2^-52 of it and 2^-1074, which moves `v` by
    /// 2^-52 and 2^-1074 / y however small `v` itself is; `log(y)` by 2^-52 of it. `exp` is 0 up to -746 and infinite from 710 on.
    pub(crate) fn bracket(self, y: f64) -> (f64, f64) {
        const EPSILON: f64 = 8.0 * f64::EPSILON;
        const LEAST: f64 = 5e-324;
        match self {
            Link::Identity => (y, y),
            // Modelled values are above 0.
            Link::Reciprocal if y <= 0.0 => (f64::INFINITY, f64::INFINITY),
            Link::Reciprocal if y == f64::INFINITY => (5.5e-309, 5.6e-309),
            Link::Reciprocal => {
                let v = 1.0 / y;
                (v.min(f64::MAX) * (1.0 - EPSILON), v * (1.0 + EPSILON))
            }
            Link::Log if y < 0.0 => (f64::NEG_INFINITY, f64::NEG_INFINITY),
            Link::Log if y == 0.0 => (-746.0, -744.0),
            Link::Log if y == f64::INFINITY => (709.0, 710.0),
            Link::Log => {
                let v = libm::log(y);
                let doubt = EPSILON * (1.0 + v.abs()) + 4.0 * LEAST / y;
                (if y < f64::MIN_POSITIVE { -746.0 } else { v - doubt }, v + doubt)
            }
        }
    }
}

/// Whether more or less of a metric is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    Maximise,
    Minimise,
}

impl Direction {
    pub const NAMES: [(&str, Direction); 2] = [("maximise", Direction::Maximise), ("minimise", Direction::Minimise)];

    pub fn name(self) -> &'static str {
        Direction::NAMES[self as usize].0
    }

    /// Factor that makes more better.
    pub fn sign(self) -> f64 {
        match self {
            Direction::Maximise => 1.0,
            Direction::Minimise => -1.0,
        }
    }
}
