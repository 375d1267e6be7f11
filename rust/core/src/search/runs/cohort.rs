//! Runs that advance together: what they ask for is evaluated at once, and each one's log is kept.

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
    /// Cost so far, the evaluation included; empty without a clock.
    pub times: Vec<f64>,
    /// Cost of the whole run.
    pub time: f64,
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
    recorders: Vec<Recorder>,
    choices: Vec<u8>,
    seeds: Vec<u64>,
    values: Vec<f64>,
    scores: Vec<f64>,
}

/// What one run has done.
struct Recorder {
    number: u64,
    archive: Archive,
    /// Evaluations so far.
    done: u64,
    log: Log,
}

impl Cohort {
    pub fn new(problem: Arc<Problem>, seed: u64, runs: &[u64], keep_all: bool) -> Cohort {
        let (width, m) = (problem.space.width(), problem.objective.scores());
        let recorder = |&number| {
            // Most runs improve this often: one allocation instead of many.
            let log = Log {
                evaluations: Vec::with_capacity(IMPROVEMENTS),
                rows: Vec::with_capacity(IMPROVEMENTS * width),
                scores: Vec::with_capacity(IMPROVEMENTS * m),
                ..Log::default()
            };
            Recorder { number, archive: Archive::new(m), done: 0, log }
        };
        let recorders = runs.iter().map(recorder).collect();
        let (choices, seeds, values, scores) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Cohort { problem, seed, keep_all, recorders, choices, seeds, values, scores }
    }

    /// Evaluations of a run so far.
    pub fn done(&self, run: usize) -> u64 {
        self.recorders[run].done
    }

    /// Evaluates what runs asked for, so many rows each, and logs it; gives the scores. Rows hold positions among the
    /// allowed choices. A run that recommends notes its improvements itself.
    pub fn advance(&mut self, rows: &[u8], asked: &[usize], recommends: bool) -> Result<&[f64]> {
        let (problem, width) = (&*self.problem, self.problem.space.width());
        let evaluate = problem.evaluate()?;
        self.choices.clear();
        self.seeds.clear();
        self.values.clear();
        self.scores.clear();
        self.choices.extend_from_slice(rows);
        problem.to_choices(&mut self.choices);
        if problem.is_noisy() {
            for (recorder, &n) in self.recorders.iter().zip(asked) {
                let of = |i| Stream::of_evaluation(self.seed, recorder.number, recorder.done + i as u64 + 1);
                self.seeds.extend((0..n).map(of));
            }
        }
        evaluate.evaluate(&self.choices, &self.seeds, &mut self.values)?;
        let each = self.choices.chunks_exact(width).zip(self.values.chunks_exact(evaluate.columns()));
        for (choices, values) in each.clone() {
            let first = self.scores.len();
            problem.objective.score(values, &mut self.scores);
            let scores = &self.scores[first..];
            if !scores.iter().all(|s| s.is_finite()) {
                return Err(not_finite(problem, choices, values, scores));
            }
        }
        let mut each = each.zip(self.scores.chunks_exact(problem.objective.scores()));
        for (recorder, &n) in self.recorders.iter_mut().zip(asked) {
            for ((choices, values), scores) in each.by_ref().take(n) {
                recorder.record(choices, values, scores, problem, self.keep_all, recommends);
            }
        }
        Ok(&self.scores)
    }

    /// Notes that a run now stands for an architecture, given as positions, with a score.
    pub(crate) fn recommend(&mut self, run: usize, row: &[u8], score: f64) {
        let Recorder { log, done, .. } = &mut self.recorders[run];
        let mut choices = row.to_vec();
        self.problem.to_choices(&mut choices);
        if self.keep_all {
            // One of its measurements is in the log.
            let Some(last) = log.rows.chunks_exact(row.len()).rposition(|row| row == choices) else { return };
            log.improvements.push(last as u64);
            log.improved_at.push(*done);
            log.improved_scores.push(score);
            return;
        }
        log.evaluations.push(*done);
        log.rows.extend_from_slice(&choices);
        log.scores.push(score);
        if self.problem.has_clock {
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

impl Recorder {
    #[inline]
    fn record(
        &mut self,
        choices: &[u8],
        values: &[f64],
        scores: &[f64],
        problem: &Problem,
        keep_all: bool,
        recommends: bool,
    ) {
        self.done += 1;
        let log = &mut self.log;
        let (values, clock) = values.split_at(values.len() - usize::from(problem.has_clock));
        log.time += clock.first().unwrap_or(&0.0);
        let improves = self.archive.offer(scores) && !recommends;
        if !improves && !keep_all {
            return;
        }
        if improves && keep_all {
            log.improvements.push(log.evaluations.len() as u64);
            log.improved_at.push(self.done);
            log.improved_scores.extend_from_slice(scores);
        }
        log.evaluations.push(self.done);
        log.rows.extend_from_slice(choices);
        log.scores.extend_from_slice(scores);
        if problem.has_clock {
            log.times.push(log.time);
        }
        if keep_all {
            log.values.extend_from_slice(values);
        }
    }
}
