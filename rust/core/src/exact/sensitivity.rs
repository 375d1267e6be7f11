//! How much of a metric's variance depends on some variables, under the uniform measure over distinct architectures.
//!
//! Parts of a space that no rule ties together are independent, so tables over them, purified, are orthogonal. Inside of a
//! part any rule may hold: what is asked are variances of conditional means (Sobol' 1993) and means of conditional
//! variances (Homma and Saltelli 1996), which exist whether variables are independent or not.

use std::collections::HashMap;

use crate::error::Result;
use crate::exact::fixed::network::Network;
use crate::exact::question::domain::Domain;
use crate::exact::question::levels::{Level, Levels};
use crate::space::definition::Space;
use crate::surrogate::ensemble::Surrogate;
use crate::threads::Run;

/// Moments of a function of the space, and what some groups of variables explain, on the scale of the link.
#[derive(Clone, Debug, PartialEq)]
pub struct Sensitivity {
    pub mean: f64,
    pub variance: f64,
    /// For each group of variables the variance of the mean given them, and the mean of the variance given all others.
    pub of_groups: Vec<[f64; 2]>,
}

/// A group of variables inside of a level: by state which of their joint choices, and which of the others, it has.
struct Division {
    level: usize,
    own: Vec<usize>,
    others: Vec<usize>,
}

/// What groups of variables, each inside of a block, explain of the mean of a surrogate's members, and of each member.
pub fn sensitivity(
    space: &Space,
    surrogate: &Surrogate,
    groups: &[Vec<usize>],
    run: &Run<'_>,
) -> Result<Vec<Sensitivity>> {
    surrogate.require_tables(", so their variance has no exact parts")?;
    let levels = Levels::independent(space)?;
    let divisions: Vec<Option<Division>> = groups.iter().map(|group| Division::of(&levels, group)).collect();
    let found = |function: &Surrogate| {
        let network = Network::new(space, function, &Domain::whole(space), &levels, run)?;
        let variance = network.variances().iter().map(|(_, variance)| variance).sum();
        let of_group = |division: &Option<Division>| match division {
            Some(division) => Ok([division.closed(&network), division.total(&network, run)?]),
            None => Ok([0.0; 2]),
        };
        let of_groups = divisions.iter().map(of_group).collect::<Result<_>>()?;
        Ok(Sensitivity { mean: network.constant, variance, of_groups })
    };
    let mean = found(surrogate)?;
    if surrogate.members() == 1 {
        return Ok(vec![mean.clone(), mean]);
    }
    let members = (0..surrogate.members()).map(|m| found(&surrogate.member(m)));
    std::iter::once(Ok(mean)).chain(members).collect()
}

impl Division {
    /// `None` where the variables are of no level, as they have one choice.
    fn of(levels: &Levels, group: &[usize]) -> Option<Division> {
        let level = levels.levels.iter().position(|level| level.variables.iter().any(|v| group.contains(v)))?;
        let part = |is_own: bool| numbered(&levels.levels[level], |v| group.contains(&v) == is_own);
        Some(Division { level, own: part(true), others: part(false) })
    }

    /// Variance of the mean given the variables' choices.
    fn closed(&self, network: &Network) -> f64 {
        let Some(cells) = network.table(&[self.level]) else { return 0.0 };
        let count = self.own.iter().max().map_or(0, |last| last + 1);
        let (mut sums, mut states) = (vec![0.0; count], vec![0.0; count]);
        for (cell, &part) in cells.iter().zip(&self.own) {
            sums[part] += cell;
            states[part] += 1.0;
        }
        sums.iter().zip(&states).map(|(sum, n)| sum * sum / n).sum::<f64>() / cells.len() as f64
    }

    /// Mean of the variance given the choices of all other variables.
    fn total(&self, network: &Network, run: &Run<'_>) -> Result<f64> {
        let count = self.others.iter().max().map_or(0, |last| last + 1);
        let mut states = vec![0.0; count];
        self.others.iter().for_each(|&part| states[part] += 1.0);
        let mut total = 0.0;
        for (set, cells) in network.all() {
            let Some(axis) = set.axes().iter().position(|&a| a as usize == self.level) else { continue };
            let inner: usize = set.axes()[axis + 1..].iter().map(|&a| network.cards[a as usize]).product();
            let (mut means, mut squares) = (vec![0.0; count * inner], 0.0);
            for slab in cells.chunks_exact(self.others.len() * inner) {
                run.check()?;
                means.fill(0.0);
                for (row, &part) in slab.chunks_exact(inner).zip(&self.others) {
                    means[part * inner..][..inner].iter_mut().zip(row).for_each(|(m, c)| *m += c / states[part]);
                }
                for (row, &part) in slab.chunks_exact(inner).zip(&self.others) {
                    let differences = row.iter().zip(&means[part * inner..]).map(|(c, m)| c - m);
                    squares += differences.map(|d| d * d).sum::<f64>();
                }
            }
            total += squares / cells.len() as f64;
        }
        Ok(total)
    }
}

