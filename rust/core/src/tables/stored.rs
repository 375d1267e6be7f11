//! Interaction tables: a function of the space as a sum of small tables over few axes.
//!
//! An axis is a variable or a whole block; a table depends on at most three blocks. Purified (functional ANOVA under the uniform measure:
//! every table has zero mean along each of its axes) the form is canonical, and a table is
//! determined by its cells without the last state of each axis: that is what artifacts store.
//! Tables of measured values stay as they are given, so that predictions are those very numbers, and equal ones stay equal.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::tables::axes::{AxisSet, Granularity, MAX_ORDER, starts};
use crate::threads::Run;

/// What is known of the cells of tables.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// Every table has zero mean along each of its axes.
    #[default]
    Purified,
    /// Any cells.
    Given,
}

/// The same tables for several members: cells differ, axes do not.
#[derive(Clone, Debug, PartialEq)]
pub struct Tables {
    pub granularity: Granularity,
    pub form: Form,
    pub cards: Vec<usize>,
    /// Ascending.
    pub sets: Vec<AxisSet>,
    /// First cell of each set's table, then the total.
    pub offsets: Vec<usize>,
    /// For each member, the cells of all tables, row-major.
    pub cells: Vec<Vec<f64>>,
}

/// Tables of one member by axes, while they are built.
pub(crate) type RawTables = BTreeMap<AxisSet, Vec<f64>>;

impl Tables {
    /// Aligns the members' purified tables: a set that one of them has, all have.
    pub(crate) fn align(granularity: Granularity, cards: Vec<usize>, members: Vec<RawTables>) -> Tables {
        let mut sets: Vec<AxisSet> = members.iter().flat_map(|m| m.keys().copied()).collect();
        sets.sort_unstable();
        sets.dedup();
        let mut tables = Tables::empty(granularity, cards, sets);
        for member in members {
            let mut cells = Vec::with_capacity(tables.cell_count());
            for set in &tables.sets {
                match member.get(set) {
                    Some(table) => cells.extend_from_slice(table),
                    None => cells.resize(cells.len() + set.cells(&tables.cards), 0.0),
                }
            }
            tables.cells.push(cells);
        }
        tables
    }

    /// Tables without members over ascending sets.
    pub(crate) fn empty(granularity: Granularity, cards: Vec<usize>, sets: Vec<AxisSet>) -> Tables {
        let offsets = starts(sets.iter().map(|set| set.cells(&cards)));
        Tables { granularity, form: Form::Purified, cards, sets, offsets, cells: Vec::new() }
    }

    /// Number of cells of one member.
    pub fn cell_count(&self) -> usize {
        self.offsets[self.sets.len()]
    }

    /// Most axes of a table.
    pub fn order(&self) -> usize {
        self.sets.iter().map(AxisSet::order).max().unwrap_or(0)
    }

    /// Whether this is the value of every architecture, of one member, as it was given.
    pub(crate) fn is_complete(&self) -> bool {
        let free = self.cards.iter().filter(|&&n| n > 1).count();
        self.form == Form::Given && self.cells.len() == 1 && self.sets.len() == 1 && self.sets[0].order() == free
    }

