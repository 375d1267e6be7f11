//! Python's view of a benchmark directory.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use accelnas_core::metric::{Direction, Link};
use accelnas_core::predict::predictor::Std;
use accelnas_core::store::benchmark::Benchmark as CoreBenchmark;
use accelnas_core::store::listing::Metric;
use numpy::{PyArray1, PyUntypedArrayMethods};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::boundary::{Array1, Array2, Rows, detached, detached_at, to_py, to_rows};
use crate::build::Surrogate;
use crate::space::Space;
use crate::uncertainty::{Uncertainty, to_dict};

/// A metric as Python gets it: name, unit, direction, link, noise, description, members, calibrated.
type MetricTuple = (String, String, &'static str, &'static str, Option<f64>, String, usize, bool);

/// What a row costs that is compared with thousands of others.
const SCANNED: usize = 1 << 12;

/// Mean and, where asked for, standard deviation: float32 or float64 arrays.
type Prediction<'py> = (Bound<'py, PyAny>, Option<Bound<'py, PyAny>>);

/// Rows and values of local optima, which of them each start reached, and in how many moves.
type Optima<'py> = (Array2<'py, u8>, Array1<'py, f64>, Array1<'py, i64>, Array1<'py, u32>);

/// Lower and upper ends of intervals.
type Interval<'py> = (Array1<'py, f64>, Array1<'py, f64>);

#[pyclass(frozen, module = "accelnas._core")]
pub(crate) struct Benchmark {
    pub(crate) core: Arc<CoreBenchmark>,
    space: Py<Space>,
}

