//! Trees to interaction tables, leaf by leaf: a leaf is the indicator of a box times a value.

use std::collections::HashMap;

use crate::error::{Error, Result};
use crate::layout::columns::{Column, columns, packed_cells};
use crate::source::paths::{Path, for_each_leaf};
use crate::source::trees::{Forest, Node};
use crate::space::definition::Space;
use crate::surrogate::ensemble::Surrogate;
use crate::tables::axes::{Granularity, MAX_BLOCKS, MAX_CELLS, MAX_ORDER, axis_set};
use crate::tables::stored::{RawTables, Tables, purify};
use crate::threads::Run;

/// Sums of leaves by the variables they depend on.
type LeafTables = HashMap<Vec<u16>, Vec<f64>>;

/// Whether the leaves of a tree fit tables over variables, and tables over blocks.
#[derive(Clone, Copy)]
struct Fits {
    variables: bool,
    blocks: bool,
}

/// Lowers an ensemble, one forest a member.
pub fn lower(space: &Space, forests: &[&Forest], run: &Run<'_>) -> Result<Surrogate> {
    if forests.is_empty() {
        return Err(Error::model("an ensemble needs at least one member"));
    }
    let columns = columns(space);
    let fits = |f: &&Forest| run.in_pool(|| run.try_map(0..f.tree_count(), |t| Ok(fits(space, &columns, f.tree(t)))));
    let fits_of: Vec<Vec<Fits>> = forests.iter().map(fits).collect::<Result<_>>()?;
    let granularity = match fits_of.iter().flatten().any(|fits| fits.blocks && !fits.variables) {
        true => Granularity::Blocks,
        false => Granularity::Variables,
    };
    // Of few variables, a tree may fit tables over them and yet none over their blocks.
    let fits = |fits: &Fits| if granularity == Granularity::Blocks { fits.blocks } else { fits.variables };
    let is_table: Vec<Vec<bool>> = fits_of.iter().map(|trees| trees.iter().map(fits).collect()).collect();
    let cards = granularity.cards(space);
    let member = |(forest, is_table): (&&Forest, &Vec<bool>)| {
        let (mut raw, constant) = collapse(space, forest, is_table, granularity, run)?;
        let constant = constant + forest.bias + purify(&mut raw, &cards, run)?;
        Ok((raw, (constant, remaining(forest, is_table))))
    };
    let members = run.in_pool(|| run.try_map(forests.iter().zip(&is_table), member))?;
    let (members, (constants, rest)): (Vec<_>, (Vec<f64>, Vec<Forest>)) = members.into_iter().unzip();
    let tables = Tables::align(granularity, cards, members);
    let forests = if rest.iter().all(|f| f.tree_count() == 0) { Vec::new() } else { rest };
    Surrogate::new(space, constants, tables, forests)
}

fn fits(space: &Space, columns: &[Column], tree: &[Node]) -> Fits {
    let mut fits = Fits { variables: true, blocks: true };
    for_each_leaf(space, tree, |path, _| {
        let blocks = space.blocks_of(path.iter().map(|&(v, _)| v as usize));
        let cells = packed_cells(columns, path.iter().map(|&(v, _)| v as usize));
        let are_few = blocks.len() <= MAX_BLOCKS;
        fits.variables &= are_few && path.len() <= MAX_ORDER && cells <= MAX_CELLS;
        fits.blocks &= are_few && space.byte_cells(blocks) <= MAX_CELLS;
    });
    fits
}

/// Tables of one member, and what its leaves without a condition add to the constant.
fn collapse(
    space: &Space,
    forest: &Forest,
    is_table: &[bool],
    granularity: Granularity,
    run: &Run<'_>,
) -> Result<(RawTables, f64)> {
    let cards: Vec<usize> = space.cards().collect();
    let mut leaves = LeafTables::new();
    let mut constant = 0.0;
    let mut key: Vec<u16> = Vec::new();
    for (t, _) in is_table.iter().enumerate().filter(|(_, is_table)| **is_table) {
        run.check()?;
        for_each_leaf(space, forest.tree(t), |path, leaf| {
            let value = forest.tree(t)[leaf].value * forest.scale;
            if path.is_empty() {
                constant += value;
                return;
            }
            key.clear();
            key.extend(path.iter().map(|&(v, _)| v as u16));
            let size = || key.iter().map(|&v| cards[v as usize]).product();
            if !leaves.contains_key(&key) {
                leaves.insert(key.clone(), vec![0.0; size()]);
            }
            if let Some(table) = leaves.get_mut(&key) {
                add_box(table, path, &cards, value);
            }
        });
    }
    // A hash map's order differs between runs; sums must not.
    let mut leaves: Vec<(Vec<u16>, Vec<f64>)> = leaves.into_iter().collect();
    leaves.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    let mut raw = RawTables::new();
    for (variables, table) in leaves {
        match granularity {
            Granularity::Variables => {
                raw.insert(axis_set(&variables)?, table);
            }
            Granularity::Blocks => spread(space, &mut raw, &variables, &table)?,
        }
    }
    Ok((raw, constant))
}

