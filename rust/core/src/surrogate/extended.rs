//! The same function of a larger space.

use crate::error::{Error, Result};
use crate::space::definition::Space;
use crate::surrogate::ensemble::Surrogate;
use crate::surrogate::given::check_axes;
use crate::tables::axes::{AxisSet, Granularity, axis_set};
use crate::tables::stored::Tables;

impl Surrogate {
    /// The same function of a larger space, whose first blocks begin with this one's; measured repeats are left out.
    pub fn extended(&self, space: &Space, larger: &Space) -> Result<Surrogate> {
        let variables = places(space, larger)?;
        let mut forests = self.forests.clone();
        for node in forests.iter_mut().flat_map(|forest| &mut forest.nodes) {
            node.variable = variables[node.variable as usize] as u32;
        }
        let tables = match self.tables.granularity {
            Granularity::Variables => moved(&self.tables, larger, &variables)?,
            Granularity::Blocks => repeated(&self.tables, space, larger)?,
        };
        Surrogate::new(larger, self.constants.clone(), tables, forests)
    }
}

/// The place of each variable in the larger space.
fn places(space: &Space, larger: &Space) -> Result<Vec<usize>> {
    let own = space.blocks().len();
    let mut places = Vec::with_capacity(space.width());
    for (block, wider) in space.blocks().iter().zip(larger.blocks()) {
        let first = wider.variables.start;
        let ours = &space.variables()[block.variables.clone()];
        if larger.variables()[wider.variables.clone()].starts_with(ours) {
            places.extend(first..first + ours.len());
        }
    }
    if places.len() < space.width() {
        return Err(Error::model(format!(
            "the first {own} blocks of {} do not begin with those of {}; put the blocks of {} first, as they are",
            larger.name(),
            space.name(),
            space.name()
        )));
    }
    Ok(places)
}

/// Tables over variables that have other places.
fn moved(tables: &Tables, larger: &Space, places: &[usize]) -> Result<Tables> {
    let set = |set: &AxisSet| axis_set(&set.axes().iter().map(|&v| places[v as usize] as u16).collect::<Vec<_>>());
    let sets = tables.sets.iter().map(set).collect::<Result<_>>()?;
    Ok(Tables { cards: tables.granularity.cards(larger), sets, ..tables.clone() })
}

/// Tables over blocks that have more states: their further variables, which come last, change nothing.
fn repeated(tables: &Tables, space: &Space, larger: &Space) -> Result<Tables> {
    let cards = tables.granularity.cards(larger);
    let times: Vec<usize> = tables.cards.iter().zip(&cards).map(|(own, wider)| wider / own).collect();
    if times.iter().all(|&n| n == 1) {
        return Ok(Tables { cards, ..tables.clone() });
    }
    let mut wider = Tables::empty(tables.granularity, cards, tables.sets.clone());
    for set in &tables.sets {
        let axes: Vec<usize> = set.axes().iter().map(|&axis| axis as usize).collect();
        check_axes(larger, tables.granularity, &axes).map_err(|reason| {
            let names: Vec<&str> = axes.iter().map(|&block| space.blocks()[block].name.as_str()).collect();
            Error::model(format!("a table of {} in {}: {reason}", names.join(", "), larger.name()))
        })?;
    }
    for member in &tables.cells {
        let mut cells = Vec::with_capacity(wider.cell_count());
        for (set, range) in tables.sets.iter().zip(tables.offsets.windows(2)) {
            let mut table = member[range[0]..range[1]].to_vec();
            let mut behind = 1; // cells of a state of the axis
            for &axis in set.axes().iter().rev() {
                let row = |state: &[f64]| state.repeat(times[axis as usize]);
                table = table.chunks_exact(behind).flat_map(row).collect();
                behind *= wider.cards[axis as usize];
            }
            cells.append(&mut table);
        }
        wider.cells.push(cells);
    }
    wider.form = tables.form;
    Ok(wider)
}
