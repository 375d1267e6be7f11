//! Random spaces with metrics of many shapes, whose architectures are all known.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use proptest::prelude::*;

use super::super::{Constraint, Domain, Kind, Outcome, Question, State, Task};
use crate::kernels::cpu::every_build;
use crate::metric::{Direction, Link};
use crate::rng::uniform;
use crate::source::trees::Forest;
use crate::space::definition::{BYTE_STATES, Space};
use crate::store::benchmark::{Benchmark, write_metric};
use crate::store::listing::Metric;
use crate::surrogate::ensemble::Surrogate;
use crate::surrogate::lower::lower;
use crate::surrogate::uncertainty::Uncertainty;
use crate::tables::axes::Granularity;
use crate::testing::{forest, ruled, run, space_of, uncertainty_of};
use crate::threads::{ALONE, Run};

/// Metrics of a random benchmark.
pub(super) const METRICS: usize = 5;

/// Most architectures of a random space.
pub(super) const LARGEST: usize = 20_000;

/// One to twelve blocks of one or two variables of 1 to 200 choices.
pub(super) fn shapes() -> impl Strategy<Value = Vec<Vec<usize>>> {
    shapes_of(LARGEST)
}

pub(super) fn shapes_of(largest: usize) -> impl Strategy<Value = Vec<Vec<usize>>> {
    let card = prop_oneof![4 => 1usize..5, 2 => 5usize..17, 1 => 17usize..201];
    prop::collection::vec(prop::collection::vec(card, 1..3), 1..13).prop_map(move |mut blocks| {
        let mut size = 1;
        for card in blocks.iter_mut().flatten() {
            *card = (*card).min(largest / size).max(1);
            size *= *card;
        }
        for block in &mut blocks {
            if block.iter().product::<usize>() > 1000 {
                block[1] = 1;
            }
        }
        blocks
    })
}

/// Random tables over up to three variables; whole numbers where values shall tie.
pub(super) fn surrogate(space: &Space, whole: bool, constant: f64, seed: u64) -> Surrogate {
    let mut counter = 0;
    let mut draw = |bound: usize| {
        counter += 1;
        uniform(seed, counter, bound as u64) as usize
    };
    let (mut sets, mut cells) = (Vec::new(), Vec::new());
    for _ in 0..draw(9) {
        let mut set: Vec<usize> = (0..1 + draw(3)).map(|_| draw(space.width())).collect();
        set.sort_unstable();
        set.dedup();
        let count: usize = set.iter().map(|&v| space.variables()[v].card()).product();
        if count > 8000 {
            continue;
        }
        let cell = |x: usize| if whole { (x % 3) as f64 } else { x as f64 / 997.0 };
        cells.push((0..count).map(|_| cell(draw(3000))).collect::<Vec<f64>>());
        sets.push(set);
    }
    Surrogate::from_tables(space, Granularity::Variables, &[constant], &sets, &cells, &run()).unwrap()
}

/// Adds random trees, which no tables can hold where they are deep.
pub(super) fn with_trees(mut surrogate: Surrogate, space: &Space, whole: bool, seed: u64) -> Surrogate {
    let (trees, depth, variables) = (1 + seed % 7, 1 + seed % 6, 1 + seed % 9);
    let mut trees = forest(space, trees as usize, depth as usize, variables as usize, seed);
    (trees.scale, trees.bias) = (1.0, 0.0);
    if whole {
        trees.nodes.iter_mut().for_each(|node| node.value = node.value.round());
    }
    surrogate.forests = vec![trees];
    surrogate
}

/// Random values of all architectures, as they are; `None` where the space has many blocks.
pub(super) fn complete(space: &Space, whole: bool, seed: u64) -> Option<Surrogate> {
    let several = Granularity::Blocks.cards(space).into_iter().filter(|&n| n > 1).count();
    let value = |i: u64| uniform(seed, i, if whole { 9 } else { 1 << 40 }) as f64 / 64.0;
    (several <= 3).then(|| Surrogate::tabulated(space, (0..space.size().unwrap()).map(value).collect(), None).unwrap())
}

pub(super) struct Case {
    pub(super) bench: Arc<Benchmark>,
    pub(super) domain: Domain,
    pub(super) rows: Vec<u8>,
    /// By metric, the value of every architecture of the domain.
    pub(super) values: Vec<Vec<f64>>,
    _directory: tempfile::TempDir,
}

/// Metrics of several links and a random part of the space.
pub(super) fn case(blocks: &[Vec<usize>], whole: bool, seed: u64) -> Case {
    case_with(blocks, whole, 40.0, seed)
}

