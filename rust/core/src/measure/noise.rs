//! Noise of simulated measurements: a draw is a function of architecture, seed and metric alone.

use std::f64::consts::TAU;

use crate::metric::Link;
use crate::rng::{mix, uniform};

/// How often a draw is repeated that a link has no value for.
const ATTEMPTS: u64 = 64;

/// How measurements of one architecture scatter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Noise {
    /// Standard deviation on the scale of the link.
    OfLink(f64),
    /// Standard deviation in the metric's unit.
    OfMetric(f64),
    /// Standard deviation on the scale of the link of errors with a Student's t of so many degrees of freedom; normal
    /// ones where these are infinite.
    Errors(f64, f64),
}

/// What a simulated measurement scatters by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scatter {
    /// What one more measurement of the same architecture does.
    Repeat,
    /// What a first one does around the prediction.
    Total,
}

/// The draws of one seed and metric.
pub(crate) struct Draws(u64);

impl Draws {
    pub(crate) fn new(seed: u64, metric: &str) -> Draws {
        Draws(absorb(mix(seed), metric.as_bytes()))
    }

    /// One measurement of an architecture, in the metric's unit: one of those given; without any, around the mean on
    /// the scale of the link.
    pub(crate) fn measure(&self, row: &[u8], measured: &[f64], linked: f64, link: Link, noise: Noise) -> f64 {
        if !measured.is_empty() {
            return measured[uniform(absorb(self.0, row), 0, measured.len() as u64) as usize];
        }
        let (sd, freedom) = match noise {
            Noise::OfMetric(sd) => {
                let (value, (least, most)) = (link.inverse(linked) + sd * self.normal(row, 0), link.range());
                return if link.plateau().is_some() { value.clamp(least, most) } else { value };
            }
            Noise::OfLink(0.0) => return link.inverse(linked),
            Noise::OfLink(sd) => (sd, f64::INFINITY),
            Noise::Errors(sd, freedom) => (sd, freedom),
        };
        let linked = link.settled(linked);
        // A measured rate has the sign of its mean: other draws are repeated.
        let draw = |attempt| linked + sd * self.student(row, attempt, freedom);
        let fits = |value: &f64| link != Link::Reciprocal || value * linked.signum() > 0.0;
        link.inverse((0..ATTEMPTS).map(draw).find(fits).unwrap_or(linked))
    }

    fn normal(&self, row: &[u8], attempt: u64) -> f64 {
        self.student(row, attempt, f64::INFINITY)
    }

    /// A number of Student's t, scaled to a standard deviation of 1 (Bailey 1994); of infinitely many degrees of freedom a
    /// normal one (Box and Muller 1958). By portable functions: equal on every machine.
    fn student(&self, row: &[u8], attempt: u64, freedom: f64) -> f64 {
        const UNIT: f64 = 1.0 / (1u64 << 53) as f64;
        let counter = absorb(self.0, row).wrapping_add(2 * attempt);
        let [a, b] = [counter, counter.wrapping_add(1)].map(|c| (mix(c) >> 11) as f64);
        let square = -2.0 * libm::log((a + 1.0) * UNIT);
        let square = if freedom < f64::INFINITY { (freedom - 2.0) * libm::expm1(square / freedom) } else { square };
        square.sqrt() * libm::cos(TAU * UNIT * b)
    }
}

