//! A chunk of packed rows in float32: sums of tables and forests, and standard deviations.

use std::sync::OnceLock;

use crate::error::{Error, Result};
use crate::kernels::forest::sliced::TileBuffers;
use crate::kernels::links::{invert, inverted};
use crate::kernels::lookup::{DenseMembers, Lanes, finish, scale_residuals};
use crate::kernels::spread::Spread;
use crate::kernels::transpose::ROWS;
use crate::layout::groups::MEMBER_LANES;
use crate::metric::Link;
use crate::predict::predictor::{Means, MemberTables, Predictor, Std};
use crate::tables::axes::Granularity;
use crate::threads::Run;

/// Buffers of one thread, kept between calls.
#[derive(Default)]
pub(crate) struct Buffers {
    pub(crate) columns: Vec<u8>,
    pub(crate) blocks: Vec<u8>,
    cells: Vec<u16>,
    sums: Vec<f32>,
    residuals: Vec<f32>,
    lanes: Vec<Lanes>,
    forest: Vec<f64>,
    tile: TileBuffers,
    totals: Vec<f32>,
}

impl Buffers {
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
    /// A chunk of packed rows, after [`Predictor::prepare`]; with deviations, means are predictions.
    // Every step is a plain loop of its own that is inlined: a closure would be compiled without AVX2.
    #[inline(always)]
    pub(crate) fn chunk(
        &self,
        rows: &[u8],
        s: &mut Buffers,
        mean: &mut [f32],
        std: Option<(Std, &mut [f32])>,
        run: &Run<'_>,
    ) -> Result<()> {
        let (Some(deviation), None) = (&self.deviation, &std) else { return self.moments(rows, s, mean, std, run) };
        let mut totals = std::mem::take(&mut s.totals);
        grow(&mut totals, ROWS);
        let done = self.moments(rows, s, mean, Some((Std::Total, &mut totals[..mean.len()])), run);
        deviation.apply(mean, &totals);
        s.totals = totals;
        done
    }

    /// Means, and standard deviations where they are asked for.
    #[inline(always)]
    fn moments(
        &self,
        rows: &[u8],
        s: &mut Buffers,
        mean: &mut [f32],
        std: Option<(Std, &mut [f32])>,
        run: &Run<'_>,
    ) -> Result<()> {
        self.sum_tables(s, mean.len())?;
        let forests = self.sum_forests(rows, s, mean.len(), run)?;
        let forest = (forests > 0).then_some(&s.forest[..mean.len()]);
        finish(self.link, self.constant, &s.sums[..mean.len()], forest, mean);
        let Some((kind, std)) = std else { return Ok(()) };
        self.scale_residuals(s, kind, mean)?;
        let members = prepared(&self.members)?;
        self.sum_members(s, members, mean.len());
        self.spread(s, members, forests, std);
        Ok(())
    }

    /// What sums few checked rows, where means are sums of tables alone.
    #[inline]
    pub(crate) fn by_row(&self) -> Option<impl Fn(&[u8]) -> f32> {
        match self.dense.get() {
            Some(Means::Groups(_, Some(cells))) if self.surrogate.forests.is_empty() && self.deviation.is_none() => {
                Some(|row: &[u8]| inverted(self.link, f64::from(cells.sum(row)) + self.constant))
            }
            _ => None,
        }
    }

    /// Columns of the axes' states.
    #[inline(always)]
    fn columns<'b>(&self, columns: &'b [u8], blocks: &'b [u8]) -> &'b [u8] {
        match self.surrogate.tables.granularity {
            Granularity::Variables => columns,
            Granularity::Blocks => blocks,
        }
    }

    /// Sums of the mean's tables.
    #[inline(always)]
    fn sum_tables(&self, s: &mut Buffers, n: usize) -> Result<()> {
        let columns = self.columns(&s.columns, &s.blocks);
        let sums = &mut s.sums[..n];
        match prepared(&self.dense)? {
            Means::Complete(table) => table.read(&s.columns, sums),
            Means::Groups(groups, _) => {
                sums.fill(0.0);
                for dense in groups {
                    dense.add(columns, &mut s.cells, sums);
                }
            }
        }
        Ok(())
    }

