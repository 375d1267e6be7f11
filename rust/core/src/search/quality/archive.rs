//! What a run has to show: the best architecture so far, or all that no other one dominates.

use crate::pareto::cover::{covers, wide};
use crate::pareto::index::{PointIndex, WIDTH};
use crate::pareto::staircase::Staircase;
use crate::search::problem::objective::is_feasible;

/// Scores of the best, or of the front, of one run.
#[derive(Clone, Debug)]
pub(crate) enum Archive {
    Best(f64),
    /// The best at the highest rung so far; what is feasible first.
    Rungs((bool, u8, f64)),
    Staircase(Staircase),
    /// All that were taken in, also those that others dominate now: these dominate no less.
    Indexed(PointIndex<f64>),
    Many {
        width: usize,
        points: Vec<f64>,
    },
}

impl Archive {
    pub(crate) fn new(scores: usize, has_rungs: bool) -> Archive {
        match scores {
            1 if has_rungs => Archive::Rungs((false, 0, f64::NEG_INFINITY)),
            1 => Archive::Best(f64::NEG_INFINITY),
            2 => Archive::Staircase(Staircase::default()),
            3..=WIDTH => Archive::Indexed(PointIndex::default()),
            width => Archive::Many { width, points: Vec::new() },
        }
    }

    /// Takes scores in, of a rung, that nothing so far weakly dominates; says whether it did.
    #[inline]
    pub(crate) fn offer(&mut self, rung: u8, scores: &[f64]) -> bool {
        match self {
            Archive::Rungs(best) => {
                let own = (is_feasible(scores[0]), rung, scores[0]);
                let better = own > *best;
                if better {
                    *best = own;
                }
                better
            }
            Archive::Best(best) => {
                let better = scores[0] > *best;
                if better {
                    *best = scores[0];
                }
                better
            }
            Archive::Staircase(staircase) => {
                let point = [scores[0], scores[1]];
                let replaced = staircase.replaced(point);
                replaced.map(|replaced| staircase.0.splice(replaced, [point])).is_some()
            }
            Archive::Indexed(index) => {
                let point = wide(scores);
                let is_new = index.find(|_, high| covers(high, &point), |(other, _)| covers(other, &point)).is_none();
                if is_new {
                    index.insert(point, 0);
                }
                is_new
            }
            Archive::Many { width, points } => {
                let weakly = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| a >= b);
                if points.chunks_exact(*width).any(|point| weakly(point, scores)) {
                    return false;
                }
                let kept = points.chunks_exact(*width).filter(|point| !weakly(scores, point));
                *points = kept.flatten().chain(scores).copied().collect();
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn archives_keep_what_nothing_weakly_dominates(points in prop::collection::vec(0u8..6, 3 * 100), width in 1usize..11) {
            let points: Vec<Vec<f64>> =
                points.chunks_exact(width).map(|p| p.iter().map(|&v| f64::from(v)).collect()).collect();
            let mut archive = Archive::new(width, false);
            for (i, point) in points.iter().enumerate() {
                let dominated =
                    points[..i].iter().any(|earlier| earlier.iter().zip(point).all(|(a, b)| a >= b));
                prop_assert_eq!(archive.offer(0, point), !dominated, "{:?}", point);
            }
        }
    }
}