#[pymethods]
impl Benchmark {
    #[new]
    fn new(py: Python<'_>, directory: PathBuf) -> PyResult<Benchmark> {
        let core = CoreBenchmark::open(&directory).map_err(|e| to_py(py, e))?;
        let space = Py::new(py, Space::wrap(py, core.space().clone()))?;
        Ok(Benchmark { core: Arc::new(core), space })
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
            let (direction, link) = (direction_name(m.direction), link_name(m.link));
            (m.name.clone(), m.unit.clone(), direction, link, m.noise, m.description.clone(), m.members, m.calibrated)
        };
        self.core.metrics().iter().map(tuple).collect()
    }

    /// Position of a metric, or the error that lists them.
    fn position(&self, py: Python<'_>, name: &str) -> PyResult<usize> {
        self.core.position(name).map_err(|e| to_py(py, e))
    }

    /// File of a metric and its hash; both empty for a metric in memory.
    fn artifact(&self, metric: usize) -> (&str, &str) {
        let metric = &self.core.metrics()[metric];
        (&metric.file, &metric.sha256)
    }

    /// Hashes, versions and bounds recorded in a metric's artifact.
    fn provenance(&self, py: Python<'_>, metric: usize) -> PyResult<BTreeMap<String, String>> {
        let header = detached(py, 0, None, |_| self.core.header(metric))?;
        Ok(header.provenance)
    }

    /// Largest error of a member's deviation in float32 standard deviations, on the link's scale.
    fn deviation_bound(&self, py: Python<'_>, metric: usize) -> PyResult<f64> {
        detached(py, usize::MAX, None, |run| run.in_pool(|| self.core.deviation_bound(metric, run)))
    }

    /// A benchmark with one more metric, which stays in memory.
    #[pyo3(signature = (name, surrogate, *, unit, direction, link, noise, description, provenance,
        uncertainty = None))]
    #[expect(clippy::too_many_arguments, reason = "keyword arguments of Python")]
    fn with_metric(
        &self,
        py: Python<'_>,
        name: String,
        surrogate: &Surrogate,
        unit: String,
        direction: &str,
        link: &str,
        noise: Option<f64>,
        description: String,
        provenance: BTreeMap<String, String>,
        uncertainty: Option<Uncertainty<'_>>,
    ) -> PyResult<Benchmark> {
        let metric = metric_of(name, unit, direction, link, noise, description)?;
        let uncertainty = uncertainty.map(|u| u.core(py, surrogate.space.width())).transpose()?;
        let core = detached(py, usize::MAX, None, |_| {
            self.core.with_metric(&surrogate.space, metric, &surrogate.core, uncertainty, provenance)
        })?;
        Ok(Benchmark { core: Arc::new(core), space: self.space.clone_ref(py) })
    }

    /// What a metric's file says of its errors, as `write_metric` takes it.
    fn uncertainty<'py>(&self, py: Python<'py>, metric: usize) -> PyResult<Option<Bound<'py, PyDict>>> {
        let uncertainty = detached(py, 0, None, |_| Ok(self.core.predictor(metric)?.uncertainty().cloned()))?;
        uncertainty.map(|u| to_dict(py, u, self.core.space().width())).transpose()
    }

    fn surrogate(&self, py: Python<'_>, metric: usize) -> PyResult<Surrogate> {
        let predictor = detached(py, 0, None, |_| self.core.predictor(metric))?;
        Ok(Surrogate { core: predictor.surrogate().clone(), space: self.core.space().clone() })
    }

    /// Float32 predictions of several metrics in one pass.
    fn predict<'py>(
        &self,
        py: Python<'py>,
        rows: Rows<'py>,
        metrics: Vec<usize>,
        std: Option<&str>,
        threads: Option<usize>,
    ) -> PyResult<Vec<Prediction<'py>>> {
        let bytes = self.space.get().bytes(py, &rows)?;
        let std = std.map(parse_std).transpose()?;
        let cost = self.cost(&rows, &metrics, std.is_none());
        let out = detached_at(py, cost, threads, |run| self.core.predict(&metrics, bytes, std, run))?;
        Ok(out.into_iter().map(|(mean, std)| (array(py, mean), std.map(|std| array(py, std)))).collect())
    }

    /// Float64 predictions, summed in double precision throughout.
    fn predict_float64<'py>(
        &self,
        py: Python<'py>,
        rows: Rows<'py>,
        metrics: Vec<usize>,
        std: Option<&str>,
        threads: Option<usize>,
    ) -> PyResult<Vec<Prediction<'py>>> {
        let bytes = self.space.get().checked(py, &rows)?;
        let std = std.map(parse_std).transpose()?;
        let out = detached_at(py, self.cost(&rows, &metrics, false), threads, |run| {
            let predict = |&m: &usize| {
                let predictor = self.core.predictor(m)?;
                run.install(|| predictor.predict_f64(self.core.space(), bytes, std, run))
            };
            metrics.iter().map(predict).collect::<accelnas_core::Result<Vec<_>>>()
        })?;
        Ok(out.into_iter().map(|(mean, std)| (array(py, mean), std.map(|std| array(py, std)))).collect())
    }

    /// Float64 predictions of every member of a metric, (n, members).
    fn predict_members<'py>(
        &self,
        py: Python<'py>,
        rows: Rows<'py>,
        metric: usize,
        threads: Option<usize>,
    ) -> PyResult<Array2<'py, f64>> {
        let bytes = self.space.get().checked(py, &rows)?;
        let (out, members) = detached_at(py, self.cost(&rows, &[metric], false), threads, |run| {
            let predictor = self.core.predictor(metric)?;
            let out = run.install(|| predictor.predict_members(self.core.space(), bytes, run))?;
            Ok((out, predictor.surrogate().members()))
        })?;
        to_rows(py, out, members)
    }

    /// One simulated measurement of every row, float64.
    fn query<'py>(
        &self,
        py: Python<'py>,
        rows: Rows<'py>,
        metric: usize,
        seed: u64,
        threads: Option<usize>,
    ) -> PyResult<Array1<'py, f64>> {
        let bytes = self.space.get().checked(py, &rows)?;
        let out = detached_at(py, self.cost(&rows, &[metric], false), threads, |run| {
            run.install(|| self.core.query(metric, bytes, seed, run))
        })?;
        Ok(PyArray1::from_vec(py, out))
    }

    /// Lower and upper ends of conformal intervals, float64.
    fn predict_interval<'py>(
        &self,
        py: Python<'py>,
        rows: Rows<'py>,
        metric: usize,
        level: f64,
        threads: Option<usize>,
    ) -> PyResult<Interval<'py>> {
        let bytes = self.space.get().checked(py, &rows)?;
        let (lower, upper) = detached_at(py, self.cost(&rows, &[metric], false), threads, |run| {
            run.install(|| self.core.intervals(metric, bytes, level, run))
        })?;
        Ok((PyArray1::from_vec(py, lower), PyArray1::from_vec(py, upper)))
    }

    /// Number of variables in which every row differs from the nearest fitted one.
    fn distance<'py>(
        &self,
        py: Python<'py>,
        rows: Rows<'py>,
        metric: usize,
        threads: Option<usize>,
    ) -> PyResult<Array1<'py, u16>> {
        let bytes = self.space.get().checked(py, &rows)?;
        let out = detached_at(py, (rows.shape()[0], SCANNED), threads, |run| {
            run.in_pool(|| self.core.distances(metric, bytes, run))
        })?;
        Ok(PyArray1::from_vec(py, out))
    }

    /// Local optima that steepest climbs from the rows reach, best first.
    fn climb<'py>(
        &self,
        py: Python<'py>,
        rows: Rows<'py>,
        metric: usize,
        threads: Option<usize>,
    ) -> PyResult<Optima<'py>> {
        let space = self.space.get();
        let bytes = space.checked(py, &rows)?;
        // every climb evaluates all neighbours at least once
        let work = rows.shape()[0].saturating_mul(space.core.cards().sum());
        let direction = self.core.metrics()[metric].direction;
        let found = detached(py, work, threads, |run| {
            self.core.predictor(metric)?.climb(&space.core, direction, bytes.to_vec(), run)
        })?;
        Ok((
            to_rows(py, found.rows, space.core.width())?,
            PyArray1::from_vec(py, found.values),
            PyArray1::from_vec(py, found.reached),
            PyArray1::from_vec(py, found.steps),
        ))
    }

    /// The distance to the nearest other row that 99 % of the fitted rows stay within.
    fn distance_limit(&self, py: Python<'_>, metric: usize) -> PyResult<u16> {
        detached(py, usize::MAX, None, |run| run.in_pool(|| self.core.distance_limit(metric, run)))
    }
}