/// Hash of bytes, from a state.
fn absorb(state: u64, bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    let state = words.iter().chain([&last]).fold(state, |state, word| mix(state ^ u64::from_le_bytes(*word)));
    mix(state ^ bytes.len() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::mnasnet;

    #[test]
    fn draws_are_standard_normal_and_independent() {
        let space = mnasnet();
        let rows = space.sample(100_000, 1, true).unwrap();
        let draws = |draws: &Draws| -> Vec<f64> { rows.chunks_exact(28).map(|row| draws.normal(row, 0)).collect() };
        let correlation = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>() / a.len() as f64;
        let own = draws(&Draws::new(1, "accuracy"));
        let moment = |power: i32| own.iter().map(|z| z.powi(power)).sum::<f64>() / own.len() as f64;
        // Standard errors of the moments are 0.003, 0.004, 0.012 and 0.031.
        for (power, expected, bound) in [(1, 0.0, 0.013), (2, 1.0, 0.018), (3, 0.0, 0.05), (4, 3.0, 0.13)] {
            assert!((moment(power) - expected).abs() < bound, "moment {power} is {}", moment(power));
        }
        for other in [Draws::new(2, "accuracy"), Draws::new(1, "accuracz"), Draws::new(1, "accuracy\0")] {
            let correlation = correlation(&own, &draws(&other));
            assert!(correlation.abs() < 0.013, "{correlation}");
        }
        assert!(correlation(&own[1..], &own[..99_999]).abs() < 0.013);
    }

    #[test]
    fn heavy_tails_are_those_of_students_t() {
        let rows = mnasnet().sample(100_000, 2, true).unwrap();
        let draws = Draws::new(3, "accuracy");
        // Central intervals of the t distribution, scaled: scipy.stats.t(nu).cdf(x * sqrt(nu / (nu - 2))).
        for (freedom, inside) in [(3.0, SHARES[0]), (7.9, SHARES[1]), (f64::INFINITY, SHARES[2])] {
            let sizes: Vec<f64> = rows.chunks_exact(28).map(|row| draws.student(row, 0, freedom).abs()).collect();
            for (size, share) in [0.5, 1.0, 2.0, 4.0].into_iter().zip(inside) {
                let found = sizes.iter().filter(|&&s| s <= size).count() as f64 / sizes.len() as f64;
                // A standard error is at most 0.0016.
                assert!((found - share).abs() < 0.007, "{freedom}: {found} within {size}, expected {share}");
            }
        }
    }

    #[test]
    fn measured_values_are_drawn_evenly_and_apart_from_the_noise() {
        let measured = [1.0, 2.0, 4.0];
        let draw = |seed| Draws::new(seed, "accuracy").measure(&[1, 2], &measured, 9.0, Link::Log, Noise::OfLink(1.0));
        let mut counts = [0; 5];
        (0..9_000).for_each(|seed| counts[draw(seed) as usize] += 1);
        // A standard error is 45.
        assert!([1, 2, 4].iter().all(|&value| (2_800..3_200).contains(&counts[value])), "{counts:?}");
        assert_eq!(counts.iter().sum::<i32>(), 9_000);
        assert!((0..99).all(|seed| draw(seed) == draw(seed)));
    }

    #[test]
    fn measurements_are_golden_and_rates_keep_their_sign() {
        let draws = Draws::new(7, "latency");
        let row = [1, 0, 2, 1];
        assert_eq!(draws.normal(&row, 0), GOLDEN);
        assert_eq!(draws.measure(&row, &[], 3.0, Link::Identity, Noise::OfLink(0.5)), 3.0 + 0.5 * GOLDEN);
        assert_eq!(draws.measure(&row, &[], 3.0, Link::Reciprocal, Noise::OfMetric(0.5)), 1.0 / 3.0 + 0.5 * GOLDEN);
        assert_eq!(draws.measure(&row, &[], 3.0, Link::Log, Noise::OfLink(0.0)), Link::Log.inverse(3.0));
        for seed in 0..1000 {
            let draws = Draws::new(seed, "latency");
            assert!(draws.measure(&row, &[], 0.01, Link::Reciprocal, Noise::OfLink(1.0)) > 0.0);
            assert!(draws.measure(&row, &[], -0.01, Link::Reciprocal, Noise::OfLink(1.0)) < 0.0);
        }
        // Around the ceiling, wherever on the plateau the model is; none is above it.
        let normal = GOLDEN.max(0.0);
        for time in [0.5, 0.1, -1.0] {
            let measured = |noise| draws.measure(&row, &[], time, Link::Capped(2.0), noise);
            assert_eq!(measured(Noise::OfLink(0.5)), 1.0 / (0.5 + 0.5 * normal));
            assert_eq!(measured(Noise::OfMetric(0.5)), 2.0 + 0.5 * GOLDEN.min(0.0));
            assert_eq!(measured(Noise::OfLink(0.0)), 2.0);
        }
    }

    const GOLDEN: f64 = -0.6683097954674024;
    const SHARES: [[f64; 4]; 3] = [
        [0.54982, 0.81831, 0.95948, 0.99383],
        [0.42101, 0.71900, 0.95025, 0.99825],
        [0.38292, 0.68269, 0.95450, 0.99994],
    ];
}
