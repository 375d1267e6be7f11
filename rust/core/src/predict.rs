//! One metric, ready to predict.
//!
//! A value is the float32 sum over groups of axes of one dense-table cell each, in the order of the
//! groups, then in float64 the constant and the forest. Every path — one row or millions, with or
//! without AVX2, any number of threads — does these operations in this order, so the bits agree.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;

use crate::distance::Training;
use crate::error::{Error, Result};
use crate::expand::Group;
use crate::kernels::{self, Dense, DenseMembers, LANES, Lanes};
use crate::link::Link;
use crate::masks::MaskForest;
use crate::pack::{Packer, ROWS};
use crate::space::Space;
use crate::sums::{DenseSums, Sums};
use crate::surrogate::Surrogate;
use crate::tables::Granularity;
use crate::threads::Run;
use crate::uncertainty::{Uncertainty, variance};

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
    surrogate: Surrogate,
    link: Link,
    uncertainty: Option<Uncertainty>,
    constant: f64,
    mean_cells: Vec<f64>,
    groups: Vec<Group>,
    sparse_rows: AtomicUsize,
    /// Rows summed in float64 so far.
    summed_rows: AtomicUsize,
    dense: OnceLock<Vec<Dense>>,
    dense_sums: OnceLock<DenseSums>,
    members: OnceLock<Members>,
    forests: OnceLock<Vec<MaskForest>>,
    factors: OnceLock<Vec<Dense>>,
    pub(crate) training: OnceLock<Training>,
    /// Lowest modelled value over the whole space, where it was asked for.
    pub(crate) lowest: OnceLock<f64>,
}

/// The members' deviations from the mean.
#[derive(Debug)]
struct Members {
    groups: Vec<DenseMembers>,
    /// What one unit of the integer tables is worth.
    step: f64,
    /// Deviation of each member's constant.
    constants: Vec<f64>,
}

/// Buffers of one thread, kept between calls.
#[derive(Default)]
pub(crate) struct Scratch {
    pub(crate) columns: Vec<u8>,
    pub(crate) blocks: Vec<u8>,
    cells: Vec<u16>,
    sums: Vec<f32>,
    residuals: Vec<f32>,
    lanes: Vec<Lanes>,
    deviations: Vec<f64>,
    forest: Vec<f64>,
}

impl Scratch {
    /// Makes room for a chunk of a space's rows.
    pub(crate) fn fit(&mut self, columns: usize, blocks: usize) {
        grow(&mut self.columns, columns * ROWS);
        grow(&mut self.blocks, blocks * ROWS);
        grow(&mut self.cells, 2 * ROWS);
        grow(&mut self.sums, ROWS);
        grow(&mut self.residuals, ROWS);
    }
}

fn grow<T: Clone + Default>(buffer: &mut Vec<T>, len: usize) {
    if buffer.len() < len {
        buffer.resize(len, T::default());
    }
}

/// The system has no room for tables.
fn no_memory(error: std::io::Error) -> Error {
    Error::model(format!("no memory for its tables: {error}"))
}

impl Predictor {
    /// Prepares a surrogate whose groups contain all its tables.
    pub fn new(surrogate: Surrogate, link: Link, uncertainty: Option<Uncertainty>) -> Result<Predictor> {
        Ok(Predictor {
            constant: surrogate.mean_constant(),
            mean_cells: surrogate.tables.mean_cells(),
            groups: surrogate.assigned(0)?,
            link,
            uncertainty,
            surrogate,
            sparse_rows: AtomicUsize::new(0),
            summed_rows: AtomicUsize::new(0),
            dense: OnceLock::new(),
            dense_sums: OnceLock::new(),
            members: OnceLock::new(),
            forests: OnceLock::new(),
            factors: OnceLock::new(),
            training: OnceLock::new(),
            lowest: OnceLock::new(),
        })
    }

    pub fn surrogate(&self) -> &Surrogate {
        &self.surrogate
    }

