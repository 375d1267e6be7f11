//! A surrogate: for every member a constant, interaction tables and, where needed, a forest.

use std::borrow::Cow;

use crate::error::{Error, Result};
use crate::layout::cover::choose_groups;
use crate::layout::groups::{Group, MEMBER_LANES, assign, check_groups};
use crate::memory::zeros;
use crate::source::trees::Forest;
use crate::space::definition::Space;
use crate::surrogate::repeats::Repeats;
use crate::surrogate::sums::Sums;
use crate::tables::axes::{MAX_CELLS, MAX_ORDER, joint};
use crate::tables::stored::{Form, Tables};
use crate::threads::{Run, for_rows};

/// Most cells of a dense table of member deviations: with 16 lanes it stays inside a core's second cache.
pub const MEMBER_CELLS: usize = 2048;
/// What makes a model tables.
pub(crate) const LIMITED: &str = "limited interactions (max_variables or max_blocks)";
/// What predictions may take in memory: so much for any model, and so many times what a file holds of it.
const BUDGET: (usize, usize) = (1 << 28, 64);
/// Sums of leaves stay as far below the largest float64 as their fixed point needs.
const MOST_REACHED: f64 = 1e300;
/// Groups of so few cells are not made smaller to stay within the budget.
const LEAST_CELLS: usize = 64;

/// Sum of a constant, tables and a forest, for each member of an ensemble, on the scale of the link.
#[derive(Clone, Debug, PartialEq)]
pub struct Surrogate {
    pub constants: Vec<f64>,
    pub tables: Tables,
    /// One a member, or none at all.
    pub forests: Vec<Forest>,
    /// Groups of axes whose tables are summed for the mean, and for the members.
    pub groups: [Vec<Vec<u16>>; 2],
    /// What a complete table's values are the means of, where it was measured repeatedly.
    pub repeats: Option<Repeats>,
}

impl Surrogate {
    /// A surrogate from its parts; chooses the groups.
    pub(crate) fn new(space: &Space, constants: Vec<f64>, tables: Tables, forests: Vec<Forest>) -> Result<Surrogate> {
        let mut surrogate = Surrogate { constants, tables, forests, groups: [Vec::new(), Vec::new()], repeats: None };
        let mut limits = [MAX_CELLS, MEMBER_CELLS];
        loop {
            surrogate.groups = limits.map(|limit| choose_groups(space, &surrogate.tables, limit));
            if surrogate.prepared_bytes() <= surrogate.budget() || limits[0] <= LEAST_CELLS {
                break;
            }
            // Smaller groups have fewer cells between their tables, and cost more look-ups.
            limits = limits.map(|limit| limit / 2);
        }
        surrogate.check(space).map_err(Error::model)?;
        Ok(surrogate)
    }

    /// Purified tables, and the constants that go with them: equal to this surrogate's but for rounding.
    pub fn purified(&self, run: &Run<'_>) -> Result<(Cow<'_, Tables>, Cow<'_, [f64]>)> {
        if self.tables.form == Form::Purified {
            return Ok((Cow::Borrowed(&self.tables), Cow::Borrowed(&self.constants)));
        }
        let (tables, added) = self.tables.purified(run)?;
        let constants = self.constants.iter().zip(added).map(|(constant, mean)| constant + mean);
        Ok((Cow::Owned(tables), constants.collect()))
    }

    /// With the cells that artifacts store rounded to float32, and the tables that follow from them.
    pub fn rounded_to_float32(&self, space: &Space, run: &Run<'_>) -> Result<Surrogate> {
        let mut rounded = self.clone();
        rounded.tables.cells.clear();
        for member in 0..self.members() {
            run.check()?;
            let cells: Vec<f64> = self.tables.compact(member).iter().map(|&cell| f64::from(cell as f32)).collect();
            rounded.tables.push_compact(&cells);
        }
        rounded.check(space).map_err(Error::model)?;
        Ok(rounded)
    }

