//! One metric, ready to predict.
//!
//! A value is the float32 sum over groups of axes of one dense-table cell each, in the order of the
//! groups, then in float64 the constant and the forest, whose leaves are in fixed point. Every path — one row or millions, with or
//! without AVX2, any number of threads — does these operations in this order, so the bits agree.

use std::borrow::Cow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use crate::error::Result;
use crate::kernels::complete::Complete;
use crate::kernels::forest::fixed::{Fixed, Trees};
use crate::kernels::forest::forests::{Forests, trees};
use crate::kernels::links::inverted;
use crate::kernels::lookup::{Dense, DenseMembers};
use crate::kernels::nearest::Training;
use crate::kernels::rows::RowCells;
use crate::kernels::transpose::Packer;
use crate::layout::groups::{Group, MEMBER_LANES};
use crate::metric::Link;
use crate::predict::deviation::Deviation;
use crate::space::definition::Space;
use crate::surrogate::ensemble::Surrogate;
use crate::surrogate::sums::DenseSums;
use crate::surrogate::uncertainty::Uncertainty;
use crate::tables::axes::Granularity;
use crate::threads::{Run, filled, map};

/// Rows that are summed cell by cell before dense tables pay.
const SPARSE_ROWS: usize = 200;

/// Which standard deviation is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Std {
    /// Of the members' predictions.
    Members,
    /// Of a measurement, where the metric has an uncertainty; else of the members' predictions.
    Total,
}

/// One metric, ready to predict.
#[derive(Debug)]
pub struct Predictor {
    pub surrogate: Surrogate,
    pub link: Link,
    pub uncertainty: Option<Uncertainty>,
    /// Where values lie off the prediction; the link is the identity then, and there is no uncertainty besides.
    pub(crate) deviation: Option<Deviation>,
    pub(crate) constant: f64,
    /// Mean over members of each cell, where there are several.
    mean_of_several: Vec<f64>,
    pub(crate) groups: Vec<Group>,
    pub(crate) sparse_rows: AtomicUsize,
    /// Rows summed in float64 so far.
    pub(crate) summed_rows: AtomicUsize,
    pub(crate) dense: OnceLock<Means>,
    pub(crate) dense_sums: OnceLock<DenseSums>,
    pub(crate) members: OnceLock<MemberTables>,
    /// The groups that members are summed over in float64.
    pub(crate) member_groups: OnceLock<Vec<Group>>,
    /// The forests' leaves in fixed point.
    fixed: Vec<Fixed>,
    pub(crate) forests: OnceLock<Forests>,
    pub(crate) factors: OnceLock<Vec<Dense>>,
    pub(crate) training: OnceLock<Training>,
    /// Lowest modelled value over the whole space, where it was asked for.
    pub(crate) lowest: Arc<OnceLock<f64>>,
}

/// The mean's tables, in float32.
#[derive(Debug)]
pub(crate) enum Means {
    /// With the cell numbers of single rows, where there is room for them.
    Groups(Vec<Dense>, Option<RowCells>),
    Complete(Complete),
}

/// The members' deviations from the mean.
#[derive(Debug)]
pub(crate) struct MemberTables {
    pub(crate) groups: Vec<DenseMembers>,
    /// What deviations are in units of, so that none is far from 1.
    pub(crate) unit: f64,
    /// What one step of the integer tables is worth, in units.
    pub(crate) step: f32,
    /// For each run of members the deviations of their constants, in units; 0 where there is no member.
    pub(crate) constants: Vec<[f32; MEMBER_LANES]>,
}

impl Predictor {
    /// Prepares a surrogate whose groups contain all its tables.
    pub fn new(surrogate: Surrogate, link: Link, uncertainty: Option<Uncertainty>) -> Result<Predictor> {
        Ok(Predictor {
            constant: surrogate.mean_constant(),
            mean_of_several: match surrogate.tables.mean_cells() {
                Cow::Owned(mean) => mean,
                Cow::Borrowed(_) => Vec::new(),
            },
            groups: surrogate.assigned(0)?,
            fixed: map(&surrogate.forests, Fixed::new),
            link,
            uncertainty,
            deviation: None,
            surrogate,
            sparse_rows: AtomicUsize::new(0),
            summed_rows: AtomicUsize::new(0),
            dense: OnceLock::new(),
            dense_sums: OnceLock::new(),
            members: OnceLock::new(),
            member_groups: OnceLock::new(),
            forests: OnceLock::new(),
            factors: OnceLock::new(),
            training: OnceLock::new(),
            lowest: Arc::default(),
        })
    }

