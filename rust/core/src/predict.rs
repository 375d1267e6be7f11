//! Batch prediction: rows in, float32 means and standard deviations over members out.
//!
//! A value is the float32 sum over groups of axes of one dense-table cell each, in the order of the
//! groups, then in float64 the constant and the forest. Every path — one row or millions, with or
//! without AVX2, any number of threads — does these operations in this order, so the bits agree.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::expand::{Group, assign};
use crate::kernels::{self, Dense, Kernels};
use crate::link::Link;
use crate::masks::MaskForest;
use crate::pack::{Packer, ROWS};
use crate::space::Space;
use crate::surrogate::Surrogate;
use crate::tables::Granularity;
use crate::threads::Run;

/// Rows that are summed cell by cell before dense tables pay.
const SPARSE_ROWS: usize = 2048;

/// One metric, ready to predict.
#[derive(Debug)]
pub struct Predictor {
    surrogate: Surrogate,
    link: Link,
    constant: f64,
    mean_cells: Vec<f64>,
    groups: Vec<Group>,
    member_groups: Vec<Group>,
    sparse_rows: AtomicUsize,
    dense: OnceLock<Vec<Dense>>,
    deviations: OnceLock<Vec<Vec<f64>>>,
    dense_deviations: OnceLock<Vec<Dense>>,
    forests: OnceLock<Vec<MaskForest>>,
}

/// Where one metric's results go.
pub struct Output<'a> {
    pub predictor: &'a Predictor,
    pub mean: &'a mut [f32],
    pub std: Option<&'a mut [f32]>,
}

/// Buffers of one thread.
struct Scratch {
    columns: Vec<u8>,
    blocks: Vec<u8>,
    sums: Vec<f32>,
    lanes: Vec<f32>,
    forest: Vec<f64>,
}

impl Predictor {
    /// Prepares a surrogate whose groups contain all its tables.
    pub fn new(surrogate: Surrogate, link: Link) -> Result<Predictor> {
        let prepare = |i: usize| {
            assign(&surrogate.tables, &surrogate.groups[i])
                .ok_or_else(|| Error::model("a table lies in no group of axes; recompile the model"))
        };
        let (groups, member_groups) = (prepare(0)?, prepare(1)?);
        Ok(Predictor {
            constant: surrogate.mean_constant(),
            mean_cells: surrogate.tables.mean_cells(),
            groups,
            member_groups,
            link,
            surrogate,
            sparse_rows: AtomicUsize::new(0),
            dense: OnceLock::new(),
            deviations: OnceLock::new(),
            dense_deviations: OnceLock::new(),
            forests: OnceLock::new(),
        })
    }

    pub fn surrogate(&self) -> &Surrogate {
        &self.surrogate
    }

    pub fn link(&self) -> Link {
        self.link
    }

    /// Mean (and standard deviation) of checked rows in float64, the link inverted.
    pub fn predict_f64(
        &self,
        space: &Space,
        rows: &[u8],
        std: bool,
        run: &Run<'_>,
    ) -> Result<(Vec<f64>, Option<Vec<f64>>)> {
        let mean = self.surrogate.predict(space, rows, run)?.into_iter().map(|v| self.link.inverse(v)).collect();
        if !std {
            return Ok((mean, None));
        }
        let members = self.surrogate.predict_members(space, rows, run)?;
        let of_row = |row: &[f64]| spread(row.iter().map(|&v| self.link.inverse(v)));
        Ok((mean, Some(members.chunks_exact(self.surrogate.members()).map(of_row).collect())))
    }

    fn dense(&self, packer: &Packer) -> &[Dense] {
        self.dense.get_or_init(|| {
            let granularity = self.surrogate.tables.granularity;
            let build = |group: &Group| {
                let cells = group.expand(&self.mean_cells);
                Dense::new(packer, granularity, group, cells.iter().map(|&c| c as f32).collect())
            };
            self.groups.par_iter().map(build).collect()
        })
    }

    /// For each member, its cells minus the mean's.
    fn deviations(&self) -> &[Vec<f64>] {
        self.deviations.get_or_init(|| {
            let minus_mean = |cells: &Vec<f64>| cells.iter().zip(&self.mean_cells).map(|(c, m)| c - m).collect();
            self.surrogate.tables.cells.iter().map(minus_mean).collect()
        })
    }

    fn dense_deviations(&self, packer: &Packer) -> &[Dense] {
        self.dense_deviations.get_or_init(|| {
            let (granularity, lanes) = (self.surrogate.tables.granularity, self.lanes());
            let deviations = self.deviations();
            let build = |group: &Group| {
                let mut cells = vec![0f32; group.cells() * lanes];
                for (m, deviation) in deviations.iter().enumerate() {
                    for (cell, value) in group.expand(deviation).into_iter().enumerate() {
                        cells[cell * lanes + m] = value as f32;
                    }
                }
                Dense::new(packer, granularity, group, cells)
            };
            self.member_groups.par_iter().map(build).collect()
        })
    }

