//! One metric, ready to predict.
//!
//! A value is the float32 sum over groups of axes of one dense-table cell each, in the order of the
//! groups, then in float64 the constant and the forest. Every path — one row or millions, with or
//! without AVX2, any number of threads — does these operations in this order, so the bits agree.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

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
use crate::threads::{Run, filled, map};
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
    forests: OnceLock<Vec<Trees>>,
    factors: OnceLock<Vec<Dense>>,
    pub(crate) training: OnceLock<Training>,
    /// Lowest modelled value over the whole space, where it was asked for.
    pub(crate) lowest: OnceLock<f64>,
}

/// How a member's forest is evaluated; both add the same leaves in the same order.
#[derive(Debug)]
enum Trees {
    Masks(MaskForest),
    /// Node by node, where masks would take more memory than the model may.
    Walk,
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

/// What a batch reads, made by [`Predictor::prepare`].
fn prepared<T>(cell: &OnceLock<T>) -> Result<&T> {
    cell.get().ok_or_else(|| Error::model("its tables are not prepared"))
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
    pub(crate) fn deviation_bound(&self, packer: &Packer, run: &Run<'_>) -> Result<f64> {
        let members = self.members(packer, run)?;
        Ok(0.5 * members.step * members.groups.len() as f64)
    }

    /// Mean of checked rows in float64, on the scale of the link.
    pub(crate) fn predict_linked(&self, space: &Space, rows: &[u8], run: &Run<'_>) -> Result<Vec<f64>> {
        let (tables, mean) = (&self.surrogate.tables, std::slice::from_ref(&self.mean_cells));
        let asked = rows.len() / space.width();
        let asked = self.summed_rows.fetch_add(asked, Ordering::Relaxed) + asked;
        let pays = DenseSums::pay(tables, &self.groups, 1, asked);
        let dense = match pays {
            true => Some(filled(&self.dense_sums, || Ok(DenseSums::new(&self.groups, mean)))?),
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

    fn dense(&self, packer: &Packer, run: &Run<'_>) -> Result<&Vec<Dense>> {
        filled(&self.dense, || {
            let expand = |group: &Group| run.check().map(|()| group.expand(&self.mean_cells));
            Dense::of_groups(packer, self.surrogate.tables.granularity, &self.groups, expand)
        })
    }

    fn members(&self, packer: &Packer, run: &Run<'_>) -> Result<&Members> {
        filled(&self.members, || {
            let tables = &self.surrogate.tables;
            let minus_mean = |m: usize| -> Vec<f64> {
                tables.cells[m].iter().zip(&self.mean_cells).map(|(cell, mean)| cell - mean).collect()
            };
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
            for first in (0..count).step_by(LANES) {
                let deviations = map(first..(first + LANES).min(count), minus_mean);
                let lanes = |group: &Group| Ok(DenseMembers::lanes(group, &deviations, step));
                let lanes = run.try_map(&groups, lanes)?;
                dense.iter_mut().zip(lanes).for_each(|(dense, lanes)| dense.push(lanes));
            }
            let constants = self.surrogate.constants.iter().map(|c| c - self.constant).collect();
            Ok(Members { groups: dense, step, constants })
        })
    }

    /// Products of the choices' factors over packed columns.
    fn factors(&self, packer: &Packer, uncertainty: &Uncertainty) -> Result<&Vec<Dense>> {
        filled(&self.factors, || Dense::of_factors(&packer.by_column(&uncertainty.factors)))
    }

    fn forests(&self, space: &Space, run: &Run<'_>) -> Result<&Vec<Trees>> {
        filled(&self.forests, || {
            let forests = &self.surrogate.forests;
            let masks = forests.iter().fold(0usize, |sum, f| sum.saturating_add(MaskForest::most_bytes(space, f)));
            match masks <= self.surrogate.budget() {
                true => run.try_map(forests, |forest| MaskForest::new(space, forest, run).map(Trees::Masks)),
                false => Ok(forests.iter().map(|_| Trees::Walk).collect()),
            }
        })
    }

    /// Whether [`Predictor::prepare`] has nothing left to do.
    pub(crate) fn is_prepared(&self, std: Option<Std>) -> bool {
        let has_factors = |std| self.uncertainty_for(std).is_none() || self.factors.get().is_some();
        let has_std = std.is_none_or(|std| self.members.get().is_some() && has_factors(std));
        self.forests.get().is_some() && self.dense.get().is_some() && has_std
    }

    /// Builds what a batch reads, so that threads do not wait for each other inside it.
    pub(crate) fn prepare(&self, space: &Space, packer: &Packer, std: Option<Std>, run: &Run<'_>) -> Result<()> {
        self.dense(packer, run)?;
        self.forests(space, run)?;
        let Some(std) = std else { return Ok(()) };
        self.members(packer, run)?;
        match self.uncertainty_for(std) {
            Some(uncertainty) => self.factors(packer, uncertainty).map(|_| ()),
            None => Ok(()),
        }
    }

    /// A chunk of packed rows, after [`Predictor::prepare`].
    #[inline(always)]
    pub(crate) fn chunk(
        &self,
        rows: &[u8],
        s: &mut Scratch,
        mean: &mut [f32],
        std: Option<(Std, &mut [f32])>,
        run: &Run<'_>,
    ) -> Result<()> {
        let n = mean.len();
        let columns = match self.surrogate.tables.granularity {
            Granularity::Variables => &s.columns,
            Granularity::Blocks => &s.blocks,
        };
        let sums = &mut s.sums[..n];
        sums.fill(0.0);
        for dense in prepared(&self.dense)? {
            dense.add(columns, &mut s.cells, sums);
        }
        let forests = prepared(&self.forests)?;
        grow(&mut s.forest, (forests.len() + 1) * ROWS);
        let (total, each) = s.forest.split_at_mut(ROWS);
        let total = &mut total[..n];
        total.fill(0.0);
        for (m, (trees, each)) in forests.iter().zip(each.chunks_mut(ROWS)).enumerate() {
            each[..n].fill(0.0);
            match trees {
                Trees::Masks(masks) => masks.add(&s.blocks, ROWS, &mut each[..n], run)?,
                Trees::Walk => self.surrogate.forests[m].add(rows, &mut each[..n], run)?,
            }
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
                for dense in prepared(&self.factors)? {
                    dense.multiply(&s.columns, &mut s.cells, residuals);
                }
                kernels::scale_residuals(self.link, uncertainty.residual as f32, mean, residuals);
            }
        }
        let members = prepared(&self.members)?;
        let count = self.surrogate.members();
        let runs = count.div_ceil(LANES);
        grow(&mut s.lanes, runs * ROWS);
        for (of_run, lanes) in s.lanes.chunks_exact_mut(ROWS).take(runs).enumerate() {
            let lanes = &mut lanes[..n];
            lanes.fill(Lanes::default());
            // A plain loop: a closure would be compiled without AVX2.
            for groups in members.groups.chunks(2) {
                DenseMembers::add(groups, of_run, columns, &mut s.cells, lanes);
            }
        }
        for (i, std) in std.iter_mut().enumerate() {
            s.deviations.clear();
            for (of_run, constants) in members.constants.chunks(LANES).enumerate() {
                let lanes = &s.lanes[of_run * ROWS + i];
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