impl Benchmark {
    /// Rows, and about how many look-ups one costs: float32 sums of tables alone are worth one.
    fn cost(&self, rows: &Rows<'_>, metrics: &[usize], is_mean: bool) -> (usize, usize) {
        let of_metric = |&metric: &usize| match self.core.loaded(metric).map(|p| p.surrogate()) {
            Some(surrogate) if is_mean && surrogate.forests.is_empty() => 1,
            Some(surrogate) => surrogate.cost(),
            // Reading its file takes longer than many rows.
            None => SCANNED,
        };
        (rows.shape()[0], metrics.iter().map(of_metric).max().unwrap_or(1))
    }

    /// Checked rows of choice indices of the benchmark's space.
    pub(crate) fn checked<'a>(&self, py: Python<'_>, rows: &'a Rows<'_>) -> PyResult<&'a [u8]> {
        self.space.get().checked(py, rows)
    }
}

fn array<T: numpy::Element>(py: Python<'_>, values: Vec<T>) -> Bound<'_, PyAny> {
    PyArray1::from_vec(py, values).into_any()
}

/// Adds a metric to a benchmark directory, or replaces it.
#[pyfunction]
#[pyo3(signature = (directory, name, surrogate, *, unit, direction, link, noise, description, provenance,
    uncertainty = None))]
#[expect(clippy::too_many_arguments, reason = "keyword arguments of Python")]
pub(crate) fn write_metric(
    py: Python<'_>,
    directory: PathBuf,
    name: String,
    surrogate: &Surrogate,
    unit: String,
    direction: &str,
    link: &str,
    noise: Option<f64>,
    description: String,
    provenance: BTreeMap<String, String>,
    uncertainty: Option<Uncertainty<'_>>,
) -> PyResult<()> {
    let metric = metric_of(name, unit, direction, link, noise, description)?;
    let (space, core) = (&surrogate.space, &surrogate.core);
    let uncertainty = uncertainty.map(|u| u.core(py, space.width())).transpose()?;
    detached(py, usize::MAX, None, |_| {
        accelnas_core::store::benchmark::write_metric(&directory, space, metric, core, uncertainty.as_ref(), provenance)
    })
}

/// Refuses what can't name a metric, which becomes a file and a column.
#[pyfunction]
pub(crate) fn check_metric_name(py: Python<'_>, name: &str) -> PyResult<()> {
    accelnas_core::store::listing::check_name(name, &[]).map_err(|e| to_py(py, e))
}

/// A metric as Python describes it; its members, file and hash follow from its surrogate.
fn metric_of(
    name: String,
    unit: String,
    direction: &str,
    link: &str,
    noise: Option<f64>,
    description: String,
) -> PyResult<Metric> {
    Ok(Metric {
        name,
        unit,
        direction: parse_direction(direction)?,
        link: parse_link(link)?,
        noise,
        description,
        members: 0,
        calibrated: false,
        file: String::new(),
        sha256: String::new(),
    })
}

fn direction_name(direction: Direction) -> &'static str {
    match direction {
        Direction::Maximise => "maximise",
        Direction::Minimise => "minimise",
    }
}

fn link_name(link: Link) -> &'static str {
    match link {
        Link::Identity => "identity",
        Link::Reciprocal => "reciprocal",
        Link::Log => "log",
    }
}

fn parse_std(text: &str) -> PyResult<Std> {
    match text {
        "members" => Ok(Std::Members),
        "total" => Ok(Std::Total),
        _ => Err(PyValueError::new_err(format!("std is {text:?}; choose members or total"))),
    }
}

pub(crate) fn parse_direction(text: &str) -> PyResult<Direction> {
    [Direction::Maximise, Direction::Minimise]
        .into_iter()
        .find(|&d| direction_name(d) == text)
        .ok_or_else(|| PyValueError::new_err(format!("direction is {text:?}; choose maximise or minimise")))
}

fn parse_link(text: &str) -> PyResult<Link> {
    [Link::Identity, Link::Reciprocal, Link::Log]
        .into_iter()
        .find(|&l| link_name(l) == text)
        .ok_or_else(|| PyValueError::new_err(format!("link is {text:?}; choose identity, reciprocal or log")))
}