    /// Mean over members, cell by cell.
    pub fn mean_cells(&self) -> Cow<'_, Vec<f64>> {
        if let [only] = &self.cells[..] {
            return Cow::Borrowed(only);
        }
        let mut mean = vec![0.0; self.cell_count()];
        for member in &self.cells {
            for (sum, cell) in mean.iter_mut().zip(member) {
                *sum += cell;
            }
        }
        let members = self.cells.len() as f64;
        mean.iter_mut().for_each(|sum| *sum /= members);
        Cow::Owned(mean)
    }

    /// The tables purified, and what that adds to each member's constant.
    pub(crate) fn purified(&self, run: &Run<'_>) -> Result<(Tables, Vec<f64>)> {
        let of_member = |cells: &Vec<f64>| {
            let table = |(set, range): (&AxisSet, &[usize])| (*set, cells[range[0]..range[1]].to_vec());
            let mut raw: RawTables = self.sets.iter().zip(self.offsets.windows(2)).map(table).collect();
            let constant = purify(&mut raw, &self.cards, run)?;
            Ok((raw, constant))
        };
        let members = self.cells.iter().map(of_member).collect::<Result<Vec<_>>>()?;
        let (members, constants): (Vec<_>, Vec<_>) = members.into_iter().unzip();
        Ok((Tables::align(self.granularity, self.cards.clone(), members), constants))
    }

    /// The cells that determine a member's tables.
    pub fn compact(&self, member: usize) -> Vec<f64> {
        if self.form == Form::Given {
            return self.cells[member].clone();
        }
        let mut out = Vec::new();
        for (set, &offset) in self.sets.iter().zip(&self.offsets) {
            let cards = set_cards(set, &self.cards);
            for (cell, value) in self.cells[member][offset..offset + set.cells(&self.cards)].iter().enumerate() {
                if digits(cell, &cards).iter().zip(&cards).all(|(&d, &n)| d + 1 < n) {
                    out.push(*value);
                }
            }
        }
        out
    }

    /// Length of [`Tables::compact`].
    pub fn compact_len(&self) -> usize {
        if self.form == Form::Given {
            return self.cell_count();
        }
        self.sets.iter().map(|set| set.free_cells(&self.cards)).sum()
    }

    /// Adds a member from its compact cells: purified, the last state of an axis is minus the sum of the others.
    pub fn push_compact(&mut self, compact: &[f64]) {
        if self.form == Form::Given {
            return self.cells.push(compact.to_vec());
        }
        let mut cells = vec![0.0; self.cell_count()];
        let mut rest = compact;
        for (set, &offset) in self.sets.iter().zip(&self.offsets) {
            let table = &mut cells[offset..offset + set.cells(&self.cards)];
            let (free, tail) = rest.split_at(set.free_cells(&self.cards));
            rest = tail;
            restore(table, free, &set_cards(set, &self.cards));
        }
        self.cells.push(cells);
    }
}

fn set_cards(set: &AxisSet, cards: &[usize]) -> Vec<usize> {
    set.axes().iter().map(|&a| cards[a as usize]).collect()
}

fn digits(mut cell: usize, cards: &[usize]) -> [usize; MAX_ORDER] {
    let mut out = [0; MAX_ORDER];
    for (d, &n) in cards.iter().enumerate().rev() {
        out[d] = cell % n;
        cell /= n;
    }
    out
}

/// Fills a table from its free cells, one axis after the other.
fn restore(table: &mut [f64], free: &[f64], cards: &[usize]) {
    let mut free = free.iter();
    for (cell, value) in table.iter_mut().enumerate() {
        if digits(cell, cards).iter().zip(cards).all(|(&d, &n)| d + 1 < n) {
            *value = free.next().copied().unwrap_or(0.0);
        }
    }
    for axis in 0..cards.len() {
        let (outer, n, inner) = axis_strides(cards, axis);
        for o in 0..outer {
            for i in 0..inner {
                let at = |state: usize| (o * n + state) * inner + i;
                table[at(n - 1)] = -(0..n - 1).map(|state| table[at(state)]).sum::<f64>();
            }
        }
    }
}

/// Counts of cells around, of and inside one axis.
fn axis_strides(cards: &[usize], axis: usize) -> (usize, usize, usize) {
    (cards[..axis].iter().product(), cards[axis], cards[axis + 1..].iter().product())
}

/// Purifies in place and returns the constant: means along axes move to tables of fewer axes.
pub(crate) fn purify(tables: &mut RawTables, cards: &[usize], run: &Run<'_>) -> Result<f64> {
    let mut constant = 0.0;
    for order in (1..=MAX_ORDER).rev() {
        let sets: Vec<AxisSet> = tables.keys().copied().filter(|set| set.order() == order).collect();
        for set in sets {
            let mut table = tables.remove(&set).unwrap_or_default();
            let set_cards = set_cards(&set, cards);
            for axis in 0..order {
                run.check()?;
                let (outer, n, inner) = axis_strides(&set_cards, axis);
                let mut means = vec![0.0; outer * inner];
                for o in 0..outer {
                    for state in 0..n {
                        for i in 0..inner {
                            means[o * inner + i] += table[(o * n + state) * inner + i];
                        }
                    }
                }
                means.iter_mut().for_each(|m| *m /= n as f64);
                for o in 0..outer {
                    for state in 0..n {
                        for i in 0..inner {
                            table[(o * n + state) * inner + i] -= means[o * inner + i];
                        }
                    }
                }
                match set.without(axis) {
                    None => constant += means[0],
                    Some(lower) => {
                        let target = tables.entry(lower).or_insert_with(|| vec![0.0; means.len()]);
                        target.iter_mut().zip(&means).for_each(|(t, m)| *t += m);
                    }
                }
            }
            tables.insert(set, table);
        }
    }
    Ok(constant)
}
