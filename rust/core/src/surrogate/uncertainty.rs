//! How far measurements lie from predictions, on the scale of the link.

use crate::space::definition::Space;
use crate::threads::ALONE;

/// Most scores, and most training rows.
const MAX_ROWS: usize = 1 << 20;
/// Most that factors may multiply to, and one over it the least: float32 holds all products on the way.
const MAX_FACTOR: f64 = 1e30;

/// What is known of a metric's errors.
#[derive(Clone, Debug, PartialEq)]
pub struct Uncertainty {
    /// Standard deviation of one repeated measurement, where it is known.
    pub noise: Option<f64>,
    /// Standard deviation of a measurement around the members' mean that their spread leaves over, before factors.
    pub residual: f64,
    /// By how much each choice multiplies the residual, variable after variable.
    pub factors: Vec<f64>,
    /// Sizes of held-out errors in total standard deviations, ascending.
    pub scores: Vec<f32>,
    /// Rows of choice indices that the models were fitted on: distinct, ascending.
    pub training: Vec<u8>,
    /// Of the Student's t that errors have around the members' mean, above 2; `None` for normal errors.
    pub degrees_of_freedom: Option<f64>,
}

impl Uncertainty {
    /// Standard deviation of a measurement of a checked row that the members' spread leaves over.
    pub(crate) fn residual_of(&self, cards: &[usize], row: &[u8]) -> f64 {
        let (mut residual, mut first) = (self.residual, 0);
        for (&card, &choice) in cards.iter().zip(row) {
            residual *= self.factors[first + choice as usize];
            first += card;
        }
        residual
    }

    /// Standard deviation of a measurement of a checked row around the members' mean.
    pub(crate) fn total(&self, cards: &[usize], row: &[u8], members: &[f64]) -> f64 {
        (variance(members.iter().copied()) + self.residual_of(cards, row).powi(2)).sqrt()
    }

    /// The score that so large a share of further ones stays within; `None` where the scores are too few to say.
    pub(crate) fn quantile(&self, level: f64) -> Option<f64> {
        // Rounding must not ask for one score more than the level does.
        let rank = ((self.scores.len() + 1) as f64 * level * (1.0 - 1e-12)).ceil() as usize;
        self.scores.get(rank.max(1) - 1).map(|&score| f64::from(score))
    }

    /// Whether the values make sense in a space; the reason names the value at fault.
    pub(crate) fn check(&self, space: &Space) -> Result<(), String> {
        for (name, value) in [("noise", self.noise.unwrap_or(0.0)), ("residual", self.residual)] {
            if !value.is_finite() || value < 0.0 {
                return Err(format!("uncertainty.{name} is {value}, expected a finite number of at least 0"));
            }
        }
        if let Some(freedom) = self.degrees_of_freedom.filter(|f| !f.is_finite() || *f <= 2.0) {
            let remedy = "leave it out where errors are normal";
            return Err(format!(
                "uncertainty.degrees_of_freedom is {freedom}, expected a finite number above 2; {remedy}"
            ));
        }
        self.check_factors(space)?;
        if self.scores.len() > MAX_ROWS {
            return Err(format!(
                "uncertainty.scores has {} numbers, at most {MAX_ROWS} are allowed",
                self.scores.len()
            ));
        }
        if let Some(score) = self.scores.iter().find(|s| !s.is_finite() || **s < 0.0) {
            return Err(format!("uncertainty.scores has {score}, expected finite numbers of at least 0"));
        }
        if let Some(i) = self.scores.windows(2).position(|w| w[0] > w[1]) {
            return Err(format!("uncertainty.scores is not sorted: {} follows {}", self.scores[i + 1], self.scores[i]));
        }
        self.check_training(space)
    }

    fn check_factors(&self, space: &Space) -> Result<(), String> {
        let expected: usize = space.cards().sum();
        if self.factors.len() != expected {
            let found = self.factors.len();
            return Err(format!("uncertainty.factors has {found} numbers, the variables have {expected} choices"));
        }
        if let Some(factor) = self.factors.iter().find(|f| !f.is_finite() || **f <= 0.0) {
            return Err(format!("uncertainty.factors has {factor}, expected finite numbers above 0"));
        }
        let (mut rest, mut largest) = (self.factors.as_slice(), 1.0);
        for card in space.cards() {
            let (own, tail) = rest.split_at(card);
            largest *= own.iter().fold(1.0, |m: f64, f| m.max(*f).max(1.0 / f));
            rest = tail;
        }
        match largest <= MAX_FACTOR {
            true => Ok(()),
            false => Err(format!("uncertainty.factors multiply to {largest:e} or one over it, at most {MAX_FACTOR:e}")),
        }
    }

