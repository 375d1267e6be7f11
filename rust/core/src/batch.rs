//! Batches: rows of choice indices in, several metrics out, chunk by chunk on many threads.

use crate::error::Result;
use crate::link::Link;
use crate::pack::{BadChoice, Packer, ROWS};
use crate::predict::{Predictor, Scratch};
use crate::space::Space;
use crate::surrogate::Surrogate;
use crate::threads::Run;

/// Where one metric's results go.
pub struct Output<'a> {
    pub predictor: &'a Predictor,
    pub mean: &'a mut [f32],
    pub std: Option<&'a mut [f32]>,
}

/// One chunk of rows and where its results go.
struct Task<'t> {
    first: usize,
    rows: &'t [u8],
    outputs: Vec<Output<'t>>,
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
    if outputs.iter().all(|out| out.std.is_none() && out.predictor.stays_sparse(n)) {
        return predict_sparse(space, rows, outputs);
    }
    for out in &*outputs {
        run.install(|| out.predictor.prepare(space, packer, out.std.is_some()))?;
    }
    let mut tasks: Vec<Task<'_>> = rows
        .chunks(ROWS * width)
        .enumerate()
        .map(|(i, rows)| Task { first: i * ROWS, rows, outputs: Vec::with_capacity(outputs.len()) })
        .collect();
    for out in outputs {
        let mut stds = out.std.as_mut().map(|std| std.chunks_mut(ROWS));
        for (task, mean) in tasks.iter_mut().zip(out.mean.chunks_mut(ROWS)) {
            task.outputs.push(Output { predictor: out.predictor, mean, std: stds.as_mut().and_then(Iterator::next) });
        }
    }
    run.for_each(tasks, || Scratch::new(space, packer), |scratch, task| run_task(space, packer, scratch, task))
}

/// Mean over members of unchecked rows before the link is inverted.
pub fn predict_link(space: &Space, surrogate: &Surrogate, rows: &[u8], run: &Run<'_>) -> Result<Vec<f32>> {
    let predictor = Predictor::new(surrogate.clone(), Link::Identity)?;
    let mut mean = vec![0f32; rows.len() / space.width()];
    let output = Output { predictor: &predictor, mean: &mut mean, std: None };
    predict(space, &Packer::new(space), rows, &mut [output], run)?;
    Ok(mean)
}

fn predict_sparse(space: &Space, rows: &[u8], outputs: &mut [Output<'_>]) -> Result<()> {
    space.check(rows)?;
    let mut states = Vec::new();
    for out in outputs {
        for (mean, row) in out.mean.iter_mut().zip(rows.chunks_exact(space.width())) {
            *mean = out.predictor.sparse(space, row, &mut states);
        }
    }
    Ok(())
}

fn run_task(space: &Space, packer: &Packer, scratch: &mut Scratch, task: Task<'_>) -> Result<()> {
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx2")]
        fn avx2(space: &Space, packer: &Packer, scratch: &mut Scratch, task: Task<'_>) -> Result<()> {
            run_task_with(space, packer, scratch, task, |rows, out| packer.pack_avx2(rows, out))
        }
        if avx2_enabled() {
            // SAFETY: the processor has AVX2.
            return unsafe { avx2(space, packer, scratch, task) };
        }
    }
    run_task_with(space, packer, scratch, task, |rows, out| packer.pack(rows, out))
}

#[inline(always)]
fn run_task_with(
    space: &Space,
    packer: &Packer,
    scratch: &mut Scratch,
    task: Task<'_>,
    pack: impl FnOnce(&[u8], &mut [u8]) -> std::result::Result<(), BadChoice>,
) -> Result<()> {
    let width = space.width();
    pack(task.rows, &mut scratch.columns).map_err(|bad| {
        space.choice_index_error(task.first + bad.row, bad.variable, task.rows[bad.row * width + bad.variable])
    })?;
    if task.outputs.iter().any(|out| out.predictor.reads_blocks()) {
        packer.pack_blocks(task.rows.len() / width, &scratch.columns, &mut scratch.blocks);
    }
    for out in task.outputs {
        out.predictor.chunk(space, packer, scratch, out.mean, out.std)?;
    }
    Ok(())
}

/// Whether the AVX2 build of the loops runs: the processor has it and `ACCELNAS_PORTABLE` is not set.
#[cfg(target_arch = "x86_64")]
fn avx2_enabled() -> bool {
    static ENABLED: std::sync::LazyLock<bool> = std::sync::LazyLock::new(|| {
        std::is_x86_feature_detected!("avx2") && std::env::var_os("ACCELNAS_PORTABLE").is_none()
    });
    *ENABLED
}
