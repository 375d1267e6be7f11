//! Python's view of searches of the whole space: questions in, states as JSON text, results as dictionaries.

use std::sync::atomic::{AtomicU64, Ordering};

use accelnas_core::exact::{Constraint, Domain, Item, Kind, Outcome, Question, State, Task};
use accelnas_core::metric::Direction;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::benchmark::Benchmark;
use crate::boundary::{Flat, Rows, Wide, checked, detached, parse, watched};

/// A question about the whole space and its search as jobs.
#[pyclass(frozen, module = "accelnas._core")]
pub(crate) struct Search {
    task: Task,
    width: usize,
}

#[pymethods]
impl Search {
    /// Objectives are (metric, direction), constraints (metric, lower, upper); `allowed` lists the choices of every variable.
    #[new]
    #[pyo3(signature = (benchmark, kind, objectives, constraints, allowed = None, *, k = 1, prune = true, bins = 4096, rows = None,
        max_points = 100_000, threads = None))]
    #[expect(clippy::too_many_arguments, reason = "keyword arguments of Python")]
    fn new(
        py: Python<'_>,
        benchmark: &Benchmark,
        kind: &str,
        objectives: Vec<(usize, String)>,
        constraints: Vec<(usize, f64, f64)>,
        allowed: Option<Vec<Vec<u8>>>,
        k: usize,
        prune: bool,
        bins: usize,
        rows: Option<Rows<'_>>,
        max_points: usize,
        threads: Option<usize>,
    ) -> PyResult<Search> {
        let bench = benchmark.core.clone();
        let space = bench.space().clone();
        let kind = match kind {
            "best" => Kind::Best { k, prune },
            "front" => Kind::Front { most: max_points },
            "count" => Kind::Count,
            "histogram" => Kind::Histogram { bins },
            "ranks" => {
                let rows = rows.ok_or_else(|| PyValueError::new_err("ranks need rows"))?;
                Kind::Ranks { rows: checked(&space, &rows)?.to_vec() }
            }
            other => return Err(PyValueError::new_err(format!("unknown kind {other:?}"))),
        };
        let objectives =
            objectives.iter().map(|(m, direction)| Ok((*m, parse("direction", &Direction::NAMES, direction)?)));
        let objectives = objectives.collect::<PyResult<Vec<_>>>()?;
        let constraint = |(metric, lower, upper)| Constraint { metric, lower, upper };
        let constraints = constraints.into_iter().map(constraint).collect();
        let task = detached(py, usize::MAX, threads, |run| {
            let domain = allowed.map_or_else(|| Ok(Domain::whole(&space)), |allowed| Domain::new(&space, allowed))?;
            Task::new(bench, Question { domain, objectives, constraints }, kind, run)
        })?;
        Ok(Search { task, width: space.width() })
    }

    /// Number of jobs.
    #[getter]
    fn jobs(&self) -> usize {
        self.task.jobs()
    }

    /// Number of architectures.
    #[getter]
    fn size(&self) -> u128 {
        self.task.size()
    }

    /// Metrics whose values results have, by position in the benchmark.
    #[getter]
    fn metrics(&self) -> Vec<usize> {
        self.task.metrics().to_vec()
    }

    /// The state before the first job.
    fn start(&self, py: Python<'_>, threads: Option<usize>) -> PyResult<String> {
        detached(py, usize::MAX, threads, |run| self.task.start(run)?.to_json())
    }

    /// Does the jobs `first .. last`; tells `report` how many architectures are settled now and then.
    #[pyo3(signature = (state, first, last, threads = None, report = None))]
    fn run(
        &self,
        py: Python<'_>,
        state: &str,
        first: usize,
        last: usize,
        threads: Option<usize>,
        report: Option<Py<PyAny>>,
    ) -> PyResult<String> {
        let settled = AtomicU64::new(0);
        let tick = |py: Python<'_>| match &report {
            Some(report) => report.call1(py, (settled.load(Ordering::Relaxed),)).map(|_| ()),
            None => Ok(()),
        };
        let state = watched(py, usize::MAX, threads, tick, |run| {
            let state = State::from_json(state)?;
            self.task.run(state, first..last, &settled, run)?.to_json()
        })?;
        tick(py)?;
        Ok(state)
    }

    /// Puts together what different jobs found.
    #[pyo3(signature = (a, b, threads = None))]
    fn merge(&self, py: Python<'_>, a: &str, b: &str, threads: Option<usize>) -> PyResult<String> {
        detached(py, usize::MAX, threads, |run| {
            self.task.merge(State::from_json(a)?, State::from_json(b)?, run)?.to_json()
        })
    }

    /// What a state says: always `complete`, `done`, `evaluated`, `pruned`, `settled`, `open_bound`, and what the kind finds.
    #[pyo3(signature = (state, threads = None))]
    fn result<'py>(&self, py: Python<'py>, state: &str, threads: Option<usize>) -> PyResult<Bound<'py, PyDict>> {
        let (open_bound, outcome, state) = detached(py, usize::MAX, threads, |run| {
            let state = State::from_json(state)?;
            let outcome = self.task.outcome(&state, run)?;
            Ok((self.task.open_bound(&state), outcome, state))
        })?;
        let out = PyDict::new(py);
        let counts = state.counts;
        out.set_item("complete", self.task.is_complete(&state))?;
        out.set_item("done", state.done)?;
        out.set_item("evaluated", counts.evaluated)?;
        out.set_item("pruned", counts.pruned)?;
        out.set_item("settled", counts.settled)?;
        out.set_item("open_bound", open_bound)?;
        match outcome {
            Outcome::Items(items) => self.set_items(&out, &items)?,
            Outcome::Count(count) => out.set_item("count", count)?,
            Outcome::Histogram { counts, edges } => {
                out.set_item("counts", Flat(counts))?;
                out.set_item("edges", Flat(edges))?;
            }
            Outcome::Ranks { better, equal } => {
                out.set_item("better", Flat(better))?;
                out.set_item("equal", Flat(equal))?;
            }
        }
        Ok(out)
    }
}

impl Search {
    /// Architectures (n, variables) and values (n, metrics) of a result.
    fn set_items(&self, out: &Bound<'_, PyDict>, items: &[Item]) -> PyResult<()> {
        let rows: Vec<u8> = items.iter().flat_map(|item| item.row.iter().copied()).collect();
        let values: Vec<f64> = items.iter().flat_map(|item| item.values.iter().copied()).collect();
        out.set_item("rows", Wide(rows, self.width))?;
        out.set_item("values", Wide(values, self.task.metrics().len()))?;
        let ties: Vec<u128> = items.iter().map(|item| item.ties).collect();
        match ties.iter().map(|&n| u64::try_from(n).ok()).collect() {
            Some(ties) => out.set_item("ties", Flat::<u64>(ties)),
            None => out.set_item("ties", ties),
        }
    }
}
