//! Python's view of a benchmark directory.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use accelnas_core::measure::noise::Scatter;
use accelnas_core::metric::{Direction, Link};
use accelnas_core::predict::predictor::{Predictor, Std};
use accelnas_core::store::benchmark::{Benchmark as CoreBenchmark, write_metric as write};
use accelnas_core::store::listing::{Metric, check_name};
use accelnas_core::threads::Run;
use numpy::{PyArray1, PyArrayMethods, PyUntypedArrayMethods};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyString};

use crate::boundary::{Flat, Rows, Wide, choice_bytes, detached, detached_at, of_checked, parse, to_py};
use crate::build::Surrogate;
use crate::choices::from_dict;
use crate::space::Space;
use crate::uncertainty::{Uncertainty, to_dict};

/// A metric as Python gets it: name, unit, direction, link, noise, description, members, calibrated, limit of the link.
type MetricTuple = (String, String, &'static str, &'static str, Option<f64>, String, usize, bool, Option<f64>);

/// What a row costs that is compared with thousands of others.
const SCANNED: usize = 1 << 12;

/// Mean and, where asked for, standard deviation.
type Prediction<T> = (Flat<T>, Option<Flat<T>>);

/// Rows and values of local optima, which of them each start reached, and in how many moves.
type Optima = (Wide<u8>, Flat<f64>, Flat<i64>, Flat<u32>);

/// What Python says of a metric that it makes; its members, file and hash follow from its surrogate.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Described<'py> {
    unit: String,
    direction: String,
    link: String,
    noise: Option<f64>,
    description: String,
    provenance: BTreeMap<String, String>,
    #[pyo3(default)]
    limit: Option<f64>,
    #[pyo3(default)]
    uncertainty: Option<Uncertainty<'py>>,
}

impl Described<'_> {
    fn metric(&self, name: String) -> PyResult<Metric> {
        let direction = parse("direction", &Direction::NAMES, &self.direction)?;
        let link = Link::named(&self.link, self.limit).map_err(to_py)?;
        let (unit, description) = (self.unit.clone(), self.description.clone());
        Ok(Metric { unit, noise: self.noise, description, ..Metric::new(name, direction, link) })
    }
}

#[pyclass(frozen, module = "accelnas._core")]
pub(crate) struct Benchmark {
    pub(crate) core: Arc<CoreBenchmark>,
    space: Py<Space>,
}

#[pymethods]
impl Benchmark {
    #[new]
    fn new(py: Python<'_>, directory: PathBuf) -> PyResult<Benchmark> {
        let core = CoreBenchmark::open(&directory).map_err(to_py)?;
        let space = Py::new(py, Space::wrap(py, core.space().clone()))?;
        Ok(Benchmark { core: Arc::new(core), space })
    }

    /// One of a space without metrics, in memory alone.
    #[staticmethod]
    fn empty(space: Py<Space>) -> Benchmark {
        let core = CoreBenchmark::new((*space.get().core).clone());
        Benchmark { core: Arc::new(core), space }
    }

    #[getter]
    fn name(&self) -> &str {
        self.core.name()
    }

    #[getter]
    fn space(&self, py: Python<'_>) -> Py<Space> {
        self.space.clone_ref(py)
    }

    #[getter]
    fn metrics(&self) -> Vec<MetricTuple> {
        let tuple = |m: &Metric| {
            let (name, unit, description) = (m.name.clone(), m.unit.clone(), m.description.clone());
            let (direction, link, limit) = (m.direction.name(), m.link.name(), m.link.limit());
            (name, unit, direction, link, m.noise, description, m.members, m.calibrated, limit)
        };
        self.core.metrics().iter().map(tuple).collect()
    }

    /// Position of a metric, or the error that lists them.
    fn position(&self, name: &str) -> PyResult<usize> {
        self.core.position(name).map_err(to_py)
    }

    /// File of a metric and its hash; both empty for a metric in memory.
    fn artifact(&self, metric: usize) -> (&str, &str) {
        let metric = &self.core.metrics()[metric];
        (&metric.file, &metric.sha256)
    }

    /// Hashes, versions and bounds recorded in a metric's artifact.
    fn provenance(&self, py: Python<'_>, metric: usize) -> PyResult<BTreeMap<String, String>> {
        Ok(detached(py, 0, None, |_| self.core.header(metric))?.provenance)
    }

    /// Largest error of a member's deviation in float32 standard deviations, on the link's scale.
    fn deviation_bound(&self, py: Python<'_>, metric: usize) -> PyResult<f64> {
        detached(py, usize::MAX, None, |run| run.in_pool(|| self.core.deviation_bound(metric, run)))
    }

    /// A benchmark with one more metric, which stays in memory.
    #[pyo3(signature = (name, surrogate, **described))]
    fn with_metric(
        &self,
        py: Python<'_>,
        name: String,
        surrogate: &Surrogate,
        described: Option<Described<'_>>,
    ) -> PyResult<Benchmark> {
        let described = described.ok_or_else(not_described)?;
        let (space, metric) = (&surrogate.space, described.metric(name)?);
        let uncertainty = described.uncertainty.map(|u| u.core(space)).transpose()?;
        let core = detached(py, usize::MAX, None, |_| {
            self.core.with_metric(space, metric, &surrogate.core, uncertainty, described.provenance)
        })?;
        Ok(Benchmark { core: Arc::new(core), space: self.space.clone_ref(py) })
    }

