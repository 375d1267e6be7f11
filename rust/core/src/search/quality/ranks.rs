//! Non-dominated ranks and crowding distances (Deb, Pratap, Agarwal and Meyarivan 2002). More of a score is better.

use std::convert::Infallible;

use crate::error::Result;
use crate::threads::Run;

/// Buffers, and the result of the last call.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sorter {
    /// Number of the front of each point, from 0.
    pub(crate) ranks: Vec<u32>,
    /// Crowding distance of each point within its front; infinite at its ends.
    pub(crate) crowding: Vec<f64>,
    /// Points by rank, once they are sorted.
    pub(crate) order: Vec<u32>,
    /// All points in an order that is quickly found again when most of them come in it: of two scores by the first.
    pub(crate) line: Vec<u32>,
    /// Two scores: keys that sort points by the first, the best first, and then by their number.
    keys: Vec<u128>,
    /// Two scores: the second score of the last point that each front took in, descending from front to front.
    tails: Vec<f64>,
    /// Three scores or more: how many points dominate each one, and the points of the next front.
    dominators: Vec<u32>,
    front: Vec<u32>,
}

impl Sorter {
    /// Ranks points of `width` scores, and measures how crowded the best are: those of the fronts that hold so many.
    pub(crate) fn sort(&mut self, scores: &[f64], width: usize, best: usize) {
        let Ok(()) = self.sort_while::<Infallible>(scores, width, best, || Ok(()));
    }

    /// The same while a check before every point of many scores holds.
    fn sort_while<E>(
        &mut self,
        scores: &[f64],
        width: usize,
        best: usize,
        check: impl Fn() -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        let n = scores.len() / width;
        self.order.clear();
        self.order.extend(0..n as u32);
        self.ranks.clear();
        self.ranks.resize(n, 0);
        match width {
            1 => self.rank_one(scores),
            2 => self.rank_two(scores),
            _ => self.rank_many(scores, width, check)?,
        }
        self.line.clone_from(&self.order);
        match width {
            2 => self.crowd_two(scores, best),
            _ => self.crowd(scores, width),
        }
        Ok(())
    }

    fn rank_one(&mut self, scores: &[f64]) {
        self.order.sort_unstable_by(|&a, &b| scores[b as usize].total_cmp(&scores[a as usize]));
        let mut rank = 0;
        for pair in self.order.windows(2) {
            rank += u32::from(scores[pair[0] as usize] != scores[pair[1] as usize]);
            self.ranks[pair[1] as usize] = rank;
        }
    }

    /// One sweep from the best first score down (Jensen 2003).
    fn rank_two(&mut self, scores: &[f64]) {
        let (points, _) = scores.as_chunks::<2>();
        self.keys.clear();
        self.keys.extend(points.iter().zip(0..).map(|(point, i)| u128::from(descending(point[0])) << 64 | i));
        // Keys differ, so this is as good as unstable; it finds and merges the sorted parents.
        self.keys.sort();
        self.order.clear();
        self.order.extend(self.keys.iter().map(|&key| key as u32));
        // Few points are equal in the first score: these are sorted by the second.
        let mut first = 0;
        for next in 1..=self.keys.len() {
            if self.keys.get(next).is_none_or(|key| key >> 64 != self.keys[first] >> 64) {
                if next - first > 1 {
                    self.order[first..next].sort_by_key(|&i| descending(points[i as usize][1]));
                }
                first = next;
            }
        }
        self.tails.clear();
        let (mut last, mut rank) = ([f64::NAN; 2], 0);
        for &i in &self.order {
            let own = points[i as usize];
            // A front takes a point in if its last point has less of the second score, or is equal. Equal points follow
            // one another.
            if own != last {
                rank = self.tails.partition_point(|&tail| tail >= own[1]);
                match self.tails.get_mut(rank) {
                    Some(tail) => *tail = own[1],
                    None => self.tails.push(own[1]),
                }
                last = own;
            }
            self.ranks[i as usize] = rank as u32;
        }
    }

    fn rank_many<E>(
        &mut self,
        scores: &[f64],
        width: usize,
        check: impl Fn() -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        let n = self.ranks.len();
        let point = |i: usize| &scores[i * width..][..width];
        let dominates = |a: &[f64], b: &[f64]| a != b && a.iter().zip(b).all(|(a, b)| a >= b);
        self.dominators.clear();
        for i in 0..n {
            check()?;
            self.dominators.push((0..n).filter(|&j| dominates(point(j), point(i))).count() as u32);
        }
        let (mut rank, mut left) = (0, n);
        while left > 0 {
            self.front.clear();
            let dominators = &mut self.dominators;
            self.front.extend((0..n as u32).filter(|&i| dominators[i as usize] == 0));
            for &i in &self.front {
                self.ranks[i as usize] = rank;
                dominators[i as usize] = u32::MAX;
            }
            for (i, count) in dominators.iter_mut().enumerate().filter(|(_, count)| **count != u32::MAX) {
                check()?;
                *count -= self.front.iter().filter(|&&j| dominates(point(j as usize), point(i))).count() as u32;
            }
            left -= self.front.len();
            rank += 1;
        }
        Ok(())
    }

