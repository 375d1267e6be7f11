//! A question and its search as jobs: any of them can run anywhere, at any time, once; what they find merges.

use std::any::Any;
use std::ops::Range;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::benchmark::Benchmark;
use crate::error::{Error, Result};
use crate::exact::best::{BestGoal, Item};
use crate::exact::checks::{check, range, require_rates};
use crate::exact::count::{CountGoal, with_opposites};
use crate::exact::front::{FrontGoal, bounding_functions};
use crate::exact::histogram::{Bins, HistogramGoal};
use crate::exact::lattice::Lattice;
use crate::exact::network::Network;
use crate::exact::order::by_variance;
use crate::exact::problem::{Problem, Question};
use crate::exact::ranks::{Given, RanksGoal};
use crate::exact::scan::{coarse_unit, scan_order};
use crate::exact::search::search;
use crate::exact::seeds::Guide;
use crate::exact::tree::{Counts, Goal, Tree};
use crate::hash::sha256_hex;
use crate::threads::Run;

/// What is wanted of the architectures that meet the constraints.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// The k best of one objective; without pruning every architecture is evaluated.
    Best { k: usize, prune: bool },
    /// Those that none is better than in all objectives.
    Front,
    /// Their number.
    Count,
    /// Their number by value of the objective, in so many bins of even width on the link's scale.
    Histogram { bins: usize },
    /// How many are better than given architectures in the objective, and how many equal; without constraints.
    Ranks { rows: Vec<u8> },
}

/// Jobs that are done and what they found.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct State {
    /// Of the question, its benchmark and this engine.
    key: String,
    /// Ascending, disjoint ranges of jobs.
    done: Vec<(usize, usize)>,
    counts: Counts,
    found: Value,
}

/// What is known once some or all jobs are done.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    Items(Vec<Item>),
    Count(u64),
    /// Counts between edges; both ascend with the metric.
    Histogram {
        counts: Vec<u64>,
        edges: Vec<f64>,
    },
    /// Architectures that are better than, and that equal, each given one.
    Ranks {
        better: Vec<u64>,
        equal: Vec<u64>,
    },
}

/// A kind with what its search needs.
#[derive(Debug)]
enum Plan {
    Best { k: usize, prune: bool },
    Front(Guide),
    Count,
    Histogram(Bins),
    Ranks(Given),
}

/// A question, ready to be searched.
#[derive(Debug)]
pub struct Task {
    problem: Problem,
    plan: Plan,
    tree: Tree,
    key: String,
    /// What the last run found, as stored and as it was: going on from there needs no reconstruction.
    last: Mutex<Option<(Value, Box<dyn Any + Send>)>>,
}

/// Something to do with the goal of a task.
trait Visit {
    type Out;
    fn visit<G: Goal>(self, task: &Task, goal: &G) -> Result<Self::Out>;
}

impl Task {
    /// Prepares tables, the order of levels and bounds.
    pub fn new(bench: Arc<Benchmark>, question: Question, kind: Kind, run: &Run<'_>) -> Result<Task> {
        check(&bench, &question, &kind)?;
        for metric in question.metrics() {
            require_rates(&bench, metric, &question.domain, run)?;
        }
        let key = key(&bench, &question, &kind);
        run.in_pool(|| {
            let problem = Problem::new(bench.clone(), question)?;
            let mut functions = problem.functions(&problem.terms);
            let (plan, tree) = match kind {
                Kind::Best { k, prune: true } => (Plan::Best { k, prune: true }, tree(&problem, &functions, &[])),
                Kind::Best { k, prune: false } => {
                    let unit = coarse_unit(&functions[0]);
                    functions.push(functions[0].clone());
                    let units: Vec<_> = functions[1..].iter().map(|_| None).chain([Some(unit)]).collect();
                    (
                        Plan::Best { k, prune: false },
                        tree_in(scan_order(&functions[0].cards), &problem, &functions, &units),
                    )
                }
                Kind::Count => {
                    let functions = with_opposites(&problem, problem.constraint_terms());
                    (Plan::Count, tree(&problem, &functions, &[]))
                }
                Kind::Front => {
                    let (functions, guide) = bounding_functions(&problem, functions, run)?;
                    (Plan::Front(guide), tree(&problem, &functions, &[]))
                }
                Kind::Histogram { bins } => {
                    let range = range(&bench, &problem, run)?;
                    let bins = Bins::new(&problem, &functions[0], bins, range);
                    let units = [Some(bins.unit)];
                    // Nothing is pruned without constraints.
                    let tree = match problem.constraint_terms().is_empty() {
                        true => tree_in(scan_order(&functions[0].cards), &problem, &functions, &units),
                        false => tree(&problem, &functions, &units),
                    };
                    (Plan::Histogram(bins), tree)
                }
                Kind::Ranks { rows } => {
                    let given = Given::new(&problem, &rows, run)?;
                    (Plan::Ranks(given), tree(&problem, &with_opposites(&problem, &problem.terms), &[]))
                }
            };
            Ok(Task { problem, plan, tree, key, last: Mutex::new(None) })
        })
    }

