//! Values that lie off predictions by a number of standard deviations of a measurement: quantiles, and others.

use crate::metric::Link;
use crate::surrogate::uncertainty::Uncertainty;

/// How far values lie off a metric's predictions, on the scale of its link.
#[derive(Clone, Debug)]
pub(crate) struct Deviation {
    /// Of standard deviations, which are added.
    pub(crate) count: f64,
    /// Of the metric.
    pub(crate) link: Link,
    pub(crate) uncertainty: Uncertainty,
}

impl Deviation {
    /// The value of a mean with a total standard deviation, both on the scale of the link: never infinite.
    #[inline]
    pub(crate) fn value(&self, mean: f64, total: f64) -> f64 {
        self.inverse(self.linked(mean, total))
    }

    #[inline]
    pub(crate) fn linked(&self, mean: f64, total: f64) -> f64 {
        mean + self.count * total
    }

    /// Past 0 a rate has no bound.
    #[inline]
    pub(crate) fn inverse(&self, linked: f64) -> f64 {
        match self.link {
            Link::Reciprocal if linked <= 0.0 => f64::MAX,
            link => link.inverse(linked).clamp(f64::MIN, f64::MAX),
        }
    }

    /// Turns means into values, in float32.
    pub(crate) fn apply(&self, means: &mut [f32], totals: &[f32]) {
        for (mean, &total) in means.iter_mut().zip(totals) {
            let value = self.value(f64::from(*mean), f64::from(total));
            *mean = value.clamp(f64::from(f32::MIN), f64::from(f32::MAX)) as f32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::cpu::every_build;
    use crate::kernels::transpose::Packer;
    use crate::predict::batch::{Output, predict};
    use crate::predict::predictor::{Predictor, Std};
    use crate::surrogate::lower::lower;
    use crate::testing::{forest, run, spaces, uncertainty_of};
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(30))]

        #[test]
        fn values_are_means_and_deviations_in_any_batch_and_build(
            space in spaces(), depth in 1usize..6, members in 1usize..20, link in 0usize..7, count in -4.0..4.0, seed: u64,
        ) {
            let links = [Link::Identity, Link::Reciprocal, Link::Log, Link::Below(70.0), Link::Above(-3.0)];
            let link = [&links[..], &[Link::Capped(0.33), Link::Floored(2.9)]].concat()[link];
            let member = |m| {
                let mut trees = forest(&space, 6, depth, 4, seed ^ m);
                (trees.scale, trees.bias) = (0.05, 3.0);
                trees
            };
            let forests: Vec<_> = (0..members as u64).map(member).collect();
            let surrogate = lower(&space, &forests.iter().collect::<Vec<_>>(), &run()).unwrap();
            let rows = space.sample(300, seed, false).unwrap();
            let uncertainty = uncertainty_of(&space);
            let base = Predictor::new(surrogate, link, Some(uncertainty.clone())).unwrap();
            let off = base.deviated(Deviation { count, link, uncertainty: uncertainty.clone() }).unwrap();
            let (found, _) = off.predict_f64(&space, &rows, None, &run()).unwrap();

            let linked = base.predict_linked(&space, &rows, &run()).unwrap();
            let of_members = base.surrogate.predict_members(&space, &rows, &run()).unwrap();
            let cards: Vec<usize> = space.cards().collect();
            for (i, row) in rows.chunks_exact(space.width()).enumerate() {
                let own = &of_members[i * members..][..members];
                let mean = own.iter().sum::<f64>() / members as f64;
                let variance = own.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / members as f64;
                let total = (variance + uncertainty.residual_of(&cards, row).powi(2)).sqrt();
                let expected = link.inverse(linked[i] + count * total);
                prop_assert!((found[i] - expected).abs() <= 1e-9 * expected.abs(), "{} {expected}", found[i]);
            }

            let packer = Packer::new(&space);
            let predicted = |at_once: usize| -> Vec<f32> {
                let part = |rows: &[u8]| {
                    let mut mean = vec![0f32; rows.len() / space.width()];
                    predict(&space, &packer, rows, &mut [Output { predictor: &off, mean: &mut mean, std: None }], &run()).unwrap();
                    mean
                };
                rows.chunks(at_once * space.width()).flat_map(part).collect()
            };
            let builds = every_build(|| predicted(300));
            let alone = predicted(1);
            for (i, &value) in builds[0].iter().enumerate() {
                prop_assert!(builds.iter().chain([&alone]).all(|other| other[i].to_bits() == value.to_bits()));
                let slope = link.slope(linked[i]).max(link.slope(linked[i] + count)).max(link.slope(linked[i] - count));
                prop_assert!((f64::from(value) - found[i]).abs() <= 2e-3 * slope + 1e-5 * found[i].abs(), "{value} {}", found[i]);
            }
            prop_assert!(off.predict_f64(&space, &rows, Some(Std::Total), &run()).is_err());
        }
    }
}
