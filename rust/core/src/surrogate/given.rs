//! Surrogates from tables that a caller gives.

use crate::error::{Error, Result};
use crate::layout::columns::{columns, packed_cells};
use crate::space::definition::{BYTE_STATES, Space};
use crate::space::forms::joint_state;
use crate::surrogate::ensemble::Surrogate;
use crate::surrogate::repeats::Repeats;
use crate::tables::axes::{AxisSet, Granularity, MAX_BLOCKS, MAX_CELLS, MAX_COMPLETE, MAX_ORDER, joint};
use crate::tables::stored::{Form, RawTables, Tables, purify};
use crate::threads::{ALONE, Run};

impl Surrogate {
    /// A single member that is a sum over blocks, given the values of each block's states.
    pub fn additive(space: &Space, constant: f64, block_values: &[Vec<f64>], run: &Run<'_>) -> Result<Surrogate> {
        let cards = Granularity::Blocks.cards(space);
        let states: Vec<usize> = (0..cards.len()).map(|block| space.states_of(block)).collect();
        let lengths: Vec<usize> = block_values.iter().map(Vec::len).collect();
        if lengths != states {
            return Err(Error::model(format!("the blocks have {states:?} states, values are given for {lengths:?}")));
        }
        let mut raw: RawTables = RawTables::new();
        for (block, values) in block_values.iter().enumerate().filter(|(_, values)| values.len() > 1) {
            check_axes(space, Granularity::Blocks, &[block])
                .map_err(|reason| Error::model(format!("a table of {:?}: {reason}", space.blocks()[block].name)))?;
            // Joint choices that no architecture has have any value.
            let mut cells = vec![values[0]; cards[block]];
            space.joint_choices(block).into_iter().zip(values).for_each(|(cell, &value)| cells[cell] = value);
            if let Some(set) = AxisSet::new(&[block as u16]) {
                raw.insert(set, cells);
            }
        }
        // A block of one state is a constant, not a table.
        let fixed: f64 = block_values.iter().filter(|values| values.len() == 1).map(|values| values[0]).sum();
        let constant = constant + fixed + purify(&mut raw, &cards, run)?;
        let tables = Tables::align(Granularity::Blocks, cards, vec![raw]);
        Surrogate::new(space, vec![constant], tables, Vec::new())
    }

    /// A single member that is a complete table: the value of every architecture, by index, kept as it is; and where
    /// the measured values of each start that it is the mean of, and these.
    pub fn tabulated(space: &Space, values: Vec<f64>, repeats: Option<(Vec<u32>, Vec<f64>)>) -> Result<Surrogate> {
        let repeats = repeats.map(|(offsets, values)| Repeats::new(space, offsets, values)).transpose();
        let repeats = repeats.map_err(Error::model)?;
        let cards = Granularity::Blocks.cards(space);
        let free: Vec<usize> = (0..cards.len()).filter(|&b| cards[b] > 1).collect();
        let fixed = free.is_empty();
        if free.len() > MAX_BLOCKS {
            let found = free.len();
            return Err(Error::model(format!(
                "a table of all blocks: there are {found} of several states; join them to at most {MAX_BLOCKS}"
            )));
        }
        let cells = joint(cards.iter().copied());
        if cells > MAX_COMPLETE {
            return Err(Error::model(format!(
                "a table of all blocks: there are {cells} joint choices; at most {MAX_COMPLETE} fit"
            )));
        }
        if space.size() != Some(values.len() as u64) {
            let (expected, found) = (space.total(), values.len());
            return Err(Error::model(format!("the space has {expected} architectures, {found} values are given")));
        }
        if let Some(index) = values.iter().position(|v| !v.is_finite()) {
            let value = values[index];
            return Err(Error::model(format!("architecture {index} has the value {value}; use finite numbers")));
        }
        let set = AxisSet::new(&free.iter().map(|&b| b as u16).collect::<Vec<_>>());
        let mut tables = Tables::empty(Granularity::Blocks, cards, set.into_iter().collect());
        tables.form = Form::Given;
        let constant = if fixed { values[0] } else { 0.0 };
        tables.cells.push(if fixed { Vec::new() } else { by_joint_choices(space, values)? });
        Ok(Surrogate { repeats, ..Surrogate::new(space, vec![constant], tables, Vec::new())? })
    }

    /// A surrogate from tables over variables or blocks, purified on the way: for each set of axes the cells
    /// of all members, member by member, row-major. A set may occur again; its tables add up.
    pub fn from_tables(
        space: &Space,
        granularity: Granularity,
        constants: &[f64],
        sets: &[Vec<usize>],
        cells: &[impl AsRef<[f64]> + Sync],
        run: &Run<'_>,
    ) -> Result<Surrogate> {
        let cards = granularity.cards(space);
        let member = |(mut raw, constant): (RawTables, f64)| {
            let constant = constant + purify(&mut raw, &cards, run)?;
            Ok((raw, constant))
        };
        let members = raw_members(space, granularity, constants, sets, cells)?;
        let members = run.in_pool(|| run.try_map(members, member))?;
        let (members, constants): (Vec<_>, Vec<f64>) = members.into_iter().unzip();
        Surrogate::new(space, constants, Tables::align(granularity, cards, members), Vec::new())
    }

