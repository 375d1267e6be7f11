//! An index of points by boxes: finds one that is at least as large as another in every coordinate, or all that are not.
//!
//! Trees that halve their points along the longest side, of sizes that fall by half, as Bentley and Saxe (1980) make a
//! growing structure of fixed ones: what is new is scanned until there is enough of it for a tree.

use std::cmp::Ordering;

/// Coordinates of a point; those that it lacks are the same for all points.
pub(crate) const WIDTH: usize = 8;

/// Points of a box that is not halved, and new points that make no tree yet.
const FEW: usize = 16;
const NEW: usize = 64;

/// A point and its number.
pub(crate) type Entry<T> = ([T; WIDTH], u32);

/// Points and what finds them.
#[derive(Clone, Debug)]
pub(crate) struct PointIndex<T> {
    /// The largest first.
    trees: Vec<Tree<T>>,
    new: Vec<Entry<T>>,
}

#[derive(Clone, Debug)]
struct Tree<T> {
    /// In the order of boxes, each before those inside.
    boxes: Vec<Region<T>>,
    points: Vec<Entry<T>>,
}

/// The least and the largest coordinates of some points that follow one another.
#[derive(Clone, Copy, Debug)]
struct Region<T> {
    low: [T; WIDTH],
    high: [T; WIDTH],
    first: u32,
    last: u32,
    /// The next box that is not inside.
    next: u32,
}

impl<T> Default for PointIndex<T> {
    fn default() -> PointIndex<T> {
        PointIndex { trees: Vec::new(), new: Vec::new() }
    }
}

impl<T: Copy + PartialOrd + Into<f64>> PointIndex<T> {
    pub(crate) fn insert(&mut self, point: [T; WIDTH], number: u32) {
        self.new.push((point, number));
        if self.new.len() < NEW {
            return;
        }
        let mut points = std::mem::take(&mut self.new);
        while let Some(tree) = self.trees.pop_if(|tree| tree.points.len() <= points.len()) {
            points.extend(tree.points);
        }
        self.trees.push(Tree::new(points));
    }

    /// The first point found that is wanted, among boxes that may have one by their least and largest coordinates.
    pub(crate) fn find(
        &self,
        may: impl Fn(&[T; WIDTH], &[T; WIDTH]) -> bool,
        mut wanted: impl FnMut(&Entry<T>) -> bool,
    ) -> Option<Entry<T>> {
        let in_trees = self.trees.iter().find_map(|tree| tree.find(&may, &mut wanted));
        in_trees.or_else(|| self.new.iter().copied().find(|entry| wanted(entry)))
    }
}

impl<T: Copy + PartialOrd + Into<f64>> Tree<T> {
    fn new(mut points: Vec<Entry<T>>) -> Tree<T> {
        let (low, high) = ends(&points);
        let mut boxes = Vec::with_capacity(4 * points.len().div_ceil(FEW));
        halve(&mut points, 0, &sides(&low, &high), &mut boxes);
        Tree { boxes, points }
    }

    fn find(
        &self,
        may: &impl Fn(&[T; WIDTH], &[T; WIDTH]) -> bool,
        wanted: &mut impl FnMut(&Entry<T>) -> bool,
    ) -> Option<Entry<T>> {
        let mut at = 0;
        while let Some(inside) = self.boxes.get(at) {
            if !may(&inside.low, &inside.high) {
                at = inside.next as usize;
                continue;
            }
            at += 1;
            if at == inside.next as usize {
                let points = &self.points[inside.first as usize..inside.last as usize];
                if let Some(found) = points.iter().copied().find(|entry| wanted(entry)) {
                    return Some(found);
                }
            }
        }
        None
    }
}

/// Least and largest coordinates.
fn ends<T: Copy + PartialOrd>(points: &[Entry<T>]) -> ([T; WIDTH], [T; WIDTH]) {
    let (mut low, mut high) = (points[0].0, points[0].0);
    for (point, _) in points {
        for j in 0..WIDTH {
            if point[j] < low[j] {
                low[j] = point[j];
            }
            if point[j] > high[j] {
                high[j] = point[j];
            }
        }
    }
    (low, high)
}

fn sides<T: Copy + Into<f64>>(low: &[T; WIDTH], high: &[T; WIDTH]) -> [f64; WIDTH] {
    std::array::from_fn(|j| high[j].into() - low[j].into())
}

/// Puts points, of which the first has a number, into the order of boxes, and appends these; the sides of all points
/// tell which side of a box is long.
fn halve<T: Copy + PartialOrd + Into<f64>>(
    points: &mut [Entry<T>],
    first: usize,
    all: &[f64; WIDTH],
    boxes: &mut Vec<Region<T>>,
) {
    let (low, high) = ends(points);
    let at = boxes.len();
    boxes.push(Region { low, high, first: first as u32, last: (first + points.len()) as u32, next: 0 });
    if points.len() > FEW {
        let own = sides(&low, &high);
        let part = |j: &usize| if all[*j] > 0.0 { own[*j] / all[*j] } else { 0.0 };
        let side = (0..WIDTH).max_by(|a, b| part(a).total_cmp(&part(b))).unwrap_or(0);
        let middle = points.len() / 2;
        // The larger ones first: they are at least as large as others more often.
        points.select_nth_unstable_by(middle, |a, b| b.0[side].partial_cmp(&a.0[side]).unwrap_or(Ordering::Equal));
        let (larger, others) = points.split_at_mut(middle);
        halve(larger, first, all, boxes);
        halve(others, first + middle, all, boxes);
    }
    boxes[at].next = boxes.len() as u32;
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn points_are_those_of_a_scan(points in prop::collection::vec([0i32..9, 0i32..9, 0i32..9, 0i32..9], 0..400)) {
            let wide = |p: &[i32; 4]| std::array::from_fn(|j| p.get(j).copied().unwrap_or(0));
            let at_least = |a: &[i32; WIDTH], b: &[i32; WIDTH]| a.iter().zip(b).all(|(a, b)| a >= b);
            let mut index = PointIndex::default();
            for (i, point) in points.iter().map(wide).enumerate() {
                let is_covered = points[..i].iter().any(|other| at_least(&wide(other), &point));
                let found = index.find(|_, high| at_least(high, &point), |(other, _)| at_least(other, &point));
                prop_assert_eq!(found.is_some(), is_covered);
                prop_assert!(found.is_none_or(|(other, number)| wide(&points[number as usize]) == other));
                let mut below = Vec::new();
                index.find(|low, _| at_least(&point, low), |&(other, number)| {
                    below.extend(at_least(&point, &other).then_some(number));
                    false
                });
                below.sort_unstable();
                let expected = (0..i as u32).filter(|&n| at_least(&point, &wide(&points[n as usize])));
                prop_assert_eq!(below, expected.collect::<Vec<u32>>());
                index.insert(point, i as u32);
            }
        }
    }
}
