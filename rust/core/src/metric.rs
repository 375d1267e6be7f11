//! A metric: whether more or less of it is better, and the scale that a surrogate models it on.
//!
//! A surrogate predicts `link(y)`, a user reads `y`.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Scale on which a surrogate models its metric; the modelled value rises with the metric, but for reciprocals.
///
/// All modelled values up to the [`Link::plateau`] of one with a ceiling or a floor are of one value of the metric.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Link {
    /// The metric itself.
    Identity,
    /// `1 / y`: time per image, where the costs of blocks add up.
    Reciprocal,
    /// `ln y`.
    Log,
    /// `-ln(limit - y)`: of values below a limit.
    Below(f64),
    /// `ln(y - limit)`: of values above a limit.
    Above(f64),
    /// `1 / y` of a rate that saturates: up to the time `1 / limit`, the rate is the limit.
    Capped(f64),
    /// The metric itself, of a time that no architecture falls below: up to the limit, it is the limit.
    Floored(f64),
}

impl Link {
    pub const NAMES: [&str; 7] = ["identity", "reciprocal", "log", "below", "above", "capped", "floored"];

    /// The link of a name, with the limit of those that have one.
    pub fn named(name: &str, limit: Option<f64>) -> Result<Link> {
        match (name, limit) {
            ("identity", None) => Ok(Link::Identity),
            ("reciprocal", None) => Ok(Link::Reciprocal),
            ("log", None) => Ok(Link::Log),
            ("below", Some(limit)) if limit.is_finite() => Ok(Link::Below(limit)),
            ("above", Some(limit)) if limit.is_finite() => Ok(Link::Above(limit)),
            ("capped", Some(limit)) if limit.is_finite() && limit > 0.0 => Ok(Link::Capped(limit)),
            ("floored", Some(limit)) if limit.is_finite() => Ok(Link::Floored(limit)),
            ("capped", Some(limit)) if limit.is_finite() => {
                Err(Error::model(format!("limit of link capped is {limit}; use a number above 0")))
            }
            ("below" | "above" | "capped" | "floored", Some(limit)) => {
                Err(Error::model(format!("limit of link {name} is {limit}; use a finite number")))
            }
            ("below" | "above" | "capped" | "floored", None) => {
                Err(Error::model(format!("link {name} has no limit; give a finite number")))
            }
            ("identity" | "reciprocal" | "log", Some(limit)) => Err(Error::model(format!(
                "limit is {limit}, link {name} has none; use link below, above, capped or floored"
            ))),
            _ => Err(Error::model(format!("link is {name:?}; choose {}", Link::NAMES.join(", ")))),
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Link::Identity => "identity",
            Link::Reciprocal => "reciprocal",
            Link::Log => "log",
            Link::Below(_) => "below",
            Link::Above(_) => "above",
            Link::Capped(_) => "capped",
            Link::Floored(_) => "floored",
        }
    }

    /// The number that the link depends on, where there is one.
    pub fn limit(self) -> Option<f64> {
        match self {
            Link::Identity | Link::Reciprocal | Link::Log => None,
            Link::Below(limit) | Link::Above(limit) | Link::Capped(limit) | Link::Floored(limit) => Some(limit),
        }
    }

    /// The largest modelled value of those whose metric's value is the limit itself, where there are such.
    pub(crate) fn plateau(self) -> Option<f64> {
        match self {
            Link::Capped(limit) => {
                // A time that rounding made too long for the limit is not of the plateau.
                let time = 1.0 / limit;
                Some(if 1.0 / time < limit { time.next_down() } else { time })
            }
            Link::Floored(limit) => Some(limit),
            _ => None,
        }
    }

    /// The modelled value that stands for one and those of the same plateau: errors and noise are around it.
    pub(crate) fn settled(self, value: f64) -> f64 {
        self.plateau().map_or(value, |plateau| value.max(plateau))
    }

    /// What no value of the metric is below, and what none is above.
    pub(crate) fn range(self) -> (f64, f64) {
        match self {
            Link::Identity => (f64::NEG_INFINITY, f64::INFINITY),
            Link::Reciprocal | Link::Log => (0.0, f64::INFINITY),
            Link::Below(limit) => (f64::NEG_INFINITY, limit),
            Link::Above(limit) | Link::Floored(limit) => (limit, f64::INFINITY),
            Link::Capped(limit) => (0.0, limit),
        }
    }