/// Adds a value to every cell of a box.
fn add_box(table: &mut [f64], path: &Path, cards: &[usize], value: f64) {
    let mut cells = vec![0usize];
    for &(v, choices) in path {
        let card = cards[v as usize];
        cells = cells.iter().flat_map(|&cell| choices.iter().map(move |c| cell * card + c)).collect();
    }
    for cell in cells {
        table[cell] += value;
    }
}

/// Adds a table over variables to the table over their blocks.
pub(crate) fn spread(space: &Space, raw: &mut RawTables, variables: &[u16], table: &[f64]) -> Result<()> {
    let blocks = space.blocks_of(variables.iter().map(|&v| v as usize));
    let set = axis_set(&blocks.iter().map(|&b| b as u16).collect::<Vec<_>>())?;
    let mut at = vec![0usize];
    for block in blocks.into_iter().map(|b| &space.blocks()[b]) {
        // Number of choices of each of its variables, states that pass before it changes, step in the variables' table.
        let mut digits: Vec<(usize, usize, usize)> = Vec::new();
        let mut stride = 1;
        for v in variables.iter().rev().map(|&v| v as usize) {
            let (card, inner) = space.radix(v);
            if block.variables.contains(&v) {
                digits.push((card, inner, stride));
            }
            stride *= card;
        }
        let offset = |state: usize| digits.iter().map(|(card, inner, stride)| state / inner % card * stride).sum();
        let offsets: Vec<usize> = (0..block.states).map(offset).collect();
        at = at.iter().flat_map(|&base| offsets.iter().map(move |offset| base + offset)).collect();
    }
    let target = raw.entry(set).or_insert_with(|| vec![0.0; at.len()]);
    for (cell, from) in target.iter_mut().zip(at) {
        *cell += table[from];
    }
    Ok(())
}

/// The trees that stay trees, their values scaled, without a bias.
fn remaining(forest: &Forest, is_table: &[bool]) -> Forest {
    let mut rest = Forest::constant(0.0);
    for (t, _) in is_table.iter().enumerate().filter(|(_, is_table)| !**is_table) {
        rest.nodes.extend(in_preorder(forest.tree(t)).map(|n| Node { value: n.value * forest.scale, ..n }));
        rest.offsets.push(rest.nodes.len());
    }
    rest
}

