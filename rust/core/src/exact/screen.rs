//! A quick look at values off predictions: float32 tells most architectures that miss a threshold from the others.

use std::borrow::Cow;

use crate::error::Result;
use crate::kernels::transpose::ROWS;
use crate::predict::batch::{Output, predict_few};
use crate::predict::predictor::{Predictor, Std};
use crate::store::benchmark::Benchmark;
use crate::threads::Run;

/// Largest relative error of a standard deviation in float32, besides that of the members' deviations: a few hundred
/// roundings of 2^-24.
const RELATIVE: f64 = 1e-4;

/// How far float32 may be off a metric's value, which lies off predictions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Screen {
    metric: usize,
    /// Of the mean.
    mean: f64,
    /// Of the members' spread.
    spread: f64,
    count: f64,
}

/// What a screen lets through: times a sign, values from a threshold on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Threshold<'a> {
    pub(crate) screen: &'a Screen,
    pub(crate) sign: f64,
    pub(crate) least: f64,
}

impl Screen {
    /// Prepares a metric; `None` where it is no such one, or float32 has no bound here.
    pub(crate) fn new(bench: &Benchmark, metric: usize, run: &Run<'_>) -> Result<Option<Screen>> {
        let predictor = bench.predictor(metric)?;
        let Some(deviation) = &predictor.deviation else { return Ok(None) };
        if !predictor.surrogate.forests.is_empty() || predictor.surrogate.tables.is_complete() {
            return Ok(None);
        }
        predictor.prepare(bench.space(), bench.packer(), None, run)?;
        let spread = predictor.deviation_bound(bench.packer(), run)?;
        Ok(Some(Screen { metric, mean: mean_error(predictor), spread, count: deviation.count }))
    }
}

/// Sums of cells round once a group, cells and the result once; no sum exceeds the largest cells and the constant.
fn mean_error(predictor: &Predictor) -> f64 {
    const ROUNDING: f64 = 1.0 / (1 << 24) as f64;
    let (tables, cells) = (&predictor.surrogate.tables, &predictor.mean_cells()[0]);
    let largest = |window: &[usize]| cells[window[0]..window[1]].iter().fold(0.0, |m: f64, c| m.max(c.abs()));
    let magnitude = predictor.constant.abs() + tables.offsets.windows(2).map(largest).sum::<f64>();
    2.0 * (predictor.groups.len() + 2) as f64 * ROUNDING * magnitude
}

/// Checked rows without those that surely miss a threshold.
pub(crate) fn screened<'r>(
    bench: &Benchmark,
    rows: &'r [u8],
    thresholds: &[Threshold<'_>],
    run: &Run<'_>,
) -> Result<Cow<'r, [u8]>> {
    let (space, width) = (bench.space(), bench.space().width());
    if thresholds.is_empty() || rows.is_empty() {
        return Ok(Cow::Borrowed(rows));
    }
    let mut kept = Vec::new();
    let mut moments = vec![0f32; 2 * ROWS.min(rows.len() / width)];
    for rows in rows.chunks(ROWS * width) {
        let n = rows.len() / width;
        let mut may = vec![true; n];
        for Threshold { screen, sign, least } in thresholds {
            let (mean, total) = moments.split_at_mut(n);
            let total = &mut total[..n];
            let output = Output { predictor: bench.predictor(screen.metric)?, mean, std: Some((Std::Total, total)) };
            predict_few(space, bench.packer(), rows, vec![output], run)?;
            let (mean, total) = moments.split_at(n);
            for ((may, &mean), &total) in may.iter_mut().zip(mean).zip(total) {
                let (mean, total) = (f64::from(mean), f64::from(total));
                let error = screen.mean + screen.count.abs() * (screen.spread + RELATIVE * total);
                // What is no number is let through.
                let misses = sign * (mean + screen.count * total) + error < *least;
                *may &= !misses;
            }
        }
        let each = rows.chunks_exact(width).zip(&may).filter(|(_, may)| **may);
        kept.extend(each.flat_map(|(row, _)| row.iter().copied()));
    }
    Ok(Cow::Owned(kept))
}
