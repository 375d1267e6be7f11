//! A metric as a sum of float64 tables and trees over levels.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::exact::fixed::residuals::Tangent;
use crate::exact::fixed::trees::{Trees, tested_variables};
use crate::exact::question::domain::Domain;
use crate::exact::question::levels::{Levels, no_architecture};
use crate::space::definition::Space;
use crate::space::forms::joint_state;
use crate::surrogate::ensemble::Surrogate;
use crate::tables::axes::{AxisSet, Granularity};
use crate::tables::stored::{Form, RawTables, Tables, purify};
use crate::threads::{Run, map};

/// Most cells of the tables of a metric over levels.
const MAX_LEVEL_CELLS: usize = 1 << 26;
/// Largest size of a value: squares, and sums of such, stay finite.
const MAX_VALUE: f64 = 1e150;
/// Roundings of a value, besides those of adding up its tables: see [`Network::rounding`].
const ROUNDINGS: usize = 1 << 13;

/// A function of the levels' states: a constant and tables over one, two or three levels.
#[derive(Clone, Debug)]
pub(crate) struct Network {
    pub(crate) cards: Vec<usize>,
    pub(crate) constant: f64,
    /// Shared with the networks that are multiples of this one.
    tables: Arc<RawTables>,
    /// What the tables are multiplied by.
    scale: f64,
    /// Trees, with what they are multiplied by.
    trees: Vec<(f64, Arc<Trees>)>,
    /// No value, computed in float64 in any order, is farther from the tables' sum.
    ///
    /// Let M be the sum of the surrogate's largest cells, one a table, of the trees' largest leaves, and of its constant,
    /// and u = 2^-53.
    /// - A prediction adds up the constant, a cell a table and a leaf a tree, in any order: it rounds by `sets` u M at
    ///   most, where a tree counts as a set.
    /// - Filling the tables here adds up cells of tables over the same levels: again `sets` u M.
    /// - Purifying, within a part of the space, moves means to tables over a level less. The same float is taken away
    ///   here and added there, so the rounding of a mean does not matter, that of the two operations does. Means are
    ///   no larger than cells, which at most double when one is taken away: tables over three levels, of M in all, give
    ///   M + 2 M + 4 M to those over two, whose 8 M give 8 M + 16 M to those over one, whose 25 M give as much to the
    ///   constant. Taking away rounds by u times what is left: (14 + 48 + 50) u M. Adding rounds by u times the sum, once
    ///   for every level that another table has more, of which there are 128 at most, as a domain has no more
    ///   than 2^128 architectures: 128 · (8 + 25 + 26) u M.
    ///
    /// In all (2 `sets` + 2^13) u M = (`sets` + 2^12) 2^-52 M; the rest of [`ROUNDINGS`] is for weighted sums, whose
    /// bounds `Front` computes from values of up to 2^11 M.
    pub(crate) rounding: f64,
}

/// Which variables some table or tree depends on.
///
/// Where members are told apart, those that any of theirs depends on.
pub(crate) fn relevant_variables(space: &Space, surrogate: &Surrogate, by_member: bool, relevant: &mut [bool]) {
    let (tables, mean) = (&surrogate.tables, surrogate.tables.mean_cells());
    for (set, window) in tables.sets.iter().zip(tables.offsets.windows(2)) {
        let is_zero = |cells: &[f64]| cells[window[0]..window[1]].iter().all(|&cell| cell == 0.0);
        if is_zero(&mean) && !(by_member && tables.cells.iter().any(|cells| !is_zero(cells))) {
            continue;
        }
        for &axis in set.axes() {
            tables.granularity.variables(space, axis as usize).for_each(|v| relevant[v] = true);
        }
    }
    tested_variables(surrogate, relevant);
}

/// A surrogate's table on its way to one over levels.
struct Part {
    first: usize,
    /// Steps through the cells by the state of each level of the target.
    steps: Vec<Vec<usize>>,
}

