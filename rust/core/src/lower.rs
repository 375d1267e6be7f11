//! Trees to interaction tables, leaf by leaf: a leaf is the indicator of a box times a value.

use std::collections::HashMap;

use crate::error::{Error, Result};
use crate::forest::{ChoiceSet, Forest, Node};
use crate::pack::{Column, columns};
use crate::space::Space;
use crate::surrogate::Surrogate;
use crate::tables::{AxisSet, Granularity, MAX_ORDER, RawTables, Tables, purify};
use crate::threads::Run;

/// Most blocks that a table depends on.
pub(crate) const MAX_BLOCKS: usize = 3;
/// Most cells of a dense table, so that a cell number fits 16 bits; what needs a larger one stays a tree.
pub const MAX_CELLS: usize = 1 << 16;

/// Variables that a leaf depends on, with the choices that reach it.
pub(crate) type Path = Vec<(u32, ChoiceSet)>;

/// Sums of leaves by the variables they depend on.
type LeafTables = HashMap<Vec<u16>, Vec<f64>>;

/// What a tree needs of a table to become part of one.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
enum Need {
    Variables,
    Blocks,
    Tree,
}

/// Lowers an ensemble, one forest a member.
pub fn lower(space: &Space, forests: &[&Forest], run: &Run<'_>) -> Result<Surrogate> {
    if forests.is_empty() {
        return Err(Error::model("an ensemble needs at least one member"));
    }
    let columns = columns(space);
    let needs =
        |f: &&Forest| run.in_pool(|| run.try_map(0..f.tree_count(), |t| Ok(tree_need(space, &columns, f.tree(t)))));
    let needs: Vec<Vec<Need>> = forests.iter().map(needs).collect::<Result<_>>()?;
    let granularity = match needs.iter().flatten().any(|&need| need == Need::Blocks) {
        true => Granularity::Blocks,
        false => Granularity::Variables,
    };
    let cards = granularity.cards(space);
    let member = |(forest, needs): (&&Forest, &Vec<Need>)| {
        let (mut raw, constant) = collapse(space, forest, needs, granularity, run)?;
        let constant = constant + forest.bias + purify(&mut raw, &cards, run)?;
        Ok((raw, (constant, remaining(forest, needs))))
    };
    let members = run.in_pool(|| run.try_map(forests.iter().zip(&needs), member))?;
    let (members, (constants, rest)): (Vec<_>, (Vec<f64>, Vec<Forest>)) = members.into_iter().unzip();
    let tables = Tables::align(granularity, cards, members);
    let forests = if rest.iter().all(|f| f.tree_count() == 0) { Vec::new() } else { rest };
    Surrogate::new(space, constants, tables, forests)
}

fn tree_need(space: &Space, columns: &[Column], tree: &[Node]) -> Need {
    let mut need = Need::Variables;
    for_each_leaf(space, tree, |path, _| {
        let mut blocks: Vec<usize> = path.iter().map(|&(v, _)| space.variables()[v as usize].block).collect();
        blocks.dedup();
        let inside = |c: &&Column| path.iter().any(|&(v, _)| (c.first..c.first + c.len).contains(&(v as usize)));
        let column_cells = || columns.iter().filter(inside).fold(1, |n, c| c.states.saturating_mul(n));
        let block_cells = || blocks.iter().fold(1, |n, &b| space.blocks()[b].states.saturating_mul(n));
        let leaf = match () {
            () if blocks.len() > MAX_BLOCKS => Need::Tree,
            () if path.len() <= MAX_ORDER && column_cells() <= MAX_CELLS => Need::Variables,
            () if block_cells() <= MAX_CELLS => Need::Blocks,
            () => Need::Tree,
        };
        if leaf > need {
            need = leaf;
        }
    });
    need
}

/// Calls with every reachable leaf's path and value; the path holds only variables that matter.
pub(crate) fn for_each_leaf(space: &Space, tree: &[Node], mut call: impl FnMut(&Path, f64)) {
    /// What lies ahead: a node whose parent leaves these choices of a variable, or the way back to what was before.
    enum Step {
        Down(usize, Option<(u32, ChoiceSet)>),
        Up(u32, Option<ChoiceSet>),
    }
    // One path that changes on the way down and back: a tree as deep as a space is wide would copy it too often.
    let mut path = Path::new();
    let set = |path: &mut Path, variable: u32, choices: Option<ChoiceSet>| {
        let position = path.binary_search_by_key(&variable, |&(v, _)| v);
        match (position, choices) {
            (Ok(p), Some(choices)) => Some(std::mem::replace(&mut path[p].1, choices)),
            (Ok(p), None) => Some(path.remove(p).1),
            (Err(p), Some(choices)) => {
                path.insert(p, (variable, choices));
                None
            }
            (Err(_), None) => None,
        }
    };
    let mut stack = vec![Step::Down(0, None)];
    while let Some(step) = stack.pop() {
        let node = match step {
            Step::Up(variable, before) => {
                set(&mut path, variable, before);
                continue;
            }
            Step::Down(at, None) => &tree[at],
            Step::Down(at, Some((variable, after))) => {
                let before = set(&mut path, variable, Some(after));
                stack.push(Step::Up(variable, before));
                &tree[at]
            }
        };
        if node.is_leaf() {
            call(&path, node.value);
            continue;
        }
        let card = space.variables()[node.variable as usize].choices.len();
        let before =
            path.binary_search_by_key(&node.variable, |&(v, _)| v).map_or(ChoiceSet::first(card), |p| path[p].1);
        for (child, after) in [(node.right, before.and_not(&node.goes_left)), (node.left, before.and(&node.goes_left))]
        {
            if !after.is_empty() {
                // A test that all choices pass does not make the leaf depend on the variable.
                let narrower = (after != before).then_some((node.variable, after));
                stack.push(Step::Down(child as usize, narrower));
            }
        }
    }
}

