//! A question and its search as jobs: any of them can run anywhere, at any time, once; what they find merges.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use serde::{Deserialize, Serialize};

use crate::benchmark::Benchmark;
use crate::error::{Error, Result};
use crate::exact::best::{Best, BestGoal, Item, start_best};
use crate::exact::count::{self, Count, CountGoal};
use crate::exact::front::{Front, FrontGoal};
use crate::exact::lattice::Lattice;
use crate::exact::network::Network;
use crate::exact::order::by_variance;
use crate::exact::problem::{Problem, Question};
use crate::exact::search::search;
use crate::exact::seeds::{Landscape, directions, guiding_weights};
use crate::exact::tree::{Counts, Goal, Tree};
use crate::hash::sha256_hex;
use crate::threads::Run;

/// What is wanted of the architectures that meet the constraints.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// The k best of one objective.
    Best { k: usize },
    /// Those that none is better than in all objectives.
    Front,
    /// Their number.
    Count,
}

/// What a search found so far.
#[derive(Clone, Debug, Serialize, Deserialize)]
enum Found {
    Best(Best),
    Front(Front),
    Count(Count),
}

/// Jobs that are done and what they found.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct State {
    /// Of the question, its benchmark and this engine.
    key: String,
    /// Ascending, disjoint ranges of jobs.
    done: Vec<(usize, usize)>,
    counts: Counts,
    found: Found,
}

/// What is known once some or all jobs are done.
#[derive(Clone, Debug)]
pub enum Outcome {
    Items(Vec<Item>),
    Count(u64),
}

/// What helps the search for a front.
#[derive(Debug, Default)]
struct Guide {
    weights: Vec<Vec<f64>>,
    seeds: Vec<u8>,
}

/// A question, ready to be searched.
#[derive(Debug)]
pub struct Task {
    problem: Problem,
    kind: Kind,
    tree: Tree,
    /// Of a front: weights of the sums that bound it, and points near it.
    guide: Guide,
    key: String,
}

