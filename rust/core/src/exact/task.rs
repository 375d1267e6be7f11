//! A question and its search as jobs: any of them can run anywhere, at any time, once; what they find merges.

use std::any::Any;
use std::ops::Range;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

use crate::error::{Error, Result};
use crate::exact::answers::answer::Answer;
use crate::exact::answers::best::BestGoal;
use crate::exact::answers::count::{CountGoal, with_opposites};
use crate::exact::answers::extremes::{range, require_rates};
use crate::exact::answers::front::FrontGoal;
use crate::exact::answers::histogram::{Bins, HistogramGoal};
use crate::exact::answers::many::ManyGoal;
use crate::exact::answers::ranks::{Given, RanksGoal};
use crate::exact::bounds::counts::Counts;
use crate::exact::bounds::order::{Purpose, tree};
use crate::exact::bounds::scan::coarse_unit;
use crate::exact::bounds::tree::Tree;
use crate::exact::bounds::walk::{Goal, search};
use crate::exact::fixed::network::Network;
use crate::exact::prepared::Prepared;
use crate::exact::question::checks::check;
use crate::exact::question::kinds::{Kind, Outcome, Question};
use crate::exact::starts::bounding::{Guide, ZONED, bounding_functions};
use crate::exact::starts::penalty::Penalty;
use crate::exact::state::{Done, State};
use crate::hash::sha256_hex;
use crate::store::benchmark::Benchmark;
use crate::threads::Run;

/// A kind with what its search needs.
#[derive(Debug)]
enum Plan {
    Best { k: usize, prune: bool, penalty: Penalty },
    Front { guide: Guide, most: usize },
    Count,
    Histogram(Bins),
    Ranks(Given),
}

/// A question, ready to be searched.
#[derive(Debug)]
pub struct Task {
    prepared: Prepared,
    plan: Plan,
    tree: Tree,
    key: String,
    /// The digest of the last state that was made here, and what it found: going on from there needs no check.
    last: Mutex<Option<(String, Box<dyn Any + Send>)>>,
}

/// What a task does by an answer's means, whatever is found.
trait Steps {
    fn start(&self, task: &Task) -> Result<State>;
    fn run(&self, task: &Task, state: State, jobs: Range<usize>, settled: &AtomicU64, run: &Run<'_>) -> Result<State>;
    fn merge(&self, task: &Task, a: State, b: State) -> Result<State>;
    fn outcome(&self, task: &Task, state: &State) -> Result<Outcome>;
}

impl<G: Answer> Steps for G {
    fn start(&self, task: &Task) -> Result<State> {
        task.made(Vec::new(), Counts::default(), self.resumed(Answer::start(self)?)?)
    }

    fn run(&self, task: &Task, state: State, jobs: Range<usize>, settled: &AtomicU64, run: &Run<'_>) -> Result<State> {
        let found = task.found(self, &state)?;
        let done = joined(&state.done, &[(jobs.start, jobs.end)])?;
        let (found, counts) = search(&task.tree, self, found, jobs, settled, run)?;
        task.made(done, state.counts.plus(counts), found)
    }

    fn merge(&self, task: &Task, a: State, b: State) -> Result<State> {
        let (mut found, other) = (task.found(self, &a)?, task.found(self, &b)?);
        let done = joined(&a.done, &b.done)?;
        Goal::merge(self, &mut found, other)?;
        task.made(done, a.counts.plus(b.counts), found)
    }