impl Network {
    /// The mean of a surrogate's members within a domain.
    pub(crate) fn new(
        space: &Space,
        surrogate: &Surrogate,
        domain: &Domain,
        levels: &Levels,
        run: &Run<'_>,
    ) -> Result<Network> {
        let cards: Vec<usize> = levels.levels.iter().map(|l| l.states).collect();
        let cells = surrogate.tables.mean_cells();
        let mut constant = surrogate.mean_constant();
        let axes = axis_states(space, surrogate.tables.granularity, domain, levels);
        let (parts, magnitude) = parts_of(&surrogate.tables, &cells, &axes, &mut constant);
        let (trees, of_trees) = Trees::new(space, surrogate, domain, levels)?;
        constant += of_trees;
        let magnitude = magnitude + trees.magnitude + of_trees.abs();
        let total: usize = parts.keys().map(|set| set.cells(&cards)).fold(0, usize::saturating_add);
        if total > MAX_LEVEL_CELLS {
            return Err(Error::model(format!(
                "its interactions span {total} joint states of blocks, at most {MAX_LEVEL_CELLS} fit; restrict some variables"
            )));
        }
        if magnitude > MAX_VALUE {
            return Err(Error::model(format!(
                "its values may reach {magnitude:e} on the scale of its link, at most {MAX_VALUE:e} is searched; refit it in another unit"
            )));
        }
        let filled = run.try_map(parts, |(set, parts)| Ok((set, fill(&set, &cards, parts, &cells, run)?)))?;
        let mut tables: RawTables = filled.into_iter().collect();
        // Within the whole product purified tables have zero means already.
        if surrogate.tables.form == Form::Given || !domain.is_whole() || space.has_rules() {
            constant += purify(&mut tables, &cards, run)?;
        }
        let sets = surrogate.tables.sets.len() + trees.roots.len();
        let rounding = (sets + ROUNDINGS) as f64 * f64::EPSILON * magnitude;
        let trees = if trees.roots.is_empty() { Vec::new() } else { vec![(1.0, Arc::new(trees))] };
        Ok(Network { cards, constant, tables: Arc::new(tables), scale: 1.0, trees, rounding })
    }

    /// This function, and so many of the least residuals.
    ///
    /// A prediction computes them, and adds a deviation of at least as much, by less than 2^10 roundings of their size.
    pub(crate) fn deviated(mut self, count: f64, tangent: &Tangent) -> Network {
        let tables = Arc::make_mut(&mut self.tables);
        let of_one = |cells: &Vec<f64>| cells.iter().any(|&cell| cell != 0.0);
        for (level, parts) in tangent.of_levels.iter().enumerate().filter(|(_, parts)| of_one(parts)) {
            let Some(set) = AxisSet::new(&[level as u16]) else { continue };
            let table = tables.entry(set).or_insert_with(|| vec![0.0; parts.len()]);
            table.iter_mut().zip(parts).for_each(|(cell, part)| *cell += count * tangent.at * part);
        }
        self.constant += count * tangent.at;
        self.rounding += f64::from(1 << 10) * f64::EPSILON * count.abs() * tangent.most;
        self
    }

