//! Python's view of seeded searches: problems, algorithms by ask and tell, and many runs at once.

use std::sync::Arc;

use accelnas_core::memory::room;
use accelnas_core::search::{
    Algorithm, AlgorithmSpec, Cohort, Crews, Ended, Evaluate, Farm, Ladder, Log, Modelled, Objective, Stream, Watch,
    Workers,
};
use accelnas_core::{Error, Result, search};
use numpy::{PyReadonlyArray2, PyUntypedArrayMethods};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::benchmark::Benchmark;
use crate::boundary::{Flat, Rows, Wide, detached, row_numbers, to_py, watched};
use crate::space::Space;

/// A function of Python that gives rows of choice indices their values, float64 (n, columns).
struct Function {
    function: Py<PyAny>,
    columns: usize,
    width: usize,
}

impl Function {
    fn call(&self, py: Python<'_>, rows: &[u8], seeds: &[u64], values: &mut Vec<f64>) -> PyResult<()> {
        let n = rows.len() / self.width;
        let found = self.function.call1(py, (Wide(rows.to_vec(), self.width), Flat(seeds.to_vec())))?;
        let found: PyReadonlyArray2<'_, f64> = found.extract(py)?;
        if found.shape() != [n, self.columns] {
            let shape = found.shape();
            return Err(PyValueError::new_err(format!(
                "values have shape {shape:?}, expected [{n}, {}]",
                self.columns
            )));
        }
        values.extend(found.as_array().iter());
        Ok(())
    }
}

impl Evaluate for Function {
    fn columns(&self) -> usize {
        self.columns
    }

    fn evaluate(&self, rows: &[u8], seeds: &[u64], values: &mut Vec<f64>) -> Result<()> {
        Python::attach(|py| self.call(py, rows, seeds, values).map_err(|raised| Error::Caller(Box::new(raised))))
    }

    fn is_parallel(&self) -> bool {
        false
    }
}

/// A search space, what gives its architectures values, and what is sought.
#[pyclass(frozen, module = "accelnas._core")]
pub(crate) struct Problem {
    core: Arc<search::Problem>,
    columns: usize,
}

/// Epochs, metrics of all rungs but the last, whether trainings go on, whether epochs are the cost.
type Rungs = (Vec<u32>, Vec<Vec<usize>>, bool, bool);