    fn outcome(&self, task: &Task, state: &State) -> Result<Outcome> {
        let found = task.found(self, state)?;
        let outcome = Answer::outcome(self, &found, task.is_complete(state));
        task.keep(state, found);
        outcome
    }
}

impl Task {
    /// Prepares tables, the order of levels and bounds.
    pub fn new(bench: Arc<Benchmark>, question: Question, kind: Kind, run: &Run<'_>) -> Result<Task> {
        run.check()?;
        check(&bench, &question, &kind)?;
        let key = key(&bench, &question, &kind);
        run.in_pool(|| {
            for metric in question.metrics() {
                require_rates(&bench, metric, &question.domain, run)?;
            }
            let seeks_best = matches!(kind, Kind::Best { prune: true, .. } | Kind::Front { .. });
            let prepared = Prepared::new(bench.clone(), question, seeks_best, run)?;
            if matches!(kind, Kind::Count | Kind::Histogram { .. } | Kind::Ranks { .. }) {
                prepared.levels.require_few(bench.space())?;
            }
            let mut functions = prepared.functions(&prepared.terms);
            let (mut units, mut purpose) = (Vec::new(), Purpose::Prune);
            let plan = match kind {
                Kind::Best { k, prune } => {
                    if !prune && functions[0].trees().is_empty() {
                        units = vec![None; functions.len()];
                        units.push(Some(coarse_unit(&functions[0])));
                        functions.push(functions[0].clone());
                    }
                    purpose = if prune { Purpose::Prune } else { Purpose::Scan };
                    let helps = if prune { Penalty::new(&prepared, &functions) } else { None };
                    let penalty = helps.map(|(penalty, sum)| {
                        functions.push(sum);
                        penalty
                    });
                    Plan::Best { k, prune, penalty: penalty.unwrap_or_default() }
                }
                Kind::Count => {
                    functions = with_opposites(&prepared, prepared.constraint_terms());
                    purpose = Purpose::Count;
                    Plan::Count
                }
                Kind::Front { most } => {
                    Plan::Front { guide: bounding_functions(&prepared, &mut functions, run)?, most }
                }
                Kind::Histogram { bins } => {
                    let bins = Bins::new(&prepared, &functions[0], bins, range(&bench, &prepared, run)?)?;
                    units.push(Some(bins.unit));
                    purpose = if prepared.constraint_terms().is_empty() { Purpose::Scan } else { Purpose::Prune };
                    Plan::Histogram(bins)
                }
                Kind::Ranks { rows } => {
                    functions = with_opposites(&prepared, &prepared.terms[..1]);
                    purpose = Purpose::Count;
                    let mut floor = f64::NEG_INFINITY;
                    if let Some(rules) = prepared.rules() {
                        let (own, least) = functions[0].penalised(rules);
                        functions = vec![own.clone(), Network::combined(&[(-1.0, &own)])];
                        floor = least;
                    }
                    Plan::Ranks(Given::new(&prepared, &rows, floor, run)?)
                }
            };
            let mut tree = tree(&prepared, &functions, &units, purpose, run)?;
            if let Plan::Best { k, prune: true, penalty } = &plan {
                let goal = BestGoal::new(&prepared, &tree, (*k, true, penalty), *run);
                tree.promising = tree.sorted_jobs(|bounds| goal.promise(bounds), run)?;
            }
            Ok(Task { prepared, plan, tree, key, last: Mutex::new(None) })
        })
    }

    /// Number of jobs.
    pub fn jobs(&self) -> usize {
        self.tree.jobs()
    }

    /// Number of joint states of levels and free variables: of architectures, where no rule ties levels together.
    pub fn size(&self) -> u128 {
        self.tree.size()
    }

    /// Metrics whose values items have, by position in the benchmark.
    pub fn metrics(&self) -> &[usize] {
        &self.prepared.metrics
    }

    /// The state before the first job.
    pub fn start(&self, run: &Run<'_>) -> Result<State> {
        self.with_answer(run, |answer| answer.start(self))
    }

    /// Does jobs; `settled` grows by the number of architectures that are dealt with.
    pub fn run(&self, state: State, jobs: Range<usize>, settled: &AtomicU64, run: &Run<'_>) -> Result<State> {
        if jobs.end > self.jobs() || jobs.is_empty() {
            return Err(Error::search(format!("jobs {jobs:?} are not among the {}; choose some of them", self.jobs())));
        }
        self.with_answer(run, |answer| answer.run(self, state, jobs, settled, run))
    }

    /// Puts together what different jobs found.
    pub fn merge(&self, a: State, b: State, run: &Run<'_>) -> Result<State> {
        self.with_answer(run, |answer| answer.merge(self, a, b))
    }

    /// What a state says.
    pub fn outcome(&self, state: &State, run: &Run<'_>) -> Result<Outcome> {
        self.with_answer(run, |answer| answer.outcome(self, state))
    }

    /// Whether all jobs are done.
    pub fn is_complete(&self, state: &State) -> bool {
        state.done == [(0, self.jobs())]
    }