    /// A single member of tables that are kept as they are given, so that sums of whole numbers are whole.
    pub fn as_given(
        space: &Space,
        granularity: Granularity,
        constant: f64,
        sets: &[Vec<usize>],
        cells: &[impl AsRef<[f64]>],
    ) -> Result<Surrogate> {
        let members = raw_members(space, granularity, &[constant], sets, cells)?;
        let (members, constants): (Vec<_>, Vec<f64>) = members.into_iter().unzip();
        let mut tables = Tables::align(granularity, granularity.cards(space), members);
        tables.form = Form::Given;
        Surrogate::new(space, constants, tables, Vec::new())
    }
}

/// The given tables and constant of every member.
fn raw_members(
    space: &Space,
    granularity: Granularity,
    constants: &[f64],
    sets: &[Vec<usize>],
    cells: &[impl AsRef<[f64]>],
) -> Result<Vec<(RawTables, f64)>> {
    if constants.is_empty() {
        return Err(Error::model("a surrogate needs the constant of at least one member"));
    }
    if sets.len() != cells.len() {
        let (sets, cells) = (sets.len(), cells.len());
        let axes = granularity.name();
        return Err(Error::model(format!("{sets} sets of {axes} come with {cells} tables; give one each")));
    }
    let tables = sets.iter().zip(cells).enumerate();
    let axes = tables.map(|(i, (set, cells))| free_axes(space, granularity, constants.len(), (i, set, cells.as_ref())));
    let axes = axes.collect::<Result<Vec<Option<AxisSet>>>>()?;
    let member = |m: usize| {
        let (mut raw, mut constant) = (RawTables::new(), constants[m]);
        for (axes, cells) in axes.iter().zip(cells) {
            let (cells, members) = (cells.as_ref(), constants.len());
            let own = &cells[cells.len() / members * m..][..cells.len() / members];
            match axes {
                None => constant += own[0],
                Some(set) => {
                    let table = raw.entry(*set).or_insert_with(|| vec![0.0; own.len()]);
                    table.iter_mut().zip(own).for_each(|(sum, cell)| *sum += cell);
                }
            }
        }
        (raw, constant)
    };
    Ok((0..constants.len()).map(member).collect())
}

/// The axes of a given table that have several states, which are those that its table has; refuses what is no table.
fn free_axes(
    space: &Space,
    granularity: Granularity,
    members: usize,
    (i, set, cells): (usize, &[usize], &[f64]),
) -> Result<Option<AxisSet>> {
    let cards = granularity.cards(space);
    let error = |reason: String| Error::model(format!("table {i}, of {} {set:?}: {reason}", granularity.name()));
    check_axes(space, granularity, set).map_err(error)?;
    let expected = members * set.iter().map(|&a| cards[a]).product::<usize>();
    if cells.len() != expected {
        let states = if granularity == Granularity::Blocks { "states" } else { "choices" };
        let found = cells.len();
        return Err(error(format!("it has {found} cells, the {states} and members make {expected}")));
    }
    if let Some(value) = cells.iter().find(|v| !v.is_finite()) {
        return Err(error(format!("a cell is {value}; use finite numbers")));
    }
    // An axis of one state leaves the cells as they are, and tables have none.
    let free: Vec<u16> = set.iter().filter(|&&a| cards[a] > 1).map(|&a| a as u16).collect();
    Ok(AxisSet::new(&free))
}

/// The values of all architectures by their joint choices; those that are none have the first one's.
fn by_joint_choices(space: &Space, values: Vec<f64>) -> Result<Vec<f64>> {
    if !space.has_rules() {
        return Ok(values);
    }
    let cards: Vec<usize> = space.cards().collect();
    let mut cells = vec![values[0]; joint(cards.iter().copied())];
    let rows = space.range(0, values.len() as u64, &ALONE)?;
    for (row, value) in rows.chunks_exact(space.width()).zip(values) {
        cells[joint_state(0..space.width(), row, &cards)] = value;
    }
    Ok(cells)
}

/// Whether a table may depend on these axes.
pub(crate) fn check_axes(space: &Space, granularity: Granularity, set: &[usize]) -> std::result::Result<(), String> {
    let (axes, most, count) = match granularity {
        Granularity::Variables => ("variables", MAX_ORDER, space.width()),
        Granularity::Blocks => ("blocks", MAX_BLOCKS, space.blocks().len()),
    };
    if set.is_empty() || set.len() > most {
        return Err(format!("it has {} {axes}; use 1 to {most}", set.len()));
    }
    if set.windows(2).any(|w| w[0] >= w[1]) || set[set.len() - 1] >= count {
        return Err(format!("use ascending numbers of {axes}, 0 to {}", count - 1));
    }
    let (cells, states) = match granularity {
        Granularity::Blocks => (space.byte_cells(set.iter().copied()), "states"),
        Granularity::Variables => {
            let blocks = space.blocks_of(set.iter().copied()).len();
            if blocks > MAX_BLOCKS {
                return Err(format!("they are of {blocks} blocks; use at most {MAX_BLOCKS}"));
            }
            (packed_cells(&columns(space), set.iter().copied()), "choices, with those they are packed with")
        }
    };
    match cells > MAX_CELLS {
        true if cells == usize::MAX => {
            Err(format!("a block of theirs has more than {BYTE_STATES} joint choices; use variables, or split it"))
        }
        true => Err(format!("they have {cells} joint {states}; at most {MAX_CELLS} fit")),
        false => Ok(()),
    }
}
