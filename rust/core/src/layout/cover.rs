//! Covers: few groups of axes such that every table's axes lie inside one group.
//!
//! Tables are summed into one dense table a group, so a prediction is one look-up a group. For all
//! triples of 14 points this is a covering design: 35 block triples become some 27 groups of the same size.

use std::ops::Range;

use crate::layout::columns::columns;
use crate::rng::mix;
use crate::space::definition::Space;
use crate::tables::axes::{Granularity, joint};
use crate::tables::stored::Tables;

/// A point of a cover: consecutive axes that enter a group together, and the product of their states.
#[derive(Clone, Debug, PartialEq, Eq)]
struct CoverPoint {
    axes: Range<u16>,
    states: usize,
}

/// Steps of the search for a cover with one group less.
const STEPS: u64 = 20_000;

/// Groups of points, each with at most `limit` cells, that contain every set of points.
///
/// A known covering design where one fits; else greedy, then improved by exchanging points at random
/// with a fixed seed. The same input always gives the same cover.
fn cover(points: &[CoverPoint], sets: &[Vec<usize>], limit: usize) -> Vec<Vec<usize>> {
    let mut sets = sets.to_vec();
    sets.sort_by_key(|s| std::cmp::Reverse(s.len()));
    let mut maximal: Vec<Vec<usize>> = Vec::new();
    for set in sets {
        if !maximal.iter().any(|t| set.iter().all(|p| t.contains(p))) {
            maximal.push(set);
        }
    }
    let mut best = greedy(points, &maximal, limit);
    let covers = |groups: &Vec<Vec<usize>>| {
        let inside = |g: &Vec<usize>, s: &Vec<usize>| s.iter().all(|p| g.contains(p));
        groups.iter().all(|g| size(points, g) <= limit) && maximal.iter().all(|s| groups.iter().any(|g| inside(g, s)))
    };
    let known = DESIGNS.iter().filter(|(n, _)| *n == points.len()).map(|(_, groups)| {
        groups.iter().map(|mask| (0..points.len()).filter(|p| mask >> p & 1 == 1).collect()).collect()
    });
    match known.filter(covers).min_by_key(Vec::len).filter(|groups| groups.len() <= best.len()) {
        Some(groups) => best = groups,
        None if points.len() <= 64 => {
            while let Some(better) = improve(points, &maximal, limit, &best) {
                best = better;
            }
        }
        None => {}
    }
    best.iter_mut().for_each(|g| g.sort_unstable());
    best.sort();
    best
}

fn size(points: &[CoverPoint], group: &[usize]) -> usize {
    joint(group.iter().map(|&p| points[p].states))
}

/// Grows one group after the other by the point that covers most.
fn greedy(points: &[CoverPoint], sets: &[Vec<usize>], limit: usize) -> Vec<Vec<usize>> {
    let mut open: Vec<&Vec<usize>> = sets.iter().collect();
    let mut groups = Vec::new();
    while let Some(first) = open.first() {
        let mut group: Vec<usize> = first.to_vec();
        loop {
            let room = limit / size(points, &group);
            // A set counts more the fewer points it still misses.
            let mut gain = vec![0u64; points.len()];
            for set in &open {
                let missing = set.iter().filter(|p| !group.contains(p));
                let weight = match missing.clone().count() {
                    0 => continue,
                    1 => 1 << 20,
                    2 => 1 << 6,
                    _ => 1,
                };
                missing.for_each(|&p| gain[p] += weight);
            }
            let candidates = (0..points.len()).filter(|&p| points[p].states <= room && gain[p] > 0);
            match candidates.max_by_key(|&p| (gain[p], std::cmp::Reverse(p))) {
                Some(p) => group.push(p),
                None => break,
            }
        }
        open.retain(|s| !s.iter().all(|p| group.contains(p)));
        groups.push(group);
    }
    groups
}

/// Tries to cover with one group less by simulated annealing on the number of open sets.
fn improve(points: &[CoverPoint], sets: &[Vec<usize>], limit: usize, groups: &[Vec<usize>]) -> Option<Vec<Vec<usize>>> {
    if groups.len() < 2 {
        return None;
    }
    let mask = |group: &Vec<usize>| group.iter().fold(0u64, |m, p| m | 1 << p);
    let masks: Vec<u64> = sets.iter().map(mask).collect();
    let of_point: Vec<Vec<usize>> =
        (0..points.len()).map(|p| (0..sets.len()).filter(|&s| masks[s] >> p & 1 == 1).collect()).collect();
    let mut members: Vec<u64> = groups[1..].iter().map(mask).collect();
    let mut sizes: Vec<usize> = groups[1..].iter().map(|g| size(points, g)).collect();
    let covering = |members: &[u64], s: usize| members.iter().filter(|&&g| masks[s] & !g == 0).count() as u32;
    let mut covered: Vec<u32> = (0..sets.len()).map(|s| covering(&members, s)).collect();
    let mut open = covered.iter().filter(|&&c| c == 0).count() as i64;
    let first_from = |mask: u64, start: u64| match mask >> start << start {
        0 => mask.trailing_zeros() as usize,
        later => later.trailing_zeros() as usize,
    };
    let all = u64::MAX >> (64 - points.len());
    for step in 0..STEPS {
        if open == 0 {
            let list = |g: &u64| (0..points.len()).filter(|p| g >> p & 1 == 1).collect();
            return Some(members.iter().map(list).collect());
        }
        let random = mix(step);
        let g = (random % members.len() as u64) as usize;
        let (inside, outside) = (members[g], all & !members[g]);
        if outside == 0 {
            continue;
        }
        let out = first_from(inside, (random >> 20) % points.len() as u64);
        let into = first_from(outside, (random >> 40) % points.len() as u64);
        let new_size = sizes[g] / points[out].states * points[into].states;
        if new_size > limit {
            continue;
        }
        let after = inside & !(1 << out) | 1 << into;
        let lost = of_point[out].iter().filter(|&&s| masks[s] & !inside == 0);
        let won = of_point[into].iter().filter(|&&s| masks[s] & !after == 0);
        let opened = lost.clone().filter(|&&s| covered[s] == 1).count() as i64;
        let closed = won.clone().filter(|&&s| covered[s] == 0).count() as i64;
        let worse = (opened - closed) as f64;
        let temperature = 0.55 * (1.0 - step as f64 / STEPS as f64) + 0.12;
        let luck = (mix(random) >> 11) as f64 / (1u64 << 53) as f64;
        if worse <= 0.0 || luck < libm::exp(-worse / temperature) {
            lost.for_each(|&s| covered[s] -= 1);
            won.for_each(|&s| covered[s] += 1);
            open += opened - closed;
            members[g] = after;
            sizes[g] = new_size;
        }
    }
    None
}

