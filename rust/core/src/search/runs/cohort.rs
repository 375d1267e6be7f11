//! Runs that advance together: what they ask for is evaluated at once, and each one's log is kept.

use std::collections::HashMap;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::search::problem::definition::Problem;
use crate::search::problem::stream::Stream;
use crate::search::quality::archive::Archive;

const IMPROVEMENTS: usize = 32;

/// What one run found, in the order of evaluations.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Log {
    /// Number of each evaluation, from 1.
    pub evaluations: Vec<u64>,
    /// Choice indices.
    pub rows: Vec<u8>,
    pub scores: Vec<f64>,
    /// Values of all columns but the clock; of logs of everything only.
    pub values: Vec<f64>,
    /// Epochs of each evaluation; empty without fidelities.
    pub epochs: Vec<u32>,
    /// Cost so far, the evaluation included; empty without a clock.
    pub times: Vec<f64>,
    /// Cost of the whole run.
    pub time: f64,
    /// Evaluations of the whole run.
    pub done: u64,
    /// Positions in the log of what was the best so far, or not dominated, or recommended; of logs of everything only.
    pub improvements: Vec<u64>,
    /// The evaluations after which they were.
    pub improved_at: Vec<u64>,
    /// Their scores, which for a recommendation is what the algorithm thinks of it.
    pub improved_scores: Vec<f64>,
}

/// Runs that advance together.
pub struct Cohort {
    problem: Arc<Problem>,
    seed: u64,
    /// Whether logs hold every architecture, and with it all values, or those alone that were the best so far, or that
    /// nothing so far dominated.
    keep_all: bool,
    /// How many evaluations of a run, the first, cost nothing.
    free: u64,
    recorders: Vec<Recorder>,
    evaluated: Evaluated,
}

/// What was evaluated last.
#[derive(Default)]
struct Evaluated {
    choices: Vec<u8>,
    /// None without fidelities.
    rungs: Vec<u8>,
    seeds: Vec<u64>,
    values: Vec<f64>,
    scores: Vec<f64>,
    /// None where evaluations cost nothing.
    costs: Vec<f64>,
}

/// One evaluation.
pub(crate) struct Evaluation<'a> {
    /// What was asked for: positions among the allowed choices, and the rung where there are fidelities.
    pub(crate) row: &'a [u8],
    pub(crate) choices: &'a [u8],
    pub(crate) rung: u8,
    /// Of all columns but the clock.
    pub(crate) values: &'a [f64],
    pub(crate) scores: &'a [f64],
    pub(crate) cost: f64,
}

impl Evaluated {
    fn each<'a>(&'a self, problem: &Problem, rows: &'a [u8]) -> impl Iterator<Item = Evaluation<'a>> {
        let (width, m, clocks) = (problem.space.width(), problem.objective.scores(), usize::from(problem.has_clock));
        let columns = (self.scores.len() / m).max(1);
        let values = self.values.chunks_exact((self.values.len() / columns).max(1));
        let each = rows.chunks_exact(problem.asked_width()).zip(self.choices.chunks_exact(width)).zip(values);
        each.zip(self.scores.chunks_exact(m)).enumerate().map(move |(i, (((row, choices), values), scores))| {
            let (rung, cost) =
                (self.rungs.get(i).copied().unwrap_or_default(), self.costs.get(i).copied().unwrap_or_default());
            Evaluation { row, choices, rung, values: &values[..values.len() - clocks], scores, cost }
        })
    }
}

/// What one run has done.
struct Recorder {
    number: u64,
    archive: Archive,
    /// Evaluations that were started.
    started: u64,
    /// Rungs below the last that architectures have ended, where trainings go on from them.
    trained: HashMap<Box<[u8]>, Vec<u8>>,
    log: Log,
}

impl Cohort {
    pub fn new(problem: Arc<Problem>, seed: u64, runs: &[u64], keep_all: bool, free: u64) -> Cohort {
        let (width, m) = (problem.space.width(), problem.objective.scores());
        let recorder = |&number| {
            // Most runs improve this often: one allocation instead of many.
            let log = Log {
                evaluations: Vec::with_capacity(IMPROVEMENTS),
                rows: Vec::with_capacity(IMPROVEMENTS * width),
                scores: Vec::with_capacity(IMPROVEMENTS * m),
                ..Log::default()
            };
            let archive = Archive::new(m, problem.ladder.is_some());
            Recorder { number, archive, started: 0, trained: HashMap::new(), log }
        };
        let recorders = runs.iter().map(recorder).collect();
        Cohort { problem, seed, keep_all, free, recorders, evaluated: Evaluated::default() }
    }