    /// How many deviations off its prediction a metric stays below with a probability, on the scale of its link.
    fn deviations_at(&self, py: Python<'_>, metric: usize, probability: f64) -> PyResult<f64> {
        detached(py, 0, None, |_| self.core.deviations_at(metric, probability))
    }

    /// A benchmark with one more metric, which lies so many deviations off the prediction of another one.
    #[pyo3(signature = (name, metric, count, **described))]
    fn with_deviation(
        &self,
        py: Python<'_>,
        name: String,
        metric: usize,
        count: f64,
        described: Option<Described<'_>>,
    ) -> PyResult<Benchmark> {
        let described = described.ok_or_else(not_described)?;
        let new = described.metric(name)?;
        let core = detached(py, 0, None, |_| self.core.with_deviation(metric, count, new, described.provenance))?;
        Ok(Benchmark { core: Arc::new(core), space: self.space.clone_ref(py) })
    }

    /// What a metric's file says of its errors, as `write_metric` takes it.
    fn uncertainty<'py>(&self, py: Python<'py>, metric: usize) -> PyResult<Option<Bound<'py, PyDict>>> {
        let uncertainty = self.predictor(py, metric)?.uncertainty.clone();
        uncertainty.map(|u| to_dict(py, u, self.core.space().width())).transpose()
    }

    fn surrogate(&self, py: Python<'_>, metric: usize) -> PyResult<Surrogate> {
        let core = detached(py, 0, None, |_| self.core.surrogate(metric))?.clone();
        Ok(Surrogate { core, space: self.core.space().clone() })
    }

    /// Float32 predictions of several metrics in one pass.
    fn predict(
        &self,
        rows: Rows<'_>,
        metrics: Vec<usize>,
        std: Option<&str>,
        threads: Option<usize>,
    ) -> PyResult<Vec<Prediction<f32>>> {
        let bytes = choice_bytes(self.core.space(), &rows)?;
        let std = parse_std(std)?;
        let cost = (rows.shape()[0], self.cost(&metrics, std.is_none()));
        let out = detached_at(rows.py(), cost, threads, |run| self.core.predict(&metrics, bytes, std, run))?;
        Ok(out.into_iter().map(|(mean, std)| (Flat(mean), std.map(Flat))).collect())
    }

    /// As [`Benchmark::predict`] of one metric, of one architecture in a form that loops of single queries use: choice
    /// indices, a dictionary or a string. `None` leaves it to the general way, which also says what is wrong.
    fn predict_one(&self, arch: &Bound<'_, PyAny>, metric: &str) -> Option<f32> {
        let space = self.core.space();
        let metric = self.core.metrics().iter().position(|m| m.name == metric)?;
        if space.has_rules() || self.cost(&[metric], true) > 1 {
            return None;
        }
        if let Ok(array) = arch.cast::<PyArray1<u8>>() {
            let row = array.try_readonly().ok()?;
            let row = row.as_slice().ok().filter(|row| row.len() == space.width())?;
            return self.core.predict_one(metric, row);
        }
        let mut row = vec![0; space.width()];
        if let Ok(dict) = arch.cast_exact::<PyDict>() {
            from_dict(space, self.space.get().names(), 0, dict, &mut row).ok()?;
        } else {
            space.parse_row(arch.cast_exact::<PyString>().ok()?.to_str().ok()?, &mut row).ok()?;
        }
        self.core.predict_one(metric, &row)
    }

    /// Float64 predictions, summed in double precision throughout.
    fn predict_float64(
        &self,
        rows: Rows<'_>,
        metrics: Vec<usize>,
        std: Option<&str>,
        threads: Option<usize>,
    ) -> PyResult<Vec<Prediction<f64>>> {
        let std = parse_std(std)?;
        let out = self.of(&rows, &metrics, threads, |rows, run| {
            let predict = |&m: &usize| self.core.predictor(m)?.predict_f64(self.core.space(), rows, std, run);
            metrics.iter().map(predict).collect::<accelnas_core::Result<Vec<_>>>()
        })?;
        Ok(out.into_iter().map(|(mean, std)| (Flat(mean), std.map(Flat))).collect())
    }

    /// Float64 predictions of every member of a metric, (n, members).
    fn predict_members(&self, rows: Rows<'_>, metric: usize, threads: Option<usize>) -> PyResult<Wide<f64>> {
        self.of(&rows, &[metric], threads, |rows, run| {
            let predictor = self.core.predictor(metric)?;
            Ok(Wide(predictor.predict_members(self.core.space(), rows, run)?, predictor.surrogate.members()))
        })
    }

    /// One simulated measurement of every row, float64.
    fn query(
        &self,
        rows: Rows<'_>,
        metric: usize,
        seed: u64,
        std: &str,
        threads: Option<usize>,
    ) -> PyResult<Flat<f64>> {
        let scatter = parse("std", &[("repeat", Scatter::Repeat), ("total", Scatter::Total)], std)?;
        self.of(&rows, &[metric], threads, |rows, run| self.core.query(metric, rows, seed, scatter, run)).map(Flat)
    }

    /// Lower and upper ends of conformal intervals, float64.
    fn predict_interval(
        &self,
        rows: Rows<'_>,
        metric: usize,
        level: f64,
        threads: Option<usize>,
    ) -> PyResult<(Flat<f64>, Flat<f64>)> {
        let ends = self.of(&rows, &[metric], threads, |rows, run| self.core.intervals(metric, rows, level, run))?;
        Ok((Flat(ends.0), Flat(ends.1)))
    }

    /// The metric's artifact as pages hold it.
    fn packed<'py>(&self, py: Python<'py>, metric: usize) -> PyResult<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(py, &detached(py, 0, None, |_| self.core.packed(metric))?))
    }

    /// Degrees of freedom of the Student's t that errors have; None where they are normal.
    fn degrees_of_freedom(&self, py: Python<'_>, metric: usize) -> PyResult<Option<f64>> {
        detached(py, 0, None, |_| self.core.degrees_of_freedom(metric))
    }

    /// Number of variables in which every row differs from the nearest fitted one.
    fn distance(&self, rows: Rows<'_>, metric: usize, threads: Option<usize>) -> PyResult<Flat<u16>> {
        let distances = |rows: &[u8], run: &Run<'_>| run.in_pool(|| self.core.distances(metric, rows, run));
        of_checked(self.core.space(), &rows, SCANNED, threads, distances).map(Flat)
    }

    /// Local optima that steepest climbs from the rows reach, best first.
    fn climb(&self, rows: Rows<'_>, metric: usize, threads: Option<usize>) -> PyResult<Optima> {
        let space = self.core.space();
        // every climb evaluates all neighbours at least once
        let found = of_checked(space, &rows, space.cards().sum(), threads, |rows, run| {
            let direction = self.core.metrics()[metric].direction;
            self.core.predictor(metric)?.climb(space, direction, rows.to_vec(), run)
        })?;
        Ok((Wide(found.rows, space.width()), Flat(found.values), Flat(found.reached), Flat(found.steps)))
    }

    /// The distance to the nearest other row that 99 % of the fitted rows stay within.
    fn distance_limit(&self, py: Python<'_>, metric: usize) -> PyResult<u16> {
        detached(py, usize::MAX, None, |run| run.in_pool(|| self.core.distance_limit(metric, run)))
    }
}

