//! From the values of metrics to scores, of which more is always better.

use serde::Deserialize;

use crate::error::{Error, Result};
use crate::metric::Direction;

/// Scores of infeasible architectures are below this, lower for larger violations.
const INFEASIBLE: f64 = -1e300;

/// Whether a score is of an architecture that meets the constraints.
pub fn is_feasible(score: f64) -> bool {
    score > INFEASIBLE
}

/// How much constraints are violated, by a score that has no other meaning.
pub(crate) fn violation(score: f64) -> f64 {
    let share = score / INFEASIBLE - 1.0;
    share / (1.0 - share).max(f64::EPSILON)
}

/// The mean of measured scores of an architecture, of which some may be infeasible: then it is, too, and lower for more
/// of them.
pub(crate) fn mean_score(sum: f64, count: usize, is_feasible: bool) -> f64 {
    let mean = sum / count.max(1) as f64;
    if is_feasible { mean } else { INFEASIBLE + mean / 2.0 }
}

/// What is sought, over the columns of values that an evaluation gives.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Objective {
    /// Directions of the first columns; each is a score of its own unless there is a formula.
    directions: Vec<Direction>,
    #[serde(default)]
    formula: Option<Formula>,
    #[serde(default)]
    constraints: Vec<Limit>,
    /// What a violation of 1 costs a score; without it, every feasible architecture is better than all others.
    #[serde(default)]
    penalty: Option<f64>,
}

/// A column's closed range.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Limit {
    column: usize,
    #[serde(default)]
    lower: Option<f64>,
    #[serde(default)]
    upper: Option<f64>,
}

/// One score of several metrics; see `accelnas.exact.scalarised`.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
enum Formula {
    Sum { terms: Vec<Normalised> },
    Exponential { terms: Vec<Normalised>, power: f64 },
    MinMax { terms: Vec<Normalised> },
    Product { terms: Vec<Power> },
    Reference { terms: Vec<Aspiration>, rho: f64 },
}

/// A weighted column and the values that count as 0 and 1.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Normalised {
    column: usize,
    weight: f64,
    worst: f64,
    ideal: f64,
}

/// A weighted column, the value that is aspired to, and how much more of it counts as 1.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Aspiration {
    column: usize,
    weight: f64,
    reference: f64,
    extent: f64,
}

/// A column over its target, to one power up to it and to another beyond.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Power {
    column: usize,
    target: f64,
    up_to: f64,
    beyond: f64,
}

impl Limit {
    /// How far a value is outside, relative to the bound that it violates.
    fn violation(&self, value: f64) -> f64 {
        let beyond = |excess: f64, bound: f64| {
            let scale = if bound == 0.0 { 1.0 } else { bound.abs() };
            if excess > 0.0 { (excess / scale).max(f64::MIN_POSITIVE) } else { 0.0 }
        };
        self.lower.map_or(0.0, |lower| beyond(lower - value, lower))
            + self.upper.map_or(0.0, |upper| beyond(value - upper, upper))
    }
}

impl Normalised {
    fn extent(&self) -> f64 {
        if self.ideal == self.worst { 1.0 } else { self.ideal - self.worst }
    }

    /// Distance to the ideal; values rounded beyond it have none.
    fn distance(&self, values: &[f64]) -> f64 {
        ((self.ideal - values[self.column]) / self.extent()).max(0.0)
    }
}

impl Formula {
    fn score(&self, values: &[f64]) -> f64 {
        match self {
            Formula::Sum { terms } => {
                terms.iter().map(|t| t.weight * ((values[t.column] - t.worst) / t.extent())).sum()
            }
            Formula::Exponential { terms, power } => {
                -terms.iter().map(|t| t.weight * libm::pow(t.distance(values), *power)).sum::<f64>()
            }
            Formula::MinMax { terms } => {
                -terms.iter().map(|t| t.weight * t.distance(values)).fold(f64::NEG_INFINITY, f64::max)
            }
            Formula::Product { terms } => terms.iter().fold(1.0, |product, t| {
                let ratio = values[t.column] / t.target;
                let exponent = if ratio <= 1.0 { t.up_to } else { t.beyond };
                // Most exponents of published rewards are 1 or 0.
                product * if exponent == 1.0 { ratio } else { libm::pow(ratio, exponent) }
            }),
            Formula::Reference { terms, rho } => {
                let gain = |t: &Aspiration| t.weight * ((values[t.column] - t.reference) / t.extent);
                let least = terms.iter().map(gain).fold(f64::INFINITY, f64::min);
                least + rho * terms.iter().map(gain).sum::<f64>()
            }
        }
    }

    fn columns(&self) -> Vec<usize> {
        match self {
            Formula::Sum { terms } | Formula::Exponential { terms, .. } | Formula::MinMax { terms } => {
                terms.iter().map(|t| t.column).collect()
            }
            Formula::Product { terms } => terms.iter().map(|t| t.column).collect(),
            Formula::Reference { terms, .. } => terms.iter().map(|t| t.column).collect(),
        }
    }
}