    /// What lies off this metric's predictions.
    pub(crate) fn deviated(&self, deviation: Deviation) -> Result<Predictor> {
        let predictor = Predictor::new(self.surrogate.clone(), Link::Identity, None)?;
        Ok(Predictor { deviation: Some(deviation), lowest: self.lowest.clone(), ..predictor })
    }

    /// The surrogate, where its mean is what the values are; else says what to ask for.
    pub fn own_surrogate(&self) -> std::result::Result<&Surrogate, String> {
        match self.deviation {
            None => Ok(&self.surrogate),
            Some(_) => {
                Err("lies off what a surrogate predicts; ask for the metric that it is a quantile of".to_owned())
            }
        }
    }

    /// Largest error of a member's deviation in a float32 standard deviation: half a step a group, on the link's scale.
    pub(crate) fn deviation_bound(&self, packer: &Packer, run: &Run<'_>) -> Result<f64> {
        let members = self.members(packer, run)?;
        Ok(0.5 * members.unit * f64::from(members.step) * members.groups.len() as f64)
    }

    /// What a standard deviation has besides the members' spread.
    pub(crate) fn uncertainty_for(&self, std: Std) -> Option<&Uncertainty> {
        let known = self.deviation.as_ref().map(|d| &d.uncertainty).or(self.uncertainty.as_ref());
        known.filter(|_| std == Std::Total)
    }

    /// Whether block states are needed: groups are of blocks, or there is a forest.
    pub(crate) fn reads_blocks(&self) -> bool {
        let tables = &self.surrogate.tables;
        tables.granularity == Granularity::Blocks && !tables.is_complete() || !self.surrogate.forests.is_empty()
    }

    /// Whether so few rows have been asked for that dense tables do not pay yet.
    pub(crate) fn stays_sparse(&self, rows: usize) -> bool {
        self.deviation.is_none()
            && self.dense.get().is_none()
            && self.sparse_rows.fetch_add(rows, Ordering::Relaxed) + rows <= SPARSE_ROWS
    }

    /// Mean of one checked row, cell by cell.
    pub(crate) fn sparse(&self, space: &Space, row: &[u8], states: &mut Vec<u16>) -> f32 {
        self.surrogate.tables.granularity.states(space, row, states);
        let mean = &self.mean_cells()[0];
        let cell = |sum: f32, group: &Group| sum + group.cell(mean, states) as f32;
        let forest = match self.surrogate.forests.is_empty() {
            true => 0.0,
            false => self.trees().iter().fold(0.0, |sum, of| sum + of.walk(row)) / self.count(),
        };
        inverted(self.link, f64::from(self.groups.iter().fold(0f32, cell)) + self.constant + forest)
    }

    /// Mean over members of each cell.
    pub(crate) fn mean_cells(&self) -> &[Vec<f64>] {
        match self.surrogate.members() {
            1 => &self.surrogate.tables.cells,
            _ => std::slice::from_ref(&self.mean_of_several),
        }
    }

    pub(crate) fn count(&self) -> f64 {
        self.surrogate.members() as f64
    }

    fn dense(&self, space: &Space, packer: &Packer, run: &Run<'_>) -> Result<&Means> {
        let mean = &self.mean_cells()[0];
        filled(&self.dense, || match self.surrogate.tables.is_complete() {
            true => Complete::new(space, packer, mean).map(Means::Complete),
            false => {
                let expand = |group: &Group| run.check().map(|()| group.expand(mean));
                let granularity = self.surrogate.tables.granularity;
                let groups = Dense::of_groups(packer, granularity, &self.groups, expand)?;
                let cells = RowCells::new(packer, granularity, &groups);
                Ok(Means::Groups(groups, cells))
            }
        })
    }