    pub fn uncertainty(&self) -> Option<&Uncertainty> {
        self.uncertainty.as_ref()
    }

    pub fn link(&self) -> Link {
        self.link
    }

    /// Largest error of a member's deviation in a float32 standard deviation: half a step a group, on the link's scale.
    pub(crate) fn deviation_bound(&self, packer: &Packer) -> Result<f64> {
        let members = self.members(packer)?;
        Ok(0.5 * members.step * members.groups.len() as f64)
    }

    /// Mean of checked rows in float64, on the scale of the link.
    pub(crate) fn predict_linked(&self, space: &Space, rows: &[u8], run: &Run<'_>) -> Result<Vec<f64>> {
        let (tables, mean) = (&self.surrogate.tables, std::slice::from_ref(&self.mean_cells));
        let asked = rows.len() / space.width();
        let asked = self.summed_rows.fetch_add(asked, Ordering::Relaxed) + asked;
        let pays = DenseSums::pay(tables, &self.groups, 1, asked);
        let dense = match pays {
            true => Some(self.dense_sums.get_or_init(|| DenseSums::new(&self.groups, mean))),
            false => self.dense_sums.get(),
        };
        self.surrogate.predict_sums(space, &Sums::prepared(&self.groups, mean, dense), rows, run)
    }

    /// Mean (and standard deviation) of checked rows in float64, the link inverted.
    pub fn predict_f64(
        &self,
        space: &Space,
        rows: &[u8],
        std: Option<Std>,
        run: &Run<'_>,
    ) -> Result<(Vec<f64>, Option<Vec<f64>>)> {
        let linked = self.predict_linked(space, rows, run)?;
        let mean = linked.iter().map(|&v| self.link.inverse(v)).collect();
        let Some(std) = std else { return Ok((mean, None)) };
        let members = self.surrogate.predict_members(space, rows, run)?;
        let uncertainty = self.uncertainty_for(std);
        let cards: Vec<usize> = space.cards().collect();
        let of_row = |((row, members), &mean): ((&[u8], &[f64]), &f64)| {
            let residual = uncertainty.map_or(0.0, |u| u.residual_of(&cards, row) * self.link.slope(mean));
            (variance(members.iter().map(|&v| self.link.inverse(v))) + residual * residual).sqrt()
        };
        let rows = rows.chunks_exact(space.width()).zip(members.chunks_exact(self.surrogate.members()));
        Ok((mean, Some(rows.zip(&linked).map(of_row).collect())))
    }

    /// What a standard deviation has besides the members' spread.
    fn uncertainty_for(&self, std: Std) -> Option<&Uncertainty> {
        self.uncertainty.as_ref().filter(|_| std == Std::Total)
    }

    /// Every member's value of every checked row in float64, row-major, the link inverted.
    pub fn predict_members(&self, space: &Space, rows: &[u8], run: &Run<'_>) -> Result<Vec<f64>> {
        let values = self.surrogate.predict_members(space, rows, run)?;
        Ok(values.into_iter().map(|v| self.link.inverse(v)).collect())
    }

    /// Whether block states are needed: the axes are blocks, or there is a forest.
    pub(crate) fn reads_blocks(&self) -> bool {
        self.surrogate.tables.granularity == Granularity::Blocks || !self.surrogate.forests.is_empty()
    }

    /// Whether so few rows have been asked for that dense tables do not pay yet.
    pub(crate) fn stays_sparse(&self, rows: usize) -> bool {
        self.dense.get().is_none() && self.sparse_rows.fetch_add(rows, Ordering::Relaxed) + rows <= SPARSE_ROWS
    }