    /// Sums of each member's forest, behind their mean; gives the number of forests.
    #[inline(always)]
    fn sum_forests(&self, rows: &[u8], s: &mut Buffers, n: usize, run: &Run<'_>) -> Result<usize> {
        let forests = self.surrogate.forests.len();
        grow(&mut s.forest, (forests + 1) * ROWS);
        let (total, each) = s.forest.split_at_mut(ROWS);
        let total = &mut total[..n];
        total.fill(0.0);
        if forests > 0 {
            let of = (rows, &s.columns[..], &s.blocks[..]);
            prepared(&self.forests)?.sums(&self.trees(), of, (each, n), &mut s.tile, run)?;
            for each in each.chunks(ROWS).take(forests) {
                total.iter_mut().zip(&each[..n]).for_each(|(t, e)| *t += e);
            }
            total.iter_mut().for_each(|t| *t /= self.count());
        }
        Ok(forests)
    }

    /// What a standard deviation has besides the members' spread, in the metric's unit.
    #[inline(always)]
    fn scale_residuals(&self, s: &mut Buffers, kind: Std, mean: &[f32]) -> Result<()> {
        let residuals = &mut s.residuals[..mean.len()];
        let Some(uncertainty) = self.uncertainty_for(kind) else {
            residuals.fill(0.0);
            return Ok(());
        };
        residuals.fill(1.0);
        for dense in prepared(&self.factors)? {
            dense.multiply(&s.columns, &mut s.cells, residuals);
        }
        scale_residuals(self.link, uncertainty.residual as f32, mean, residuals);
        Ok(())
    }

    /// Sums of the members' deviations, a vector of members at a time.
    #[inline(always)]
    fn sum_members(&self, s: &mut Buffers, members: &MemberTables, n: usize) {
        let columns = self.columns(&s.columns, &s.blocks);
        let runs = self.surrogate.members().div_ceil(MEMBER_LANES);
        grow(&mut s.lanes, runs * ROWS);
        for (of_run, lanes) in s.lanes.chunks_exact_mut(ROWS).take(runs).enumerate() {
            let lanes = &mut lanes[..n];
            lanes.fill(Lanes::default());
            for groups in members.groups.chunks(2) {
                DenseMembers::add(groups, of_run, columns, &mut s.cells, lanes);
            }
        }
    }

    /// Standard deviations from the members' deviations and the residuals.
    #[inline(always)]
    fn spread(&self, s: &mut Buffers, members: &MemberTables, forests: usize, std: &mut [f32]) {
        let (total, each) = s.forest.split_at(ROWS);
        let (shares, lanes) = (1.0 / self.count(), &s.lanes);
        let of_forests = |run: usize, i: usize| {
            let of_run = run * MEMBER_LANES..forests.min((run + 1) * MEMBER_LANES);
            of_run.map(move |member| each[member * ROWS + i] - total[i])
        };
        for (i, std) in std.iter_mut().enumerate() {
            let rows = lanes.iter().skip(i).step_by(ROWS);
            let variance = match self.link {
                Link::Identity if forests == 0 => {
                    members.unit * members.unit * {
                        let mut spread = Spread::<f32>::default();
                        for (lanes, constants) in rows.zip(&members.constants) {
                            let mut deviations = [0f32; MEMBER_LANES];
                            for m in 0..MEMBER_LANES {
                                deviations[m] = f32::from(lanes.0[m]) * members.step + constants[m];
                            }
                            spread.add(&deviations);
                        }
                        spread.variance(shares)
                    }
                }
                link => {
                    let value = f64::from(s.sums[i]) + self.constant + total[i];
                    let mut own = [value; MEMBER_LANES];
                    invert(link, &mut own);
                    // Distances to the ensemble's value: lanes without a member have none.
                    let mut spread = Spread::<f64>::default();
                    for (run, (lanes, constants)) in rows.zip(&members.constants).enumerate() {
                        let mut distances = [0f64; MEMBER_LANES];
                        for m in 0..MEMBER_LANES {
                            let deviation = f32::from(lanes.0[m]) * members.step + constants[m];
                            distances[m] = value + f64::from(deviation) * members.unit;
                        }
                        distances.iter_mut().zip(of_forests(run, i)).for_each(|(d, of_forest)| *d += of_forest);
                        invert(link, &mut distances);
                        for m in 0..MEMBER_LANES {
                            distances[m] -= own[m];
                        }
                        spread.add(&distances);
                    }
                    spread.variance(shares)
                }
            };
            let residual = f64::from(s.residuals[i]);
            *std = (variance + residual * residual).sqrt() as f32;
        }
    }
}
