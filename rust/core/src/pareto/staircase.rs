//! Points of two coordinates, in the order of either.

use std::ops::Range;

/// Points of two scores that do not dominate each other: the first ascends, the second descends.
#[derive(Clone, Debug, Default)]
pub(crate) struct Staircase(pub(crate) Vec<[f64; 2]>);

impl Staircase {
    /// The points whose place a new one takes; `None` where one of them is as good.
    pub(crate) fn replaced(&self, [x, y]: [f64; 2]) -> Option<Range<usize>> {
        let points = &self.0;
        let right = points.partition_point(|p| p[0] < x);
        let next = points.get(right);
        if next.is_some_and(|p| p[1] >= y) {
            return None;
        }
        let first = points[..right].partition_point(|p| p[1] > y);
        Some(first..right + usize::from(next.is_some_and(|p| p[0] == x)))
    }
}