    /// Number of jobs.
    pub fn jobs(&self) -> usize {
        self.tree.jobs()
    }

    /// Number of architectures.
    pub fn size(&self) -> u64 {
        self.problem.question.domain.size()
    }

    /// Metrics whose values items have, by position in the benchmark.
    pub fn metrics(&self) -> &[usize] {
        &self.problem.metrics
    }

    /// The state before the first job.
    pub fn start(&self, run: &Run<'_>) -> Result<State> {
        struct Start;
        impl Visit for Start {
            type Out = State;
            fn visit<G: Goal>(self, task: &Task, goal: &G) -> Result<State> {
                let found = stored(&goal.start()?)?;
                Ok(State { key: task.key.clone(), done: Vec::new(), counts: Counts::default(), found })
            }
        }
        self.with_goal(Start, run)
    }

    /// Does jobs; `settled` grows by the number of architectures that are dealt with.
    pub fn run(&self, state: State, jobs: Range<usize>, settled: &AtomicU64, run: &Run<'_>) -> Result<State> {
        struct Do<'a>(State, Range<usize>, &'a AtomicU64, &'a Run<'a>);
        impl Visit for Do<'_> {
            type Out = State;
            fn visit<G: Goal>(self, task: &Task, goal: &G) -> Result<State> {
                let Do(state, jobs, settled, run) = self;
                let done = joined(&state.done, &[(jobs.start, jobs.end)])?;
                let found = match task.take_last(&state.found) {
                    Some(found) => found,
                    None => goal.resumed(loaded(&state.found)?),
                };
                let (found, counts) = search(&task.tree, goal, found, jobs, settled, run)?;
                let stored = stored(&found)?;
                *task.last.lock().unwrap_or_else(PoisonError::into_inner) = Some((stored.clone(), Box::new(found)));
                Ok(State { done, counts: state.counts.plus(counts), found: stored, ..state })
            }
        }
        if jobs.end > self.jobs() || jobs.is_empty() {
            return Err(refused(format!("jobs {jobs:?} are not among the {}; choose some of them", self.jobs())));
        }
        self.check(&state)?;
        self.with_goal(Do(state, jobs, settled, run), run)
    }

    /// Puts together what different jobs found.
    pub fn merge(&self, a: State, b: State, run: &Run<'_>) -> Result<State> {
        struct Merge(State, State);
        impl Visit for Merge {
            type Out = State;
            fn visit<G: Goal>(self, _: &Task, goal: &G) -> Result<State> {
                let Merge(a, b) = self;
                let mut found = goal.resumed(loaded(&a.found)?);
                goal.merge(&mut found, loaded(&b.found)?);
                let done = joined(&a.done, &b.done)?;
                Ok(State { done, counts: a.counts.plus(b.counts), found: stored(&found)?, ..a })
            }
        }
        self.check(&a)?;
        self.check(&b)?;
        self.with_goal(Merge(a, b), run)
    }

    /// What a state says.
    pub fn outcome(&self, state: &State, run: &Run<'_>) -> Result<Outcome> {
        struct Tell<'a>(&'a State);
        impl Visit for Tell<'_> {
            type Out = Outcome;
            fn visit<G: Goal>(self, task: &Task, goal: &G) -> Result<Outcome> {
                Ok(goal.outcome(&loaded(&self.0.found)?, task.is_complete(self.0)))
            }
        }
        self.check(state)?;
        self.with_goal(Tell(state), run)
    }

    /// Whether all jobs are done.
    pub fn is_complete(&self, state: &State) -> bool {
        state.done == [(0, self.jobs())]
    }

    fn with_goal<V: Visit>(&self, visit: V, run: &Run<'_>) -> Result<V::Out> {
        let (problem, tree) = (&self.problem, &self.tree);
        match &self.plan {
            Plan::Best { k, prune } => visit.visit(self, &BestGoal::new(problem, tree, (*k, *prune), *run)),
            Plan::Front(guide) => visit.visit(self, &FrontGoal::new(problem, tree, guide, *run)),
            Plan::Count => visit.visit(self, &CountGoal::new(problem, tree, *run)),
            Plan::Histogram(bins) => visit.visit(self, &HistogramGoal::new(problem, tree, bins, *run)),
            Plan::Ranks(given) => visit.visit(self, &RanksGoal::new(problem, tree, given, *run)),
        }
    }

    /// What the last run found, if that is what is stored.
    fn take_last<T: 'static>(&self, stored: &Value) -> Option<T> {
        let (last, found) = self.last.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        if last != *stored {
            return None;
        }
        found.downcast().ok().map(|found| *found)
    }

    /// Whether a state is of this question, benchmark and engine.
    fn check(&self, state: &State) -> Result<()> {
        match state.key == self.key {
            true => Ok(()),
            false => Err(refused("the state is of another question, benchmark or version; start again".to_owned())),
        }
    }
}

