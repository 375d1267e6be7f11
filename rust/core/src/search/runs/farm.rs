//! Many runs of an algorithm, in cohorts. A run is a function of the seed and its number alone.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::{Error, Result};
use crate::search::algorithms::algorithm::Algorithm;
use crate::search::algorithms::spec::AlgorithmSpec;
use crate::search::problem::brief::Brief;
use crate::search::problem::definition::Problem;
use crate::search::problem::stream::Stream;
use crate::search::runs::cohort::{Cohort, Log};
use crate::search::runs::crew::{Crews, Ended, Workers};
use crate::threads::{Run, width};

/// Architectures that a cohort evaluates at once, at least: enough to overlap their look-ups.
const TOGETHER: usize = 64;
/// Bytes of the states of a cohort's runs where fewer runs do: they stay in the second cache, beside tables.
const STATES: usize = 1 << 18;
/// Runs of a cohort where every call has a price.
const WIDE_COHORT: usize = 4096;
/// Most architectures of one run that are evaluated at a time.
const MOST: u64 = 8192;

/// What can be seen of runs while they go on.
#[derive(Debug, Default)]
pub struct Watch {
    evaluations: AtomicU64,
    best: AtomicU64,
}

impl Watch {
    pub fn evaluations(&self) -> u64 {
        self.evaluations.load(Ordering::Relaxed)
    }

    /// Best first score of all runs, negative infinity before the first.
    pub fn best(&self) -> f64 {
        match self.best.load(Ordering::Relaxed) {
            0 => f64::NEG_INFINITY,
            bits if bits >> 63 == 1 => f64::from_bits(bits & !(1 << 63)),
            bits => f64::from_bits(!bits),
        }
    }

    fn saw(&self, evaluations: u64, best: f64) {
        self.evaluations.fetch_add(evaluations, Ordering::Relaxed);
        // Bits in the order of the numbers.
        let bits = best.to_bits();
        let ordered = if bits >> 63 == 1 { !bits } else { bits | 1 << 63 };
        if ordered > self.best.load(Ordering::Relaxed) {
            self.best.fetch_max(ordered, Ordering::Relaxed);
        }
    }
}

/// Runs of an algorithm.
pub struct Farm<'a> {
    pub problem: &'a Arc<Problem>,
    pub algorithm: &'a AlgorithmSpec,
    pub seed: u64,
    /// Evaluations of a run.
    pub budget: u64,
    /// Whether logs hold every architecture, and with it all values.
    pub keep_all: bool,
    /// Who evaluates in simulated time; without them, one evaluation after the other.
    pub workers: Option<Workers>,
    /// Positions of architectures to begin with, and how many of them cost nothing.
    pub start: (&'a [u8], u64),
}

