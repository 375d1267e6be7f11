//! Weighted sums of surrogates, on the scale of the link: a surrogate again, exact in every member.

use crate::error::{Error, Result};
use crate::forest::{Forest, Node};
use crate::lower::{MAX_CELLS, spread};
use crate::space::Space;
use crate::surrogate::Surrogate;
use crate::tables::{AxisSet, Granularity, RawTables, Tables};

/// `constant + Σ weight · surrogate`, member by member. A surrogate of one member joins every member of the others.
pub fn combine(space: &Space, parts: &[(f64, &Surrogate)], constant: f64) -> Result<Surrogate> {
    if let Some(value) = parts.iter().map(|(weight, _)| *weight).chain([constant]).find(|v| !v.is_finite()) {
        return Err(Error::model(format!("a weight or the constant is {value}; use finite numbers")));
    }
    let members = common_members(parts)?;
    let is_blocks = |(_, s): &(f64, &Surrogate)| s.tables.granularity == Granularity::Blocks;
    let granularity = if parts.iter().any(is_blocks) { Granularity::Blocks } else { Granularity::Variables };
    let mut constants = vec![constant; members];
    let mut tables = vec![RawTables::new(); members];
    let mut forests = vec![Forest::constant(0.0); members];
    for (weight, part) in parts {
        if part.tables.granularity != granularity {
            check_block_cells(space, &part.tables)?;
        }
        for m in 0..members {
            let of_part = if part.members() == 1 { 0 } else { m };
            constants[m] += weight * part.constants[of_part];
            add_tables(space, &mut tables[m], &part.tables, of_part, *weight, granularity);
            if let Some(forest) = part.forests.get(of_part) {
                constants[m] += weight * forest.bias;
                add_trees(&mut forests[m], forest, *weight);
            }
        }
    }
    if forests.iter().all(|f| f.tree_count() == 0) {
        forests.clear();
    }
    // Sums of purified tables, and block tables made of them, are purified.
    Surrogate::new(space, constants, Tables::align(granularity, granularity.cards(space), tables), forests)
}

/// The number of members that every part has, apart from those of one member.
fn common_members(parts: &[(f64, &Surrogate)]) -> Result<usize> {
    let mut counts = parts.iter().map(|(_, s)| s.members()).filter(|&n| n != 1);
    let first = counts.next().unwrap_or(1);
    match counts.find(|&n| n != first) {
        Some(other) => Err(Error::model(format!(
            "surrogates of {first} and of {other} members can't be combined; use as many members, or one"
        ))),
        None => Ok(first),
    }
}

/// Whether every table over variables fits in one over their blocks.
fn check_block_cells(space: &Space, tables: &Tables) -> Result<()> {
    for set in &tables.sets {
        let mut blocks: Vec<usize> = set.axes().iter().map(|&v| space.variables()[v as usize].block).collect();
        blocks.dedup();
        let cells = blocks.iter().fold(1usize, |n, &b| n.saturating_mul(space.blocks()[b].states));
        if cells > MAX_CELLS {
            return Err(Error::model(format!(
                "a table over variables {:?} would have {cells} cells over their blocks, at most {MAX_CELLS} fit; combine surrogates of one granularity",
                set.axes()
            )));
        }
    }
    Ok(())
}

fn add_tables(space: &Space, sum: &mut RawTables, part: &Tables, member: usize, weight: f64, granularity: Granularity) {
    for (set, &offset) in part.sets.iter().zip(&part.offsets) {
        let cells = &part.cells[member][offset..offset + set.cells(&part.cards)];
        let weighted = cells.iter().map(|cell| weight * cell);
        if part.granularity == granularity {
            add_table(sum, *set, weighted);
        } else {
            spread(space, sum, set.axes(), &weighted.collect::<Vec<_>>());
        }
    }
}

fn add_table(sum: &mut RawTables, set: AxisSet, cells: impl ExactSizeIterator<Item = f64>) {
    let table = sum.entry(set).or_insert_with(|| vec![0.0; cells.len()]);
    table.iter_mut().zip(cells).for_each(|(sum, cell)| *sum += cell);
}

