//! Metrics that lie off the predictions of others: what a measurement stays below with a probability.

use std::collections::BTreeMap;

use crate::error::Result;
use crate::predict::deviation::Deviation;
use crate::store::benchmark::{Benchmark, new_header};
use crate::store::listing::Metric;

impl Benchmark {
    /// How many total standard deviations off the prediction, on the scale of the link, a measurement stays below with a
    /// probability: the end of the interval that leaves as much on either side.
    pub fn deviations_at(&self, metric: usize, probability: f64) -> Result<f64> {
        if !(probability > 0.0 && probability < 1.0) {
            return Err(self.refused(metric, format!("has no quantile {probability}; choose between 0 and 1")));
        }
        let side = (probability - 0.5).signum() * self.metrics()[metric].link.sign();
        match (2.0 * probability - 1.0).abs() {
            0.0 => Ok(0.0),
            level => Ok(side * self.score(metric, level)?),
        }
    }

    /// A benchmark with one more metric in memory: another one so many standard deviations of a measurement off its
    /// prediction, on the scale of its link.
    pub fn with_deviation(
        &self,
        of: usize,
        count: f64,
        metric: Metric,
        provenance: BTreeMap<String, String>,
    ) -> Result<Benchmark> {
        self.surrogate(of)?;
        self.check_new(&metric.name)?;
        let base = self.predictor(of)?;
        let uncertainty = self.uncertainty(of, |_| true, "held-out errors")?.clone();
        if !count.is_finite() {
            return Err(self.refused(of, format!("has no value {count} deviations off; use a finite number")));
        }
        let link = self.metrics()[of].link;
        let metric = Metric { members: 1, link, ..metric };
        let header = new_header(self.space(), &metric, &base.surrogate, None, provenance);
        let predictor = base.deviated(Deviation { count, link, uncertainty })?;
        Ok(self.with(metric, predictor, header))
    }
}