    /// Evaluations of a run so far.
    pub fn done(&self, run: usize) -> u64 {
        self.recorders[run].log.done
    }

    /// Evaluates what runs asked for, so many rows each, and logs it; gives the scores. Rows hold positions among the
    /// allowed choices. A run that recommends notes its improvements itself.
    pub fn advance(&mut self, rows: &[u8], asked: &[usize], recommends: bool) -> Result<&[f64]> {
        self.evaluate_all(rows, asked, true)?;
        let (problem, evaluated) = (&*self.problem, &self.evaluated);
        let mut each = evaluated.each(problem, rows);
        for (recorder, &n) in self.recorders.iter_mut().zip(asked) {
            for evaluation in each.by_ref().take(n) {
                let time = recorder.log.time + evaluation.cost;
                recorder.record(&evaluation, time, problem, self.keep_all, recommends);
            }
        }
        Ok(&self.evaluated.scores)
    }

    /// Evaluates what runs asked for without logging it.
    pub(crate) fn evaluate<'a>(
        &'a mut self,
        rows: &'a [u8],
        asked: &[usize],
    ) -> Result<impl Iterator<Item = Evaluation<'a>>> {
        self.evaluate_all(rows, asked, false)?;
        Ok(self.evaluated.each(&self.problem, rows))
    }

    /// Logs an evaluation of a run, which ended at a time.
    pub(crate) fn record(&mut self, run: usize, evaluation: &Evaluation<'_>, time: f64, recommends: bool) {
        let recorder = &mut self.recorders[run];
        recorder.ended(&self.problem, evaluation.choices, evaluation.rung);
        recorder.record(evaluation, time, &self.problem, self.keep_all, recommends);
    }

    /// Ends a run at a time.
    pub(crate) fn stop(&mut self, run: usize, time: f64) {
        self.recorders[run].log.time = time;
    }

    /// Rows that cost nothing, where there is a clock.
    fn free_rows(&self, asked: &[usize]) -> Vec<usize> {
        let (mut free, mut first) = (Vec::new(), 0);
        if self.free > 0 && self.problem.has_costs() {
            for (recorder, &n) in self.recorders.iter().zip(asked) {
                let of_run = self.free.saturating_sub(recorder.started).min(n as u64) as usize;
                free.extend(first..first + of_run);
                first += n;
            }
        }
        free
    }

    /// Evaluates what runs asked for; where they are serial, each evaluation ends before the next one starts.
    fn evaluate_all(&mut self, rows: &[u8], asked: &[usize], is_serial: bool) -> Result<()> {
        let free = self.free_rows(asked);
        let problem = &*self.problem;
        let evaluate = problem.evaluate()?;
        let (width, columns) = (problem.space.width(), evaluate.columns());
        let Evaluated { choices, rungs, seeds, values, scores, costs } = &mut self.evaluated;
        choices.clear();
        rungs.clear();
        seeds.clear();
        values.clear();
        scores.clear();
        costs.clear();
        if rows.is_empty() {
            return Ok(());
        }
        if problem.ladder.is_some() {
            for row in rows.chunks_exact(width + 1) {
                choices.extend_from_slice(&row[..width]);
                rungs.push(row[width]);
            }
        } else {
            choices.extend_from_slice(rows);
        }
        problem.to_choices(choices);
        for (recorder, &n) in self.recorders.iter_mut().zip(asked) {
            if problem.is_noisy() {
                let of = |i| Stream::of_evaluation(self.seed, recorder.number, recorder.started + i as u64 + 1);
                seeds.extend((0..n).map(of));
            }
            recorder.started += n as u64;
        }
        match &problem.ladder {
            Some(ladder) => ladder.evaluate(evaluate, choices, rungs, seeds, values)?,
            None => evaluate.evaluate(choices, seeds, values)?,
        }
        let each = choices.chunks_exact(width).zip(values.chunks_exact(columns));
        for (choices, values) in each {
            let first = scores.len();
            problem.objective.score(values, scores);
            if !scores[first..].iter().all(|s| s.is_finite()) {
                return Err(not_finite(problem, choices, values, &scores[first..]));
            }
            if problem.has_clock && !values.last().is_some_and(|cost| (0.0..f64::INFINITY).contains(cost)) {
                return Err(no_cost(problem, choices, values));
            }
        }
        if !problem.has_costs() {
            return Ok(());
        }
        costs.extend(values.chunks_exact(columns).map(|values| values[columns - 1]));
        if let Some(ladder) = &problem.ladder {
            let mut each = choices.chunks_exact(width).zip(&*rungs).zip(&mut *costs);
            for (recorder, &n) in self.recorders.iter_mut().zip(asked) {
                for ((choices, &rung), cost) in each.by_ref().take(n) {
                    *cost = ladder.cost(rung, recorder.trained_below(choices, rung), *cost);
                    if is_serial {
                        recorder.ended(problem, choices, rung);
                    }
                }
            }
        }
        free.into_iter().for_each(|row| costs[row] = 0.0);
        Ok(())
    }

    /// Notes that a run now stands for an architecture, given as positions, with a score.
    pub(crate) fn recommend(&mut self, run: usize, row: &[u8], score: f64) {
        let Recorder { log, .. } = &mut self.recorders[run];
        let mut choices = row.to_vec();
        self.problem.to_choices(&mut choices);
        if self.keep_all {
            // One of its measurements is in the log.
            let Some(last) = log.rows.chunks_exact(row.len()).rposition(|row| row == choices) else { return };
            log.improvements.push(last as u64);
            log.improved_at.push(log.done);
            log.improved_scores.push(score);
            return;
        }
        log.evaluations.push(log.done);
        log.rows.extend_from_slice(&choices);
        log.scores.push(score);
        if self.problem.has_costs() {
            log.times.push(log.time);
        }
    }

    pub fn into_logs(self) -> Vec<Log> {
        self.recorders.into_iter().map(|recorder| recorder.log).collect()
    }
}

