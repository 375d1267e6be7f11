//! What a run has to show: the best architecture so far, or all that no other one dominates.

/// Scores of the best, or of the front, of one run.
#[derive(Clone, Debug)]
pub(crate) enum Archive {
    Best(f64),
    /// Two scores: the first descends, the second ascends.
    Staircase(Vec<[f64; 2]>),
    Many {
        width: usize,
        points: Vec<f64>,
    },
}

impl Archive {
    pub(crate) fn new(scores: usize) -> Archive {
        match scores {
            1 => Archive::Best(f64::NEG_INFINITY),
            2 => Archive::Staircase(Vec::new()),
            width => Archive::Many { width, points: Vec::new() },
        }
    }

    /// Takes scores in that nothing so far weakly dominates; says whether it did.
    #[inline]
    pub(crate) fn offer(&mut self, scores: &[f64]) -> bool {
        match self {
            Archive::Best(best) => {
                let better = scores[0] > *best;
                if better {
                    *best = scores[0];
                }
                better
            }
            Archive::Staircase(points) => offer_to_staircase(points, [scores[0], scores[1]]),
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

fn offer_to_staircase(points: &mut Vec<[f64; 2]>, [x, y]: [f64; 2]) -> bool {
    // Points up to here are at least as good in the first score; the last of them is the best of those in the second.
    let end = points.partition_point(|p| p[0] >= x);
    if end > 0 && points[end - 1][1] >= y {
        return false;
    }
    let first = end - usize::from(end > 0 && points[end - 1][0] == x);
    let dominated = points[end..].partition_point(|p| p[1] <= y);
    points.splice(first..end + dominated, [[x, y]]);
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn archives_keep_what_nothing_weakly_dominates(points in prop::collection::vec(0u8..6, 3 * 40), width in 1usize..4) {
            let points: Vec<Vec<f64>> =
                points.chunks_exact(width).map(|p| p.iter().map(|&v| f64::from(v)).collect()).collect();
            let mut archive = Archive::new(width);
            for (i, point) in points.iter().enumerate() {
                let dominated =
                    points[..i].iter().any(|earlier| earlier.iter().zip(point).all(|(a, b)| a >= b));
                prop_assert_eq!(archive.offer(point), !dominated, "{:?}", point);
            }
        }
    }
}