    /// The metric's value of a modelled value.
    #[inline]
    pub fn inverse(self, value: f64) -> f64 {
        match self {
            Link::Identity => value,
            Link::Reciprocal => 1.0 / value,
            // The portable exponential: a system library may round the last digit otherwise.
            Link::Log => libm::exp(value),
            Link::Below(limit) => limit - libm::exp(-value),
            Link::Above(limit) => limit + libm::exp(value),
            Link::Capped(limit) if value > 0.0 => (1.0 / value).min(limit),
            Link::Capped(limit) => limit,
            Link::Floored(limit) => value.max(limit),
        }
    }

    /// Size of the slope of the inverse at a modelled value; of a plateau, that at its end: measurements scatter there, too.
    #[inline]
    pub fn slope(self, value: f64) -> f64 {
        match self {
            Link::Identity | Link::Floored(_) => 1.0,
            Link::Reciprocal => 1.0 / (value * value),
            Link::Capped(_) => self.inverse(value).powi(2),
            Link::Log | Link::Above(_) => libm::exp(value),
            Link::Below(_) => libm::exp(-value),
        }
    }

    /// By how much the metric changes with its modelled value: nothing on a plateau.
    pub(crate) fn derivative(self, value: f64) -> f64 {
        match self.plateau() {
            Some(plateau) if value <= plateau => 0.0,
            _ => self.sign() * self.slope(value),
        }
    }

    /// Whether the metric rises (1) or falls (-1) with its modelled value.
    pub(crate) fn sign(self) -> f64 {
        match self {
            Link::Identity | Link::Log | Link::Below(_) | Link::Above(_) | Link::Floored(_) => 1.0,
            Link::Reciprocal | Link::Capped(_) => -1.0,
        }
    }

    /// What no metric's value is beyond, in a direction, whose modelled value is not beyond one: rounded outwards.
    pub(crate) fn outer(self, modelled: f64, direction: Direction) -> f64 {
        let (least, most) = self.range();
        let value = match self {
            // Modelled values are above 0.
            Link::Reciprocal if modelled <= 0.0 => f64::INFINITY,
            _ => self.inverse(modelled),
        };
        let size = value.abs() + self.limit().map_or(0.0, f64::abs);
        let doubt = if value.is_finite() { 8.0 * f64::EPSILON * size } else { 0.0 };
        (value + direction.sign() * doubt).clamp(least, most)
    }

