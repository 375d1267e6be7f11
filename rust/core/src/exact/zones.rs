//! Where a point that is not dominated can still lie.
//!
//! The region that no known point dominates is a union of orthants. Their lower corners are updated one
//! point at a time (local bounds, Klamroth, Lacour and Vanderpooten 2015). Corners are in lattice steps:
//! whatever lies in no orthant is dominated in every objective, beyond the margins of fixed point.

/// Most objectives.
pub(crate) const MAX_OBJECTIVES: usize = 3;
/// Most functions that bound a subtree: objectives and weighted sums of them.
pub(crate) const MAX_BOUNDS: usize = 16;

pub(crate) type Corner = [i32; MAX_OBJECTIVES];

/// An orthant, and the least bounds of a subtree that reaches into it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Zone {
    pub(crate) corner: Corner,
    pub(crate) needs: [i32; MAX_BOUNDS],
}

/// Orthants in the order of their corners.
#[derive(Clone, Debug, Default)]
pub(crate) struct Zones {
    pub(crate) all: Vec<Zone>,
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
        let corner = [i32::MIN; MAX_OBJECTIVES];
        Zones { all: vec![Zone { corner, needs: needs(&corner) }], version: 0 }
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
        kept.sort_unstable_by_key(|zone| zone.corner);
        self.all = kept;
        self.version += 1;
    }

    /// First and last of some zones that a subtree with these bounds reaches into, as a range.
    pub(crate) fn reached(&self, among: std::ops::Range<usize>, bounds: &[i32]) -> Option<std::ops::Range<usize>> {
        let reaches = |zone: &Zone| bounds.iter().zip(&zone.needs).all(|(bound, need)| bound >= need);
        let zones = &self.all[among.clone()];
        let first = zones.iter().position(reaches)?;
        let last = zones.iter().rposition(reaches).unwrap_or(first);
        Some(among.start + first..among.start + last + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn zones_cover_what_is_not_dominated(
            points in prop::collection::vec([0i32..7, 0i32..7, 0i32..7], 0..12), objectives in 1usize..4,
        ) {
            let needs = |_: &Corner| [0; MAX_BOUNDS];
            let mut zones = Zones::new(needs);
            points.iter().for_each(|p| zones.exclude(p, objectives, needs));
            for x in (0..512i32).map(|i| [i % 8, i / 8 % 8, i / 64]) {
                let excluded = points.iter().any(|p| (0..objectives).all(|j| x[j] < p[j]));
                let covered = zones.all.iter().any(|z| (0..objectives).all(|j| x[j] >= z.corner[j]));
                prop_assert_eq!(covered, !excluded);
            }
            let needless = |z: &Zone| zones.all.iter().any(|o| o.corner != z.corner && reaches(&o.corner, &z.corner));
            prop_assert!(!zones.all.iter().any(needless));
        }
    }
}