    /// Whether the parts fit each other and a prediction's memory is bounded.
    pub(crate) fn check(&self, space: &Space) -> std::result::Result<(), String> {
        let finite = |values: &[f64]| values.iter().all(|v| v.is_finite());
        let values = self.forests.iter().flat_map(|f| f.nodes.iter().map(|n| n.value)).all(f64::is_finite);
        if !values || !finite(&self.constants) || !self.tables.cells.iter().all(|cells| finite(cells)) {
            return Err("a value is not finite".to_owned());
        }
        let reached: f64 = self.forests.iter().map(Forest::reach).sum();
        if reached > MOST_REACHED {
            return Err(format!(
                "the leaves of its trees reach {reached:e} in all, at most {MOST_REACHED:e} is summed; refit it in another unit"
            ));
        }
        self.groups.iter().try_for_each(|groups| check_groups(space, &self.tables, groups))?;
        let (needed, budget) = (self.prepared_bytes(), self.budget());
        match needed <= budget {
            true => Ok(()),
            false => Err(format!(
                "predictions would need {needed} bytes of memory, a model of {} bytes may have {budget}; recompile it, or use fewer members",
                self.stored_bytes()
            )),
        }
    }

    /// Bytes that predictions may take in memory.
    pub(crate) fn budget(&self) -> usize {
        BUDGET.0.saturating_add(BUDGET.1.saturating_mul(self.stored_bytes()))
    }

    /// About the bytes that a file holds of the model.
    fn stored_bytes(&self) -> usize {
        let nodes: usize = self.forests.iter().map(|f| f.nodes.len()).sum();
        let cells = self.members().saturating_mul(self.tables.compact_len());
        cells.saturating_mul(size_of::<f32>()).saturating_add(2 * MAX_ORDER * self.tables.sets.len() + 3 * nodes)
    }

    /// Bytes of all tables and dense tables of predictions.
    fn prepared_bytes(&self) -> usize {
        let cards = &self.tables.cards;
        let of_group = |axes: &Vec<u16>| joint(axes.iter().map(|&a| cards.get(a as usize).copied().unwrap_or(1)));
        let [mean, member] =
            self.groups.each_ref().map(|groups| groups.iter().map(of_group).fold(0, usize::saturating_add));
        let lanes = self.members().next_multiple_of(MEMBER_LANES);
        // The members' cells and their mean, the mean's float32 and the members' 16 bits.
        let parts = [(8 * (self.members() + 1), self.tables.cell_count()), (4, mean), (2 * lanes, member)];
        parts.iter().fold(0, |sum, (bytes, cells)| sum.saturating_add(bytes.saturating_mul(*cells)))
    }

    /// One of the members; its groups are those that all have.
    pub(crate) fn member(&self, m: usize) -> Surrogate {
        let Tables { granularity, form, ref cards, ref sets, ref offsets, ref cells } = self.tables;
        let (cards, sets, offsets) = (cards.clone(), sets.clone(), offsets.clone());
        Surrogate {
            constants: vec![self.constants[m]],
            tables: Tables { granularity, form, cards, sets, offsets, cells: vec![cells[m].clone()] },
            forests: self.forests.get(m).cloned().into_iter().collect(),
            groups: self.groups.clone(),
            repeats: None,
        }
    }

    /// Number of members.
    pub fn members(&self) -> usize {
        self.constants.len()
    }

    /// About how many look-ups a row costs, every member summed in float64.
    pub fn cost(&self) -> usize {
        self.members().saturating_mul(self.groups[1].len()).saturating_add(8 * self.forest_trees()).max(1)
    }

    /// Refuses a model with trees, given what can't be done with them.
    pub(crate) fn require_tables(&self, so: &str) -> Result<()> {
        match self.forest_trees() {
            0 => Ok(()),
            trees => Err(Error::model(format!("{trees} trees are no interaction tables{so}; refit with {LIMITED}"))),
        }
    }

    /// Number of trees that stayed trees, over all members.
    pub fn forest_trees(&self) -> usize {
        self.forests.iter().map(Forest::tree_count).sum()
    }

    /// Mean over members of every checked row in float64, before the link is inverted.
    pub fn predict(&self, space: &Space, rows: &[u8], run: &Run<'_>) -> Result<Vec<f64>> {
        let (groups, mean) = (self.assigned(0)?, self.tables.mean_cells());
        let sums = Sums::new(&self.tables, &groups, std::slice::from_ref(&*mean), rows.len() / space.width());
        self.predict_sums(space, &sums, rows, run)
    }

    /// As [`Surrogate::predict`], given the sums of the means of the cells.
    pub(crate) fn predict_sums(&self, space: &Space, sums: &Sums<'_>, rows: &[u8], run: &Run<'_>) -> Result<Vec<f64>> {
        let constant = self.mean_constant();
        self.map_rows(space, (rows, 1), run, |row, states, sum| {
            sums.add(states, sum);
            sum[0] = constant + sum[0] + self.mean_forest(row);
        })
    }