#[pymethods]
impl Problem {
    /// Over metrics of a benchmark; the first `noisy` are measured, and the last is the cost where there is a clock.
    /// Fidelities are epochs, ascending, the metrics of all but the last, whether trainings go on from what has ended, and
    /// whether epochs are the cost.
    #[staticmethod]
    #[pyo3(signature = (benchmark, metrics, objective, allowed = None, *, noisy = 0, clock = false, fidelities = None,
        threads = None))]
    #[expect(clippy::too_many_arguments, reason = "keyword arguments of Python")]
    fn modelled(
        py: Python<'_>,
        benchmark: &Benchmark,
        metrics: Vec<usize>,
        objective: &str,
        allowed: Option<Vec<Vec<u8>>>,
        noisy: usize,
        clock: bool,
        fidelities: Option<Rungs>,
        threads: Option<usize>,
    ) -> PyResult<Problem> {
        let columns = metrics.len() - usize::from(clock);
        let core = detached(py, usize::MAX, threads, |run| {
            let objective = Objective::from_json(objective, columns)?;
            let modelled = |metrics| Modelled::new(benchmark.core.clone(), metrics, noisy, run);
            let problem = search::Problem::modelled(modelled(metrics)?, clock, objective, allowed)?;
            let Some((epochs, lower, resumes, is_clock)) = fidelities else { return Ok(problem) };
            let lower = lower.into_iter().map(modelled).collect::<Result<_>>()?;
            problem.laddered(Ladder::new(epochs, lower, resumes, is_clock)?)
        })?;
        Ok(Problem { core: Arc::new(core), columns })
    }

    /// Over a function of rows of choice indices and seeds; without one, values are told, after so many epochs where
    /// these are given.
    #[staticmethod]
    #[pyo3(signature = (space, columns, objective, allowed = None, function = None, epochs = None))]
    fn of(
        space: &Space,
        columns: usize,
        objective: &str,
        allowed: Option<Vec<Vec<u8>>>,
        function: Option<Py<PyAny>>,
        epochs: Option<Vec<u32>>,
    ) -> PyResult<Problem> {
        let width = space.core.width();
        let function =
            function.map(|function| -> Box<dyn Evaluate> { Box::new(Function { function, columns, width }) });
        let core = Objective::from_json(objective, columns)
            .and_then(|objective| search::Problem::of(space.core.clone(), function, objective, allowed))
            .and_then(|problem| match epochs {
                Some(epochs) => problem.laddered(Ladder::told(epochs)?),
                None => Ok(problem),
            });
        Ok(Problem { core: Arc::new(core.map_err(to_py)?), columns })
    }

    /// Makes the runs `first .. last` of an algorithm; tells `report` evaluations and the best first score so far.
    /// Workers are their number, whether what was asked together is told together, and the run's time. Runs begin with
    /// the architectures of `start`, of which the first `free` cost nothing.
    #[pyo3(signature = (
        algorithm, seed, first, last, budget, *, keep_all = false, workers = None, start = None, free = 0,
        threads = None, report = None
    ))]
    #[expect(clippy::too_many_arguments, reason = "keyword arguments of Python")]
    fn run<'py>(
        &self,
        py: Python<'py>,
        algorithm: &str,
        seed: u64,
        first: u64,
        last: u64,
        budget: u64,
        keep_all: bool,
        workers: Option<(usize, bool, f64)>,
        start: Option<Rows<'py>>,
        free: u64,
        threads: Option<usize>,
        report: Option<Py<PyAny>>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let workers = crew(workers)?;
        let start = start.map(|start| self.positions(&start)).transpose()?.unwrap_or_default();
        let watch = Watch::default();
        let tick = |py: Python<'_>| match &report {
            Some(report) => report.call1(py, (watch.evaluations(), watch.best())).map(|_| ()),
            None => Ok(()),
        };
        let logs = watched(py, usize::MAX, threads, tick, |run| {
            let algorithm = AlgorithmSpec::from_json(algorithm)?;
            let farm = Farm {
                problem: &self.core,
                algorithm: &algorithm,
                seed,
                budget,
                keep_all,
                workers,
                start: (&start, free),
            };
            farm.run(first..last, &watch, run)
        })?;
        tick(py)?;
        self.to_dict(py, &logs)
    }

    /// Scores (n, scores) of values (n, columns).
    fn score(&self, values: PyReadonlyArray2<'_, f64>) -> PyResult<Wide<f64>> {
        Ok(self.wide(self.scores_of(&values)?))
    }
}

fn crew(workers: Option<(usize, bool, f64)>) -> PyResult<Option<Workers>> {
    let given = workers.map(|(number, together, until)| Workers::new(number, together, until));
    given.transpose().map_err(to_py)
}

/// One part of all logs, one after the other.
fn joined<T: Copy>(logs: &[Log], part: fn(&Log) -> &[T]) -> Vec<T> {
    logs.iter().map(part).collect::<Vec<&[T]>>().concat()
}

impl Problem {
    fn wide(&self, scores: Vec<f64>) -> Wide<f64> {
        Wide(scores, self.core.objective.scores())
    }

    fn scores_of(&self, values: &PyReadonlyArray2<'_, f64>) -> PyResult<Vec<f64>> {
        if values.shape()[1] != self.columns {
            let found = values.shape()[1];
            return Err(PyValueError::new_err(format!("values have {found} columns, expected {}", self.columns)));
        }
        let mut scores = Vec::new();
        let mut own = Vec::new();
        for values in values.as_array().rows() {
            own.clear();
            own.extend(values.iter());
            self.core.objective.score(&own, &mut scores);
        }
        Ok(scores)
    }