/// Numbers the joint choices of some of a level's variables; gives that of each state.
fn numbered(level: &Level, has: impl Fn(usize) -> bool) -> Vec<usize> {
    let mut numbers: HashMap<Vec<u8>, usize> = HashMap::new();
    let number = |state: usize| {
        let choices = level.variables.iter().zip(level.state(state)).filter(|(v, _)| has(**v));
        let next = numbers.len();
        *numbers.entry(choices.map(|(_, &choice)| choice).collect()).or_insert(next)
    };
    (0..level.states).map(number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::rules::{Choices, ForbiddenDefinition};
    use crate::surrogate::lower::lower;
    use crate::testing::{forest, ruled, run, space_of, spaces};
    use crate::threads::ALONE;
    use proptest::prelude::*;

    /// Mean and variance, and a group's indices, by their definition.
    fn enumerated(space: &Space, values: &[f64], rows: &[u8], group: &[usize]) -> [f64; 4] {
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        let variance =
            |values: &[f64]| values.iter().map(|v| (v - mean(values)).powi(2)).sum::<f64>() / values.len() as f64;
        let given = |is_own: bool| -> Vec<Vec<f64>> {
            let mut parts: HashMap<Vec<u8>, Vec<f64>> = HashMap::new();
            for (row, &value) in rows.chunks_exact(space.width()).zip(values) {
                let key =
                    row.iter().enumerate().filter(|(v, _)| group.contains(v) == is_own).map(|(_, &c)| c).collect();
                parts.entry(key).or_default().push(value);
            }
            parts.into_values().collect()
        };
        let weighted = |parts: &[Vec<f64>], of: &dyn Fn(&[f64]) -> f64| -> f64 {
            parts.iter().map(|part| part.len() as f64 * of(part)).sum::<f64>() / values.len() as f64
        };
        let all = mean(values);
        let closed = weighted(&given(true), &|part| (mean(part) - all).powi(2));
        [all, variance(values), closed, weighted(&given(false), &|part| variance(part))]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]

        #[test]
        fn indices_are_those_of_all_architectures(space in spaces(), depth in 1usize..4, has_rules: bool, seed: u64) {
            let space = if has_rules { ruled(&space, seed) } else { space };
            prop_assume!(space.size().is_some_and(|n| n < 20_000));
            let members: Vec<_> = (0..2).map(|m| forest(&space, 5, depth, 3, seed.wrapping_add(m))).collect();
            let mut surrogate = lower(&space, &members.iter().collect::<Vec<_>>(), &run()).unwrap();
            let size = space.size().unwrap();
            if seed % 3 == 0 && space.blocks().iter().filter(|b| b.states > 1).count() <= 3 {
                let values = (0..size).map(|i| crate::rng::uniform(seed, i, 1000) as f64).collect();
                surrogate = Surrogate::tabulated(&space, values, None).unwrap();
            }
            prop_assume!(surrogate.forest_trees() == 0);
            let rows = space.range(0, size, &ALONE).unwrap();
            let mut groups: Vec<Vec<usize>> = (0..space.width()).map(|v| vec![v]).collect();
            groups.extend(space.blocks().iter().map(|b| b.variables.clone().collect()));
            let found = sensitivity(&space, &surrogate, &groups, &run()).unwrap();
            prop_assert_eq!(found.len(), 1 + surrogate.members());
            let each = surrogate.predict_members(&space, &rows, &run()).unwrap();
            for (f, found) in found.iter().enumerate() {
                let values: Vec<f64> = match f {
                    0 => surrogate.predict(&space, &rows, &run()).unwrap(),
                    m => each.iter().skip(m - 1).step_by(surrogate.members()).copied().collect(),
                };
                for (group, found_of) in groups.iter().zip(&found.of_groups) {
                    let expected = enumerated(&space, &values, &rows, group);
                    let found = [found.mean, found.variance, found_of[0], found_of[1]];
                    let near = |(a, b): (&f64, &f64)| (a - b).abs() < 1e-9 * expected[1].max(1.0);
                    prop_assert!(found.iter().zip(&expected).all(near), "{found:?} is not {expected:?} of {group:?}");
                }
            }
        }
    }

    #[test]
    fn parts_that_rules_make_too_large_are_refused() {
        let blocks: Vec<&[usize]> = vec![&[8]; 12];
        let product = space_of(&blocks);
        let mut definition = product.definition().clone();
        let named =
            |v: usize| (product.variables()[v].name.clone(), Choices::One(product.variables()[v].choices[0].clone()));
        for v in 0..11 {
            definition.forbidden.push(ForbiddenDefinition { when: [named(v), named(v + 1)].into() });
        }
        let space = Space::new(definition).unwrap();
        let surrogate = Surrogate::additive(&space, 0.0, &vec![vec![1.0; 8]; 12], &run()).unwrap();
        let message = sensitivity(&space, &surrogate, &[vec![0]], &run()).unwrap_err().to_string();
        assert!(message.contains("at most 4194304 are enumerated"), "{message}");
    }
}