    /// Mean of one checked row, cell by cell.
    pub(crate) fn sparse(&self, space: &Space, row: &[u8], states: &mut Vec<u8>) -> f32 {
        self.surrogate.tables.granularity.states(space, row, states);
        let cell = |sum: f32, group: &Group| sum + group.cell(&self.mean_cells, states) as f32;
        let forest = match self.surrogate.forests.is_empty() {
            true => 0.0,
            false => self.surrogate.forests.iter().fold(0.0, |sum, f| sum + f.predict_row(row)) / self.count(),
        };
        kernels::inverse(self.link, f64::from(self.groups.iter().fold(0f32, cell)) + self.constant + forest)
    }

    fn count(&self) -> f64 {
        self.surrogate.members() as f64
    }

    fn dense(&self, packer: &Packer) -> Result<&[Dense]> {
        let build = || {
            let cells: Vec<Vec<f64>> = self.groups.par_iter().map(|group| group.expand(&self.mean_cells)).collect();
            Dense::of_groups(packer, self.surrogate.tables.granularity, &self.groups, &cells).map_err(no_memory)
        };
        fill(&self.dense, build).map(Vec::as_slice)
    }

    fn members(&self, packer: &Packer) -> Result<&Members> {
        fill(&self.members, || {
            let tables = &self.surrogate.tables;
            let minus_mean = |cells: &Vec<f64>| cells.iter().zip(&self.mean_cells).map(|(c, m)| c - m).collect();
            let deviations: Vec<Vec<f64>> = tables.cells.iter().map(minus_mean).collect();
            let groups = self.surrogate.assigned(1)?;
            // No deviation of the tables exceeds the sum of the largest cells of any partition of them into groups;
            // the mean's groups are the coarsest at hand. Sums may wrap on the way: only the last has to fit.
            let largest = |group: &Group| {
                let of_member = |d: &Vec<f64>| group.expand(d).iter().fold(0.0, |m: f64, v| m.max(v.abs()));
                deviations.iter().map(of_member).collect()
            };
            let largest: Vec<Vec<f64>> = self.groups.par_iter().map(largest).collect();
            let of_member = |m: usize| largest.iter().map(|group| group[m]).sum::<f64>();
            let bound = (0..deviations.len()).map(of_member).fold(0.0, f64::max);
            // Rounding adds at most half a step a group; a bound of 0 stands for identical members.
            let step = (bound / (f64::from(i16::MAX) - groups.len() as f64).max(1.0)).max(f64::MIN_POSITIVE);
            let build = |group: &Group| {
                let expanded: Vec<Vec<f64>> = deviations.iter().map(|d| group.expand(d)).collect();
                DenseMembers::new(packer, tables.granularity, group, &expanded, step)
            };
            let groups = groups.par_iter().map(build).collect();
            Ok(Members {
                groups,
                step,
                constants: self.surrogate.constants.iter().map(|c| c - self.constant).collect(),
            })
        })
    }

    /// Products of the choices' factors over packed columns.
    fn factors(&self, packer: &Packer, uncertainty: &Uncertainty) -> Result<&[Dense]> {
        let build = || {
            let columns: Vec<Vec<f64>> = packer.by_column(&uncertainty.factors);
            Dense::of_factors(&columns).map_err(no_memory)
        };
        fill(&self.factors, build).map(Vec::as_slice)
    }

    fn forests(&self, space: &Space) -> &[MaskForest] {
        self.forests.get_or_init(|| self.surrogate.forests.par_iter().map(|f| MaskForest::new(space, f)).collect())
    }

    /// Whether [`Predictor::prepare`] has nothing left to do.
    pub(crate) fn is_prepared(&self, std: Option<Std>) -> bool {
        let has_factors = |std| self.uncertainty_for(std).is_none() || self.factors.get().is_some();
        let has_std = std.is_none_or(|std| self.members.get().is_some() && has_factors(std));
        self.forests.get().is_some() && self.dense.get().is_some() && has_std
    }