/// The same with another constant of the reciprocal of a metric.
pub(super) fn case_with(blocks: &[Vec<usize>], whole: bool, constant: f64, seed: u64) -> Case {
    case_of(blocks, seed, constant, |space, m, constant| {
        let table = (m == 0 && seed % 4 < 2).then(|| complete(space, whole, seed)).flatten();
        let own = || {
            let surrogate = surrogate(space, whole, constant, seed ^ m as u64);
            let has_trees = uniform(seed, m as u64, 2) == 0;
            if has_trees { with_trees(surrogate, space, whole, seed ^ m as u64) } else { surrogate }
        };
        table.unwrap_or_else(own)
    })
}

/// Metrics that are sums over single blocks once the states of so many of them are known.
pub(super) fn sums(blocks: &[Vec<usize>], whole: bool, hubs: usize, seed: u64) -> Case {
    case_of(blocks, seed, 40.0, |space, m, constant| {
        let hub: Vec<usize> =
            (0..hubs).map(|h| uniform(seed, 7 + h as u64, space.blocks().len() as u64) as usize).collect();
        let cards = Granularity::Blocks.cards(space);
        let (mut sets, mut cells) = (Vec::new(), Vec::<Vec<f64>>::new());
        for block in 0..cards.len() {
            let mut set = [&hub[..], &[block]].concat();
            set.sort_unstable();
            set.dedup();
            let count: usize = set.iter().map(|&b| cards[b]).product();
            let kept = uniform(seed, 100 + (m * cards.len() + block) as u64, 4) > 0;
            if count > 8000 || !kept || sets.contains(&set) || set.iter().any(|&b| cards[b] > BYTE_STATES) {
                continue;
            }
            let of_set = seed ^ ((m * cards.len() + block) as u64) << 32;
            let drawn = |i: usize| uniform(of_set, i as u64, 3000);
            let cell = |i: usize| if whole { (drawn(i) % 3) as f64 } else { drawn(i) as f64 / 997.0 };
            cells.push((0..count).map(cell).collect());
            sets.push(set);
        }
        Surrogate::from_tables(space, Granularity::Blocks, &[constant], &sets, &cells, &run()).unwrap()
    })
}

/// Metrics with surrogates as they are made for a space, a position and a constant.
fn case_of(
    blocks: &[Vec<usize>],
    seed: u64,
    constant: f64,
    surrogate_of: impl Fn(&Space, usize, f64) -> Surrogate,
) -> Case {
    let product = space_of(&blocks.iter().map(Vec::as_slice).collect::<Vec<_>>());
    // Classes are by index, hence with few rules after them; an inactive state may be one too many for a byte.
    let is_ruled = seed % 2 == 1 && blocks.iter().flatten().all(|&card| card < 200);
    let space = if is_ruled { ruled(&product, seed) } else { product };
    let directory = tempfile::tempdir().unwrap();
    // Of the last two, about half of the architectures have the value at the end.
    let other =
        [Link::Log, Link::Below(76.0), Link::Above(-0.3), Link::Capped(0.15), Link::Floored(6.0)][(seed % 5) as usize];
    let links = [Link::Identity, Link::Reciprocal, other, Link::Identity, Link::Log];
    for (m, link) in links.into_iter().enumerate() {
        let metric = Metric::new(format!("m{m}"), Direction::Maximise, link);
        let constant = if link == Link::Reciprocal { constant } else { 0.0 };
        let surrogate = surrogate_of(&space, m, constant);
        write_metric(directory.path(), &space, metric, &surrogate, None, BTreeMap::new()).unwrap();
    }
    let allowed = space.cards().enumerate().map(|(v, n)| {
        let kept: Vec<u8> = (0..n).filter(|&c| uniform(seed, (v * 256 + c) as u64, 5) > 0).map(|c| c as u8).collect();
        if kept.is_empty() { vec![0] } else { kept }
    });
    let mut domain = Domain::new(&space, allowed.collect()).unwrap();
    let all = space.range(0, space.size().unwrap(), &ALONE).unwrap();
    let inside = |domain: &Domain| -> Vec<u8> {
        all.chunks_exact(space.width()).filter(|row| domain.has(row)).flatten().copied().collect()
    };
    if inside(&domain).is_empty() {
        domain = Domain::whole(&space);
    }
    let rows = inside(&domain);
    let bench = Arc::new(Benchmark::open(directory.path()).unwrap());
    let value = |m: usize| bench.predictor(m).unwrap().predict_f64(&space, &rows, None, &run()).unwrap().0;
    let values = (0..METRICS).map(value).collect();
    Case { bench, domain, rows, values, _directory: directory }
}