impl Objective {
    /// Reads the definition, checked against the number of columns.
    pub fn from_json(text: &str, columns: usize) -> Result<Objective> {
        let objective: Objective =
            serde_json::from_str(text).map_err(|e| Error::search(format!("the objective can't be read: {e}")))?;
        let limits = objective.constraints.iter().map(|limit| limit.column);
        let used = limits.chain(objective.formula.iter().flat_map(Formula::columns)).max();
        let last = used.unwrap_or(0).max(objective.directions.len().max(1) - 1);
        if objective.directions.is_empty() || last >= columns {
            let given = objective.directions.len();
            return Err(Error::search(format!(
                "the objective has {given} directions and reads column {last}; give at least one of each, of {columns}"
            )));
        }
        Ok(objective)
    }

    /// Number of scores of an architecture.
    pub fn scores(&self) -> usize {
        if self.formula.is_some() { 1 } else { self.directions.len() }
    }

    /// Whether infeasible architectures score below all others, whatever their values.
    pub(crate) fn ranks_feasible_first(&self) -> bool {
        self.penalty.is_none() && !self.constraints.is_empty()
    }

    /// Appends the scores of one architecture's values.
    #[inline]
    pub fn score(&self, values: &[f64], scores: &mut Vec<f64>) {
        let first = scores.len();
        match &self.formula {
            Some(formula) => scores.push(formula.score(values)),
            None => {
                scores.extend(self.directions.iter().zip(values).map(|(direction, value)| direction.sign() * value))
            }
        }
        if self.constraints.is_empty() {
            return;
        }
        let violation: f64 = self.constraints.iter().map(|limit| limit.violation(values[limit.column])).sum();
        if violation > 0.0 {
            scores[first..].iter_mut().for_each(|score| {
                *score = match self.penalty {
                    Some(penalty) => *score - penalty * violation,
                    // Monotone in the violation, and the same for all scores: dominance is then Deb's (2000).
                    None => INFEASIBLE * (1.0 + violation / (1.0 + violation)),
                }
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scores(json: &str, values: &[f64]) -> Vec<f64> {
        let mut out = Vec::new();
        Objective::from_json(json, values.len()).unwrap().score(values, &mut out);
        out
    }

    #[test]
    fn formulas_are_those_of_the_field() {
        let plain = r#"{"directions": ["maximise", "minimise"]}"#;
        assert_eq!(scores(plain, &[3.0, 4.0]), [3.0, -4.0]);
        let product = r#"{"directions": ["maximise", "minimise"], "formula": {"kind": "product", "terms": [
            {"column": 0, "target": 1, "up_to": 1, "beyond": 1},
            {"column": 1, "target": 5, "up_to": 0, "beyond": -1}]}}"#;
        assert_eq!(scores(product, &[70.0, 4.0]), [70.0]);
        assert_eq!(scores(product, &[70.0, 10.0]), [35.0]);
        let terms = r#"[{"column": 0, "weight": 2, "worst": 50, "ideal": 70}, {"column": 1, "weight": 1, "worst": 9, "ideal": 1}]"#;
        let formula = |rest: &str| {
            format!(r#"{{"directions": ["maximise", "minimise"], "formula": {{"terms": {terms}, {rest}}}}}"#)
        };
        assert_eq!(scores(&formula(r#""kind": "sum""#), &[60.0, 3.0]), [1.75]);
        assert_eq!(scores(&formula(r#""kind": "exponential", "power": 2"#), &[60.0, 3.0]), [-0.5625]);
        assert_eq!(scores(&formula(r#""kind": "minmax""#), &[60.0, 3.0]), [-1.0]);
        assert_eq!(scores(&formula(r#""kind": "minmax""#), &[70.1, 1.0]), [0.0]);
        let aspired = r#"{"directions": ["maximise", "minimise"], "formula": {"kind": "reference", "rho": 0.5, "terms": [
            {"column": 0, "weight": 2, "reference": 60, "extent": 4}, {"column": 1, "weight": 1, "reference": 5, "extent": -1}]}}"#;
        assert_eq!(scores(aspired, &[62.0, 4.5]), [0.5 + 0.5 * 1.5]);
        assert_eq!(scores(aspired, &[56.0, 3.0]), [-2.0]);
    }

    #[test]
    fn feasible_architectures_come_first_and_smaller_violations_next() {
        let json =
            r#"{"directions": ["minimise"], "constraints": [{"column": 1, "upper": 5}, {"column": 1, "lower": 0}]}"#;
        let [feasible, near, far, tiny] = [5.0, 6.0, 1e9, 5.0 + 1e-15].map(|v| scores(json, &[1e200, v])[0]);
        assert!(feasible > tiny && tiny > near && near > far && far.is_finite());
        assert!(is_feasible(feasible) && !is_feasible(tiny));
        assert!((violation(near) - 0.2).abs() < 1e-12);
        let penalty = r#"{"directions": ["maximise"], "constraints": [{"column": 1, "upper": 5}], "penalty": 10}"#;
        assert_eq!(scores(penalty, &[70.0, 5.5]), [69.0]);
    }

    #[test]
    fn definitions_that_do_not_fit_are_refused() {
        for (json, columns) in [
            ("{", 1),
            (r#"{"directions": []}"#, 1),
            (r#"{"directions": ["maximise", "maximise"]}"#, 1),
            (r#"{"directions": ["maximise"], "constraints": [{"column": 1}]}"#, 1),
            (r#"{"directions": ["up"]}"#, 1),
        ] {
            assert!(Objective::from_json(json, columns).is_err(), "{json}");
        }
    }
}