/// The nodes of a tree so that a split's left child follows it, as artifacts store them.
fn in_preorder(tree: &[Node]) -> impl Iterator<Item = Node> {
    let mut order: Vec<usize> = Vec::with_capacity(tree.len());
    let mut position = vec![0u32; tree.len()];
    let mut stack = vec![0usize];
    while let Some(at) = stack.pop() {
        position[at] = order.len() as u32;
        order.push(at);
        if !tree[at].is_leaf() {
            stack.extend([tree[at].right as usize, tree[at].left as usize]);
        }
    }
    let renumbered = move |node: Node| match node.is_leaf() {
        true => Node::leaf(node.value),
        false => Node { left: position[node.left as usize], right: position[node.right as usize], value: 0.0, ..node },
    };
    let nodes: Vec<Node> = order.into_iter().map(|at| tree[at]).collect();
    nodes.into_iter().map(renumbered)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::trees::ChoiceSet;
    use crate::testing::{forest, run, space_of, spaces};
    use crate::threads::ALONE;
    use proptest::prelude::*;

    /// All architectures of a small space, a sample of a large one.
    fn rows(space: &Space) -> Vec<u8> {
        match space.size() {
            Some(size) if size < 4000 => space.range(0, size, &ALONE).unwrap(),
            _ => space.sample(4000, 5, false).unwrap(),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(80))]

        #[test]
        fn tables_and_trees_equal_a_walk_of_the_source(
            space in spaces(), trees in 0usize..12, depth in 0usize..6, variables in 1usize..6, members in 1usize..4, seed: u64,
        ) {
            let forests: Vec<Forest> =
                (0..members).map(|m| forest(&space, trees, depth, variables, seed.wrapping_add(m as u64))).collect();
            let surrogate = lower(&space, &forests.iter().collect::<Vec<_>>(), &run()).unwrap();
            let rows = rows(&space);
            let walks: Vec<Vec<f64>> =
                forests.iter().map(|f| f.predict(space.width(), &rows, &run()).unwrap()).collect();
            let lowered = surrogate.predict_members(&space, &rows, &run()).unwrap();
            let means = surrogate.predict(&space, &rows, &run()).unwrap();
            for (i, values) in lowered.chunks_exact(members).enumerate() {
                for (m, value) in values.iter().enumerate() {
                    prop_assert!((value - walks[m][i]).abs() < 1e-11, "row {i}: {value} is not {}", walks[m][i]);
                }
                let mean = walks.iter().map(|w| w[i]).sum::<f64>() / members as f64;
                prop_assert!((means[i] - mean).abs() < 1e-11);
            }
        }

        #[test]
        fn purified_tables_have_zero_means_and_survive_the_compact_form(space in spaces(), seed: u64) {
            let forest = forest(&space, 8, 3, 3, seed);
            let surrogate = lower(&space, &[&forest], &run()).unwrap();
            let tables = &surrogate.tables;
            let rows = rows(&space);
            if space.size().is_some_and(|size| size < 4000) {
                // Over the whole space the constant is the mean, whatever the tables.
                let values = forest.predict(space.width(), &rows, &run()).unwrap();
                let mean = values.iter().sum::<f64>() / values.len() as f64;
                prop_assert!(!surrogate.forests.is_empty() || (mean - surrogate.constants[0]).abs() < 1e-11);
            }
            for (set, &offset) in tables.sets.iter().zip(&tables.offsets) {
                let cells = &tables.cells[0][offset..offset + set.cells(&tables.cards)];
                prop_assert!(cells.iter().sum::<f64>().abs() < 1e-11);
            }
            let mut restored = Tables::empty(tables.granularity, tables.cards.clone(), tables.sets.clone());
            restored.push_compact(&tables.compact(0));
            for (a, b) in restored.cells[0].iter().zip(&tables.cells[0]) {
                prop_assert!((a - b).abs() < 1e-12);
            }
        }
    }

    /// Adds a chain of splits on given variables: its deepest leaf depends on all of them.
    fn add_chain(forest: &mut Forest, variables: &[u32]) {
        for (i, &variable) in variables.iter().enumerate() {
            let (at, leaf) = (2 * i as u32, Node::leaf(1.0));
            let (goes_left, left, right) = (ChoiceSet::first(1), at + 2, at + 1);
            forest.nodes.extend([Node { goes_left, variable, left, right, value: 0.0 }, leaf]);
            if i + 1 == variables.len() {
                forest.nodes.push(leaf);
            }
        }
        forest.offsets.push(forest.nodes.len());
    }

    /// What tables and trees chains become: granularity, order, trees.
    fn lowered(space: &Space, chains: &[&[u32]]) -> (&'static str, usize, usize) {
        let mut forest = Forest::constant(0.0);
        chains.iter().for_each(|variables| add_chain(&mut forest, variables));
        let surrogate = lower(space, &[&forest], &run()).unwrap();
        (surrogate.tables.granularity.name(), surrogate.tables.order(), surrogate.forest_trees())
    }

    #[test]
    fn depth_and_blocks_decide_what_becomes_a_table() {
        let space = space_of(&[&[2, 2, 2, 2, 2], &[3], &[3], &[3]]);
        assert_eq!(lowered(&space, &[&[0, 5, 6]]), ("variables", 3, 0));
        assert_eq!(lowered(&space, &[&[0, 1, 5, 6]]), ("variables", 4, 0));
        assert_eq!(lowered(&space, &[&[0, 1, 2, 5, 6]]), ("blocks", 3, 0));
        assert_eq!(lowered(&space, &[&[0, 5, 6, 7]]), ("variables", 0, 1));
    }

    #[test]
    fn a_tree_that_fits_tables_over_variables_alone_stays_one_beside_tables_over_blocks() {
        let space = space_of(&[&[4, 12], &[4, 12], &[4, 12], &[2, 2, 2, 2, 2]]);
        assert_eq!(lowered(&space, &[&[0, 2, 4]]), ("variables", 3, 0));
        assert_eq!(lowered(&space, &[&[0, 2, 4], &[6, 7, 8, 9, 10]]), ("blocks", 1, 1));
    }
}