    fn check_training(&self, space: &Space) -> Result<(), String> {
        let width = space.width();
        if !self.training.len().is_multiple_of(width) || self.training.len() > MAX_ROWS * width {
            let found = self.training.len();
            return Err(format!("uncertainty.training has {found} bytes, expected at most {MAX_ROWS} rows of {width}"));
        }
        space.check(&self.training, &ALONE).map_err(|e| format!("uncertainty.training: {e}"))?;
        let mut rows = self.training.chunks_exact(width).zip(self.training.chunks_exact(width).skip(1));
        match rows.position(|(row, next)| row >= next) {
            None => Ok(()),
            Some(i) => Err(format!("uncertainty.training: row {} does not follow row {i}; sort distinct rows", i + 1)),
        }
    }
}

/// Population variance.
#[inline(always)]
pub(crate) fn variance(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let (n, sum) = values.clone().fold((0.0, 0.0), |(n, sum), v| (n + 1.0, sum + v));
    let mean = sum / n;
    values.map(|v| (v - mean) * (v - mean)).sum::<f64>() / n
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{space_of, uncertainty_of};

    #[test]
    fn quantiles_are_the_smallest_scores_that_guarantee_the_level() {
        let space = space_of(&[&[3, 2]]);
        let scores = (1..=19).map(|i| i as f32).collect();
        let uncertainty = Uncertainty { scores, ..uncertainty_of(&space) };
        for (level, expected) in [(0.9, 18.0), (0.95, 19.0), (0.5, 10.0), (0.501, 11.0), (0.01, 1.0), (1e-300, 1.0)] {
            assert_eq!(uncertainty.quantile(level), Some(expected), "{level}");
        }
        assert_eq!(uncertainty.quantile(19.0 / 20.0), Some(19.0));
        assert_eq!(uncertainty.quantile(0.951), None);
    }

    #[test]
    fn values_that_make_no_sense_are_refused() {
        let space = space_of(&[&[3, 2], &[4]]);
        uncertainty_of(&space).check(&space).unwrap();
        type Change = fn(&mut Uncertainty);
        let cases: [(Change, &str); 15] = [
            (|u| u.noise = Some(-1.0), "uncertainty.noise is -1, expected a finite number of at least 0"),
            (|u| u.residual = f64::INFINITY, "uncertainty.residual is inf"),
            (
                |u| u.degrees_of_freedom = Some(2.0),
                "uncertainty.degrees_of_freedom is 2, expected a finite number above 2",
            ),
            (|u| u.degrees_of_freedom = Some(f64::NAN), "uncertainty.degrees_of_freedom is NaN"),
            (|u| u.degrees_of_freedom = Some(f64::INFINITY), "uncertainty.degrees_of_freedom is inf"),
            (|u| u.factors.truncate(8), "uncertainty.factors has 8 numbers, the variables have 9 choices"),
            (|u| u.factors[4] = 0.0, "uncertainty.factors has 0, expected finite numbers above 0"),
            (|u| u.factors[4] = f64::NAN, "uncertainty.factors has NaN"),
            (|u| u.factors[4] = 1e-300, "uncertainty.factors multiply to"),
            (|u| u.scores[5] = f32::NAN, "uncertainty.scores has NaN"),
            (|u| u.scores[0] = -1.0, "uncertainty.scores has -1"),
            (|u| u.scores.swap(3, 4), "uncertainty.scores is not sorted: 0.075 follows 0.1"),
            (|u| u.training[1] = 9, "uncertainty.training: row 0: "),
            (|u| u.training.truncate(4), "uncertainty.training has 4 bytes"),
            (|u| u.training.copy_within(0..3, 3), "uncertainty.training: row 1 does not follow row 0"),
        ];
        for (change, expected) in cases {
            let mut changed = uncertainty_of(&space);
            change(&mut changed);
            let message = changed.check(&space).unwrap_err();
            assert!(message.contains(expected), "{message}");
        }
    }
}