    /// The rules that tie levels together: 0 at architectures that obey them, -1 or less at others; `None` where none do.
    pub(crate) fn lawful(space: &Space, levels: &Levels, run: &Run<'_>) -> Result<Option<Network>> {
        let cards: Vec<usize> = levels.levels.iter().map(|l| l.states).collect();
        let mut tables = RawTables::new();
        let level_of = |v: usize| levels.levels.iter().position(|level| level.variables.contains(&v));
        for clause in space.clauses() {
            // By level, whether each state has what the clause asks of its variables.
            let mut parts: BTreeMap<usize, Vec<bool>> = BTreeMap::new();
            let mut never = false;
            for literal in clause {
                let holds = |row: &[u8]| literal.holds[row[literal.variable] as usize];
                let mut row = levels.first.clone();
                let Some(level) = level_of(literal.variable) else {
                    never |= !holds(&row);
                    continue;
                };
                let part = parts.entry(level).or_insert_with(|| vec![true; cards[level]]);
                for (state, part) in part.iter_mut().enumerate() {
                    levels.write(level, state, &mut row);
                    *part &= holds(&row);
                }
            }
            // What a block alone decides has been left out of its states.
            if never || parts.values().any(|part| !part.contains(&true)) {
                continue;
            }
            if parts.is_empty() {
                return Err(no_architecture());
            }
            let axes: Vec<u16> = parts.keys().map(|&level| level as u16).collect();
            let set = AxisSet::new(&axes).filter(|set| set.order() <= 3).ok_or_else(|| {
                let names: Vec<&str> = clause.iter().map(|l| space.variables()[l.variable].name.as_str()).collect();
                Error::search(format!(
                    "a rule ties {} of more than 3 blocks together; put some of them into one block",
                    names.join(", ")
                ))
            })?;
            let mut holds = vec![true];
            for part in parts.values() {
                holds = holds.iter().flat_map(|&before| part.iter().map(move |&own| before && own)).collect();
            }
            let table = tables.entry(set).or_insert_with(|| vec![0.0; holds.len()]);
            table.iter_mut().zip(&holds).for_each(|(cell, &broken)| *cell -= f64::from(u8::from(broken)));
        }
        if tables.is_empty() {
            return Ok(None);
        }
        let largest = |cells: &Vec<f64>| cells.iter().fold(0.0f64, |m, c| m.max(c.abs()));
        let rounding = ROUNDINGS as f64 * f64::EPSILON * tables.values().map(largest).sum::<f64>();
        let constant = purify(&mut tables, &cards, run)?;
        Ok(Some(Network { cards, constant, tables: Arc::new(tables), scale: 1.0, trees: Vec::new(), rounding }))
    }

    /// This function, lower by more than it ranges over where another one is not 0; and a value between the two.
    pub(crate) fn penalised(&self, lawful: &Network) -> (Network, f64) {
        let most = (4.0 * self.magnitude()).max(f64::from(1 << 20) * self.rounding);
        let most = if most > 0.0 { most } else { 1.0 };
        (Network::combined(&[(1.0, self), (most, lawful)]), self.constant - most / 2.0)
    }

    /// Weighted sum of networks over the same levels.
    pub(crate) fn combined(parts: &[(f64, &Network)]) -> Network {
        let total = |of: fn(&Network) -> f64, sign: fn(f64) -> f64| parts.iter().map(|(w, n)| sign(*w) * of(n)).sum();
        let (constant, rounding) = (total(|n| n.constant, |w| w), total(|n| 2.0 * n.rounding, f64::abs));
        if let [(weight, only)] = parts {
            let trees = only.weighted(*weight).collect();
            return Network { constant, rounding, trees, scale: weight * only.scale, ..(*only).clone() };
        }
        let mut tables = RawTables::new();
        for &(weight, part) in parts {
            for (set, cells) in part.tables.iter() {
                let target = tables.entry(*set).or_insert_with(|| vec![0.0; cells.len()]);
                target.iter_mut().zip(cells).for_each(|(sum, cell)| *sum += weight * part.scale * cell);
            }
        }
        let trees = parts.iter().flat_map(|(weight, part)| part.weighted(*weight)).collect();
        Network { cards: parts[0].1.cards.clone(), constant, tables: Arc::new(tables), scale: 1.0, trees, rounding }
    }

    /// The trees, multiplied.
    fn weighted(&self, weight: f64) -> impl Iterator<Item = (f64, Arc<Trees>)> {
        self.trees.iter().map(move |(own, trees)| (weight * own, trees.clone()))
    }

    /// Trees, with what they are multiplied by.
    pub(crate) fn trees(&self) -> &[(f64, Arc<Trees>)] {
        &self.trees
    }

    /// Whether bounds can be computed.
    pub(crate) fn is_bounded(&self) -> bool {
        self.magnitude() <= MAX_VALUE && self.constant.abs() <= MAX_VALUE && self.rounding <= MAX_VALUE
    }

