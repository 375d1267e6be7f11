//! Workers in simulated time. Each takes an architecture when it is free, and its evaluation ends after what the clock's
//! metric says; evaluations that end at the same time end in the order in which they began.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::error::{Error, Result};
use crate::search::algorithms::algorithm::require_within;
use crate::search::runs::cohort::{Cohort, Evaluation};

/// How a run's evaluations overlap.
#[derive(Clone, Copy, Debug)]
pub struct Workers {
    pub number: usize,
    /// Whether what was asked together is told together, after the last of it; else each as it ends.
    pub together: bool,
    /// The run's time: what ends later does not count.
    pub until: f64,
}

impl Workers {
    pub fn new(number: usize, together: bool, until: f64) -> Result<Workers> {
        require_within("workers", number, 1..=1 << 16)?;
        match until > 0.0 {
            true => Ok(Workers { number, together, until }),
            false => Err(Error::search(format!("time is {until}; choose a cost above 0"))),
        }
    }
}

/// The workers of runs that advance together.
pub struct Crews {
    workers: Workers,
    crews: Vec<Crew>,
}

/// What ended, run after run: what was asked for, and scores.
#[derive(Default)]
pub struct Ended {
    pub rows: Vec<u8>,
    pub scores: Vec<f64>,
    /// How many of each run.
    pub counts: Vec<usize>,
}

/// The workers of one run. Times are not negative, so their bits are in their order.
struct Crew {
    now: f64,
    /// When each worker is free.
    free: BinaryHeap<Reverse<u64>>,
    /// What they are at: when it ends, its number, and its place on the desk.
    jobs: BinaryHeap<Reverse<(u64, u64, usize)>>,
    desk: Vec<Job>,
    spare: Vec<usize>,
    started: u64,
    is_over: bool,
}

/// An evaluation under way.
#[derive(Clone, Default)]
struct Job {
    row: Vec<u8>,
    choices: Vec<u8>,
    rung: u8,
    values: Vec<f64>,
    scores: Vec<f64>,
    cost: f64,
}

impl Crews {
    pub fn new(workers: Workers, runs: usize) -> Crews {
        let crew = || Crew {
            now: 0.0,
            free: (0..workers.number).map(|_| Reverse(0)).collect(),
            jobs: BinaryHeap::new(),
            desk: Vec::new(),
            spare: Vec::new(),
            started: 0,
            is_over: false,
        };
        Crews { workers, crews: (0..runs).map(|_| crew()).collect() }
    }

    /// How many evaluations a run may start now: its idle workers, or none before all of its batch has ended.
    pub fn idle(&self, run: usize) -> usize {
        let crew = &self.crews[run];
        match (crew.is_over, self.workers.together, crew.jobs.len()) {
            (true, _, _) | (_, true, 1..) => 0,
            (_, _, busy) => self.workers.number.saturating_sub(busy),
        }
    }

    /// Evaluations that a run has started.
    pub fn started(&self, run: usize) -> u64 {
        self.crews[run].started
    }

    /// Whether what was asked together is told together.
    pub fn is_together(&self) -> bool {
        self.workers.together
    }

    pub fn runs(&self) -> usize {
        self.crews.len()
    }

    /// Starts what runs ask for, so many rows of positions each.
    pub fn start(&mut self, cohort: &mut Cohort, rows: &[u8], asked: &[usize]) -> Result<()> {
        let mut each = cohort.evaluate(rows, asked)?;
        for (crew, &n) in self.crews.iter_mut().zip(asked) {
            for evaluation in each.by_ref().take(n) {
                let slot = crew.spare.pop().unwrap_or_else(|| {
                    crew.desk.push(Job::default());
                    crew.desk.len() - 1
                });
                crew.desk[slot].take(&evaluation);
                let free = crew.free.pop().map_or(0.0, |Reverse(bits)| f64::from_bits(bits));
                let ends = (free.max(crew.now) + evaluation.cost).to_bits();
                crew.free.push(Reverse(ends));
                crew.jobs.push(Reverse((ends, crew.started, slot)));
                crew.started += 1;
            }
        }
        Ok(())
    }

    /// Lets the next evaluation of every run end, or all of its batch, and logs it.
    pub fn end(&mut self, cohort: &mut Cohort, recommends: bool, ended: &mut Ended) {
        ended.rows.clear();
        ended.scores.clear();
        ended.counts.clear();
        for (run, crew) in self.crews.iter_mut().enumerate() {
            let mut batch = Vec::new();
            while let Some(Reverse((ends, number, slot))) = crew.jobs.pop() {
                let time = f64::from_bits(ends);
                if time > self.workers.until {
                    (crew.is_over, crew.now) = (true, self.workers.until);
                    crew.jobs.clear();
                    batch.clear();
                    cohort.stop(run, self.workers.until);
                    break;
                }
                crew.now = time;
                cohort.record(run, &crew.desk[slot].evaluation(), time, recommends);
                batch.push((number, slot));
                if !self.workers.together {
                    break;
                }
            }
            // What was asked together is told in the order in which it was asked.
            batch.sort_unstable();
            for &(_, slot) in &batch {
                ended.rows.extend_from_slice(&crew.desk[slot].row);
                ended.scores.extend_from_slice(&crew.desk[slot].scores);
            }
            crew.spare.extend(batch.iter().rev().map(|&(_, slot)| slot));
            ended.counts.push(batch.len());
        }
    }
}

impl Job {
    fn take(&mut self, evaluation: &Evaluation<'_>) {
        let &Evaluation { row, choices, rung, values, scores, cost } = evaluation;
        refill(&mut self.row, row);
        refill(&mut self.choices, choices);
        refill(&mut self.values, values);
        refill(&mut self.scores, scores);
        (self.rung, self.cost) = (rung, cost);
    }

    fn evaluation(&self) -> Evaluation<'_> {
        let Job { row, choices, rung, values, scores, cost } = self;
        Evaluation { row, choices, rung: *rung, values, scores, cost: *cost }
    }
}

fn refill<T: Copy>(kept: &mut Vec<T>, new: &[T]) {
    kept.clear();
    kept.extend_from_slice(new);
}
