//! What a benchmark says of measurements: simulated ones, intervals, and how near the data is.

use crate::error::{Error, Result};
use crate::kernels::nearest::Training;
use crate::measure::noise::{Draws, Noise, Scatter};
use crate::metric::Link;
use crate::store::benchmark::Benchmark;
use crate::surrogate::uncertainty::Uncertainty;
use crate::threads::{Run, filled, row_by_row};

impl Benchmark {
    /// One simulated measurement of every checked row, in the metric's unit.
    pub fn query(&self, metric: usize, rows: &[u8], seed: u64, scatter: Scatter, run: &Run<'_>) -> Result<Vec<f64>> {
        if scatter == Scatter::Total && self.metrics()[metric].noise != Some(0.0) {
            return self.first_measurements(metric, rows, seed, run);
        }
        let (predictor, entry) = (self.predictor(metric)?, &self.metrics()[metric]);
        let noise = self.noise(metric)?;
        let (draws, width) = (Draws::new(seed, &entry.name), self.space().width());
        let linked = predictor.predict_linked(self.space(), rows, run)?;
        let measured = self.measured(metric, rows, run)?;
        row_by_row(run, (rows, width), 1, |i, row, out: &mut [f64]| {
            let own = measured.as_ref().map_or(&[][..], |measured| measured[i]);
            out[0] = draws.measure(row, own, linked[i], entry.link, noise);
            run.check()
        })
    }

    /// Draws of the errors that predictions have.
    fn first_measurements(&self, metric: usize, rows: &[u8], seed: u64, run: &Run<'_>) -> Result<Vec<f64>> {
        let (uncertainty, predictor) =
            (self.uncertainty(metric, |_| true, "held-out errors")?, self.predictor(metric)?);
        let (means, members) = self.modelled(metric, rows, run)?;
        let (draws, cards) = (Draws::new(seed, &self.metrics()[metric].name), self.space().cards().collect::<Vec<_>>());
        let (of_one, freedom) =
            (predictor.surrogate.members(), uncertainty.degrees_of_freedom.unwrap_or(f64::INFINITY));
        row_by_row(run, (rows, cards.len()), 1, |i, row, out: &mut [f64]| {
            let total = uncertainty.total(&cards, row, &members[i * of_one..][..of_one]);
            out[0] = draws.measure(row, &[], means[i], predictor.link, Noise::Errors(total, freedom));
            run.check()
        })
    }

    /// Predictions of checked rows on the scale of the link: means, and those of every member.
    fn modelled(&self, metric: usize, rows: &[u8], run: &Run<'_>) -> Result<(Vec<f64>, Vec<f64>)> {
        let predictor = self.predictor(metric)?;
        let means = predictor.predict_linked(self.space(), rows, run)?;
        Ok((means, predictor.surrogate.predict_members(self.space(), rows, run)?))
    }

    /// What was measured of each checked row, where a metric knows its repeats.
    pub(crate) fn measured(&self, metric: usize, rows: &[u8], run: &Run<'_>) -> Result<Option<Vec<&[f64]>>> {
        let Some(repeats) = &self.predictor(metric)?.surrogate.repeats else { return Ok(None) };
        let indices = self.space().index(rows, run)?;
        Ok(Some(indices.into_iter().map(|index| repeats.of(index)).collect()))
    }

    /// How measurements of a metric scatter.
    pub(crate) fn noise(&self, metric: usize) -> Result<Noise> {
        let of_link = self.predictor(metric)?.uncertainty.as_ref().and_then(|u| u.noise).map(Noise::OfLink);
        of_link.or(self.metrics()[metric].noise.map(Noise::OfMetric)).ok_or_else(|| {
            self.lacks(metric, "a noise", "predict it, or fit it to data with repeated measurements or a stated noise")
        })
    }

    /// Lower and upper ends of conformal intervals of checked rows, in the metric's unit.
    pub fn intervals(&self, metric: usize, rows: &[u8], level: f64, run: &Run<'_>) -> Result<(Vec<f64>, Vec<f64>)> {
        let score = self.score(metric, level)?;
        let (uncertainty, predictor) = (self.uncertainty(metric, |_| true, "")?, self.predictor(metric)?);
        let (means, members) = self.modelled(metric, rows, run)?;
        let cards: Vec<usize> = self.space().cards().collect();
        let each = means.iter().zip(members.chunks_exact(predictor.surrogate.members()));
        let each = each.zip(rows.chunks_exact(cards.len()));
        Ok(each
            .map(|((&mean, members), row)| {
                let half = score * uncertainty.total(&cards, row, members);
                ends(predictor.link, mean, half)
            })
            .unzip())
    }