impl Benchmark {
    fn predictor(&self, py: Python<'_>, metric: usize) -> PyResult<&Predictor> {
        detached(py, 0, None, |_| self.core.predictor(metric))
    }

    /// What work that sums metrics in float64 gives of rows, once they are checked.
    fn of<T: Send>(
        &self,
        rows: &Rows<'_>,
        metrics: &[usize],
        threads: Option<usize>,
        work: impl FnOnce(&[u8], &Run<'_>) -> accelnas_core::Result<T> + Send,
    ) -> PyResult<T> {
        of_checked(self.core.space(), rows, self.cost(metrics, false), threads, work)
    }

    /// About how many look-ups a row costs: float32 sums of tables alone are worth one.
    fn cost(&self, metrics: &[usize], is_mean: bool) -> usize {
        let of_metric = |&metric: &usize| match self.core.loaded(metric).map(|p| &p.surrogate) {
            Some(surrogate) if is_mean && surrogate.forests.is_empty() => 1,
            Some(surrogate) => surrogate.cost(),
            // Reading its file takes longer than many rows.
            None => SCANNED,
        };
        metrics.iter().map(of_metric).max().unwrap_or(1)
    }
}

/// Adds a metric to a benchmark directory, or replaces it.
#[pyfunction]
#[pyo3(signature = (directory, name, surrogate, **described))]
pub(crate) fn write_metric(
    py: Python<'_>,
    directory: PathBuf,
    name: String,
    surrogate: &Surrogate,
    described: Option<Described<'_>>,
) -> PyResult<()> {
    let described = described.ok_or_else(not_described)?;
    let (space, metric) = (&surrogate.space, described.metric(name)?);
    let uncertainty = described.uncertainty.map(|u| u.core(space)).transpose()?;
    detached(py, usize::MAX, None, |_| {
        write(&directory, space, metric, &surrogate.core, uncertainty.as_ref(), described.provenance)
    })
}

/// Refuses what can't name a metric, which becomes a file and a column.
#[pyfunction]
pub(crate) fn check_metric_name(name: &str) -> PyResult<()> {
    check_name(name, &[]).map_err(to_py)
}

fn not_described() -> PyErr {
    PyTypeError::new_err("a metric needs unit, direction, link, noise, description and provenance")
}

fn parse_std(name: Option<&str>) -> PyResult<Option<Std>> {
    name.map(|name| parse("std", &[("members", Std::Members), ("total", Std::Total)], name)).transpose()
}