    /// Whether block states are needed: the axes are blocks, or there is a forest.
    fn reads_blocks(&self) -> bool {
        self.surrogate.tables.granularity == Granularity::Blocks || !self.surrogate.forests.is_empty()
    }

    fn forests(&self, space: &Space) -> &[MaskForest] {
        self.forests.get_or_init(|| self.surrogate.forests.par_iter().map(|f| MaskForest::new(space, f)).collect())
    }

    /// Members rounded up to whole vectors.
    fn lanes(&self) -> usize {
        self.surrogate.members().next_multiple_of(kernels::LANES)
    }

    /// One row, cell by cell.
    fn sparse(&self, row: &[u8], states: &[u8], std: bool) -> (f32, f32) {
        let members = self.surrogate.members();
        let sum =
            |groups: &[Group], cells: &[f64]| groups.iter().fold(0f32, |sum, g| sum + g.cell(cells, states) as f32);
        let forests: Vec<f64> = self.surrogate.forests.iter().map(|f| f.predict_row(row)).collect();
        let forest = forests.iter().sum::<f64>() / members as f64;
        let value = f64::from(sum(&self.groups, &self.mean_cells)) + self.constant + forest;
        let mean = kernels::inverse(self.link, value);
        if !std {
            return (mean, 0.0);
        }
        let lanes: Vec<f32> = self.deviations().iter().map(|cells| sum(&self.member_groups, cells)).collect();
        (mean, self.std(value, forest, &lanes, |m| forests.get(m).copied().unwrap_or(0.0)))
    }

    /// Population standard deviation of the members on the metric's scale, given their deviations.
    #[inline(always)]
    fn std(&self, value: f64, forest: f64, lanes: &[f32], member_forest: impl Fn(usize) -> f64) -> f32 {
        let member = |(m, &constant): (usize, &f64)| {
            let deviation = f64::from(lanes[m]) + (constant - self.constant) + (member_forest(m) - forest);
            self.link.inverse(value + deviation)
        };
        spread(self.surrogate.constants.iter().enumerate().map(member)) as f32
    }

    /// A chunk of packed rows.
    #[inline(always)]
    fn chunk<K: Kernels>(
        &self,
        space: &Space,
        packer: &Packer,
        n: usize,
        s: &mut Scratch,
        mean: &mut [f32],
        std: Option<&mut [f32]>,
    ) {
        let padded = n.next_multiple_of(16);
        let columns = match self.surrogate.tables.granularity {
            Granularity::Variables => &s.columns,
            Granularity::Blocks => &s.blocks,
        };
        let members = self.surrogate.members();
        s.sums[..padded].fill(0.0);
        for dense in self.dense(packer) {
            K::add_cells(dense, columns, &mut s.sums[..padded]);
        }
        let forests = self.forests(space);
        s.forest.resize((forests.len() + 1) * ROWS, 0.0);
        let (total, each) = s.forest.split_at_mut(ROWS);
        total[..n].fill(0.0);
        for (forest, each) in forests.iter().zip(each.chunks_mut(ROWS)) {
            each[..n].fill(0.0);
            forest.add(&s.blocks, ROWS, &mut each[..n]);
            total[..n].iter_mut().zip(&each[..n]).for_each(|(t, e)| *t += e);
        }
        total[..n].iter_mut().for_each(|t| *t /= members as f64);
        kernels::finish(self.link, self.constant, &s.sums[..n], &total[..n], mean);
        let Some(std) = std else { return };
        let lanes = self.lanes();
        s.lanes.resize(ROWS * lanes, 0.0);
        s.lanes[..n * lanes].fill(0.0);
        for dense in self.dense_deviations(packer) {
            kernels::add_lanes(dense, columns, lanes, &mut s.lanes[..n * lanes]);
        }
        for i in 0..n {
            let value = f64::from(s.sums[i]) + self.constant + total[i];
            let member_forest = |m: usize| each.get(m * ROWS + i).copied().unwrap_or(0.0);
            std[i] = self.std(value, total[i], &s.lanes[i * lanes..][..lanes], member_forest);
        }
    }
}

/// Population standard deviation.
#[inline(always)]
fn spread(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let (n, sum) = values.clone().fold((0.0, 0.0), |(n, sum), v| (n + 1.0, sum + v));
    let mean = sum / n;
    (values.map(|v| (v - mean) * (v - mean)).sum::<f64>() / n).sqrt()
}