    /// Of a search for the best: what no architecture of a job that is not done is better than, in the objective's unit.
    /// Infinite where nothing is known; none where no such architecture meets the constraints, and for other kinds.
    pub fn open_bound(&self, state: &State) -> Option<f64> {
        let Plan::Best { .. } = self.plan else { return None };
        let (term, (_, direction)) = (&self.prepared.terms[0], self.prepared.question.objectives[0]);
        let most = match &self.tree.promising {
            _ if self.is_complete(state) => None,
            None => Some(f64::INFINITY),
            Some(order) => order.most_beside(&state.done),
        };
        let most = most.filter(|most| *most > f64::NEG_INFINITY)?;
        Some(self.prepared.link_of(term.network).outer(term.sign * most, direction))
    }

    fn with_answer<T: Send>(&self, run: &Run<'_>, step: impl FnOnce(&dyn Steps) -> Result<T> + Send) -> Result<T> {
        let (prepared, tree) = (&self.prepared, &self.tree);
        run.check()?;
        run.in_pool(|| match &self.plan {
            Plan::Best { k, prune, penalty } => step(&BestGoal::new(prepared, tree, (*k, *prune, penalty), *run)),
            Plan::Front { guide, most } if prepared.objectives() <= ZONED => {
                step(&FrontGoal::new(prepared, tree, (guide, *most), *run)?)
            }
            Plan::Front { guide, most } => step(&ManyGoal::new(prepared, tree, (guide, *most), *run)),
            Plan::Count => step(&CountGoal::new(prepared, tree, *run)),
            Plan::Histogram(bins) => step(&HistogramGoal::new(prepared, tree, bins, *run)),
            Plan::Ranks(given) => step(&RanksGoal::new(prepared, tree, given, *run)),
        })
    }

    /// The state of what was found.
    fn made<T: Serialize + Any + Send>(&self, done: Vec<(usize, usize)>, counts: Counts, found: T) -> Result<State> {
        let state = State::new(self.key.clone(), done, counts, &found)?;
        self.keep(&state, found);
        Ok(state)
    }

    fn keep<T: Any + Send>(&self, state: &State, found: T) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some((state.sha256.clone(), Box::new(found)));
    }

    /// What a state found, ready to go on: as the last call left it, or checked.
    fn found<G: Answer>(&self, goal: &G, state: &State) -> Result<G::Found> {
        if state.key != self.key {
            return Err(Error::search("the state is of another question, benchmark or version; start again"));
        }
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some((_, found)) = last.filter(|(sha256, _)| *sha256 == state.sha256)
            && let Ok(found) = found.downcast()
        {
            return Ok(*found);
        }
        let found = state.found()?;
        goal.validate(&found, &Done::of(state, &self.tree)?)?;
        goal.resumed(found)
    }
}

/// Tells questions, benchmarks and engines apart.
fn key(bench: &Benchmark, question: &Question, kind: &Kind) -> String {
    let hashes: Vec<String> = question.metrics().into_iter().map(|m| bench.identity(m)).collect();
    let kind = match kind {
        Kind::Ranks { rows } => format!("Ranks {}", sha256_hex(rows)),
        // Whatever it may have at most, what is found is the same.
        Kind::Front { .. } => "Front".to_owned(),
        other => format!("{other:?}"),
    };
    let text = format!("{} {} {hashes:?} {question:?} {kind}", env!("CARGO_PKG_VERSION"), bench.space().sha256());
    sha256_hex(text.as_bytes())
}

/// Ranges that must not overlap.
fn joined(a: &[(usize, usize)], b: &[(usize, usize)]) -> Result<Vec<(usize, usize)>> {
    let mut all = [a, b].concat();
    all.sort_unstable();
    let mut out: Vec<(usize, usize)> = Vec::new();
    for (start, end) in all {
        match out.last_mut() {
            Some(last) if start < last.1 => {
                return Err(Error::search(format!(
                    "jobs {start} to {} are done twice; give each once",
                    last.1.min(end) - 1
                )));
            }
            Some(last) if start == last.1 => last.1 = end,
            _ => out.push((start, end)),
        }
    }
    Ok(out)
}