    /// Logs of runs, one after the other, and the length of each.
    fn to_dict<'py>(&self, py: Python<'py>, logs: &[Log]) -> PyResult<Bound<'py, PyDict>> {
        let counts = |part: fn(&Log) -> &[u64]| Flat(joined(logs, part));
        let lengths = |part: fn(&Log) -> usize| Flat(logs.iter().map(|l| part(l) as u64).collect());
        let out = PyDict::new(py);
        out.set_item("lengths", lengths(|log| log.evaluations.len()))?;
        out.set_item("evaluations", counts(|log| &log.evaluations))?;
        out.set_item("rows", Wide(joined(logs, |log| &log.rows), self.core.space.width()))?;
        out.set_item("scores", self.wide(joined(logs, |log| &log.scores)))?;
        out.set_item("values", Wide(joined(logs, |log| &log.values), self.columns))?;
        out.set_item("epochs", Flat(joined(logs, |log| &log.epochs).into_iter().map(u64::from).collect()))?;
        out.set_item("times", Flat(joined(logs, |log| &log.times)))?;
        out.set_item("time", Flat(logs.iter().map(|log| log.time).collect()))?;
        out.set_item("done", Flat(logs.iter().map(|log| log.done).collect()))?;
        out.set_item("improvement_lengths", lengths(|log| log.improvements.len()))?;
        out.set_item("improvements", counts(|log| &log.improvements))?;
        out.set_item("improved_at", counts(|log| &log.improved_at))?;
        out.set_item("improved_scores", self.wide(joined(logs, |log| &log.improved_scores)))?;
        Ok(out)
    }

    /// Checked rows, as positions among the allowed choices.
    fn positions(&self, rows: &Rows<'_>) -> PyResult<Vec<u8>> {
        let space = &self.core.space;
        let names = || space.variables().iter().map(|v| v.name.as_str()).collect::<Vec<_>>().join(", ");
        let mut bytes = row_numbers(rows, space.width(), "variables", &names())?.to_vec();
        detached(rows.py(), rows.shape()[0], None, |run| {
            space.check(&bytes, run).and_then(|()| self.core.to_positions(&mut bytes))
        })?;
        Ok(bytes)
    }
}

/// One run of an algorithm, asked and told by the caller.
#[pyclass(module = "accelnas._core")]
pub(crate) struct Optimizer {
    problem: Py<Problem>,
    algorithm: Box<dyn Algorithm>,
}

#[pymethods]
impl Optimizer {
    #[new]
    #[pyo3(signature = (problem, algorithm, seed, run, budget, start = None))]
    fn new(
        problem: Py<Problem>,
        algorithm: &str,
        seed: u64,
        run: u64,
        budget: u64,
        start: Option<Rows<'_>>,
    ) -> PyResult<Optimizer> {
        let start = start.map(|start| problem.get().positions(&start)).transpose()?.unwrap_or_default();
        let core = &problem.get().core;
        let started = AlgorithmSpec::from_json(algorithm)
            .and_then(|spec| spec.start(&spec.brief(core, budget, &start)?, Stream::new(seed, run)));
        let algorithm = started.map_err(to_py)?;
        Ok(Optimizer { problem, algorithm })
    }

    /// Architectures to evaluate next, and after how many epochs where there are fidelities; as many as the algorithm
    /// likes where no number is given.
    #[pyo3(signature = (n = None))]
    fn ask(&mut self, py: Python<'_>, n: Option<usize>) -> PyResult<(Wide<u8>, Option<Flat<u64>>)> {
        let problem = &self.problem.get().core;
        let (width, asked, algorithm) = (problem.space.width(), problem.asked_width(), &mut self.algorithm);
        let work = n.unwrap_or(1).saturating_mul(algorithm.cost());
        let (rows, epochs) = detached(py, work, None, |run| {
            let mut rows = room(n.unwrap_or(0), asked)?;
            match n {
                None => algorithm.ask(usize::MAX, &mut rows, run),
                Some(n) => {
                    while rows.len() < n * asked {
                        algorithm.ask(n - rows.len() / asked, &mut rows, run);
                        run.check()?;
                    }
                }
            }
            let epochs = problem.split_epochs(&mut rows);
            problem.to_choices(&mut rows);
            Ok((rows, epochs))
        })?;
        Ok((Wide(rows, width), epochs.map(|epochs| Flat(epochs.into_iter().map(u64::from).collect()))))
    }

    /// Takes architectures, their values (n, columns), and their epochs where there are fidelities; gives the scores
    /// (n, scores).
    #[pyo3(signature = (rows, values, epochs = None))]
    fn tell(
        &mut self,
        rows: Rows<'_>,
        values: PyReadonlyArray2<'_, f64>,
        epochs: Option<Vec<u32>>,
    ) -> PyResult<Wide<f64>> {
        let problem = self.problem.get();
        let (positions, scores) = (problem.positions(&rows)?, problem.scores_of(&values)?);
        if rows.shape()[0] != values.shape()[0] {
            let (rows, values) = (rows.shape()[0], values.shape()[0]);
            return Err(PyValueError::new_err(format!("{rows} rows come with {values} rows of values")));
        }
        let told = problem.core.joined_epochs(positions, epochs.as_deref()).map_err(to_py)?;
        let algorithm = &mut self.algorithm;
        rows.py().detach(|| algorithm.tell_all(&told, &scores, problem.core.asked_width()));
        Ok(problem.wide(scores))
    }
}