impl Task {
    /// Prepares tables, the order of levels and bounds.
    pub fn new(bench: Arc<Benchmark>, question: Question, kind: Kind, run: &Run<'_>) -> Result<Task> {
        let key = key(&bench, &question, &kind);
        run.in_pool(|| {
            let problem = Problem::new(bench, question)?;
            let (functions, guide) = match kind {
                Kind::Best { .. } => (problem.functions(&problem.terms), Guide::default()),
                Kind::Front => front_functions(&problem)?,
                Kind::Count => (count::functions(&problem, problem.constraint_terms()), Guide::default()),
            };
            let tree = tree(&problem, &functions);
            Ok(Task { problem, kind, tree, guide, key })
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
        let found = match self.kind {
            Kind::Best { k } => Found::Best(start_best(&BestGoal::new(&self.problem, &self.tree, k, *run))?),
            Kind::Front => {
                let goal = FrontGoal::new(&self.problem, &self.tree, &self.guide.weights, *run);
                Found::Front(goal.planted(&self.guide.seeds)?)
            }
            Kind::Count => Found::Count(Count::default()),
        };
        Ok(State { key: self.key.clone(), done: Vec::new(), counts: Counts::default(), found })
    }

    /// Does jobs; `settled` grows by the number of architectures that are dealt with.
    pub fn run(&self, state: State, jobs: Range<usize>, settled: &AtomicU64, run: &Run<'_>) -> Result<State> {
        self.check(&state)?;
        if jobs.end > self.jobs() || jobs.is_empty() {
            return Err(refused(format!("jobs {jobs:?} are not among the {}; choose some of them", self.jobs())));
        }
        let done = joined(&state.done, &[(jobs.start, jobs.end)])?;
        let (found, counts) = match (state.found, &self.kind) {
            (Found::Best(found), Kind::Best { k }) => {
                let goal = BestGoal::new(&self.problem, &self.tree, *k, *run);
                let (found, counts) = self.search(&goal, goal.resumed(found), jobs, settled, run)?;
                (Found::Best(found), counts)
            }
            (Found::Front(found), Kind::Front) => {
                let goal = FrontGoal::new(&self.problem, &self.tree, &self.guide.weights, *run);
                let (found, counts) = self.search(&goal, goal.resumed(found), jobs, settled, run)?;
                (Found::Front(found), counts)
            }
            (Found::Count(found), Kind::Count) => {
                let goal = CountGoal::new(&self.problem, &self.tree, *run);
                let (found, counts) = self.search(&goal, found, jobs, settled, run)?;
                (Found::Count(found), counts)
            }
            _ => return Err(foreign()),
        };
        let mut total = state.counts;
        total.add(counts);
        Ok(State { key: state.key, done, counts: total, found })
    }

    fn search<G: Goal>(
        &self,
        goal: &G,
        found: G::Found,
        jobs: Range<usize>,
        settled: &AtomicU64,
        run: &Run<'_>,
    ) -> Result<(G::Found, Counts)> {
        search(&self.tree, goal, found, jobs, settled, run)
    }

    /// Puts together what different jobs found.
    pub fn merge(&self, a: State, b: State, run: &Run<'_>) -> Result<State> {
        self.check(&a)?;
        self.check(&b)?;
        let done = joined(&a.done, &b.done)?;
        let found = match (a.found, b.found, &self.kind) {
            (Found::Best(mut into), Found::Best(from), Kind::Best { k }) => {
                BestGoal::new(&self.problem, &self.tree, *k, *run).merge(&mut into, from);
                Found::Best(into)
            }
            (Found::Front(into), Found::Front(from), Kind::Front) => {
                let goal = FrontGoal::new(&self.problem, &self.tree, &self.guide.weights, *run);
                let mut into = goal.resumed(into);
                goal.merge(&mut into, from);
                Found::Front(into)
            }
            (Found::Count(mut into), Found::Count(from), Kind::Count) => {
                CountGoal::new(&self.problem, &self.tree, *run).merge(&mut into, from);
                Found::Count(into)
            }
            _ => return Err(foreign()),
        };
        let mut counts = a.counts;
        counts.add(b.counts);
        Ok(State { key: a.key, done, counts, found })
    }

    /// What a state says.
    pub fn outcome(&self, state: &State, run: &Run<'_>) -> Result<Outcome> {
        self.check(state)?;
        Ok(match &state.found {
            Found::Best(best) => Outcome::Items(best.items.clone()),
            Found::Front(front) => {
                let goal = FrontGoal::new(&self.problem, &self.tree, &self.guide.weights, *run);
                Outcome::Items(goal.outcome(front, self.is_complete(state)))
            }
            Found::Count(count) => Outcome::Count(count.feasible),
        })
    }

    /// Whether all jobs are done.
    pub fn is_complete(&self, state: &State) -> bool {
        state.done == [(0, self.jobs())]
    }

    /// Whether a state is of this question, benchmark and engine.
    fn check(&self, state: &State) -> Result<()> {
        match state.key == self.key {
            true => Ok(()),
            false => Err(foreign()),
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
        serde_json::from_str(text).map_err(|e| refused(format!("the state is not readable: {e}; start again")))
    }
}

fn tree(problem: &Problem, functions: &[Network]) -> Tree {
    let order = match functions.is_empty() {
        true => (0..problem.levels.levels.len()).collect(),
        false => by_variance(&functions[..functions.len().min(problem.terms.len())]),
    };
    let lattice = |f: &Network| Lattice::new(&f.permuted(&order), Lattice::safe_unit(f));
    Tree::new(functions.iter().map(lattice).collect(), problem.levels.permuted(&order))
}

/// Objectives, constraints and weighted sums of the objectives, which follow a front that local search finds.
fn front_functions(problem: &Problem) -> Result<(Vec<Network>, Guide)> {
    let mut functions = problem.functions(&problem.terms);
    let m = problem.objectives();
    let lattices: Vec<Lattice> = functions.iter().map(|f| Lattice::new(f, Lattice::safe_unit(f))).collect();
    let (objectives, constraints) = lattices.split_at(m);
    let least: Vec<i32> =
        problem.constraint_terms().iter().zip(constraints).map(|(term, lattice)| problem.least(term, lattice)).collect();
    let landscape =
        Landscape { objectives: objectives.iter().collect(), constraints: constraints.iter().collect(), least: &least };
    let scale: Vec<f64> = functions[..m].iter().map(|f| f.deviation().max(f64::MIN_POSITIVE)).collect();
    let scaled = |weights: Vec<f64>| weights.iter().zip(&scale).map(|(w, s)| w / s).collect();
    let start: Vec<Vec<f64>> = directions(m, if m == 2 { 32 } else { 8 }).into_iter().map(scaled).collect();
    let seeds = landscape.seeds(&start);
    let points: Vec<Vec<f64>> = seeds.iter().map(|s| functions[..m].iter().map(|f| f.value(s)).collect()).collect();
    let weights = guiding_weights(&points, &scale);
    for weights in &weights {
        let parts: Vec<(f64, &Network)> = weights.iter().copied().zip(&functions[..m]).collect();
        functions.push(Network::combined(&parts));
    }
    let seeds = seeds.iter().flat_map(|states| problem.levels.row(states)).collect();
    Ok((functions, Guide { weights, seeds }))
}

/// Tells questions, benchmarks and engines apart.
fn key(bench: &Benchmark, question: &Question, kind: &Kind) -> String {
    let metrics = question.objectives.iter().map(|o| o.0).chain(question.constraints.iter().map(|c| c.metric));
    let hashes: Vec<&str> = metrics.map(|m| bench.metrics()[m].sha256.as_str()).collect();
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

fn foreign() -> Error {
    refused("the state is of another question, benchmark or version; start again".to_owned())
}

fn refused(reason: String) -> Error {
    Error::Search { reason }
}