impl State {
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Ascending, disjoint ranges of jobs.
    pub fn done(&self) -> &[(usize, usize)] {
        &self.done
    }

    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    pub fn from_json(text: &str) -> Result<State> {
        serde_json::from_str(text).map_err(unreadable)
    }
}

fn stored<T: Serialize>(found: &T) -> Result<Value> {
    serde_json::to_value(found).map_err(unreadable)
}

fn loaded<'a, T: Deserialize<'a>>(found: &'a Value) -> Result<T> {
    T::deserialize(found).map_err(unreadable)
}

fn unreadable(error: serde_json::Error) -> Error {
    refused(format!("the state is not readable: {error}; start again"))
}

/// Functions as lattices over levels in the order that prunes best.
fn tree(problem: &Problem, functions: &[Network], units: &[Option<f64>]) -> Tree {
    let order = match functions.is_empty() {
        true => (0..problem.levels.levels.len()).collect(),
        false => by_variance(&functions[..functions.len().min(problem.terms.len())]),
    };
    tree_in(order, problem, functions, units)
}

/// Functions as lattices over levels in an order; some with units of their own.
fn tree_in(order: Vec<usize>, problem: &Problem, functions: &[Network], units: &[Option<f64>]) -> Tree {
    let lattice = |(f, network): (usize, &Network)| {
        let unit = units.get(f).copied().flatten().unwrap_or_else(|| Lattice::safe_unit(network));
        Lattice::new(network, &order, unit)
    };
    Tree::new(functions.iter().enumerate().map(lattice).collect(), problem.levels.permuted(&order))
}

/// Tells questions, benchmarks and engines apart.
fn key(bench: &Benchmark, question: &Question, kind: &Kind) -> String {
    let hashes: Vec<String> = question.metrics().into_iter().map(|m| bench.identity(m)).collect();
    let text = format!("{} {} {hashes:?} {question:?} {kind:?}", env!("CARGO_PKG_VERSION"), bench.space().sha256());
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
                return Err(refused(format!("jobs {start} to {} are done twice; give each once", last.1.min(end) - 1)));
            }
            Some(last) if start == last.1 => last.1 = end,
            _ => out.push((start, end)),
        }
    }
    Ok(out)
}

pub(crate) fn refused(reason: String) -> Error {
    Error::Search { reason }
}
