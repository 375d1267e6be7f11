//! Functional ANOVA of a surrogate under the uniform measure: exact variances by interaction.
//!
//! Tables over different axes are orthogonal, so their variances add up to that of the whole
//! (Sobol' 2001). Tables over blocks are divided further, by the variables inside.

use std::collections::BTreeMap;

use crate::error::Result;
use crate::space::definition::Space;
use crate::surrogate::ensemble::Surrogate;
use crate::tables::axes::AxisSet;
use crate::threads::Run;

/// Variables of a complete table whose interactions are told apart, at most: there are 2^20.
const MOST: usize = 20;

/// Variance of each interaction on the scale of the link.
#[derive(Clone, Debug, PartialEq)]
pub struct Variances {
    /// Variables of each interaction, ascending; fewer variables first.
    pub sets: Vec<Vec<usize>>,
    /// For each set the variance of the members' mean, then that of each member.
    pub values: Vec<Vec<f64>>,
}

impl Surrogate {
    /// Variance of each interaction between variables, where rules do not make them dependent and not too many take part;
    /// refused where trees are left, whose interactions are not tables.
    pub fn variances(&self, space: &Space, run: &Run<'_>) -> Result<Option<Variances>> {
        self.require_tables(", so their variance has no exact parts")?;
        let free = space.cards().filter(|&n| n > 1).count();
        if space.has_rules() || self.tables.is_complete() && free > MOST {
            return Ok(None);
        }
        let (tables, _) = self.purified(run)?;
        let mean = tables.mean_cells();
        let functions: Vec<&[f64]> =
            std::iter::once(mean.as_slice()).chain(tables.cells.iter().map(Vec::as_slice)).collect();
        let of_table = |(t, set): (usize, &AxisSet)| {
            // A variable of one choice has no part in anything.
            let free = |&v: &usize| space.variables()[v].card() > 1;
            let variables = |&a: &u16| tables.granularity.variables(space, a as usize).filter(free).collect();
            let axes: Vec<Vec<usize>> = set.axes().iter().map(variables).collect();
            let range = tables.offsets[t]..tables.offsets[t + 1];
            let energies = functions.iter().map(|cells| energies(space, &axes, &cells[range.clone()]));
            Ok((axes.concat(), energies.collect::<Vec<_>>()))
        };
        let parts = run.in_pool(|| run.try_map(tables.sets.iter().enumerate(), of_table))?;
        let mut sums: BTreeMap<(usize, Vec<usize>), Vec<f64>> = BTreeMap::new();
        for (variables, energies) in parts {
            for (f, energies) in energies.iter().enumerate() {
                for (mask, energy) in energies {
                    let set: Vec<usize> =
                        variables.iter().enumerate().filter(|(i, _)| mask >> i & 1 == 1).map(|(_, &v)| v).collect();
                    sums.entry((set.len(), set)).or_insert_with(|| vec![0.0; functions.len()])[f] += energy;
                }
            }
        }
        let (sets, values) = sums.into_iter().map(|((_, set), values)| (set, values)).unzip();
        Ok(Some(Variances { sets, values }))
    }
}

/// Variance of a purified table by subset of its variables (a bit each), without those that purification leaves at zero.
fn energies(space: &Space, axes: &[Vec<usize>], table: &[f64]) -> Vec<(u32, f64)> {
    let all: Vec<usize> = space.cards().collect();
    let cards: Vec<usize> = axes.iter().flatten().map(|&v| all[v]).collect();
    let mut cells = table.to_vec();
    for axis in 0..cards.len() {
        to_contrasts(&mut cells, &cards, axis);
    }
    let mut first = 0;
    let of_axes: Vec<u32> = axes
        .iter()
        .map(|variables| {
            let mask = ((1u32 << variables.len()) - 1) << first;
            first += variables.len();
            mask
        })
        .collect();
    let (mut sums, mut states, mut mask) = (vec![0.0; 1 << cards.len()], vec![0; cards.len()], 0u32);
    for coefficient in &cells {
        sums[mask as usize] += coefficient * coefficient / cells.len() as f64;
        // The next cell's states, and which of them are not the first.
        for (i, (state, &n)) in states.iter_mut().zip(&cards).enumerate().rev() {
            *state = (*state + 1) % n;
            mask = mask & !(1 << i) | u32::from(*state > 0) << i;
            if *state > 0 {
                break;
            }
        }
    }
    let parts = (0u32..).zip(sums);
    parts.filter(|(mask, _)| of_axes.iter().all(|axis| mask & axis != 0)).collect()
}