#[cold]
fn not_finite(problem: &Problem, choices: &[u8], values: &[f64], scores: &[f64]) -> Error {
    let text = problem.space.format_row(choices);
    Error::search(format!(
        "the score of {text} is {scores:?}, from the values {values:?}; keep to objectives that are finite everywhere"
    ))
}

#[cold]
fn no_cost(problem: &Problem, choices: &[u8], values: &[f64]) -> Error {
    let (text, cost) = (problem.space.format_row(choices), values.last());
    Error::search(format!("the clock says {cost:?} of {text}; choose a metric that is at least 0 and finite"))
}

impl Recorder {
    /// The rung with the most epochs below this one that an architecture has ended.
    fn trained_below(&self, choices: &[u8], rung: u8) -> Option<u8> {
        self.trained.get(choices)?.iter().copied().filter(|&ended| ended < rung).max()
    }

    /// Notes what later trainings of an architecture may go on from.
    fn ended(&mut self, problem: &Problem, choices: &[u8], rung: u8) {
        let goes_on = problem.ladder.as_ref().is_some_and(|ladder| ladder.resumes && rung < ladder.top());
        if !goes_on || !problem.has_costs() {
            return;
        }
        match self.trained.get_mut(choices) {
            Some(ended) if ended.contains(&rung) => (),
            Some(ended) => ended.push(rung),
            None => drop(self.trained.insert(choices.into(), vec![rung])),
        }
    }

    #[inline]
    fn record(&mut self, evaluation: &Evaluation<'_>, time: f64, problem: &Problem, keep_all: bool, recommends: bool) {
        let &Evaluation { choices, rung, values, scores, .. } = evaluation;
        let log = &mut self.log;
        log.done += 1;
        log.time = time;
        let improves = self.archive.offer(rung, scores) && !recommends;
        if !improves && !keep_all {
            return;
        }
        if improves && keep_all {
            log.improvements.push(log.evaluations.len() as u64);
            log.improved_at.push(log.done);
            log.improved_scores.extend_from_slice(scores);
        }
        log.evaluations.push(log.done);
        log.rows.extend_from_slice(choices);
        log.scores.extend_from_slice(scores);
        if let Some(ladder) = &problem.ladder {
            log.epochs.push(ladder.epochs[rung as usize]);
        }
        if problem.has_costs() {
            log.times.push(log.time);
        }
        if keep_all {
            log.values.extend_from_slice(values);
        }
    }
}
