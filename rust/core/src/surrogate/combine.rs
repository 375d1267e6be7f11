//! Weighted sums of surrogates, on the scale of the link: a surrogate again, exact in every member.

use crate::error::{Error, Result};
use crate::source::trees::{Forest, Node};
use crate::space::definition::Space;
use crate::surrogate::ensemble::Surrogate;
use crate::surrogate::given::check_axes;
use crate::surrogate::lower::spread;
use crate::tables::axes::{AxisSet, Granularity, MAX_CELLS, axis_set};
use crate::tables::stored::{RawTables, Tables, purify};
use crate::threads::Run;

/// `constant + Σ weight · surrogate`, member by member. A surrogate of one member joins every member of the others.
pub fn combine(space: &Space, parts: &[(f64, &Surrogate)], constant: f64, run: &Run<'_>) -> Result<Surrogate> {
    if let Some(value) = parts.iter().map(|(weight, _)| *weight).chain([constant]).find(|v| !v.is_finite()) {
        return Err(Error::model(format!("a weight or the constant is {value}; use finite numbers")));
    }
    let members = common_members(parts)?;
    if parts.iter().all(|(_, part)| part.tables.is_complete() && part.forests.is_empty()) && !parts.is_empty() {
        return complete(space, parts, constant, run);
    }
    let large = |part: &&(f64, &Surrogate)| part.1.tables.is_complete() && part.1.tables.cell_count() > MAX_CELLS;
    if let Some((_, part)) = parts.iter().find(large) {
        let cells = part.tables.cell_count();
        return Err(Error::model(format!(
            "a complete table of {cells} cells, more than {MAX_CELLS}, adds to complete tables alone; tabulate all metrics"
        )));
    }
    let purified = parts.iter().map(|(_, part)| part.purified(run)).collect::<Result<Vec<_>>>()?;
    let granularity = common_granularity(space, &purified.iter().map(|(tables, _)| &**tables).collect::<Vec<_>>())?;
    let cards = granularity.cards(space);
    let mut constants = vec![constant; members];
    let mut tables = vec![RawTables::new(); members];
    let mut forests = vec![Forest::constant(0.0); members];
    for ((weight, part), (tables_of_part, constants_of_part)) in parts.iter().zip(&purified) {
        for m in 0..members {
            let of_part = if part.members() == 1 { 0 } else { m };
            constants[m] += weight * constants_of_part[of_part];
            let into = (granularity, cards.as_slice());
            constants[m] += add_tables(space, &mut tables[m], (tables_of_part, of_part, *weight), into, run)?;
            if let Some(forest) = part.forests.get(of_part) {
                constants[m] += weight * forest.bias;
                add_trees(&mut forests[m], forest, *weight);
            }
        }
    }
    if forests.iter().all(|f| f.tree_count() == 0) {
        forests.clear();
    }
    // Sums of purified tables are purified.
    Surrogate::new(space, constants, Tables::align(granularity, cards, tables), forests)
}

/// The mean of all members on the scale of the link, as a surrogate of one.
pub fn averaged(space: &Space, part: &Surrogate, run: &Run<'_>) -> Result<Surrogate> {
    if part.members() == 1 {
        return Ok(part.clone());
    }
    let weight = 1.0 / part.members() as f64;
    let (purified, constants) = part.purified(run)?;
    let mut tables = Tables::empty(purified.granularity, purified.cards.clone(), purified.sets.clone());
    let mut cells = vec![0.0; purified.cell_count()];
    for member in &purified.cells {
        run.check()?;
        cells.iter_mut().zip(member).for_each(|(sum, cell)| *sum += weight * cell);
    }
    tables.cells.push(cells);
    let mut constant = constants.iter().map(|of_member| weight * of_member).sum();
    let mut sum = Forest::constant(0.0);
    for forest in &part.forests {
        constant += weight * forest.bias;
        add_trees(&mut sum, forest, weight);
    }
    let forests = if sum.tree_count() == 0 { Vec::new() } else { vec![sum] };
    Surrogate::new(space, vec![constant], tables, forests)
}