    fn members(&self, packer: &Packer, run: &Run<'_>) -> Result<&MemberTables> {
        filled(&self.members, || {
            let (tables, mean) = (&self.surrogate.tables, &self.mean_cells()[0]);
            if self.surrogate.members() == 1 {
                return Ok(MemberTables {
                    groups: Vec::new(),
                    unit: 1.0,
                    step: 0.0,
                    constants: vec![[0.0; MEMBER_LANES]],
                });
            }
            let minus_mean =
                |m: usize| -> Vec<f64> { tables.cells[m].iter().zip(mean).map(|(cell, mean)| cell - mean).collect() };
            // No deviation of the tables exceeds the sum of the largest cells of any partition of them into groups;
            // the mean's groups are the coarsest at hand. Sums may wrap on the way: only the last has to fit.
            let largest = |m: usize| {
                let deviations = minus_mean(m);
                let of_group = |group: &Group| group.expand(&deviations).iter().fold(0.0, |m: f64, v| m.max(v.abs()));
                Ok(self.groups.iter().map(of_group).sum::<f64>())
            };
            let count = self.surrogate.members();
            let bound = run.try_map(0..count, largest)?.into_iter().fold(0.0, f64::max);
            let groups = self.surrogate.assigned(1)?;
            // Rounding adds at most half a step a group; a bound of 0 stands for identical members.
            let step = (bound / (f64::from(i16::MAX) - groups.len() as f64).max(1.0)).max(f64::MIN_POSITIVE);
            let mut dense: Vec<DenseMembers> =
                groups.iter().map(|group| DenseMembers::new(packer, tables.granularity, group)).collect();
            for first in (0..count).step_by(MEMBER_LANES) {
                let deviations = map(first..(first + MEMBER_LANES).min(count), minus_mean);
                let lanes = |group: &Group| Ok(DenseMembers::lanes(group, &deviations, step));
                let lanes = run.try_map(&groups, lanes)?;
                dense.iter_mut().zip(lanes).for_each(|(dense, lanes)| dense.push(lanes));
            }
            let deviations: Vec<f64> = self.surrogate.constants.iter().map(|c| c - self.constant).collect();
            let unit = deviations.iter().fold(step * f64::from(i16::MAX), |most, d| most.max(d.abs()));
            let of_run = |run: &[f64]| std::array::from_fn(|m| run.get(m).map_or(0.0, |d| (d / unit) as f32));
            let constants = deviations.chunks(MEMBER_LANES).map(of_run).collect();
            Ok(MemberTables { groups: dense, unit, step: (step / unit) as f32, constants })
        })
    }

    /// Products of the choices' factors over packed columns.
    fn factors(&self, packer: &Packer, uncertainty: &Uncertainty) -> Result<&Vec<Dense>> {
        filled(&self.factors, || Dense::of_factors(&packer.by_column(&uncertainty.factors)))
    }

    /// The forests, their leaves in fixed point.
    pub(crate) fn trees(&self) -> Vec<Trees<'_>> {
        trees(&self.surrogate.forests, &self.fixed)
    }

    fn forests(&self, space: &Space, packer: &Packer, run: &Run<'_>) -> Result<&Forests> {
        let budget = self.surrogate.budget();
        filled(&self.forests, || Forests::new(space, packer, &self.trees(), budget, run))
    }

    /// Whether [`Predictor::prepare`] has nothing left to do.
    pub(crate) fn is_prepared(&self, std: Option<Std>) -> bool {
        let std = std.or(self.deviation.is_some().then_some(Std::Total));
        let has_factors = |std| self.uncertainty_for(std).is_none() || self.factors.get().is_some();
        let has_std = std.is_none_or(|std| self.members.get().is_some() && has_factors(std));
        self.forests.get().is_some() && self.dense.get().is_some() && has_std
    }

    /// Builds what a batch reads, so that threads do not wait for each other inside it.
    pub(crate) fn prepare(&self, space: &Space, packer: &Packer, std: Option<Std>, run: &Run<'_>) -> Result<()> {
        self.dense(space, packer, run)?;
        self.forests(space, packer, run)?;
        let Some(std) = std.or(self.deviation.is_some().then_some(Std::Total)) else { return Ok(()) };
        self.members(packer, run)?;
        match self.uncertainty_for(std) {
            Some(uncertainty) => self.factors(packer, uncertainty).map(|_| ()),
            None => Ok(()),
        }
    }
}