/// Helmert's orthonormal transform along one axis: coefficient 0 holds the mean, the others contrasts.
fn to_contrasts(cells: &mut [f64], cards: &[usize], axis: usize) {
    let (n, inner) = (cards[axis], cards[axis + 1..].iter().product::<usize>());
    for slab in cells.chunks_exact_mut(n * inner) {
        for i in 0..inner {
            let mut sum = slab[i];
            for k in 1..n {
                let value = slab[k * inner + i];
                slab[k * inner + i] = (sum - k as f64 * value) / ((k * (k + 1)) as f64).sqrt();
                sum += value;
            }
            slab[i] = sum / (n as f64).sqrt();
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::surrogate::lower::lower;
    use crate::testing::{forest, run, space_of, spaces};
    use crate::threads::ALONE;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]

        #[test]
        fn variances_add_up_to_that_of_all_architectures(space in spaces(), depth in 1usize..4, seed: u64) {
            let members: Vec<_> = (0..3).map(|m| forest(&space, 5, depth, 3, seed.wrapping_add(m))).collect();
            let surrogate = lower(&space, &members.iter().collect::<Vec<_>>(), &run()).unwrap();
            prop_assume!(surrogate.forest_trees() == 0 && space.size().unwrap() < 20_000);
            let rows = space.range(0, space.size().unwrap(), &ALONE).unwrap();
            let found = surrogate.variances(&space, &run()).unwrap().unwrap();
            let members = surrogate.predict_members(&space, &rows, &run()).unwrap();
            let count = surrogate.members();
            for f in 0..=count {
                let values: Vec<f64> = match f {
                    0 => surrogate.predict(&space, &rows, &run()).unwrap(),
                    m => members.iter().skip(m - 1).step_by(count).copied().collect(),
                };
                let mean = values.iter().sum::<f64>() / values.len() as f64;
                let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / values.len() as f64;
                let sum: f64 = found.values.iter().map(|of_set| of_set[f]).sum();
                prop_assert!((sum - variance).abs() < 1e-9 * variance.max(1.0), "{sum} is not {variance}");
            }
        }
    }

    #[test]
    fn a_block_table_is_divided_by_its_variables() {
        use crate::surrogate::ensemble::Surrogate;
        let space = space_of(&[&[2, 3], &[2]]);
        // x0 + x0·[x1 = 2] + 5·x2
        let block = (0..6).map(|s| (s / 3) as f64 * if s % 3 == 2 { 2.0 } else { 1.0 }).collect();
        let surrogate = Surrogate::additive(&space, 1.0, &[block, vec![0.0, 5.0]], &run()).unwrap();
        let found = surrogate.variances(&space, &run()).unwrap().unwrap();
        assert_eq!(found.sets, [vec![0], vec![1], vec![2], vec![0, 1]]);
        let expected = [(4.0f64 / 3.0).powi(2) / 4.0, 1.0 / 18.0, 6.25, 1.0 / 18.0];
        for (values, expected) in found.values.iter().zip(expected) {
            assert!(values.iter().all(|v| (v - expected).abs() < 1e-12), "{values:?} is not {expected}");
        }
    }

    #[test]
    fn trees_are_refused() {
        let space = space_of(&[&[4], &[4], &[4], &[4], &[4], &[4]]);
        let deep = forest(&space, 30, 6, 6, 1);
        let surrogate = lower(&space, &[&deep], &run()).unwrap();
        assert!(surrogate.forest_trees() > 0);
        let message = surrogate.variances(&space, &run()).unwrap_err().to_string();
        assert!(message.contains("trees are no interaction tables"), "{message}");
    }
}