    /// Every member's value of every checked row in float64, row-major, before the link is inverted.
    pub fn predict_members(&self, space: &Space, rows: &[u8], run: &Run<'_>) -> Result<Vec<f64>> {
        self.predict_members_by(&self.assigned(1)?, space, rows, run)
    }

    /// The same, given the members' groups.
    pub(crate) fn predict_members_by(
        &self,
        groups: &[Group],
        space: &Space,
        rows: &[u8],
        run: &Run<'_>,
    ) -> Result<Vec<f64>> {
        let sums = Sums::new(&self.tables, groups, &self.tables.cells, rows.len() / space.width());
        self.map_rows(space, (rows, self.members()), run, |row, states, values| {
            sums.add(states, values);
            for (m, value) in values.iter_mut().enumerate() {
                let forest = self.forests.get(m).map_or(0.0, |f| f.predict_row(row));
                *value = self.constants[m] + *value + forest;
            }
        })
    }

    /// Groups of axes for the mean (0) or the members (1), each with its tables.
    pub(crate) fn assigned(&self, purpose: usize) -> Result<Vec<Group>> {
        assign(&self.tables, &self.groups[purpose])
            .ok_or_else(|| Error::model("a table lies in no group of axes; recompile the model"))
    }

    /// Mean of the members' constants.
    pub(crate) fn mean_constant(&self) -> f64 {
        self.constants.iter().sum::<f64>() / self.members() as f64
    }

    fn mean_forest(&self, row: &[u8]) -> f64 {
        self.forests.iter().map(|f| f.predict_row(row)).sum::<f64>() / self.members() as f64
    }