    /// Number of tables and trees.
    pub(crate) fn parts(&self) -> usize {
        self.tables.len() + self.trees.iter().map(|(_, trees)| trees.roots.len()).sum::<usize>()
    }

    /// The table over some levels, in that order of axes; unscaled cells.
    pub(crate) fn table(&self, levels: &[usize]) -> Option<Vec<f64>> {
        let mut sorted: Vec<u16> = levels.iter().map(|&l| l as u16).collect();
        sorted.sort_unstable();
        let cells = self.tables.get(&AxisSet::new(&sorted)?)?;
        let stride = |level: usize| -> usize {
            sorted.iter().filter(|&&other| other as usize > level).map(|&other| self.cards[other as usize]).product()
        };
        let mut at = vec![0usize];
        for &level in levels {
            let (states, stride) = (self.cards[level], stride(level));
            at = at.iter().flat_map(|&a| (0..states).map(move |s| a + s * stride)).collect();
        }
        Some(at.into_iter().map(|a| cells[a]).collect())
    }

    /// All tables; unscaled cells.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&AxisSet, &Vec<f64>)> {
        self.tables.iter()
    }

    /// What the cells of tables are multiplied by.
    pub(crate) fn scale(&self) -> f64 {
        self.scale
    }

    /// Variance of each table over its levels' states, with the levels.
    pub(crate) fn variances(&self) -> Vec<(&AxisSet, f64)> {
        let variance = |cells: &Vec<f64>| cells.iter().map(|c| c * c).sum::<f64>() / cells.len() as f64;
        let square = self.scale * self.scale;
        map(self.tables.iter(), |(set, cells)| (set, square * variance(cells)))
    }

    /// Value at the levels' states.
    pub(crate) fn value(&self, states: &[usize]) -> f64 {
        let cell = |(set, cells): (&AxisSet, &Vec<f64>)| {
            cells[set.axes().iter().fold(0, |at, &a| at * self.cards[a as usize] + states[a as usize])]
        };
        let of_trees = self.trees.iter().map(|(weight, trees)| weight * trees.value(states)).sum::<f64>();
        self.constant + self.scale * self.tables.iter().map(cell).sum::<f64>() + of_trees
    }

    /// By level, the variance of the trees, as if they had nothing in common.
    pub(crate) fn tree_variances(&self) -> Vec<f64> {
        let of_level = |level: usize| self.trees.iter().map(|(w, trees)| w * w * trees.variances[level]).sum();
        (0..self.cards.len()).map(of_level).collect()
    }

    /// Standard deviation over all states, where the tables have zero means; roughly, where there are trees.
    pub(crate) fn deviation(&self) -> f64 {
        let of_tables: f64 = self.variances().iter().map(|(_, variance)| variance).sum();
        (of_tables + self.tree_variances().iter().sum::<f64>()).sqrt()
    }

    /// Sum of the tables' largest absolute cells, and of the trees' leaves: no sum of some of them is larger.
    pub(crate) fn magnitude(&self) -> f64 {
        let largest = |cells: &Vec<f64>| cells.iter().fold(0.0f64, |m, c| m.max(c.abs()));
        // In order: a parallel sum would round differently from run to run.
        let of_trees: f64 = self.trees.iter().map(|(weight, trees)| weight.abs() * trees.magnitude).sum();
        self.scale.abs() * map(self.tables.values(), largest).iter().sum::<f64>() + of_trees
    }
}

