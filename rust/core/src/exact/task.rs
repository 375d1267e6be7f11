//! A question and its search as jobs: any of them can run anywhere, at any time, once; what they find merges.

use std::any::Any;
use std::ops::Range;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

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
use crate::exact::state::{Done, State};
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
    /// The digest of the last state that was made here, and what it found: going on from there needs no check.
    last: Mutex<Option<(String, Box<dyn Any + Send>)>>,
}

/// Something to do with the goal of a task.
trait Visit: Send {
    type Out: Send;
    fn visit<G: Goal>(self, task: &Task, goal: &G) -> Result<Self::Out>;
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
            let problem = Problem::new(bench.clone(), question, run)?;
            let mut functions = problem.functions(&problem.terms);
            let (plan, tree) = match kind {
                Kind::Best { k, prune: true } => (Plan::Best { k, prune: true }, tree(&problem, &functions, &[], run)?),
                Kind::Best { k, prune: false } => {
                    let unit = coarse_unit(&functions[0]);
                    functions.push(functions[0].clone());
                    let units: Vec<_> = functions[1..].iter().map(|_| None).chain([Some(unit)]).collect();
                    (
                        Plan::Best { k, prune: false },
                        tree_in(scan_order(&functions[0].cards), &problem, &functions, &units, run)?,
                    )
                }
                Kind::Count => {
                    let functions = with_opposites(&problem, problem.constraint_terms());
                    (Plan::Count, tree(&problem, &functions, &[], run)?)
                }
                Kind::Front => {
                    let (functions, guide) = bounding_functions(&problem, functions, run)?;
                    (Plan::Front(guide), tree(&problem, &functions, &[], run)?)
                }
                Kind::Histogram { bins } => {
                    let range = range(&bench, &problem, run)?;
                    let bins = Bins::new(&problem, &functions[0], bins, range);
                    let units = [Some(bins.unit)];
                    // Nothing is pruned without constraints.
                    let tree = match problem.constraint_terms().is_empty() {
                        true => tree_in(scan_order(&functions[0].cards), &problem, &functions, &units, run)?,
                        false => tree(&problem, &functions, &units, run)?,
                    };
                    (Plan::Histogram(bins), tree)
                }
                Kind::Ranks { rows } => {
                    let given = Given::new(&problem, &rows, run)?;
                    (Plan::Ranks(given), tree(&problem, &with_opposites(&problem, &problem.terms), &[], run)?)
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
                task.made(Vec::new(), Counts::default(), goal.resumed(goal.start()?)?)
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
                let found = task.found(goal, &state)?;
                let done = joined(&state.done, &[(jobs.start, jobs.end)])?;
                let (found, counts) = search(&task.tree, goal, found, jobs, settled, run)?;
                task.made(done, state.counts.plus(counts), found)
            }
        }
        if jobs.end > self.jobs() || jobs.is_empty() {
            return Err(refused(format!("jobs {jobs:?} are not among the {}; choose some of them", self.jobs())));
        }
        self.with_goal(Do(state, jobs, settled, run), run)
    }

    /// Puts together what different jobs found.
    pub fn merge(&self, a: State, b: State, run: &Run<'_>) -> Result<State> {
        struct Merge(State, State);
        impl Visit for Merge {
            type Out = State;
            fn visit<G: Goal>(self, task: &Task, goal: &G) -> Result<State> {
                let Merge(a, b) = self;
                let (mut found, other) = (task.found(goal, &a)?, task.found(goal, &b)?);
                let done = joined(&a.done, &b.done)?;
                goal.merge(&mut found, other)?;
                task.made(done, a.counts.plus(b.counts), found)
            }
        }
        self.with_goal(Merge(a, b), run)
    }

    /// What a state says.
    pub fn outcome(&self, state: &State, run: &Run<'_>) -> Result<Outcome> {
        struct Tell<'a>(&'a State);
        impl Visit for Tell<'_> {
            type Out = Outcome;
            fn visit<G: Goal>(self, task: &Task, goal: &G) -> Result<Outcome> {
                let found = task.found(goal, self.0)?;
                let outcome = goal.outcome(&found, task.is_complete(self.0));
                task.keep(self.0, found);
                outcome
            }
        }
        self.with_goal(Tell(state), run)
    }

    /// Whether all jobs are done.
    pub fn is_complete(&self, state: &State) -> bool {
        state.done == [(0, self.jobs())]
    }

    fn with_goal<V: Visit>(&self, visit: V, run: &Run<'_>) -> Result<V::Out> {
        let (problem, tree) = (&self.problem, &self.tree);
        run.check()?;
        run.in_pool(|| match &self.plan {
            Plan::Best { k, prune } => visit.visit(self, &BestGoal::new(problem, tree, (*k, *prune), *run)),
            Plan::Front(guide) => visit.visit(self, &FrontGoal::new(problem, tree, guide, *run)),
            Plan::Count => visit.visit(self, &CountGoal::new(problem, tree, *run)),
            Plan::Histogram(bins) => visit.visit(self, &HistogramGoal::new(problem, tree, bins, *run)),
            Plan::Ranks(given) => visit.visit(self, &RanksGoal::new(problem, tree, given, *run)),
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
    fn found<G: Goal>(&self, goal: &G, state: &State) -> Result<G::Found> {
        if state.key != self.key {
            return Err(refused("the state is of another question, benchmark or version; start again".to_owned()));
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

/// Functions as lattices over levels in the order that prunes best.
fn tree(problem: &Problem, functions: &[Network], units: &[Option<f64>], run: &Run<'_>) -> Result<Tree> {
    let order = match functions.is_empty() {
        true => (0..problem.levels.levels.len()).collect(),
        false => by_variance(&functions[..functions.len().min(problem.terms.len())]),
    };
    tree_in(order, problem, functions, units, run)
}

/// Functions as lattices over levels in an order; some with units of their own.
fn tree_in(
    order: Vec<usize>,
    problem: &Problem,
    functions: &[Network],
    units: &[Option<f64>],
    run: &Run<'_>,
) -> Result<Tree> {
    let lattice = |(f, network): (usize, &Network)| {
        let unit = units.get(f).copied().flatten().unwrap_or_else(|| Lattice::safe_unit(network));
        Lattice::new(network, &order, unit, run)
    };
    let lattices = functions.iter().enumerate().map(lattice).collect::<Result<_>>()?;
    Ok(Tree::new(lattices, problem.levels.permuted(&order)))
}

/// Tells questions, benchmarks and engines apart.
fn key(bench: &Benchmark, question: &Question, kind: &Kind) -> String {
    let hashes: Vec<String> = question.metrics().into_iter().map(|m| bench.identity(m)).collect();
    let kind = match kind {
        Kind::Ranks { rows } => format!("Ranks {}", sha256_hex(rows)),
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