    /// Half of the interval of a level, in total standard deviations.
    pub(crate) fn score(&self, metric: usize, level: f64) -> Result<f64> {
        let uncertainty = self.uncertainty(metric, |u| !u.scores.is_empty(), "held-out errors")?;
        if !(level > 0.0 && level < 1.0) {
            return Err(self.refused(metric, format!("has no interval of level {level}; choose between 0 and 1")));
        }
        uncertainty.quantile(level).ok_or_else(|| {
            let scores = uncertainty.scores.len();
            let largest = (1e6 * scores as f64 / (scores as f64 + 1.0)).floor() / 1e6;
            let reason = format!("has {scores} held-out errors, too few for level {level}");
            self.refused(metric, format!("{reason}; choose at most {largest}"))
        })
    }

    /// Degrees of freedom of the Student's t that errors of a metric have; `None` where they are normal.
    pub fn degrees_of_freedom(&self, metric: usize) -> Result<Option<f64>> {
        Ok(self.uncertainty(metric, |_| true, "held-out errors")?.degrees_of_freedom)
    }

    /// Smallest number of variables in which each checked row differs from one that the metric was fitted on.
    pub fn distances(&self, metric: usize, rows: &[u8], run: &Run<'_>) -> Result<Vec<u16>> {
        self.training(metric)?.1.distances(rows, run)
    }

    /// The distance to the nearest other row that 99 % of the fitted rows stay within.
    pub fn distance_limit(&self, metric: usize, run: &Run<'_>) -> Result<u16> {
        let (rows, training) = self.training(metric)?;
        training.limit(rows, run)
    }

    fn training(&self, metric: usize) -> Result<(&[u8], &Training)> {
        let uncertainty = self.uncertainty(metric, |u| !u.training.is_empty(), "fitted architectures")?;
        let make = || Ok(Training::new(&uncertainty.training, self.space().width()));
        Ok((&uncertainty.training, filled(&self.predictor(metric)?.training, make)?))
    }

    pub(crate) fn uncertainty(&self, metric: usize, has: fn(&Uncertainty) -> bool, what: &str) -> Result<&Uncertainty> {
        let uncertainty = self.predictor(metric)?.uncertainty.as_ref().filter(|u| has(u));
        let is_exact = self.metrics()[metric].noise == Some(0.0);
        uncertainty.ok_or_else(|| match is_exact {
            true => self.refused(metric, format!("is exact, without {what}; use its predictions")),
            false => self.lacks(metric, what, "fit it with accelnas.fitting, which records them"),
        })
    }

    fn lacks(&self, metric: usize, what: &str, remedy: &str) -> Error {
        self.refused(metric, format!("comes without {what}; {remedy}"))
    }
}

/// Ends of the interval that a link's inverse makes of `mean ± half`, never infinite; of a plateau, around its end.
fn ends(link: Link, mean: f64, half: f64) -> (f64, f64) {
    let mean = link.settled(mean);
    let (low, high) = (mean - half, mean + half);
    let (a, b) = match link {
        // Past 0 a rate has no bound: it keeps the sign of its mean.
        Link::Reciprocal if low <= 0.0 && high >= 0.0 => match mean < 0.0 {
            true => (f64::MIN, 1.0 / low),
            false => (1.0 / high, f64::MAX),
        },
        Link::Reciprocal | Link::Capped(_) => (link.inverse(high), link.inverse(low)),
        _ => (link.inverse(low), link.inverse(high)),
    };
    (a.clamp(f64::MIN, f64::MAX), b.clamp(f64::MIN, f64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interval_ends_are_finite_and_in_order() {
        assert_eq!(ends(Link::Identity, 3.0, 1.0), (2.0, 4.0));
        assert_eq!(ends(Link::Reciprocal, 0.75, 0.25), (1.0, 2.0));
        assert_eq!(ends(Link::Reciprocal, 0.5, 0.5), (1.0, f64::MAX));
        assert_eq!(ends(Link::Reciprocal, 0.5, 1.5), (0.5, f64::MAX));
        assert_eq!(ends(Link::Reciprocal, -0.5, 1.5), (f64::MIN, -0.5));
        assert_eq!(ends(Link::Reciprocal, -0.75, 0.25), (-2.0, -1.0));
        assert_eq!(ends(Link::Reciprocal, 0.0, 0.0), (f64::MAX, f64::MAX));
        assert_eq!(ends(Link::Log, 0.0, 1e4), (0.0, f64::MAX));
        assert_eq!(ends(Link::Capped(2.0), 0.75, 0.125), (1.0 / 0.875, 1.6));
        for time in [0.5, 0.25, 0.0, -3.0] {
            assert_eq!(ends(Link::Capped(2.0), time, 0.5), (1.0, 2.0));
        }
        assert_eq!(ends(Link::Capped(3.0), 0.1, 0.0), (3.0, 3.0));
        assert_eq!(ends(Link::Floored(2.0), -1.0, 0.5), (2.0, 2.5));
        assert_eq!(ends(Link::Floored(2.0), 2.25, 0.5), (2.0, 2.75));
    }
}
