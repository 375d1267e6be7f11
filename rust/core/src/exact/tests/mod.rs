//! Every kind of question against plain enumeration, on random spaces, tables and trees of many shapes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

mod cases;

use proptest::prelude::*;

use super::{Constraint, Domain, Kind, Outcome, Question, Task};
use crate::metric::{Direction, Link};
use crate::rng::uniform;
use crate::source::trees::{ChoiceSet, Forest, Node};
use crate::store::benchmark::{Benchmark, write_metric};
use crate::store::listing::Metric;
use crate::testing::{RUNNING, run, space_of};
use crate::threads::Run;
use cases::{Case, LARGEST, METRICS, case, case_with, cautious, shapes, shapes_of, sums, surrogate};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn the_k_best_are_those_of_enumeration(blocks in shapes(), whole: bool, k in 1usize..30, prune: bool, metric in 0usize..3, seed: u64) {
        let case = case(&blocks, whole, seed);
        let (objective, constraints) = ((metric, Case::direction(seed)), case.constraints(seed));
        let mut expected = case.feasible(&constraints);
        expected.sort_by(|&a, &b| case.score(objective, b).total_cmp(&case.score(objective, a)).then(a.cmp(&b)));
        expected.truncate(k);
        let Outcome::Items(items) = case.ask(&[objective], &constraints, Kind::Best { k, prune }) else { unreachable!() };
        let found: Vec<&[u8]> = items.iter().map(|item| &item.row[..]).collect();
        prop_assert_eq!(found, expected.iter().map(|&i| case.row(i)).collect::<Vec<_>>());
        for (item, i) in items.iter().zip(expected) {
            prop_assert_eq!(item.values[0], case.values[metric][i]);
        }
    }

    #[test]
    fn fronts_are_those_of_enumeration(blocks in shapes(), whole: bool, three: bool, seed: u64) {
        let case = case(&blocks, whole, seed);
        let [found, expected] = case.fronts(if three { 3 } else { 2 }, seed);
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn fronts_of_many_objectives_are_those_of_enumeration(blocks in shapes_of(2000), whole: bool, five: bool, seed: u64) {
        let case = case(&blocks, whole, seed);
        let [found, expected] = case.fronts(if five { 5 } else { 4 }, seed);
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn values_off_predictions_are_those_of_enumeration(
        blocks in shapes(), whole: bool, k in 1usize..9, metric in 0usize..3, limited in 0usize..3, seed: u64,
    ) {
        let (case, directions) = cautious(&blocks, whole, seed);
        let of = |m: usize| (case.bench.position(&format!("off{m}")).unwrap(), directions[m]);
        let column = |(position, direction): (usize, Direction)| ((position - METRICS - 1) / 2 + METRICS, direction);
        let at = case.values[limited + METRICS][uniform(seed, 90, case.count() as u64) as usize];
        let ends = if directions[limited] == Direction::Maximise { (at, f64::INFINITY) } else { (f64::NEG_INFINITY, at) };
        let limits = [Constraint { metric: of(limited).0, lower: ends.0, upper: ends.1 }];
        let feasible: Vec<usize> =
            (0..case.count()).filter(|&i| (ends.0..=ends.1).contains(&case.values[limited + METRICS][i])).collect();
        let objective = of(metric);
        let mut expected = feasible.clone();
        let score = |i: usize| case.score(column(objective), i);
        expected.sort_by(|&a, &b| score(b).total_cmp(&score(a)).then(a.cmp(&b)));
        expected.truncate(k);
        let Outcome::Items(items) = case.ask(&[objective], &limits, Kind::Best { k, prune: whole }) else { unreachable!() };
        let found: Vec<(&[u8], f64)> = items.iter().map(|item| (&item.row[..], item.values[0])).collect();
        let value = |i: usize| case.values[column(objective).0][i];
        prop_assert_eq!(found, expected.iter().map(|&i| (case.row(i), value(i))).collect::<Vec<_>>());

        let both = [objective, (limited, Case::direction(seed))];
        let scores = |i: usize| [score(i), case.score(both[1], i)];
        let dominates = |a: [f64; 2], b: [f64; 2]| a[0] >= b[0] && a[1] >= b[1] && a != b;
        let mut front: Vec<usize> = Vec::new();
        let mut sorted = feasible;
        sorted.sort_by(|&a, &b| scores(b)[0].total_cmp(&scores(a)[0]).then(scores(b)[1].total_cmp(&scores(a)[1])));
        for i in sorted {
            if !front.last().is_some_and(|&last| dominates(scores(last), scores(i))) {
                front.push(i);
            }
        }
        let mut expected: Vec<[u64; 2]> = front.iter().map(|&i| scores(i).map(f64::to_bits)).collect();
        expected.dedup();
        let Outcome::Items(items) = case.ask(&both, &limits, Kind::Front { most: LARGEST }) else { unreachable!() };
        prop_assert_eq!(items.iter().map(|item| item.ties).sum::<u128>(), front.len() as u128);
        let sign = |direction: Direction| if direction == Direction::Maximise { 1.0 } else { -1.0 };
        let mut found: Vec<[f64; 2]> = items.iter()
            .map(|item| [sign(both[0].1) * item.values[0], sign(both[1].1) * item.values[1]]).collect();
        found.sort_by(|a, b| b[0].total_cmp(&a[0]));
        prop_assert_eq!(found.iter().map(|v| v.map(f64::to_bits)).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn counts_histograms_and_ranks_are_those_of_enumeration(
        blocks in shapes(), whole: bool, metric in 0usize..3, bins in 1usize..300, seed: u64,
    ) {
        let case = case(&blocks, whole, seed);
        let (objective, constraints) = ((metric, Case::direction(seed)), case.constraints(seed));
        let feasible = case.feasible(&constraints);
        let counted = case.ask(&[], &constraints, Kind::Count);
        prop_assert_eq!(counted, Outcome::Count(feasible.len() as u128));

        // Bins next to a limit are no longer told apart, and refused: `tests/exact/test_limits.py`.
        let link = case.bench.metrics()[metric].link;
        let limit = link.limit().filter(|_| link.plateau().is_none());
        if limit.is_none_or(|limit| case.values[metric].iter().all(|value| (value - limit).abs() > 1e-6)) {
            let Outcome::Histogram { counts, edges } = case.ask(&[objective], &constraints, Kind::Histogram { bins })
            else { unreachable!() };
            prop_assert!(edges.windows(2).all(|w| w[0] < w[1]) && counts.len() == bins);
            let mut expected = vec![0; bins];
            for &i in &feasible {
                let value = case.values[metric][i];
                prop_assert!(edges[0] <= value && value <= edges[bins]);
                expected[(edges.partition_point(|&e| e <= value) - 1).min(bins - 1)] += 1;
            }
            prop_assert_eq!(counts, expected);
        }

        let [found, expected] = case.ranks(objective, 1 + seed % 20, seed);
        prop_assert_eq!(found, expected);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn counts_of_sums_over_blocks_are_those_of_enumeration(
        blocks in shapes(), whole: bool, metric in 0usize..3, hubs in 0usize..3, rows in 1u64..4, seed: u64,
    ) {
        let case = sums(&blocks, whole, hubs, seed);
        let (objective, constraints) = ((metric, Case::direction(seed)), case.constraints(seed));
        let expected = case.feasible(&constraints).len() as u128;
        prop_assert_eq!(case.ask(&[], &constraints, Kind::Count), Outcome::Count(expected));

        let [found, expected] = case.ranks(objective, rows, seed);
        prop_assert_eq!(found, expected);
    }
}

#[test]
fn fronts_of_more_points_than_asked_for_are_refused() {
    let case = case(&[vec![4, 3], vec![5], vec![6, 2], vec![3]], false, 4);
    for m in 2..=METRICS {
        let objectives: Vec<_> = (0..m).map(|metric| (metric, Direction::Maximise)).collect();
        let Outcome::Items(items) = case.ask(&objectives, &[], Kind::Front { most: LARGEST }) else { unreachable!() };
        let searched = |most: usize, threads: usize| {
            let question =
                Question { domain: case.domain.clone(), objectives: objectives.clone(), constraints: Vec::new() };
            let run = Run { threads: Some(threads), ..run() };
            let task = Task::new(case.bench.clone(), question, Kind::Front { most }, &run).unwrap();
            task.run(task.start(&run).unwrap(), 0..task.jobs(), &AtomicU64::new(0), &run)
        };
        let message = searched(items.len() - 1, 1).unwrap_err().to_string();
        assert!(message.contains(&format!("max_points is {}; add constraints", items.len() - 1)), "{message}");
        assert_eq!(message, searched(items.len() - 1, 2).unwrap_err().to_string());
    }
}

#[test]
fn questions_that_make_no_sense_are_refused() {
    let case = case(&[vec![3, 2], vec![4]], false, 1);
    let domain = case.domain.clone();
    let ask = |objectives: usize, constraints: Vec<Constraint>, kind: Kind| {
        let objectives = (0..objectives).map(|m| (m % 3, Direction::Maximise)).collect();
        let question = Question { domain: domain.clone(), objectives, constraints };
        Task::new(case.bench.clone(), question, kind, &run()).unwrap_err().to_string()
    };
    let bound = || Constraint { metric: 0, lower: 0.0, upper: 1.0 };
    let cases = [
        (ask(1, Vec::new(), Kind::Best { k: 0, prune: true }), "the 0 best"),
        (ask(1, Vec::new(), Kind::Best { k: 10_001, prune: true }), "the 10001 best"),
        (ask(6, Vec::new(), Kind::Front { most: 9 }), "6 objectives"),
        (ask(1, Vec::new(), Kind::Front { most: 9 }), "1 objectives are given; give 2 to 5"),
        (ask(4, Vec::new(), Kind::Front { most: 0 }), "at most 0 points"),
        (ask(1, Vec::new(), Kind::Count), "give no"),
        (ask(1, Vec::new(), Kind::Histogram { bins: 0 }), "0 bins"),
        (ask(1, vec![bound()], Kind::Ranks { rows: Vec::new() }), "ranks are given 1 constraints"),
        (ask(1, vec![bound(); 17], Kind::Best { k: 1, prune: true }), "at most 16"),
    ];
    for (message, part) in cases {
        assert!(message.contains(part), "{message}");
    }
    let deviates = |(case, _): &(Case, [Direction; 3])| {
        let off = case.bench.predictor(case.bench.position("off0").unwrap()).unwrap();
        off.deviation.as_ref().is_some_and(|deviation| deviation.count != 0.0)
    };
    let mut cases = (0..).map(|seed| cautious(&[vec![3, 2], vec![4]], false, seed));
    let (of_quantiles, directions) = cases.find(deviates).unwrap();
    let ask_off = |direction: Direction, kind: Kind| {
        let position = of_quantiles.bench.position("off0").unwrap();
        let objectives = vec![(position, direction)];
        let question = Question { domain: of_quantiles.domain.clone(), objectives, constraints: Vec::new() };
        Task::new(of_quantiles.bench.clone(), question, kind, &run()).unwrap_err().to_string()
    };
    let unsafe_end = if directions[0] == Direction::Maximise { Direction::Minimise } else { Direction::Maximise };
    let message = ask_off(unsafe_end, Kind::Best { k: 1, prune: true });
    assert!(message.contains("metric \"off0\" rises where predictions are uncertain"), "{message}");
    let message = ask_off(directions[0], Kind::Histogram { bins: 3 });
    assert!(message.contains("nothing is counted"), "{message}");
    let negative = case_with(&[vec![3, 2], vec![4]], false, -40.0, 1);
    let question = Question {
        domain: negative.domain.clone(),
        objectives: vec![(1, Direction::Maximise)],
        constraints: Vec::new(),
    };
    let message =
        Task::new(negative.bench.clone(), question, Kind::Best { k: 1, prune: true }, &run()).unwrap_err().to_string();
    assert!(message.contains("has a modelled reciprocal of -"), "{message}");
    let question =
        Question { domain: domain.clone(), objectives: vec![(7, Direction::Maximise)], constraints: Vec::new() };
    assert!(Task::new(case.bench.clone(), question, Kind::Best { k: 1, prune: true }, &run()).is_err());
    let never = Constraint { metric: 0, lower: f64::NAN, upper: 1.0 };
    let question = Question { domain, objectives: Vec::new(), constraints: vec![never] };
    let message = Task::new(case.bench.clone(), question, Kind::Count, &run()).unwrap_err().to_string();
    assert!(message.contains("is to be NaN to 1"), "{message}");
}

/// A tree that tests one choice after the other of three variables.
#[test]
fn trees_beyond_any_depth_that_boosting_makes_are_refused() {
    let space = space_of(&[&[256], &[256], &[256], &[2]]);
    for (splits, is_refused) in [(500, false), (700, true)] {
        let mut chain = Forest::constant(0.0);
        for split in 0..splits {
            let (variable, left) = (split % 3, 2 * split + 1);
            let goes_left = ChoiceSet::EMPTY.with(split as usize / 3);
            chain.nodes.push(Node { goes_left, variable, left, right: left + 1, value: 0.0 });
            chain.nodes.push(Node::leaf(f64::from(split)));
        }
        chain.nodes.push(Node::leaf(-1.0));
        chain.offsets.push(chain.nodes.len());
        let mut surrogate = surrogate(&space, true, 0.0, 1);
        surrogate.forests = vec![chain];
        let directory = tempfile::tempdir().unwrap();
        let metric = Metric::new("chain".to_owned(), Direction::Maximise, Link::Identity);
        write_metric(directory.path(), &space, metric, &surrogate, None, BTreeMap::new()).unwrap();
        let bench = Arc::new(Benchmark::open(directory.path()).unwrap());
        let allowed = space.cards().map(|n| (0..n).map(|c| c as u8).collect()).collect();
        let domain = Domain::new(&space, allowed).unwrap();
        let question = Question { domain, objectives: vec![(0, Direction::Maximise)], constraints: Vec::new() };
        let task = Task::new(bench, question, Kind::Best { k: 1, prune: true }, &run());
        assert_eq!(task.is_err(), is_refused);
        let message = task.err().map(|error| error.to_string()).unwrap_or_default();
        assert!(!is_refused || message.contains("more than 512 levels of splits"), "{message}");
    }
}

#[test]
fn every_kind_and_every_step_of_it_can_be_stopped() {
    let case = case(&[vec![3, 2], vec![4], vec![5, 3], vec![2, 3]], false, 1);
    let stopped = std::sync::atomic::AtomicBool::new(true);
    let stopped = Run { cancelled: &stopped, ..run() };
    let objective = |m: usize| (m, Direction::Maximise);
    let kinds = [
        (1, Kind::Best { k: 3, prune: true }),
        (1, Kind::Best { k: 3, prune: false }),
        (0, Kind::Count),
        (2, Kind::Front { most: 99 }),
        (3, Kind::Front { most: 99 }),
        (4, Kind::Front { most: 99 }),
        (1, Kind::Histogram { bins: 9 }),
        (1, Kind::Ranks { rows: case.row(0).to_vec() }),
    ];
    for (objectives, kind) in kinds {
        let question = || Question {
            domain: case.domain.clone(),
            objectives: (0..objectives).map(objective).collect(),
            constraints: Vec::new(),
        };
        let task = |run: &Run<'_>| Task::new(case.bench.clone(), question(), kind.clone(), run);
        let is_cancelled = |error: crate::Error| matches!(error, crate::Error::Cancelled);
        assert!(is_cancelled(task(&stopped).unwrap_err()), "{kind:?}");
        let task = task(&run()).unwrap();
        assert!(is_cancelled(task.start(&stopped).unwrap_err()), "{kind:?}");
        let start = task.start(&run()).unwrap();
        let settled = AtomicU64::new(0);
        assert!(is_cancelled(task.run(start.clone(), 0..task.jobs(), &settled, &stopped).unwrap_err()), "{kind:?}");
        assert_eq!(settled.into_inner(), 0, "{kind:?}");
        assert!(is_cancelled(task.merge(start.clone(), start.clone(), &stopped).unwrap_err()), "{kind:?}");
        assert!(is_cancelled(task.outcome(&start, &stopped).unwrap_err()), "{kind:?}");
    }
    assert!(!RUNNING.load(std::sync::atomic::Ordering::Relaxed));
}