/// The last three columns lie off metrics of several members, on the safe side of the directions that are given with them.
pub(super) fn cautious(blocks: &[Vec<usize>], whole: bool, seed: u64) -> (Case, [Direction; 3]) {
    let mut case = case(blocks, whole, seed);
    let mut bench = (*case.bench).clone();
    let space = bench.space().clone();
    let mut directions = [Direction::Maximise; 3];
    for (m, own) in directions.iter_mut().enumerate() {
        let link = bench.metrics()[m].link;
        let member = |member: u64| {
            let (depth, variables) = (1 + seed % 5, 1 + seed % 6);
            let mut trees = forest(&space, 6, depth as usize, variables as usize, seed ^ (8 * m as u64 + member));
            (trees.scale, trees.bias) = (1.0, if link == Link::Reciprocal { 40.0 } else { 0.0 });
            trees.nodes.iter_mut().filter(|_| whole).for_each(|node| node.value = node.value.round());
            trees
        };
        let members: Vec<Forest> = (0..1 + uniform(seed, m as u64, 3)).map(member).collect();
        let surrogate = lower(&space, &members.iter().collect::<Vec<_>>(), &run()).unwrap();
        let factor = |c: u64| 0.3 + uniform(seed, 1000 * m as u64 + c, 100) as f64 / 60.0;
        let factors = (0..space.cards().sum::<usize>() as u64).map(factor).collect();
        let residual = uniform(seed, 60 + m as u64, 4) as f64 / 8.0;
        let uncertainty = Uncertainty { residual, factors, ..uncertainty_of(&space) };
        let metric = |name: String| Metric::new(name, Direction::Maximise, link);
        bench = bench
            .with_metric(&space, metric(format!("of{m}")), &surrogate, Some(uncertainty), BTreeMap::new())
            .unwrap();
        if link != Link::Reciprocal {
            *own = Case::direction(seed ^ (m as u64) << 8);
        }
        let safe = if (*own == Direction::Maximise) == (link.sign() < 0.0) { 1.0 } else { -1.0 };
        let count = safe * uniform(seed, 70 + m as u64, 5) as f64 / 2.0;
        bench =
            bench.with_deviation(bench.metrics().len() - 1, count, metric(format!("off{m}")), BTreeMap::new()).unwrap();
        let predictor = bench.predictor(bench.metrics().len() - 1).unwrap();
        case.values.push(predictor.predict_f64(&space, &case.rows, None, &run()).unwrap().0);
    }
    case.bench = Arc::new(bench);
    (case, directions)
}

impl Case {
    pub(super) fn count(&self) -> usize {
        self.values[0].len()
    }

    pub(super) fn row(&self, i: usize) -> &[u8] {
        let width = self.bench.space().width();
        &self.rows[i * width..][..width]
    }

    /// Random bounds near values that occur, some of them exactly those.
    pub(super) fn constraints(&self, seed: u64) -> Vec<Constraint> {
        let bounds = (0..uniform(seed, 1, 3)).map(|c| {
            let metric = uniform(seed, 10 + c, 3) as usize;
            let at = |i: u64| self.values[metric][uniform(seed, 20 + 2 * c + i, self.count() as u64) as usize];
            let (a, b) = (at(0), at(1));
            let open = uniform(seed, 40 + c, 3);
            let lower = if open == 0 { f64::NEG_INFINITY } else { a.min(b) };
            Constraint { metric, lower, upper: if open == 1 { f64::INFINITY } else { a.max(b) } }
        });
        bounds.collect()
    }

    pub(super) fn feasible(&self, constraints: &[Constraint]) -> Vec<usize> {
        let met = |i: &usize| constraints.iter().all(|c| (c.lower..=c.upper).contains(&self.values[c.metric][*i]));
        (0..self.count()).filter(met).collect()
    }