    /// Modelled values around a metric's value `y`: up to the first the inverse, as it is computed, is on one side
    /// of `y` or equal, and strictly so below it where `y` is no limit of the link's image; beyond the second on the other.
    ///
    /// `1 / v` is rounded once, by 2^-53 of it, or by 2^-51 where it is subnormal, and so is `1 / y`. `libm`'s `exp`
    /// and `log` err by less than a unit in the last place: `exp(v)` by 2^-52 of it and 2^-1074, which moves `v` by
    /// 2^-52 and 2^-1074 / y however small `v` itself is; `log(y)` by 2^-52 of it. `exp` is 0 up to -746 and infinite from 710 on.
    /// A sum with a limit is rounded once, and so never across a float that it lies beyond: it is on a side of `y` where
    /// its exact value is beyond the next float there, whose distance to the limit is rounded by 2^-53 of itself.
    pub(crate) fn bracket(self, y: f64) -> (f64, f64) {
        const EPSILON: f64 = 8.0 * f64::EPSILON;
        const LEAST: f64 = 5e-324;
        match self {
            Link::Identity => (y, y),
            Link::Floored(limit) if y < limit => (f64::NEG_INFINITY, f64::NEG_INFINITY),
            Link::Floored(_) => (y, y),
            Link::Capped(limit) if y > limit => (f64::NEG_INFINITY, f64::NEG_INFINITY),
            Link::Capped(_) => Link::Reciprocal.bracket(y),
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
            Link::Above(limit) => {
                (Link::Log.bracket(y.next_down() - limit).0, Link::Log.bracket(y.next_up() - limit).1)
            }
            Link::Below(limit) => {
                let (first, last) = Link::Above(-limit).bracket(-y);
                (-last, -first)
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn brackets_of_limits_are_tight_and_hold(
            limit in -1e3..1e3f64, distance in -35.0..35.0f64, steps in 0u32..4, beyond in 1e-9..3.0f64,
        ) {
            for (link, sign) in [(Link::Below(limit), -1.0), (Link::Above(limit), 1.0)] {
                let mut y = limit + sign * libm::exp(distance);
                (0..steps).for_each(|_| y = if sign > 0.0 { y.next_down() } else { y.next_up() });
                let (first, last) = link.bracket(y);
                prop_assert!(first <= last && (distance < -5.0 || last - first < 1e-9), "{link:?} {y}: {first}, {last}");
                for below in [first.next_down(), first - beyond].into_iter().filter(|_| first.is_finite()) {
                    prop_assert!(link.inverse(below) < y, "{link:?}: {below} is not below {y}");
                }
                for above in [last.next_up(), last + beyond].into_iter().filter(|_| last.is_finite()) {
                    prop_assert!(link.inverse(above) > y, "{link:?}: {above} is not above {y}");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn plateaus_end_where_they_are_said_to(exponent in -320.0..308.0f64, steps in 0u32..4, beyond in 0.0..3.0f64) {
            let limit = 10f64.powf(exponent).max(5e-324);
            for (link, sign) in [(Link::Capped(limit), -1.0), (Link::Floored(limit), 1.0), (Link::Floored(-limit), 1.0)] {
                let (limit, plateau) = (link.limit().unwrap(), link.plateau().unwrap());
                for value in [plateau, plateau.next_down(), plateau - beyond, -beyond.min(plateau), f64::MIN] {
                    prop_assert_eq!(link.inverse(value.min(plateau)), limit);
                    prop_assert_eq!(link.settled(value.min(plateau)), plateau);
                }
                let mut above = plateau;
                (0..=steps).for_each(|_| above = above.next_up());
                for value in [above, plateau + beyond * plateau.abs(), f64::MAX] {
                    let y = link.inverse(value);
                    prop_assert!(sign * y >= sign * limit, "{link:?} of {value} is {y}");
                    let (first, last) = link.bracket(y);
                    prop_assert!(first <= value && value <= last, "{link:?} of {value}: {first}, {last}");
                    if y != limit && y > 0.0 {
                        for below in [first.next_down(), plateau] {
                            prop_assert!(below >= first || sign * link.inverse(below) < sign * y, "{link:?}: {below}");
                        }
                        prop_assert!(last.next_up() > f64::MAX || sign * link.inverse(last.next_up()) > sign * y);
                    }
                }
                let (first, last) = link.bracket(limit);
                prop_assert!(first <= plateau.next_up() && link.inverse(first.min(plateau)) == limit);
                prop_assert!(last > f64::MAX || sign * link.inverse(last.next_up()) > sign * limit);
                let outside = if sign > 0.0 { limit.next_down() } else { limit.next_up() };
                prop_assert_eq!(link.bracket(outside), (f64::NEG_INFINITY, f64::NEG_INFINITY));
            }
        }
    }

    #[test]
    fn slopes_are_those_of_the_inverse() {
        let capped = Link::Capped(5.0);
        for link in [Link::Identity, Link::Reciprocal, Link::Log, Link::Below(3.0), Link::Above(-2.0), capped] {
            for z in [0.3, 1.0, 2.5] {
                let slope = (link.inverse(z + 1e-5) - link.inverse(z - 1e-5)) / 2e-5;
                assert!((slope / link.derivative(z) - 1.0).abs() < 1e-8, "{link:?} at {z}");
                assert_eq!(link.slope(z), link.derivative(z).abs());
            }
        }
        for (link, slope) in [(capped, 25.0), (Link::Floored(2.0), 1.0)] {
            assert_eq!([-1.0, 0.2].map(|z| (link.derivative(z), link.slope(z))), [(0.0, slope); 2]);
        }
    }

    #[test]
    fn a_limit_itself_is_no_value() {
        for (link, beyond) in [(Link::Below(2.0), 3.0), (Link::Above(2.0), 1.0)] {
            let (first, last) = link.bracket(2.0);
            assert!(first == f64::NEG_INFINITY || last == f64::INFINITY, "{link:?}: {first}, {last}");
            let (first, last) = link.bracket(beyond);
            let all = if beyond > 2.0 { first > 700.0 } else { last < -700.0 };
            assert!(all, "{link:?}: {first}, {last}");
            assert_eq!(Link::named(link.name(), link.limit()).unwrap(), link);
        }
        for (name, limit, expected) in [
            ("log", Some(2.0), "limit is 2, link log has none; use link below, above, capped or floored"),
            ("capped", Some(0.0), "limit of link capped is 0; use a number above 0"),
            ("floored", None, "link floored has no limit; give a finite number"),
            ("above", None, "link above has no limit; give a finite number"),
            ("below", Some(f64::NAN), "limit of link below is NaN; use a finite number"),
            ("square", None, "link is \"square\"; choose identity, reciprocal, log, below, above, capped, floored"),
        ] {
            assert_eq!(Link::named(name, limit).unwrap_err().to_string(), format!("model: {expected}"));
        }
    }
}