    /// So many values of every checked row, which a function makes of zeros.
    fn map_rows(
        &self,
        space: &Space,
        (rows, values): (&[u8], usize),
        run: &Run<'_>,
        f: impl Fn(&[u8], &[u16], &mut [f64]) + Sync + Send,
    ) -> Result<Vec<f64>> {
        let width = space.width();
        let mut out = zeros(rows.len() / width, values)?;
        for_rows(run, (rows, width), (&mut out, values), |_, out, rows| {
            let mut states = Vec::new();
            for (out, row) in out.chunks_exact_mut(values).zip(rows.chunks_exact(width)) {
                run.check()?;
                self.tables.granularity.states(space, row, &mut states);
                f(row, &states, out);
            }
            Ok(())
        })?;
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::uniform;
    use crate::source::trees::Node;
    use crate::tables::axes::Granularity;
    use crate::testing::{mnasnet, run, space_of};
    use crate::threads::ALONE;

    #[test]
    fn given_tables_predict_their_sums_and_are_purified() {
        let space = space_of(&[&[3, 1], &[2, 4], &[5]]);
        let cards: Vec<usize> = space.cards().collect();
        let sets = [vec![0], vec![1], vec![0, 1, 3], vec![0, 2, 3, 4], vec![2, 4], vec![0]];
        let table = |(s, set): (usize, &Vec<usize>)| -> Vec<f64> {
            let cells = 2 * set.iter().map(|&v| cards[v]).product::<usize>();
            (0..cells).map(|c| uniform(s as u64, c as u64, 1000) as f64 / 100.0).collect()
        };
        let cells: Vec<Vec<f64>> = sets.iter().enumerate().map(table).collect();
        let surrogate =
            Surrogate::from_tables(&space, Granularity::Variables, &[1.0, -2.0], &sets, &cells, &run()).unwrap();
        let rows = space.range(0, space.size().unwrap(), &ALONE).unwrap();
        let found = surrogate.predict_members(&space, &rows, &run()).unwrap();
        for (row, found) in rows.chunks_exact(space.width()).zip(found.chunks_exact(2)) {
            for (m, found) in found.iter().enumerate() {
                let of_set = |(set, cells): (&Vec<usize>, &Vec<f64>)| {
                    let cell = set.iter().fold(m, |i, &v| i * cards[v] + row[v] as usize);
                    cells[cell]
                };
                let sum = [1.0, -2.0][m] + sets.iter().zip(&cells).map(of_set).sum::<f64>();
                assert!((found - sum).abs() < 1e-12);
            }
        }
        assert!(surrogate.tables.sets.iter().all(|set| !set.axes().contains(&1)), "an axis of one state");
        let mut again = Tables::empty(Granularity::Variables, cards, surrogate.tables.sets.clone());
        again.push_compact(&surrogate.tables.compact(1));
        assert!(again.cells[0].iter().zip(&surrogate.tables.cells[1]).all(|(a, b)| (a - b).abs() < 1e-12));
    }

    #[test]
    fn given_tables_over_blocks_predict_their_sums() {
        let space = space_of(&[&[3, 1], &[2, 4], &[1], &[5]]);
        let cards = Granularity::Blocks.cards(&space);
        let sets = [vec![0, 1, 3], vec![1, 2], vec![2]];
        let table = |set: &Vec<usize>| -> Vec<f64> {
            let cells = 2 * set.iter().map(|&b| cards[b]).product::<usize>();
            (0..cells).map(|c| uniform(set.len() as u64, c as u64, 1000) as f64 / 100.0).collect()
        };
        let cells: Vec<Vec<f64>> = sets.iter().map(table).collect();
        let made = |sets: &[Vec<usize>], cells: &[Vec<f64>]| {
            Surrogate::from_tables(&space, Granularity::Blocks, &[1.0, -2.0], sets, cells, &run())
        };
        let surrogate = made(&sets, &cells).unwrap();
        let rows = space.range(0, space.size().unwrap(), &ALONE).unwrap();
        let found = surrogate.predict_members(&space, &rows, &run()).unwrap();
        let mut states = Vec::new();
        for (row, found) in rows.chunks_exact(space.width()).zip(found.chunks_exact(2)) {
            Granularity::Blocks.states(&space, row, &mut states);
            for (m, found) in found.iter().enumerate() {
                let of_set = |(set, cells): (&Vec<usize>, &Vec<f64>)| {
                    cells[set.iter().fold(m, |i, &b| i * cards[b] + states[b] as usize)]
                };
                let sum = [1.0, -2.0][m] + sets.iter().zip(&cells).map(of_set).sum::<f64>();
                assert!((found - sum).abs() < 1e-12);
            }
        }
        for (set, cells, expected) in [
            (vec![0, 4], 6, "table 0, of blocks [0, 4]: use ascending numbers of blocks, 0 to 3"),
            (vec![0, 1, 2, 3], 6, "it has 4 blocks; use 1 to 3"),
            (vec![0], 5, "it has 5 cells, the states and members make 6"),
        ] {
            let message = made(&[set], &[vec![0.0; cells]]).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
        let wide = space_of(&[&[256], &[256], &[2]]);
        let refused = Surrogate::from_tables(&wide, Granularity::Blocks, &[0.0], &[vec![0, 1, 2]], &[vec![]], &run());
        assert!(refused.unwrap_err().to_string().contains("131072 joint states"));
    }

    #[test]
    fn a_complete_table_is_kept_as_it_is() {
        let space = space_of(&[&[3, 2], &[4], &[1]]);
        let values: Vec<f64> = (0..24u32).map(|i| f64::from(i % 5) / 3.0).collect();
        let table = Surrogate::tabulated(&space, values.clone(), None).unwrap();
        let rows = space.range(0, 24, &ALONE).unwrap();
        assert_eq!(table.predict(&space, &rows, &run()).unwrap(), values);
        assert_eq!(table.predict_members(&space, &rows, &run()).unwrap(), values);
        let (tables, constants) = table.purified(&run()).unwrap();
        let purified = Surrogate::new(&space, constants.to_vec(), tables.into_owned(), Vec::new()).unwrap();
        assert!((purified.constants[0] - values.iter().sum::<f64>() / 24.0).abs() < 1e-14);
        let found = purified.predict(&space, &rows, &run()).unwrap();
        assert!(found.iter().zip(&values).all(|(a, b)| (a - b).abs() < 1e-14));
        let refused =
            |space: &Space, values: Vec<f64>| Surrogate::tabulated(space, values, None).unwrap_err().to_string();
        assert!(refused(&space, vec![0.0; 23]).contains("24 architectures, 23 values"));
        assert!(refused(&space, vec![f64::NAN; 24]).contains("architecture 0 has the value NaN"));
        let wide = space_of(&[&[20, 20], &[19, 21], &[1], &[2]]);
        let values: Vec<f64> = (0..319_200u32).map(|i| f64::from(i.wrapping_mul(2_654_435_761) >> 12)).collect();
        let table = Surrogate::tabulated(&wide, values.clone(), None).unwrap();
        let rows = wide.range(0, 319_200, &ALONE).unwrap();
        assert_eq!(table.predict(&wide, &rows, &run()).unwrap(), values);
        let blocks = space_of(&[&[2], &[2], &[2], &[2]]);
        assert!(refused(&blocks, vec![0.0; 16]).contains("there are 4 of several states; join them to at most 3"));
        let fixed = Surrogate::tabulated(&space_of(&[&[1], &[1]]), vec![7.5], None).unwrap();
        assert_eq!(fixed.constants, [7.5]);
    }

    #[test]
    fn leaves_whose_sums_leave_float64_are_refused() {
        let space = space_of(&[&[2], &[2]]);
        let mut surrogate = Surrogate::additive(&space, 0.0, &[vec![0.0; 2], vec![0.0; 2]], &run()).unwrap();
        for (value, expected) in [(1e299, None), (1e308, Some("the leaves of its trees reach inf in all"))] {
            let mut forest = Forest::constant(0.0);
            forest.nodes = vec![Node::leaf(value); 2];
            forest.offsets = vec![0, 1, 2];
            surrogate.forests = vec![forest];
            let message = surrogate.check(&space).err();
            assert_eq!(message.is_some(), expected.is_some());
            assert!(message.unwrap_or_default().contains(expected.unwrap_or_default()));
        }
    }

    #[test]
    fn bits_do_not_depend_on_the_number_of_rows() {
        let space = mnasnet();
        let sets: Vec<Vec<usize>> = (0..26).map(|v| vec![v, v + 1, v + 2]).collect();
        let cards: Vec<usize> = space.cards().collect();
        let table = |set: &Vec<usize>| -> Vec<f64> {
            let cells = 3 * set.iter().map(|&v| cards[v]).product::<usize>();
            (0..cells).map(|c| uniform(set[0] as u64, c as u64, 1 << 40) as f64 / 3e9).collect()
        };
        let cells: Vec<Vec<f64>> = sets.iter().map(table).collect();
        let surrogate =
            Surrogate::from_tables(&space, Granularity::Variables, &[0.1, 0.2, 0.3], &sets, &cells, &run()).unwrap();
        let rows = space.sample(50_000, 2, false).unwrap();
        let (means, members) = (
            surrogate.predict(&space, &rows, &run()).unwrap(),
            surrogate.predict_members(&space, &rows, &run()).unwrap(),
        );
        for (i, row) in rows.chunks_exact(space.width()).enumerate().step_by(997) {
            assert_eq!(surrogate.predict(&space, row, &run()).unwrap(), [means[i]]);
            assert_eq!(surrogate.predict_members(&space, row, &run()).unwrap(), members[3 * i..3 * i + 3]);
        }
    }

    #[test]
    fn given_tables_that_do_not_fit_are_refused() {
        let space = mnasnet();
        let refused = |set: &[usize], cells: Vec<f64>| {
            Surrogate::from_tables(&space, Granularity::Variables, &[0.0], &[set.to_vec()], &[cells], &run())
                .unwrap_err()
                .to_string()
        };
        for (set, cells, expected) in [
            (&[0, 1][..], vec![0.0; 5], "table 0, of variables [0, 1]: it has 5 cells, the choices and members make 6"),
            (&[0], vec![0.0, f64::NAN, 0.0], "a cell is NaN; use finite numbers"),
            (&[1, 0], vec![0.0; 6], "use ascending numbers of variables, 0 to 27"),
            (&[28], vec![0.0; 6], "use ascending numbers of variables, 0 to 27"),
            (&[0, 1, 2, 3, 4], vec![0.0; 6], "it has 5 variables; use 1 to 4"),
            (&[], vec![0.0], "it has 0 variables"),
            (&[0, 4, 8, 12], vec![0.0; 81], "they are of 4 blocks; use at most 3"),
        ] {
            let message = refused(set, cells);
            assert!(message.contains(expected), "{message}");
        }
        let cells: [Vec<f64>; 0] = [];
        assert!(
            Surrogate::from_tables(&space, Granularity::Variables, &[], &[], &cells, &run())
                .unwrap_err()
                .to_string()
                .contains("one member")
        );
        let message = Surrogate::from_tables(&space, Granularity::Variables, &[0.0], &[vec![0]], &cells, &run())
            .unwrap_err()
            .to_string();
        assert!(message.contains("1 sets of variables come with 0 tables"), "{message}");
        let wide = space_of(&[&[256], &[256], &[2]]);
        let message = Surrogate::from_tables(
            &wide,
            Granularity::Variables,
            &[0.0],
            &[vec![0, 1, 2]],
            &[vec![0.0; 1 << 17]],
            &run(),
        )
        .unwrap_err();
        assert!(message.to_string().contains("131072 joint choices"), "{message}");
    }
}