fn add_trees(sum: &mut Forest, part: &Forest, weight: f64) {
    let factor = weight * part.scale;
    for tree in 0..part.tree_count() {
        sum.nodes.extend(part.tree(tree).iter().map(|n| Node { value: factor * n.value, ..*n }));
        sum.offsets.push(sum.nodes.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lower::lower;
    use crate::space::tests::space_of;
    use crate::testing::{forest, run, spaces};
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]

        #[test]
        fn a_combination_predicts_the_sum_of_its_parts(
            space in spaces(),
            parts in prop::collection::vec((-3.0..3.0, 0usize..8, 0usize..5, 1usize..6, any::<bool>(), any::<u64>()), 0..4),
            members in 1usize..4,
            constant in -5.0..5.0,
        ) {
            let make = |&(weight, trees, depth, variables, alone, seed): &(f64, usize, usize, usize, bool, u64)| {
                let count = if alone { 1 } else { members };
                let forests: Vec<Forest> =
                    (0..count).map(|m| forest(&space, trees, depth, variables, seed.wrapping_add(m as u64))).collect();
                (weight, lower(&space, &forests.iter().collect::<Vec<_>>()).unwrap())
            };
            let parts: Vec<(f64, Surrogate)> = parts.iter().map(make).collect();
            let borrowed: Vec<(f64, &Surrogate)> = parts.iter().map(|(w, s)| (*w, s)).collect();
            let combined = combine(&space, &borrowed, constant).unwrap();
            let rows = space.sample(500, 3, false).unwrap();
            let count = combined.members();
            let mut expected = vec![constant; 500 * count];
            for (weight, part) in &parts {
                let values = part.predict_members(&space, &rows, &run()).unwrap();
                for (i, sum) in expected.iter_mut().enumerate() {
                    let m = if part.members() == 1 { 0 } else { i % count };
                    *sum += weight * values[i / count * part.members() + m];
                }
            }
            let found = combined.predict_members(&space, &rows, &run()).unwrap();
            for (found, expected) in found.iter().zip(&expected) {
                prop_assert!((found - expected).abs() < 1e-10, "{found} is not {expected}");
            }
            let mut restored = combined.tables.clone();
            restored.cells.clear();
            (0..count).for_each(|m| restored.push_compact(&combined.tables.compact(m)));
            for (a, b) in restored.cells.concat().iter().zip(combined.tables.cells.concat()) {
                prop_assert!((a - b).abs() < 1e-10, "tables are not purified");
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let space = space_of(&[&[3, 2], &[4]]);
        let ensemble = |members: usize| {
            let forests: Vec<Forest> = (0..members).map(|m| forest(&space, 3, 2, 2, m as u64)).collect();
            lower(&space, &forests.iter().collect::<Vec<_>>()).unwrap()
        };
        let (two, three) = (ensemble(2), ensemble(3));
        let message = combine(&space, &[(1.0, &two), (1.0, &three)], 0.0).unwrap_err().to_string();
        assert!(message.contains("surrogates of 2 and of 3 members can't be combined"), "{message}");
        let message = combine(&space, &[(f64::INFINITY, &two)], 0.0).unwrap_err().to_string();
        assert!(message.contains("a weight or the constant is inf"), "{message}");
        let wide = space_of(&[&[2, 100], &[2, 100], &[2, 100]]);
        let variables = Surrogate::from_tables(&wide, &[0.0], &[vec![0, 2, 4]], &[vec![1.0; 8]]).unwrap();
        let blocks = Surrogate::additive(&wide, 0.0, &[vec![1.0; 200], vec![0.0; 200], vec![0.0; 200]]).unwrap();
        let message = combine(&wide, &[(1.0, &variables), (1.0, &blocks)], 0.0).unwrap_err().to_string();
        assert!(message.contains("would have 8000000 cells over their blocks, at most 65536 fit"), "{message}");
    }
}