/// Covering designs for all triples of so many points, found by a longer run of the same search: bit `p` is point `p`.
#[rustfmt::skip]
const DESIGNS: &[(usize, &[u64])] = &[
    // Groups of 6 of 14 points: 25.
    (14, &[235, 667, 839, 1134, 1458, 2262, 2872, 3468, 3619, 4405, 5660, 6080, 6293, 6473, 7776, 8688, 9048, 9261, 9605, 10916, 11345, 12374, 12458, 13827, 14602]),
    // Groups of 4 of 14 points: 94.
    (14, &[51, 78, 101, 135, 153, 212, 284, 298, 329, 402, 420, 534, 553, 624, 674, 712, 773, 792, 834, 1050, 1068, 1112, 1122, 1200, 1217, 1297, 1348, 1416, 1539, 1668, 1824, 2061, 2100, 2129, 2216, 2242, 2307, 2400, 2448, 2570, 2628, 2689, 3078, 3105, 3336, 3600, 4107, 4117, 4178, 4200, 4236, 4257, 4358, 4400, 4481, 4544, 4644, 4673, 4752, 5125, 5250, 5392, 5640, 6168, 6178, 6276, 6912, 7232, 8230, 8248, 8259, 8325, 8330, 8416, 8481, 8528, 8716, 8721, 9088, 9225, 9236, 9474, 9792, 10258, 10312, 10500, 10784, 11392, 12356, 12432, 12552, 12802, 13344, 14337]),
];

/// Groups of axes, each of at most `limit` cells, that contain the axes of every table.
pub(crate) fn choose_groups(space: &Space, tables: &Tables, limit: usize) -> Vec<Vec<u16>> {
    let points: Vec<CoverPoint> = match tables.granularity {
        Granularity::Blocks => (0..tables.cards.len())
            .map(|b| CoverPoint { axes: b as u16..b as u16 + 1, states: tables.cards[b] })
            .collect(),
        Granularity::Variables => columns(space)
            .iter()
            .map(|c| CoverPoint { axes: c.first as u16..(c.first + c.len) as u16, states: c.states })
            .collect(),
    };
    let point_of = |axis: &u16| points.iter().position(|p| p.axes.contains(axis));
    let sets: Vec<Vec<usize>> = tables
        .sets
        .iter()
        .map(|set| {
            let mut at: Vec<usize> = set.axes().iter().filter_map(point_of).collect();
            at.dedup();
            at
        })
        .collect();
    // The search for a cover may exchange a point for one of one state, which no table is over.
    let axes = |group: &Vec<usize>| -> Vec<u16> {
        group.iter().filter(|&&p| points[p].states > 1).flat_map(|&p| points[p].axes.clone()).collect()
    };
    cover(&points, &sets, limit).iter().map(axes).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(n: usize, states: usize) -> Vec<CoverPoint> {
        (0..n).map(|i| CoverPoint { axes: i as u16..i as u16 + 1, states }).collect()
    }

    fn subsets(n: usize, k: usize) -> Vec<Vec<usize>> {
        (0u32..1 << n)
            .filter(|m| m.count_ones() as usize == k)
            .map(|m| (0..n).filter(|i| m >> i & 1 == 1).collect())
            .collect()
    }

    fn check(points: &[CoverPoint], sets: &[Vec<usize>], limit: usize) -> usize {
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
    fn axes_of_one_state_are_in_no_group() {
        let blocks: Vec<&[usize]> = vec![&[5, 1, 4], &[1, 3, 5], &[4, 1, 1]];
        let space = crate::testing::space_of(&[blocks.clone(), blocks].concat());
        for seed in 0..40 {
            let forest = crate::testing::forest(&space, 60, 3, 3, seed);
            let surrogate = crate::surrogate::lower::lower(&space, &[&forest], &crate::testing::run()).unwrap();
            let groups = choose_groups(&space, &surrogate.tables, 2048);
            let cards: Vec<usize> = space.cards().collect();
            assert!(groups.iter().flatten().all(|&axis| cards[axis as usize] > 1), "seed {seed}: {groups:?}");
        }
    }

    #[test]
    fn triples_of_half_blocks_need_fewer_groups_than_block_triples() {
        assert_eq!(check(&points(14, 6), &subsets(14, 3), 1 << 16), 25);
        assert_eq!(check(&points(14, 6), &subsets(14, 3), 2048), 94);
        // Without a known design the search still beats the 35 triples of seven blocks.
        assert!(check(&points(15, 6), &subsets(15, 3), 1 << 16) < 45);
    }
}