    /// Two scores were sorted by the first, which orders each front by the second as well.
    fn crowd_two(&mut self, scores: &[f64], best: usize) {
        let (points, _) = scores.as_chunks::<2>();
        let (ranks, crowding) = (&self.ranks, &mut self.crowding);
        counting_sort(&mut self.order, &mut self.front, &mut self.dominators, ranks);
        crowding.clear();
        crowding.resize(ranks.len(), 0.0);
        let mut seen = 0;
        for front in self.order.chunk_by(|&a, &b| ranks[a as usize] == ranks[b as usize]) {
            if seen >= best {
                break;
            }
            seen += front.len();
            let ends = [front[0], front[front.len() - 1]];
            let [a, b] = ends.map(|i| points[i as usize]);
            let extents = [(a[0] - b[0]).abs(), (a[1] - b[1]).abs()];
            for w in front.windows(3) {
                let [before, after] = [w[0], w[2]].map(|i| points[i as usize]);
                let share = |s: usize| match extents[s] > 0.0 {
                    true => (before[s] - after[s]).abs() / extents[s],
                    false => 0.0,
                };
                crowding[w[1] as usize] = share(0) + share(1);
            }
            ends.iter().for_each(|&i| crowding[i as usize] = f64::INFINITY);
        }
    }

    fn crowd(&mut self, scores: &[f64], width: usize) {
        let (n, ranks) = (self.ranks.len(), &self.ranks);
        self.crowding.clear();
        self.crowding.resize(n, 0.0);
        for score in 0..width {
            let value = |i: u32| scores[i as usize * width + score];
            self.order.sort_unstable_by(|&a, &b| {
                ranks[a as usize].cmp(&ranks[b as usize]).then_with(|| value(b).total_cmp(&value(a)))
            });
            for front in self.order.chunk_by(|&a, &b| ranks[a as usize] == ranks[b as usize]) {
                let (first, last) = (front[0], front[front.len() - 1]);
                let extent = (value(first) - value(last)).abs();
                for i in [first, last] {
                    self.crowding[i as usize] = f64::INFINITY;
                }
                if extent > 0.0 {
                    for w in front.windows(3) {
                        self.crowding[w[1] as usize] += (value(w[0]) - value(w[2])).abs() / extent;
                    }
                }
            }
        }
    }
}

/// Bits whose order is that of numbers, the largest first.
pub(crate) fn descending(value: f64) -> u64 {
    // Both zeros are one number.
    let bits = (value + 0.0).to_bits();
    if bits >> 63 == 1 { bits } else { !bits ^ (1 << 63) }
}

/// Sorts by rank and keeps the order within a rank.
fn counting_sort(order: &mut Vec<u32>, sorted: &mut Vec<u32>, starts: &mut Vec<u32>, ranks: &[u32]) {
    starts.clear();
    starts.resize(ranks.len() + 1, 0);
    ranks.iter().for_each(|&rank| starts[rank as usize + 1] += 1);
    (1..starts.len()).for_each(|i| starts[i] += starts[i - 1]);
    sorted.clear();
    sorted.resize(order.len(), 0);
    for &i in &*order {
        let start = &mut starts[ranks[i as usize] as usize];
        sorted[*start as usize] = i;
        *start += 1;
    }
    std::mem::swap(order, sorted);
}

/// Number of the front of each point, from 0, and its crowding: the sum over the scores of the distance between its
/// neighbours in the front, relative to the front's extent.
pub fn fronts(scores: &[f64], width: usize, run: &Run<'_>) -> Result<(Vec<u32>, Vec<f64>)> {
    let mut sorter = Sorter::default();
    sorter.sort_while(scores, width, usize::MAX, || run.check())?;
    Ok((sorter.ranks, sorter.crowding))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::run;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn ranks_follow_their_definition(points in prop::collection::vec(0u8..8, 6 * 20), width in 1usize..5) {
            let scores: Vec<f64> = points.iter().map(|&v| f64::from(v)).collect();
            let points: Vec<&[f64]> = scores.chunks_exact(width).collect();
            let scores = points.concat();
            let (ranks, _) = fronts(&scores, width, &run()).unwrap();
            let dominates = |a: &[f64], b: &[f64]| a != b && a.iter().zip(b).all(|(a, b)| a >= b);
            for (point, &rank) in points.iter().zip(&ranks) {
                // The front after that of the deepest point that dominates it.
                let above = points.iter().zip(&ranks).filter(|(other, _)| dominates(other, point));
                prop_assert_eq!(above.map(|(_, &r)| r + 1).max().unwrap_or(0), rank);
            }
        }
    }

    #[test]
    fn crowding_is_that_of_the_paper() {
        let scores = [[0.0, 10.0], [1.0, 8.0], [4.0, 4.0], [10.0, 0.0], [0.0, 0.0]].concat();
        let (_, found) = fronts(&scores, 2, &run()).unwrap();
        assert_eq!(found, [f64::INFINITY, 0.4 + 0.6, 0.9 + 0.8, f64::INFINITY, f64::INFINITY]);
    }
}