/// Predicts several metrics in one pass over unchecked rows.
pub(crate) fn predict(
    space: &Space,
    packer: &Packer,
    rows: &[u8],
    outputs: &mut [Output<'_>],
    run: &Run<'_>,
) -> Result<()> {
    let width = space.width();
    let n = rows.len() / width;
    let sparse = outputs.iter().all(|out| {
        let predictor = out.predictor;
        let built = if out.std.is_some() {
            predictor.dense_deviations.get().is_some()
        } else {
            predictor.dense.get().is_some()
        };
        !built && predictor.sparse_rows.fetch_add(n, Ordering::Relaxed) + n <= SPARSE_ROWS
    });
    if sparse {
        return predict_sparse(space, rows, outputs);
    }
    let mut tasks: Vec<Task<'_>> = rows
        .chunks(ROWS * width)
        .enumerate()
        .map(|(i, rows)| Task { first: i * ROWS, rows, outputs: Vec::with_capacity(outputs.len()) })
        .collect();
    for out in outputs.iter_mut() {
        let mut stds = out.std.as_mut().map(|std| std.chunks_mut(ROWS));
        for (task, mean) in tasks.iter_mut().zip(out.mean.chunks_mut(ROWS)) {
            task.outputs.push((out.predictor, mean, stds.as_mut().and_then(Iterator::next)));
        }
    }
    run.for_each(
        tasks,
        || Scratch::new(space, packer),
        |s, task| {
            let (first, rows) = (task.first, task.rows);
            run_task(space, packer, s, task)
                .map_err(|(row, v)| space.choice_index_error(first + row, v, rows[row * width + v]))
        },
    )
}

/// Mean over members of unchecked rows before the link is inverted.
pub fn predict_link(space: &Space, surrogate: &Surrogate, rows: &[u8], run: &Run<'_>) -> Result<Vec<f32>> {
    let predictor = Predictor::new(surrogate.clone(), Link::Identity)?;
    let mut mean = vec![0f32; rows.len() / space.width()];
    let output = Output { predictor: &predictor, mean: &mut mean, std: None };
    predict(space, &Packer::new(space), rows, &mut [output], run)?;
    Ok(mean)
}

/// One chunk of rows and where its results go.
struct Task<'t> {
    first: usize,
    rows: &'t [u8],
    outputs: Vec<(&'t Predictor, &'t mut [f32], Option<&'t mut [f32]>)>,
}

fn run_task(
    space: &Space,
    packer: &Packer,
    s: &mut Scratch,
    task: Task<'_>,
) -> std::result::Result<(), (usize, usize)> {
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx2")]
        fn avx2(
            space: &Space,
            packer: &Packer,
            s: &mut Scratch,
            task: Task<'_>,
        ) -> std::result::Result<(), (usize, usize)> {
            run_task_with::<kernels::Avx2>(space, packer, s, task)
        }
        if kernels::avx2_enabled() {
            // SAFETY: the processor has AVX2.
            return unsafe { avx2(space, packer, s, task) };
        }
    }
    run_task_with::<kernels::Portable>(space, packer, s, task)
}

#[inline(always)]
fn run_task_with<K: Kernels>(
    space: &Space,
    packer: &Packer,
    s: &mut Scratch,
    task: Task<'_>,
) -> std::result::Result<(), (usize, usize)> {
    let n = task.rows.len() / space.width();
    packer.pack(task.rows, &mut s.columns)?;
    if task.outputs.iter().any(|(p, ..)| p.reads_blocks()) {
        packer.pack_blocks(n, &s.columns, &mut s.blocks);
    }
    for (predictor, mean, std) in task.outputs {
        predictor.chunk::<K>(space, packer, n, s, mean, std);
    }
    Ok(())
}
impl Scratch {
    fn new(space: &Space, packer: &Packer) -> Scratch {
        Scratch {
            columns: vec![0; packer.columns().len() * ROWS],
            blocks: vec![0; space.blocks().len() * ROWS],
            sums: vec![0.0; ROWS],
            lanes: Vec::new(),
            forest: Vec::new(),
        }
    }
}

fn predict_sparse(space: &Space, rows: &[u8], outputs: &mut [Output<'_>]) -> Result<()> {
    space.check(rows)?;
    let mut states = Vec::new();
    for out in outputs {
        for (i, row) in rows.chunks_exact(space.width()).enumerate() {
            out.predictor.surrogate.tables.granularity.states(space, row, &mut states);
            let (mean, std) = out.predictor.sparse(row, &states, out.std.is_some());
            out.mean[i] = mean;
            if let Some(out) = &mut out.std {
                out[i] = std;
            }
        }
    }
    Ok(())
}