    /// Builds what a batch reads, so that threads do not wait for each other inside it.
    pub(crate) fn prepare(&self, space: &Space, packer: &Packer, std: Option<Std>) -> Result<()> {
        self.dense(packer)?;
        self.forests(space);
        let Some(std) = std else { return Ok(()) };
        self.members(packer)?;
        match self.uncertainty_for(std) {
            Some(uncertainty) => self.factors(packer, uncertainty).map(|_| ()),
            None => Ok(()),
        }
    }

    /// A chunk of packed rows.
    #[inline(always)]
    pub(crate) fn chunk(
        &self,
        space: &Space,
        packer: &Packer,
        s: &mut Scratch,
        mean: &mut [f32],
        std: Option<(Std, &mut [f32])>,
    ) -> Result<()> {
        let n = mean.len();
        let columns = match self.surrogate.tables.granularity {
            Granularity::Variables => &s.columns,
            Granularity::Blocks => &s.blocks,
        };
        let sums = &mut s.sums[..n];
        sums.fill(0.0);
        for dense in self.dense(packer)? {
            dense.add(columns, &mut s.cells, sums);
        }
        let forests = self.forests(space);
        grow(&mut s.forest, (forests.len() + 1) * ROWS);
        let (total, each) = s.forest.split_at_mut(ROWS);
        let total = &mut total[..n];
        total.fill(0.0);
        for (forest, each) in forests.iter().zip(each.chunks_mut(ROWS)) {
            each[..n].fill(0.0);
            forest.add(&s.blocks, ROWS, &mut each[..n]);
            total.iter_mut().zip(&each[..n]).for_each(|(t, e)| *t += e);
        }
        if !forests.is_empty() {
            total.iter_mut().for_each(|t| *t /= self.count());
        }
        kernels::finish(self.link, self.constant, sums, (!forests.is_empty()).then_some(&*total), mean);
        let Some((kind, std)) = std else { return Ok(()) };
        let residuals = &mut s.residuals[..n];
        match self.uncertainty_for(kind) {
            None => residuals.fill(0.0),
            Some(uncertainty) => {
                residuals.fill(1.0);
                for dense in self.factors(packer, uncertainty)? {
                    dense.multiply(&s.columns, &mut s.cells, residuals);
                }
                kernels::scale_residuals(self.link, uncertainty.residual as f32, mean, residuals);
            }
        }
        let members = self.members(packer)?;
        let count = self.surrogate.members();
        let runs = count.div_ceil(LANES);
        grow(&mut s.lanes, runs * ROWS);
        for (run, lanes) in s.lanes.chunks_exact_mut(ROWS).take(runs).enumerate() {
            let lanes = &mut lanes[..n];
            lanes.fill(Lanes::default());
            // A plain loop: a closure would be compiled without AVX2.
            for groups in members.groups.chunks(2) {
                DenseMembers::add(groups, run, columns, &mut s.cells, lanes);
            }
        }
        for (i, std) in std.iter_mut().enumerate() {
            s.deviations.clear();
            for (run, constants) in members.constants.chunks(LANES).enumerate() {
                let lanes = &s.lanes[run * ROWS + i];
                s.deviations.extend(lanes.0.iter().zip(constants).map(|(&lane, c)| f64::from(lane) * members.step + c));
            }
            let forests = each.chunks(ROWS).take(forests.len());
            s.deviations.iter_mut().zip(forests).for_each(|(d, each)| *d += each[i] - total[i]);
            let value = f64::from(sums[i]) + self.constant + total[i];
            let variance = match self.link {
                Link::Identity => variance(s.deviations.iter().copied()),
                link => variance(s.deviations.iter().map(|d| link.inverse(value + d))),
            };
            let residual = f64::from(residuals[i]);
            *std = (variance + residual * residual).sqrt() as f32;
        }
        Ok(())
    }
}

/// The value of a cell, made by the first that needs it.
fn fill<T>(cell: &OnceLock<T>, make: impl FnOnce() -> Result<T>) -> Result<&T> {
    match cell.get() {
        Some(value) => Ok(value),
        None => make().map(|value| cell.get_or_init(|| value)),
    }
}
