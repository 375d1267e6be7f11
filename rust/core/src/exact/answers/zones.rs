//! Where a point that is not dominated can still lie.
//!
//! The region that no known point dominates is a union of orthants. Their lower corners are updated one
//! point at a time (local bounds, Klamroth, Lacour and Vanderpooten 2015). Corners are in lattice steps:
//! whatever lies in no orthant is dominated in every objective, beyond the margins of fixed point.

use std::ops::Range;

use crate::exact::starts::bounding::ZONED;

/// Most functions that bound a subtree: objectives and weighted sums of them.
pub(crate) const MAX_BOUNDS: usize = 16;

pub(crate) type Corner = [i32; ZONED];

/// An orthant, and the least bounds of a subtree that reaches into it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Zone {
    pub(crate) corner: Corner,
    pub(crate) needs: [i32; MAX_BOUNDS],
}

/// Zones that are asked about at once.
const GROUP: usize = 32;

/// Orthants in the order of their corners.
#[derive(Clone, Debug, Default)]
pub(crate) struct Zones {
    pub(crate) all: Vec<Zone>,
    /// Least needs of every [`GROUP`] zones.
    groups: Vec<[i32; MAX_BOUNDS]>,
    /// Counts changes, so that ranges of zones are not used after one.
    pub(crate) version: u32,
}

/// Whether a is nowhere above b.
fn reaches(a: &Corner, b: &Corner) -> bool {
    a.iter().zip(b).all(|(a, b)| a <= b)
}

impl Zones {
    /// Everything is open. Unused objectives stay at the least value.
    pub(crate) fn new(needs: impl Fn(&Corner) -> [i32; MAX_BOUNDS]) -> Zones {
        let corner = [i32::MIN; ZONED];
        let mut zones = Zones { all: vec![Zone { corner, needs: needs(&corner) }], ..Zones::default() };
        zones.regroup();
        zones
    }

    /// Excludes what is below a point in each of the objectives.
    pub(crate) fn exclude(&mut self, point: &Corner, objectives: usize, needs: impl Fn(&Corner) -> [i32; MAX_BOUNDS]) {
        let inside = |zone: &Zone| (0..objectives).all(|j| zone.corner[j] < point[j]);
        if !self.all.iter().any(inside) {
            return;
        }
        let (cut, mut kept): (Vec<Zone>, Vec<Zone>) = self.all.iter().partition(|zone| inside(zone));
        let mut corners: Vec<Corner> = Vec::new();
        for zone in &cut {
            for j in 0..objectives {
                let mut corner = zone.corner;
                corner[j] = point[j];
                corners.push(corner);
            }
        }
        corners.sort_unstable();
        corners.dedup();
        let needed = |corner: &&Corner| {
            let other = |c: &Corner| c != *corner && reaches(c, corner);
            !corners.iter().any(other) && !kept.iter().any(|zone| reaches(&zone.corner, corner))
        };
        let new: Vec<Zone> =
            corners.iter().filter(needed).map(|&corner| Zone { corner, needs: needs(&corner) }).collect();
        kept.extend(new);
        // Stable: finds that all but the last few are in order.
        kept.sort_by_key(|zone| zone.corner);
        self.all = kept;
        self.version += 1;
        self.regroup();
    }

    fn regroup(&mut self) {
        let least = |zones: &[Zone]| {
            let mut least = [i32::MAX; MAX_BOUNDS];
            for zone in zones {
                least.iter_mut().zip(&zone.needs).for_each(|(l, n)| *l = (*l).min(*n));
            }
            least
        };
        self.groups = self.all.chunks(GROUP).map(least).collect();
    }

    /// First and last of some zones that a subtree with these bounds reaches into, as a range.
    pub(crate) fn reached(&self, among: Range<usize>, bounds: &[i32; MAX_BOUNDS]) -> Option<Range<usize>> {
        let first = self.first_reached(among.clone(), bounds)?;
        let reaches = |&at: &usize| covers(bounds, &self.all[at].needs);
        let groups = (first / GROUP..among.end.div_ceil(GROUP)).rev().filter(|&g| covers(bounds, &self.groups[g]));
        let inside = |g: usize| (g * GROUP).max(first)..((g + 1) * GROUP).min(among.end);
        let last = groups.flat_map(|g| inside(g).rev()).find(reaches).unwrap_or(first);
        Some(first..last + 1)
    }

    /// First of some zones that a subtree, or an architecture, with these bounds reaches into.
    pub(crate) fn first_reached(&self, among: Range<usize>, bounds: &[i32; MAX_BOUNDS]) -> Option<usize> {
        let groups = (among.start / GROUP..among.end.div_ceil(GROUP)).filter(|&g| covers(bounds, &self.groups[g]));
        let inside = |g: usize| (g * GROUP).max(among.start)..((g + 1) * GROUP).min(among.end);
        groups.flat_map(inside).find(|&at| covers(bounds, &self.all[at].needs))
    }
}

/// Whether all bounds are at least what is needed.
fn covers(bounds: &[i32; MAX_BOUNDS], needs: &[i32; MAX_BOUNDS]) -> bool {
    // No early exit: a few vector instructions.
    bounds.iter().zip(needs).fold(true, |all, (bound, need)| all & (bound >= need))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn zones_cover_what_is_not_dominated(
            points in prop::collection::vec([0i32..7, 0i32..7, 0i32..7], 0..60), objectives in 1usize..4,
        ) {
            let needs = |_: &Corner| [0; MAX_BOUNDS];
            let mut zones = Zones::new(needs);
            points.iter().for_each(|p| zones.exclude(p, objectives, needs));
            for x in (0..512i32).map(|i| [i % 8, i / 8 % 8, i / 64]) {
                let excluded = points.iter().any(|p| (0..objectives).all(|j| x[j] < p[j]));
                let covered = zones.all.iter().any(|z| (0..objectives).all(|j| x[j] >= z.corner[j]));
                prop_assert_eq!(covered, !excluded);
            }
            let bounds = |x: &[i32; 3]| std::array::from_fn(|k| x.get(k).copied().unwrap_or(0));
            let needs = |corner: &Corner| std::array::from_fn(|k| corner.get(k).copied().unwrap_or(0));
            let mut zones = Zones::new(needs);
            points.iter().for_each(|p| zones.exclude(p, 3, needs));
            for x in (0..512i32).map(|i| [i % 8, i / 8 % 8, i / 64]) {
                let inside = |z: &Zone| (0..3).all(|j| x[j] >= z.corner[j]);
                let range = zones.all.iter().position(inside).map(|first| {
                    first..zones.all.iter().rposition(inside).unwrap() + 1
                });
                prop_assert_eq!(zones.reached(0..zones.all.len(), &bounds(&x)), range);
            }
            let needless = |z: &Zone| zones.all.iter().any(|o| o.corner != z.corner && reaches(&o.corner, &z.corner));
            prop_assert!(!zones.all.iter().any(needless));
        }
    }
}