    /// The outcome in one piece, by both builds of the loops; in pieces, on two threads, through text, the same has to
    /// come out.
    pub(super) fn ask(&self, objectives: &[(usize, Direction)], constraints: &[Constraint], kind: Kind) -> Outcome {
        let (domain, objectives, constraints) = (self.domain.clone(), objectives.to_vec(), constraints.to_vec());
        let question = Question { domain, objectives, constraints };
        let searched = || {
            let task = Task::new(self.bench.clone(), question.clone(), kind.clone(), &run()).unwrap();
            let settled = AtomicU64::new(0);
            let state = task.run(task.start(&run()).unwrap(), 0..task.jobs(), &settled, &run()).unwrap();
            (task, state, settled)
        };
        let mut builds = every_build(searched);
        let (task, state, settled) = builds.swap_remove(0);
        assert!(builds.iter().all(|(_, other, _)| other.to_json().unwrap() == state.to_json().unwrap()));
        assert!(task.is_complete(&state));
        assert_eq!((state.counts.total(), u128::from(settled.into_inner())), (task.size(), task.size()));
        let outcome = task.outcome(&state, &run()).unwrap();
        let two = Run { threads: Some(2), ..run() };
        let half = task.jobs() / 2;
        if half > 0 {
            let part = |jobs| {
                let state = task.run(task.start(&two).unwrap(), jobs, &AtomicU64::new(0), &two).unwrap();
                State::from_json(&state.to_json().unwrap()).unwrap()
            };
            let (first, second) = (part(0..half), part(half..task.jobs()));
            assert!(task.merge(first.clone(), first.clone(), &run()).is_err());
            let merged = task.merge(second, first, &run()).unwrap();
            assert_eq!(task.outcome(&merged, &run()).unwrap(), outcome);
        }
        outcome
    }

    /// How many are better than some architectures of the whole space, allowed or not, and how many are equal: as it is
    /// found and as it is.
    pub(super) fn ranks(&self, objective: (usize, Direction), given: u64, seed: u64) -> [Vec<(u64, u64)>; 2] {
        let space = self.bench.space();
        let rows = (0..given).map(|i| uniform(seed, i, space.size().unwrap()));
        let rows: Vec<u8> = rows.flat_map(|i| space.range(i, i + 1, &ALONE).unwrap()).collect();
        let values = self.bench.predictor(objective.0).unwrap().predict_f64(space, &rows, None, &run()).unwrap().0;
        let Outcome::Ranks { better, equal } = self.ask(&[objective], &[], Kind::Ranks { rows }) else {
            unreachable!()
        };
        let count = |f: &dyn Fn(f64) -> bool| (0..self.count()).filter(|&j| f(self.score(objective, j))).count() as u64;
        let scores = values.into_iter().map(|value| objective.1.sign() * value);
        [
            better.into_iter().zip(equal).collect(),
            scores.map(|own| (count(&|s| s > own), count(&|s| s == own))).collect(),
        ]
    }

    /// The front of the first metrics under random constraints, as it is found and as it is: rows and ties.
    pub(super) fn fronts(&self, m: usize, seed: u64) -> [Vec<(Vec<u8>, u128)>; 2] {
        let objectives: Vec<_> = (0..m).map(|m| (m, Case::direction(seed ^ m as u64))).collect();
        let constraints = self.constraints(seed);
        let feasible = self.feasible(&constraints);
        let scores: Vec<Vec<f64>> =
            feasible.iter().map(|&i| objectives.iter().map(|&o| self.score(o, i)).collect()).collect();
        let mut distinct: BTreeMap<Vec<u64>, (usize, usize)> = BTreeMap::new();
        for (s, scores) in scores.iter().enumerate() {
            distinct.entry(scores.iter().map(|x| x.to_bits()).collect()).or_insert((s, 0)).1 += 1;
        }
        let dominated = |s: usize| {
            distinct.values().any(|&(o, _)| {
                let pairs = || scores[o].iter().zip(&scores[s]);
                pairs().all(|(a, b)| a >= b) && pairs().any(|(a, b)| a > b)
            })
        };
        let points = distinct.values().filter(|(s, _)| !dominated(*s));
        let expected = points.map(|&(s, ties)| (self.row(feasible[s]).to_vec(), ties as u128)).collect();
        let asked = self.ask(&objectives, &constraints, Kind::Front { most: LARGEST });
        let Outcome::Items(items) = asked else { unreachable!() };
        let found = items.into_iter().map(|item| (item.row, item.ties)).collect();
        [found, expected].map(|mut points: Vec<(Vec<u8>, u128)>| {
            points.sort();
            points
        })
    }

    pub(super) fn direction(seed: u64) -> Direction {
        if uniform(seed, 77, 2) == 0 { Direction::Maximise } else { Direction::Minimise }
    }

    pub(super) fn score(&self, (metric, direction): (usize, Direction), i: usize) -> f64 {
        let sign = if direction == Direction::Maximise { 1.0 } else { -1.0 };
        sign * self.values[metric][i]
    }
}