impl Farm<'_> {
    /// Makes runs; what they find does not depend on threads or on what else runs.
    pub fn run(&self, runs: Range<u64>, watch: &Watch, run: &Run<'_>) -> Result<Vec<Log>> {
        let brief = self.algorithm.brief(self.problem, self.budget, self.start.0)?;
        if self.workers.is_some() && !self.problem.has_costs() {
            return Err(Error::search("workers need a clock; name the metric that an evaluation costs"));
        }
        let runs: Vec<u64> = runs.collect();
        let cohort = |runs: &[u64]| self.run_cohort(&brief, runs, watch, run);
        if !self.problem.evaluate()?.is_parallel() {
            let logs: Result<Vec<Vec<Log>>> = runs.chunks(WIDE_COHORT).map(cohort).collect();
            return Ok(logs?.into_iter().flatten().collect());
        }
        run.in_pool(|| {
            // Few runs: cohorts for every thread; a cohort's size changes no result.
            let size = runs.len().div_ceil(4 * width()).clamp(1, self.cohort(&brief));
            Ok(run.try_map(runs.chunks(size), cohort)?.into_iter().flatten().collect())
        })
    }

    /// Most runs of a cohort.
    fn cohort(&self, brief: &Brief) -> usize {
        let (bytes, asked) = self.algorithm.load(brief);
        (STATES / bytes).clamp(TOGETHER.div_ceil(asked), TOGETHER)
    }

    fn run_cohort(&self, brief: &Arc<Brief>, runs: &[u64], watch: &Watch, run: &Run<'_>) -> Result<Vec<Log>> {
        let start = |&number: &u64| self.algorithm.start(brief, Stream::new(self.seed, number));
        let mut algorithms = runs.iter().map(start).collect::<Result<Vec<Box<dyn Algorithm>>>>()?;
        let mut cohort = Cohort::new(self.problem.clone(), self.seed, runs, self.keep_all, self.start.1);
        if let Some(workers) = self.workers {
            self.run_crews(&mut algorithms, Crews::new(workers, runs.len()), &mut cohort, watch, run)?;
            return Ok(cohort.into_logs());
        }
        let (width, m) = (self.problem.asked_width(), brief.scores);
        let recommends = self.algorithm.recommends(self.problem);
        let (mut rows, mut asked) = (Vec::new(), Vec::new());
        loop {
            run.check()?;
            rows.clear();
            asked.clear();
            for (i, algorithm) in algorithms.iter_mut().enumerate() {
                let (before, most) = (rows.len(), (self.budget - cohort.done(i)).min(MOST) as usize);
                if most > 0 {
                    algorithm.ask(most, &mut rows, run);
                }
                // One alone is the usual case, and a division takes as long as much of the rest.
                let bytes = rows.len() - before;
                asked.push(if bytes == width { 1 } else { bytes / width });
            }
            run.check()?;
            if rows.is_empty() {
                return Ok(cohort.into_logs());
            }
            let scores = cohort.advance(&rows, &asked, recommends)?;
            watch.saw((rows.len() / width) as u64, best(self.problem, &rows, scores));
            let (mut rows, mut scores) = (rows.as_slice(), scores);
            for (algorithm, &n) in algorithms.iter_mut().zip(&asked) {
                let (own, told) = (rows.split_off(..n * width), scores.split_off(..n * m));
                algorithm.tell_all(own.unwrap_or_default(), told.unwrap_or_default(), width);
            }
            if recommends {
                recommended(&mut algorithms, &mut cohort);
            }
        }
    }

    /// Advances runs whose evaluations overlap.
    fn run_crews(
        &self,
        algorithms: &mut [Box<dyn Algorithm>],
        mut crews: Crews,
        cohort: &mut Cohort,
        watch: &Watch,
        run: &Run<'_>,
    ) -> Result<()> {
        let (width, m) = (self.problem.asked_width(), self.problem.objective.scores());
        let recommends = self.algorithm.recommends(self.problem);
        let (mut rows, mut asked, mut ended) = (Vec::new(), Vec::new(), Ended::default());
        loop {
            rows.clear();
            asked.clear();
            for (i, algorithm) in algorithms.iter_mut().enumerate() {
                let before = rows.len();
                let left = (self.budget - crews.started(i)).min(MOST) as usize;
                let idle = crews.idle(i).min(left);
                let has = |rows: &Vec<u8>| (rows.len() - before) / width;
                while has(&rows) < idle {
                    run.check()?;
                    // A batch that is told together may be larger than the crew.
                    let most = if crews.is_together() && has(&rows) == 0 { left } else { idle - has(&rows) };
                    algorithm.ask(most, &mut rows, run);
                }
                asked.push(has(&rows));
            }
            run.check()?;
            crews.start(cohort, &rows, &asked)?;
            crews.end(cohort, recommends, &mut ended);
            if rows.is_empty() && ended.rows.is_empty() {
                return Ok(());
            }
            watch.saw((ended.rows.len() / width) as u64, best(self.problem, &ended.rows, &ended.scores));
            let (mut rows, mut scores) = (ended.rows.as_slice(), ended.scores.as_slice());
            for (algorithm, &n) in algorithms.iter_mut().zip(&ended.counts) {
                let (own, told) = (rows.split_off(..n * width), scores.split_off(..n * m));
                algorithm.tell_all(own.unwrap_or_default(), told.unwrap_or_default(), width);
            }
            if recommends {
                recommended(algorithms, cohort);
            }
        }
    }
}

/// Best first score of what was asked for; of the whole trainings alone where there are fidelities.
fn best(problem: &Problem, rows: &[u8], scores: &[f64]) -> f64 {
    let best = |scores: &mut dyn Iterator<Item = f64>| scores.fold(f64::NEG_INFINITY, f64::max);
    let mut firsts = scores.iter().step_by(problem.objective.scores()).copied();
    match &problem.ladder {
        None => best(&mut firsts),
        Some(ladder) => {
            let rungs = rows.chunks_exact(problem.asked_width()).map(|row| row[row.len() - 1]);
            best(&mut firsts.zip(rungs).filter(|&(_, rung)| rung == ladder.top()).map(|(score, _)| score))
        }
    }
}

fn recommended(algorithms: &mut [Box<dyn Algorithm>], cohort: &mut Cohort) {
    for (i, algorithm) in algorithms.iter_mut().enumerate() {
        if let Some((row, score)) = algorithm.recommendation() {
            cohort.recommend(i, &row, score);
        }
    }
}
