//! Covers: few groups of axes such that every table's axes lie inside one group.
//!
//! Tables are summed into one dense table a group, so a prediction is one look-up a group. For all
//! triples of 14 points this is a covering design: 35 block triples become some 27 groups of the same size.

use std::ops::Range;

use crate::sample::mix;

/// A point of a cover: consecutive axes that enter a group together, and the product of their states.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Point {
    pub(crate) axes: Range<u16>,
    pub(crate) states: usize,
}

/// Groups of points, each with at most `limit` cells, that contain every set of points.
///
/// Greedy, then improved by exchanging points at random with a fixed seed: the same input always
/// gives the same cover. A set too large for any group gets a group of its own.
pub(crate) fn cover(points: &[Point], sets: &[Vec<usize>], limit: usize) -> Vec<Vec<usize>> {
    let mut sets = sets.to_vec();
    sets.sort();
    sets.dedup();
    let maximal: Vec<Vec<usize>> = sets
        .iter()
        .filter(|s| !sets.iter().any(|t| t.len() > s.len() && s.iter().all(|p| t.contains(p))))
        .cloned()
        .collect();
    let mut best = greedy(points, &maximal, limit);
    while let Some(better) = (best.len() > 1).then(|| improve(points, &maximal, limit, &best)).flatten() {
        best = better;
    }
    best.iter_mut().for_each(|g| g.sort_unstable());
    best.sort();
    best
}

fn size(points: &[Point], group: &[usize]) -> usize {
    group.iter().fold(1, |n, &p| n.saturating_mul(points[p].states))
}

/// Grows one group after the other by the point that covers most.
fn greedy(points: &[Point], sets: &[Vec<usize>], limit: usize) -> Vec<Vec<usize>> {
    let mut open: Vec<&Vec<usize>> = sets.iter().collect();
    let mut groups = Vec::new();
    while let Some(first) = open.first() {
        let mut group: Vec<usize> = first.to_vec();
        loop {
            let room = limit / size(points, &group);
            // A set counts more the fewer points it still misses.
            let gain = |p: usize| -> u64 {
                open.iter()
                    .filter(|s| s.contains(&p))
                    .map(|s| match s.iter().filter(|q| **q != p && !group.contains(q)).count() {
                        0 => 1 << 20,
                        1 => 1 << 6,
                        _ => 1,
                    })
                    .sum()
            };
            let candidates = (0..points.len()).filter(|&p| !group.contains(&p) && points[p].states <= room);
            match candidates.map(|p| (gain(p), usize::MAX - p)).max() {
                Some((gain, p)) if gain > 0 => group.push(usize::MAX - p),
                _ => break,
            }
        }
        open.retain(|s| !s.iter().all(|p| group.contains(p)));
        groups.push(group);
    }
    groups
}

/// Tries to cover with one group less by simulated annealing on the number of open sets.
fn improve(points: &[Point], sets: &[Vec<usize>], limit: usize, groups: &[Vec<usize>]) -> Option<Vec<Vec<usize>>> {
    const STEPS: u64 = 400_000;
    let mut member: Vec<Vec<bool>> =
        groups[1..].iter().map(|g| (0..points.len()).map(|p| g.contains(&p)).collect()).collect();
    let of_point: Vec<Vec<usize>> =
        (0..points.len()).map(|p| (0..sets.len()).filter(|&s| sets[s].contains(&p)).collect()).collect();
    let inside = |g: &[bool], s: usize| sets[s].iter().all(|&p| g[p]);
    let mut covered: Vec<u32> =
        (0..sets.len()).map(|s| member.iter().filter(|g| inside(g, s)).count() as u32).collect();
    let mut open = covered.iter().filter(|&&c| c == 0).count() as i64;
    let mut sizes: Vec<usize> = member
        .iter()
        .map(|g| (0..points.len()).filter(|&p| g[p]).fold(1usize, |n, p| n.saturating_mul(points[p].states)))
        .collect();
    for step in 0..STEPS {
        if open == 0 {
            let list = |g: &Vec<bool>| (0..points.len()).filter(|&p| g[p]).collect();
            return Some(member.iter().map(list).collect());
        }
        let random = mix(step);
        let g = (random % member.len() as u64) as usize;
        let pick = |shift: u32, inside: bool, group: &[bool]| {
            let start = (random >> shift) as usize % points.len();
            (0..points.len()).map(|i| (start + i) % points.len()).find(|&p| group[p] == inside)
        };
        let (Some(out), Some(into)) = (pick(20, true, &member[g]), pick(40, false, &member[g])) else { continue };
        if sizes[g] / points[out].states * points[into].states > limit {
            continue;
        }
        let lost: Vec<usize> = of_point[out].iter().copied().filter(|&s| inside(&member[g], s)).collect();
        let opened = lost.iter().filter(|&&s| covered[s] == 1).count() as i64;
        member[g][out] = false;
        member[g][into] = true;
        let won: Vec<usize> = of_point[into].iter().copied().filter(|&s| inside(&member[g], s)).collect();
        let closed = won.iter().filter(|&&s| covered[s] == 0).count() as i64;
        let temperature = 0.6 * (1.0 - step as f64 / STEPS as f64) + 0.15;
        let worse = (opened - closed) as f64;
        let luck = (mix(random) >> 11) as f64 / (1u64 << 53) as f64;
        if worse <= 0.0 || luck < (-worse / temperature).exp() {
            lost.iter().for_each(|&s| covered[s] -= 1);
            won.iter().for_each(|&s| covered[s] += 1);
            open += opened - closed;
            sizes[g] = sizes[g] / points[out].states * points[into].states;
        } else {
            member[g][out] = true;
            member[g][into] = false;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(n: usize, states: usize) -> Vec<Point> {
        (0..n).map(|i| Point { axes: i as u16..i as u16 + 1, states }).collect()
    }

    fn subsets(n: usize, k: usize) -> Vec<Vec<usize>> {
        (0u32..1 << n)
            .filter(|m| m.count_ones() as usize == k)
            .map(|m| (0..n).filter(|i| m >> i & 1 == 1).collect())
            .collect()
    }

    fn check(points: &[Point], sets: &[Vec<usize>], limit: usize) -> usize {
        let groups = cover(points, sets, limit);
        assert!(sets.iter().all(|s| groups.iter().any(|g| s.iter().all(|p| g.contains(p)))));
        assert!(groups.iter().all(|g| size(points, g) <= limit));
        groups.len()
    }

    #[test]
    fn block_pairs_are_covered_by_the_fano_plane() {
        assert_eq!(check(&points(7, 36), &subsets(7, 2), 1 << 16), 7);
    }

    #[test]
    fn triples_of_half_blocks_need_fewer_groups_than_block_triples() {
        for limit in [2048, 4096, 8192, 16384, 32768, 65536] {
            let t = std::time::Instant::now();
            let n = check(&points(14, 6), &subsets(14, 3), limit);
            println!("{limit}: {n} {:?}", t.elapsed());
        }
    }
}
