//! What gives architectures their values: a benchmark's metrics, or anything else.

use std::sync::Arc;

use crate::error::Result;
use crate::kernels::transpose::ROWS;
use crate::measure::noise::{Draws, Noise};
use crate::predict::batch::{FEW, Output, check, predict_few};
use crate::store::benchmark::Benchmark;
use crate::threads::{ALONE, Run};

/// Gives architectures their values.
pub trait Evaluate: Send + Sync {
    /// Values of an architecture.
    fn columns(&self) -> usize;

    /// Appends the values of rows of choice indices, row-major; each row has a seed for its measurement.
    fn evaluate(&self, rows: &[u8], seeds: &[u64], values: &mut Vec<f64>) -> Result<()>;

    /// Whether several threads may evaluate at once.
    fn is_parallel(&self) -> bool {
        true
    }
}

/// Metrics of a benchmark: float32 predictions, or simulated measurements.
pub struct Modelled {
    pub(crate) bench: Arc<Benchmark>,
    pub(crate) metrics: Vec<usize>,
    /// How the first metrics scatter, where measurements are simulated.
    noise: Vec<Noise>,
}

impl Modelled {
    /// The first `noisy` metrics are measured, the others predicted.
    pub fn new(bench: Arc<Benchmark>, metrics: Vec<usize>, noisy: usize, run: &Run<'_>) -> Result<Modelled> {
        let noise = metrics[..noisy].iter().map(|&metric| bench.noise(metric)).collect::<Result<_>>()?;
        run.in_pool(|| {
            let mut metrics = metrics[noisy..].iter();
            metrics.try_for_each(|&m| bench.predictor(m)?.prepare(bench.space(), bench.packer(), None, run))
        })?;
        Ok(Modelled { bench, metrics, noise })
    }

    /// Whether measurements are simulated.
    pub(crate) fn is_noisy(&self) -> bool {
        !self.noise.is_empty()
    }

    /// Measurements of one metric, equal to `Benchmark::query` with each row's seed.
    fn measure(&self, column: usize, rows: &[u8], seeds: &[u64], values: &mut [f64]) -> Result<()> {
        let (metric, space) = (self.metrics[column], self.bench.space());
        let (predictor, entry) = (self.bench.predictor(metric)?, &self.bench.metrics()[metric]);
        // Few rows at a time: these are summed on this thread.
        let chunks = rows.chunks(1024 * space.width()).zip(seeds.chunks(1024));
        let columns = self.metrics.len();
        for ((rows, seeds), values) in chunks.zip(values.chunks_mut(1024 * columns)) {
            let linked = predictor.predict_linked(space, rows, &ALONE)?;
            let measured = self.bench.measured(metric, rows, &ALONE)?;
            let each = rows.chunks_exact(space.width()).zip(seeds).zip(&linked).enumerate();
            for ((i, ((row, &seed), &mean)), values) in each.zip(values.chunks_exact_mut(columns)) {
                let own = measured.as_ref().map_or(&[][..], |measured| measured[i]);
                let draws = Draws::new(seed, &entry.name);
                values[column] = draws.measure(row, own, mean, entry.link, self.noise[column]);
            }
        }
        Ok(())
    }
}

impl Modelled {
    /// Predicts few rows one after the other, where all metrics can; says whether they can.
    fn evaluate_few(&self, rows: &[u8], values: &mut [f64]) -> Result<bool> {
        let (space, columns, noisy) = (self.bench.space(), self.metrics.len(), self.noise.len());
        check(space, self.bench.packer(), (0, rows))?;
        for (column, &metric) in self.metrics.iter().enumerate().skip(noisy) {
            let Some(mean_of) = self.bench.predictor(metric)?.by_row() else { return Ok(false) };
            let values = values.iter_mut().skip(column).step_by(columns);
            values.zip(rows.chunks_exact(space.width())).for_each(|(value, row)| *value = f64::from(mean_of(row)));
        }
        Ok(true)
    }
}

impl Evaluate for Modelled {
    fn columns(&self) -> usize {
        self.metrics.len()
    }

    fn evaluate(&self, rows: &[u8], seeds: &[u64], values: &mut Vec<f64>) -> Result<()> {
        let (space, columns, noisy) = (self.bench.space(), self.metrics.len(), self.noise.len());
        let (n, first) = (rows.len() / space.width(), values.len());
        values.resize(first + n * columns, 0.0);
        let values = &mut values[first..];
        for column in 0..noisy {
            self.measure(column, rows, seeds, values)?;
        }
        if noisy == columns {
            return Ok(());
        }
        if n <= FEW && self.evaluate_few(rows, values)? {
            return Ok(());
        }
        let mut means = vec![0f32; n.min(ROWS) * (columns - noisy)];
        for (rows, values) in rows.chunks(ROWS * space.width()).zip(values.chunks_mut(ROWS * columns)) {
            let n = values.len() / columns;
            let mut outputs = Vec::with_capacity(columns - noisy);
            for (&metric, mean) in self.metrics[noisy..].iter().zip(means.chunks_mut(n)) {
                outputs.push(Output { predictor: self.bench.predictor(metric)?, mean, std: None });
            }
            predict_few(space, self.bench.packer(), rows, outputs, &ALONE)?;
            for (column, means) in (noisy..columns).zip(means.chunks(n)) {
                let values = values.iter_mut().skip(column).step_by(columns);
                values.zip(means).for_each(|(value, &mean)| *value = f64::from(mean));
            }
        }
        Ok(())
    }
}