/// Tables of one member, and what its leaves without a condition add to the constant.
fn collapse(
    space: &Space,
    forest: &Forest,
    needs: &[Need],
    granularity: Granularity,
    run: &Run<'_>,
) -> Result<(RawTables, f64)> {
    let cards: Vec<usize> = space.cards().collect();
    let mut leaves = LeafTables::new();
    let mut constant = 0.0;
    let mut key: Vec<u16> = Vec::new();
    for (t, _) in needs.iter().enumerate().filter(|(_, need)| **need != Need::Tree) {
        run.check()?;
        for_each_leaf(space, forest.tree(t), |path, value| {
            let value = value * forest.scale;
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

/// The set of these axes; an error where a table can't have them, which must not lose its cells.
pub(crate) fn axis_set(axes: &[u16]) -> Result<AxisSet> {
    AxisSet::new(axes).ok_or_else(|| {
        Error::model(format!(
            "a table over axes {axes:?} has not 1 to {MAX_ORDER} ascending ones; report this as a bug"
        ))
    })
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
    let cards: Vec<usize> = space.cards().collect();
    let mut blocks: Vec<u16> = variables.iter().map(|&v| space.variables()[v as usize].block as u16).collect();
    blocks.dedup();
    let set = axis_set(&blocks)?;
    // Offset into the variables' table of each state of each block.
    let offsets: Vec<Vec<usize>> = blocks
        .iter()
        .map(|&b| {
            let block = &space.blocks()[b as usize];
            (0..block.states)
                .map(|state| {
                    let mut rest = state;
                    let mut offset = 0;
                    for v in block.variables.clone().rev() {
                        let choice = rest % cards[v];
                        rest /= cards[v];
                        if let Ok(position) = variables.binary_search(&(v as u16)) {
                            let stride: usize = variables[position + 1..].iter().map(|&w| cards[w as usize]).product();
                            offset += choice * stride;
                        }
                    }
                    offset
                })
                .collect()
        })
        .collect();
    let mut at = vec![0usize];
    for states in &offsets {
        at = at.iter().flat_map(|&base| states.iter().map(move |s| base + s)).collect();
    }
    let target = raw.entry(set).or_insert_with(|| vec![0.0; at.len()]);
    for (cell, from) in target.iter_mut().zip(at) {
        *cell += table[from];
    }
    Ok(())
}

/// The trees that stay trees, their values scaled, without a bias.
fn remaining(forest: &Forest, needs: &[Need]) -> Forest {
    let mut rest = Forest::constant(0.0);
    for (t, _) in needs.iter().enumerate().filter(|(_, need)| **need == Need::Tree) {
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
        true => Node { goes_left: ChoiceSet::EMPTY, variable: 0, ..node },
        false => Node { left: position[node.left as usize], right: position[node.right as usize], value: 0.0, ..node },
    };
    let nodes: Vec<Node> = order.into_iter().map(|at| tree[at]).collect();
    nodes.into_iter().map(renumbered)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::tests::space_of;
    use crate::testing::{forest, run, spaces};
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

    #[test]
    fn depth_and_blocks_decide_what_becomes_a_table() {
        let space = space_of(&[&[2, 2, 2, 2, 2], &[3], &[3], &[3]]);
        // A chain of splits on given variables: its deepest leaf depends on all of them.
        let chain = |variables: &[u32]| {
            let mut forest = Forest::constant(0.0);
            for (i, &variable) in variables.iter().enumerate() {
                let at = 2 * i as u32;
                let leaf =
                    Node { goes_left: ChoiceSet::EMPTY, variable: 0, left: Node::LEAF, right: Node::LEAF, value: 1.0 };
                forest.nodes.push(Node {
                    goes_left: ChoiceSet::first(1),
                    variable,
                    left: at + 2,
                    right: at + 1,
                    value: 0.0,
                });
                forest.nodes.push(leaf);
                if i + 1 == variables.len() {
                    forest.nodes.push(leaf);
                }
            }
            forest.offsets.push(forest.nodes.len());
            lower(&space, &[&forest], &run()).unwrap()
        };
        let describe = |s: Surrogate| (s.tables.granularity.name(), s.tables.order(), s.forest_trees());
        assert_eq!(describe(chain(&[0, 5, 6])), ("variables", 3, 0));
        assert_eq!(describe(chain(&[0, 1, 5, 6])), ("variables", 4, 0));
        assert_eq!(describe(chain(&[0, 1, 2, 5, 6])), ("blocks", 3, 0));
        assert_eq!(describe(chain(&[0, 5, 6, 7])), ("variables", 0, 1));
    }
}
