//! States of a level that another one is at least as good as, whatever the other levels' states: they are decided with it.
//!
//! That is seen where a level's tables are kept as they were given: predictions add the same cells in the same order, and
//! no rounding of a sum changes which of two is larger. Accelerators beside networks have such tables.

use crate::exact::question::levels::{Level, Levels};
use crate::space::definition::Space;
use crate::surrogate::ensemble::Surrogate;
use crate::tables::axes::{AxisSet, joint};
use crate::tables::stored::Form;

/// Most states of levels that are made one.
const MERGED: usize = 1 << 12;

/// A surrogate, and whether more of it, or less, is never worse in a question.
pub(crate) struct Wanted<'a> {
    pub(crate) surrogate: &'a Surrogate,
    /// Whether a sum of cells alone gives the values.
    pub(crate) plain: bool,
    pub(crate) more: bool,
    pub(crate) less: bool,
}

/// Makes one level of those that only given tables depend on, beside one more level each; leaves dominated states out.
pub(crate) fn leave_dominated_out(space: &Space, wanted: &[Wanted<'_>], levels: &mut Levels) {
    let ruled = space.ruled();
    let is_given = |w: &Wanted<'_>| {
        let (surrogate, tables) = (w.surrogate, &w.surrogate.tables);
        w.plain
            && tables.form == Form::Given
            && !tables.is_complete()
            && surrogate.members() == 1
            && surrogate.forests.is_empty()
    };
    let touched = |w: &Wanted<'_>, level: &Level| {
        let of_set = |set: &AxisSet| touches(space, w.surrogate, set, level);
        !w.surrogate.forests.is_empty() || w.surrogate.tables.sets.iter().any(of_set)
    };
    let is_eligible = |level: &Level| {
        level.states > 1
            && !level.variables.iter().any(|&v| ruled[v])
            && wanted.iter().any(|w| touched(w, level))
            && wanted.iter().all(|w| is_given(w) || !touched(w, level))
    };
    let Some(end) = levels.levels.iter().rposition(is_eligible) else { return };
    let states = |first: usize| joint(levels.levels[first..=end].iter().map(|level| level.states));
    let fits = |&l: &usize| is_eligible(&levels.levels[l]) && states(l) <= MERGED;
    let first = (0..=end).rev().take_while(fits).last().unwrap_or(end);
    let merged = levels.levels[first..=end].iter().fold(Level::empty(), |a, b| a.joined(b));
    let others: Vec<usize> = (0..levels.levels.len()).filter(|l| !(first..=end).contains(l)).collect();
    let beside = |surrogate: &Surrogate, set: &AxisSet| {
        let touches = |l: &&usize| touches(space, surrogate, set, &levels.levels[**l]);
        others.iter().filter(touches).copied().collect::<Vec<usize>>()
    };
    let tables = |w: &Wanted<'_>| {
        let own: Vec<(usize, Vec<usize>)> = (w.surrogate.tables.sets.iter().enumerate())
            .filter(|(_, set)| touches(space, w.surrogate, set, &merged))
            .map(|(t, set)| (t, beside(w.surrogate, set)))
            .collect();
        own
    };
    let all: Vec<Vec<(usize, Vec<usize>)>> = wanted.iter().map(tables).collect();
    if all.iter().flatten().any(|(_, beside)| beside.len() > 1) {
        return;
    }
    let row = |state: usize| {
        let mut row = levels.first.clone();
        merged.variables.iter().zip(merged.state(state)).for_each(|(&v, &choice)| row[v] = choice);
        row
    };
    // All cells of a state, signed so that larger ones are never worse.
    let of_state = |state: usize| {
        let mut cells = Vec::new();
        for (w, tables) in wanted.iter().zip(&all) {
            for (table, beside) in tables {
                let mut row = row(state);
                let count = beside.first().map_or(1, |&l| levels.levels[l].states);
                for other in 0..count {
                    if let Some(&l) = beside.first() {
                        levels.write(l, other, &mut row);
                    }
                    let cell = cell(space, w.surrogate, *table, &row);
                    cells.extend(w.more.then_some(cell).into_iter().chain(w.less.then_some(-cell)));
                }
            }
        }
        cells
    };
    let cells: Vec<Vec<f64>> = (0..merged.states).map(of_state).collect();
    let (kept, dominated) = undominated(&cells);
    levels.levels[first] = merged.reduced(&kept, &dominated);
    levels.levels.drain(first + 1..=end);
    levels.fill();
}

/// Whether a table depends on a variable of a level.
fn touches(space: &Space, surrogate: &Surrogate, set: &AxisSet, level: &Level) -> bool {
    let granularity = surrogate.tables.granularity;
    let has = |&axis: &u16| granularity.variables(space, axis as usize).any(|v| level.variables.contains(&v));
    set.axes().iter().any(has)
}

/// The cell of a table that a row has.
fn cell(space: &Space, surrogate: &Surrogate, table: usize, row: &[u8]) -> f64 {
    let tables = &surrogate.tables;
    let mut states = Vec::new();
    tables.granularity.states(space, row, &mut states);
    let at =
        tables.sets[table].axes().iter().fold(0, |at, &a| at * tables.cards[a as usize] + states[a as usize] as usize);
    tables.cells[0][tables.offsets[table] + at]
}

/// Those of some vectors that no other one is at least as large as everywhere, ascending; and for each of the others one
/// of these that is, by its place among them.
fn undominated(vectors: &[Vec<f64>]) -> (Vec<usize>, Vec<(usize, usize)>) {
    let sums: Vec<f64> = vectors.iter().map(|v| v.iter().sum()).collect();
    let mut order: Vec<usize> = (0..vectors.len()).collect();
    order.sort_by(|&a, &b| sums[b].total_cmp(&sums[a]).then(a.cmp(&b)));
    let (mut kept, mut others): (Vec<usize>, Vec<(usize, usize)>) = (Vec::new(), Vec::new());
    for state in order {
        let covers = |other: &&usize| vectors[**other].iter().zip(&vectors[state]).all(|(a, b)| a >= b);
        match kept.iter().find(covers) {
            Some(&by) => others.push((by, state)),
            None => kept.push(state),
        }
    }
    kept.sort_unstable();
    let place = |state: usize| kept.partition_point(|&k| k < state);
    let mut dominated: Vec<(usize, usize)> = others.into_iter().map(|(by, state)| (place(by), state)).collect();
    dominated.sort_unstable();
    (kept, dominated)
}