/// Logs of runs whose algorithms are in Python: evaluates what they ask for.
#[pyclass(module = "accelnas._core")]
pub(crate) struct Runs {
    problem: Py<Problem>,
    /// With who evaluates in simulated time, where anyone does.
    going: Option<(Cohort, Option<Crews>)>,
}

#[pymethods]
impl Runs {
    #[new]
    #[pyo3(signature = (problem, seed, first, last, *, keep_all = false, workers = None, free = 0))]
    fn new(
        problem: Py<Problem>,
        seed: u64,
        first: u64,
        last: u64,
        keep_all: bool,
        workers: Option<(usize, bool, f64)>,
        free: u64,
    ) -> PyResult<Runs> {
        let mut numbers = room(last.saturating_sub(first) as usize, 1).map_err(to_py)?;
        numbers.extend(first..last);
        let crews = crew(workers)?.map(|workers| Crews::new(workers, numbers.len()));
        let cohort = Cohort::new(problem.get().core.clone(), seed, &numbers, keep_all, free);
        Ok(Runs { problem, going: Some((cohort, crews)) })
    }

    /// Evaluates and logs rows of positions among the allowed choices, so many a run, and with fidelities a last column of
    /// rungs; gives what ended: rows, scores (n, scores), and how many of each run. Without workers that is what was
    /// asked.
    fn advance<'py>(&mut self, rows: Rows<'py>, asked: Vec<usize>) -> PyResult<(Wide<u8>, Wide<f64>, Flat<u64>)> {
        let problem = self.problem.get();
        let width = problem.core.asked_width();
        let bytes = row_numbers(&rows, width, "variables", "the space")?;
        let (cohort, crews) = self.going.as_mut().ok_or_else(finished)?;
        let ended = rows.py().detach(|| match crews {
            None => {
                let scores = cohort.advance(bytes, &asked, false)?.to_vec();
                Ok(Ended { rows: bytes.to_vec(), scores, counts: asked })
            }
            Some(crews) => {
                let mut ended = Ended::default();
                crews.start(cohort, bytes, &asked)?;
                crews.end(cohort, false, &mut ended);
                Ok(ended)
            }
        });
        let Ended { rows, scores, counts } = ended.map_err(to_py)?;
        let counts = counts.into_iter().map(|n| n as u64).collect();
        Ok((Wide(rows, width), problem.wide(scores), Flat(counts)))
    }

    /// How many evaluations each run may start now, (runs,): its idle workers; none where its time is over.
    fn idle(&self) -> PyResult<Flat<u64>> {
        match self.going.as_ref().ok_or_else(finished)? {
            (_, Some(crews)) => Ok(Flat((0..crews.runs()).map(|run| crews.idle(run) as u64).collect())),
            _ => Err(PyValueError::new_err("there are no workers")),
        }
    }

    /// Logs, as [`Problem::run`] gives them; nothing can be added then.
    fn finish<'py>(&mut self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let (cohort, _) = self.going.take().ok_or_else(finished)?;
        self.problem.get().to_dict(py, &cohort.into_logs())
    }
}

fn finished() -> PyErr {
    PyValueError::new_err("the runs are finished")
}

/// A seed for one run of an algorithm in Python, below 2^63.
#[pyfunction]
pub(crate) fn run_seed(seed: u64, run: u64) -> u64 {
    Stream::of_evaluation(seed, run, 0) >> 1
}

/// Seeds of the measurements of a run's evaluations, from 1 to `n`.
#[pyfunction]
pub(crate) fn measurement_seeds(seed: u64, run: u64, n: u64) -> PyResult<Flat<u64>> {
    let mut seeds = room(n as usize, 1).map_err(to_py)?;
    seeds.extend((1..=n).map(|i| Stream::of_evaluation(seed, run, i)));
    Ok(Flat(seeds))
}