/// By set of levels, the parts of its table, and the sum of the largest cells; what has no level is added to the constant.
fn parts_of(
    tables: &Tables,
    cells: &[f64],
    axes: &[(Option<u16>, Vec<usize>)],
    constant: &mut f64,
) -> (BTreeMap<AxisSet, Vec<Part>>, f64) {
    let mut parts: BTreeMap<AxisSet, Vec<Part>> = BTreeMap::new();
    let mut magnitude = constant.abs();
    for (set, &offset) in tables.sets.iter().zip(&tables.offsets) {
        let count = set.cells(&tables.cards);
        let largest = cells[offset..offset + count].iter().fold(0.0f64, |m, c| m.max(c.abs()));
        if largest == 0.0 {
            continue;
        }
        magnitude += largest;
        let (mut first, mut stride) = (offset, 1);
        let mut steps: Vec<(u16, Vec<usize>)> = Vec::new();
        for &axis in set.axes().iter().rev() {
            match &axes[axis as usize] {
                (None, digits) => first += digits[0] * stride,
                (Some(level), digits) => {
                    let scaled = digits.iter().map(|d| d * stride);
                    match steps.iter_mut().find(|(l, _)| l == level) {
                        Some((_, steps)) => steps.iter_mut().zip(scaled).for_each(|(s, d)| *s += d),
                        None => steps.push((*level, scaled.collect())),
                    }
                }
            }
            stride *= tables.cards[axis as usize];
        }
        steps.sort_by_key(|(level, _)| *level);
        let target: Vec<u16> = steps.iter().map(|(level, _)| *level).collect();
        match AxisSet::new(&target) {
            None => *constant += cells[first],
            Some(target) => {
                let steps = steps.into_iter().map(|(_, steps)| steps).collect();
                parts.entry(target).or_default().push(Part { first, steps });
            }
        }
    }
    (parts, magnitude)
}

/// For each axis its level, if it has one, and its state by the level's state.
fn axis_states(
    space: &Space,
    granularity: Granularity,
    domain: &Domain,
    levels: &Levels,
) -> Vec<(Option<u16>, Vec<usize>)> {
    let cards: Vec<usize> = space.cards().collect();
    let of_axis = |axis: usize| {
        let inside = granularity.variables(space, axis);
        let digit = |row: &[u8]| joint_state(inside.clone(), row, &cards);
        let mut row = domain.first();
        match levels.levels.iter().position(|level| level.variables.iter().any(|v| inside.contains(v))) {
            None => (None, vec![digit(&row)]),
            Some(level) => {
                let states = 0..levels.levels[level].states;
                let digits = states.map(|state| {
                    levels.write(level, state, &mut row);
                    digit(&row)
                });
                (Some(level as u16), digits.collect())
            }
        }
    };
    (0..granularity.cards(space).len()).map(of_axis).collect()
}

/// Adds up the parts of one table, a row of its last level at a time.
fn fill(set: &AxisSet, cards: &[usize], parts: Vec<Part>, cells: &[f64], run: &Run<'_>) -> Result<Vec<f64>> {
    let mut out = vec![0.0; set.cells(cards)];
    let Some(&last) = set.axes().last() else { return Ok(out) };
    let columns = cards[last as usize];
    // Parts that read the same variables of the last level take the same few steps there.
    let mut alike: BTreeMap<Vec<usize>, Vec<Part>> = BTreeMap::new();
    for mut part in parts {
        alike.entry(part.steps.pop().unwrap_or_default()).or_default().push(part);
    }
    for (steps, parts) in alike {
        let mut distinct = steps.clone();
        distinct.sort_unstable();
        distinct.dedup();
        let place: Vec<usize> = steps.iter().map(|s| distinct.partition_point(|d| d < s)).collect();
        let mut sums = vec![0.0; distinct.len()];
        let mut states = vec![0; set.order() - 1];
        for row in out.chunks_exact_mut(columns) {
            run.check()?;
            sums.fill(0.0);
            for part in &parts {
                let first = part.steps.iter().zip(&states).fold(part.first, |at, (steps, &s)| at + steps[s]);
                sums.iter_mut().zip(&distinct).for_each(|(sum, step)| *sum += cells[first + step]);
            }
            row.iter_mut().zip(&place).for_each(|(cell, &p)| *cell += sums[p]);
            for (state, &axis) in states.iter_mut().zip(set.axes()).rev() {
                *state = (*state + 1) % cards[axis as usize];
                if *state > 0 {
                    break;
                }
            }
        }
    }
    Ok(out)
}