/// A weighted sum of complete tables, which is one again, of any number of cells.
fn complete(space: &Space, parts: &[(f64, &Surrogate)], constant: f64, run: &Run<'_>) -> Result<Surrogate> {
    let first = &parts[0].1.tables;
    let mut tables = Tables::empty(first.granularity, first.cards.clone(), first.sets.clone());
    tables.form = first.form;
    let mut cells = vec![0.0; tables.cell_count()];
    let mut sum = constant;
    for (weight, part) in parts {
        run.check()?;
        sum += weight * part.constants[0];
        cells.iter_mut().zip(&part.tables.cells[0]).for_each(|(sum, cell)| *sum += weight * cell);
    }
    tables.cells.push(cells);
    Surrogate::new(space, vec![sum], tables, Vec::new())
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

/// Variables where every table can be one over variables, which are smaller; else blocks.
fn common_granularity(space: &Space, parts: &[&Tables]) -> Result<Granularity> {
    let of = |granularity| parts.iter().filter(move |t| t.granularity == granularity);
    let fits = |set: &AxisSet| variables_of(space, set).is_ok();
    if of(Granularity::Blocks).next().is_none()
        || of(Granularity::Variables).next().is_some() && of(Granularity::Blocks).all(|t| t.sets.iter().all(fits))
    {
        return Ok(Granularity::Variables);
    }
    for set in of(Granularity::Variables).flat_map(|t| &t.sets) {
        let blocks = space.blocks_of(set.axes().iter().map(|&v| v as usize));
        let cells = space.byte_cells(blocks);
        if cells > MAX_CELLS {
            return Err(Error::model(format!(
                "a table over variables {:?} would have {cells} cells over their blocks, at most {MAX_CELLS} fit; combine surrogates of one granularity",
                set.axes()
            )));
        }
    }
    Ok(Granularity::Blocks)
}

/// The variables of a table over blocks: it is one over them, cell by cell, where they are few enough.
fn variables_of(space: &Space, blocks: &AxisSet) -> Result<AxisSet> {
    let of_block = |&b: &u16| space.blocks()[b as usize].variables.clone();
    let free = |&v: &usize| space.variables()[v].card() > 1;
    let variables: Vec<usize> = blocks.axes().iter().flat_map(of_block).filter(free).collect();
    check_axes(space, Granularity::Variables, &variables).map_err(Error::model)?;
    axis_set(&variables.iter().map(|&v| v as u16).collect::<Vec<_>>())
}

/// Adds a member's tables, and gives what they add to the constant.
fn add_tables(
    space: &Space,
    sum: &mut RawTables,
    (part, member, weight): (&Tables, usize, f64),
    (granularity, cards): (Granularity, &[usize]),
    run: &Run<'_>,
) -> Result<f64> {
    let mut added = RawTables::new();
    for (set, &offset) in part.sets.iter().zip(&part.offsets) {
        run.check()?;
        let cells = &part.cells[member][offset..offset + set.cells(&part.cards)];
        let weighted: Vec<f64> = cells.iter().map(|cell| weight * cell).collect();
        match (part.granularity, granularity) {
            (Granularity::Variables, Granularity::Blocks) => spread(space, &mut added, set.axes(), &weighted)?,
            (Granularity::Blocks, Granularity::Variables) => {
                added.insert(variables_of(space, set)?, weighted);
            }
            _ => {
                added.insert(*set, weighted);
            }
        }
    }
    // A mean of zero along a block is one along its variables together, not along each.
    let is_finer = part.granularity == Granularity::Blocks && granularity == Granularity::Variables;
    let constant = if is_finer { purify(&mut added, cards, run)? } else { 0.0 };
    for (set, cells) in added {
        let table = sum.entry(set).or_insert_with(|| vec![0.0; cells.len()]);
        table.iter_mut().zip(cells).for_each(|(sum, cell)| *sum += cell);
    }
    Ok(constant)
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
    use crate::surrogate::lower::lower;
    use crate::testing::{forest, run, space_of, spaces};
    use crate::threads::ALONE;
    use proptest::prelude::*;
    use std::sync::atomic::AtomicBool;

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
                (weight, lower(&space, &forests.iter().collect::<Vec<_>>(), &run()).unwrap())
            };
            let parts: Vec<(f64, Surrogate)> = parts.iter().map(make).collect();
            let borrowed: Vec<(f64, &Surrogate)> = parts.iter().map(|(w, s)| (*w, s)).collect();
            let combined = combine(&space, &borrowed, constant, &run()).unwrap();
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
            let mean = averaged(&space, &combined, &run()).unwrap();
            assert_eq!(mean.members(), 1);
            for (mean, of_members) in mean.predict(&space, &rows, &run()).unwrap().iter().zip(expected.chunks(count)) {
                prop_assert!((mean - of_members.iter().sum::<f64>() / count as f64).abs() < 1e-10, "{mean} is no mean");
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
    fn block_tables_of_few_variables_join_tables_over_variables() {
        let space = space_of(&[&[3, 2, 1, 2], &[4, 2]]);
        let values: Vec<Vec<f64>> = [12, 8].map(|n| (0..n).map(|i| f64::from(i * i % 7)).collect()).into();
        let blocks = Surrogate::additive(&space, 0.5, &values, &run()).unwrap();
        let variables = Surrogate::from_tables(
            &space,
            Granularity::Variables,
            &[0.0],
            &[vec![1, 4]],
            &[(0..8).map(f64::from).collect::<Vec<_>>()],
            &run(),
        );
        let variables = variables.unwrap();
        let combined = combine(&space, &[(2.0, &blocks), (1.0, &variables)], 0.0, &run()).unwrap();
        assert_eq!((combined.tables.granularity, combined.tables.order()), (Granularity::Variables, 3));
        let rows = space.range(0, space.size().unwrap(), &ALONE).unwrap();
        let [all, a, b] = [&combined, &blocks, &variables].map(|s| s.predict(&space, &rows, &run()).unwrap());
        assert!(all.iter().zip(a.iter().zip(&b)).all(|(sum, (a, b))| (sum - 2.0 * a - b).abs() < 1e-12));
        let mut restored = combined.tables.clone();
        restored.cells.clear();
        restored.push_compact(&combined.tables.compact(0));
        assert!(restored.cells[0].iter().zip(&combined.tables.cells[0]).all(|(a, b)| (a - b).abs() < 1e-12));
    }

    #[test]
    fn every_step_of_compiling_can_be_stopped() {
        let space = space_of(&[&[3, 2], &[4], &[2]]);
        let trees = forest(&space, 9, 3, 3, 1);
        let surrogate = lower(&space, &[&trees], &run()).unwrap();
        let stopped = Run { threads: Some(2), rows: usize::MAX, cancelled: &AtomicBool::new(true) };
        let tables = || {
            let cells = [(0..4).map(f64::from).collect::<Vec<_>>()];
            Surrogate::from_tables(&space, Granularity::Variables, &[0.0], &[vec![2]], &cells, &stopped)
        };
        for step in [
            lower(&space, &[&trees], &stopped),
            combine(&space, &[(1.0, &surrogate)], 0.0, &stopped),
            tables(),
            surrogate.rounded_to_float32(&space, &stopped),
        ] {
            assert!(matches!(step, Err(Error::Cancelled)), "{step:?}");
        }
        assert!(matches!(surrogate.variances(&space, &stopped), Err(Error::Cancelled)));
        let rows = space.range(0, 48, &ALONE).unwrap();
        assert!(matches!(trees.predict(space.width(), &rows, &stopped), Err(Error::Cancelled)));
        assert!(matches!(trees.leaves(space.width(), &rows, &stopped), Err(Error::Cancelled)));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let space = space_of(&[&[3, 2], &[4]]);
        let ensemble = |members: usize| {
            let forests: Vec<Forest> = (0..members).map(|m| forest(&space, 3, 2, 2, m as u64)).collect();
            lower(&space, &forests.iter().collect::<Vec<_>>(), &run()).unwrap()
        };
        let (two, three) = (ensemble(2), ensemble(3));
        let message = combine(&space, &[(1.0, &two), (1.0, &three)], 0.0, &run()).unwrap_err().to_string();
        assert!(message.contains("surrogates of 2 and of 3 members can't be combined"), "{message}");
        let message = combine(&space, &[(f64::INFINITY, &two)], 0.0, &run()).unwrap_err().to_string();
        assert!(message.contains("a weight or the constant is inf"), "{message}");
        let wide = space_of(&[&[2, 2, 2, 2, 10], &[2, 2, 2, 2, 10], &[2, 2, 2, 2, 10]]);
        let variables =
            Surrogate::from_tables(&wide, Granularity::Variables, &[0.0], &[vec![0, 5, 10]], &[vec![1.0; 8]], &run())
                .unwrap();
        let blocks =
            Surrogate::additive(&wide, 0.0, &[vec![1.0; 160], vec![0.0; 160], vec![0.0; 160]], &run()).unwrap();
        let message = combine(&wide, &[(1.0, &variables), (1.0, &blocks)], 0.0, &run()).unwrap_err().to_string();
        assert!(message.contains("would have 4096000 cells over their blocks, at most 65536 fit"), "{message}");
    }
}
