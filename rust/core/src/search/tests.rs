//! Algorithms against enumeration of small spaces, and what has to hold for all of them.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use proptest::prelude::*;

use super::*;
use crate::error::Error;
use crate::measure::noise::Scatter;
use crate::metric::{Direction, Link};
use crate::search::problem::multilinear::Extension;
use crate::space::definition::Space;
use crate::store::benchmark::{Benchmark, write_metric};
use crate::store::listing::Metric;
use crate::surrogate::lower::lower;
use crate::testing::{forest, ruled, run, space_of, spaces};
use crate::threads::{ALONE, Run};

pub(crate) const SINGLE: [&str; 6] = [
    r#"{"kind": "random_search"}"#,
    r#"{"kind": "local_search", "initial": 3, "first_improvement": false}"#,
    r#"{"kind": "local_search", "initial": 1, "first_improvement": true}"#,
    r#"{"kind": "regularized_evolution", "population": 10, "sample": 5, "removal": "oldest"}"#,
    r#"{"kind": "simulated_annealing", "initial": 5, "cooling": 0.1}"#,
    r#"{"kind": "reinforce", "learning_rate": 0.05, "episodes": 4, "baseline": 0.9, "entropy": 0.01}"#,
];
pub(crate) const SEVERAL: [&str; 3] = [
    r#"{"kind": "nsga2", "population": 12, "crossover": 0.9}"#,
    r#"{"kind": "nsga3", "population": 12, "crossover": 0.9}"#,
    r#"{"kind": "moead", "population": 10, "neighbours": 4, "replacements": 2, "locality": 0.9}"#,
];

/// Two metrics of random tables.
pub(crate) fn benchmark(space: &Space, seed: u64) -> Arc<Benchmark> {
    let directory = tempfile::tempdir().unwrap();
    for (i, (name, direction, link)) in
        [("a", Direction::Maximise, Link::Identity), ("b", Direction::Minimise, Link::Log)].into_iter().enumerate()
    {
        let metric = Metric { noise: Some(0.1), ..Metric::new(name.to_owned(), direction, link) };
        let surrogate = lower(space, &[&forest(space, 20, 2, 3, seed ^ i as u64)], &run()).unwrap();
        write_metric(directory.path(), space, metric, &surrogate, None, Default::default()).unwrap();
    }
    let bench = Benchmark::open(directory.path()).unwrap();
    // Loaded while the files are there.
    assert!((0..2).all(|metric| bench.predictor(metric).is_ok()));
    Arc::new(bench)
}

fn problem(bench: &Arc<Benchmark>, metrics: &[usize], objective: &str, noisy: usize) -> Arc<Problem> {
    let objective = Objective::from_json(objective, metrics.len()).unwrap();
    let modelled = Modelled::new(bench.clone(), metrics.to_vec(), noisy, &run()).unwrap();
    Arc::new(Problem::modelled(modelled, false, objective, None).unwrap())
}

fn logs(problem: &Arc<Problem>, algorithm: &str, budget: u64, keep_all: bool, threads: usize) -> Vec<Log> {
    let algorithm = AlgorithmSpec::from_json(algorithm).unwrap();
    let farm = Farm { problem, algorithm: &algorithm, seed: 5, budget, keep_all, workers: None, start: (&[], 0) };
    farm.run(0..9, &Watch::default(), &Run { threads: Some(threads), ..run() }).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn runs_see_predictions_and_do_not_depend_on_threads(space in spaces(), seed: u64) {
        let space = if seed % 2 == 1 { ruled(&space, seed) } else { space };
        prop_assume!(space.size() != Some(1));
        let bench = benchmark(&space, seed);
        let single = problem(&bench, &[0], r#"{"directions": ["maximise"]}"#, 0);
        let several = problem(&bench, &[0, 1], r#"{"directions": ["maximise", "minimise"]}"#, 0);
        let cases = SINGLE.iter().map(|a| (&single, a)).chain(SEVERAL.iter().map(|a| (&several, a)));
        // Gradients are of independent choices.
        for (problem, algorithm) in cases.filter(|(_, a)| !space.has_rules() || !a.contains("gradient_ascent")) {
            let all = logs(problem, algorithm, 70, true, 1);
            prop_assert_eq!(&all, &logs(problem, algorithm, 70, true, 3), "{}", algorithm);
            let short = logs(problem, algorithm, 70, false, 2);
            for (all, short) in all.iter().zip(&short) {
                prop_assert_eq!(&all.evaluations, &(1..=70).collect::<Vec<u64>>());
                space.check(&all.rows, &ALONE).unwrap();
                let means = bench.predict(&[0], &all.rows, None, &run()).unwrap();
                let columns = problem.objective.scores();
                for (seen, mean) in all.values.chunks_exact(columns).zip(&means[0].0) {
                    prop_assert_eq!(seen[0], f64::from(*mean));
                }
                prop_assert_eq!(&all.improved_at, &short.evaluations);
                for (i, position) in all.improvements.iter().enumerate() {
                    let width = space.width();
                    let row = &all.rows[*position as usize * width..][..width];
                    prop_assert_eq!(row, &short.rows[i * width..][..width]);
                }
                if columns == 1 {
                    prop_assert!(short.scores.windows(2).all(|w| w[0] < w[1]));
                }
            }
        }
    }

    #[test]
    fn expectations_are_those_of_enumeration(space in spaces(), seed: u64) {
        let size = space.size().unwrap();
        prop_assume!(size < 3000);
        let bench = benchmark(&space, seed);
        let json = r#"{"directions": ["minimise"], "constraints": [{"column": 1, "upper": -1e9}], "penalty": 1e-9}"#;
        let objective = Objective::from_json(json, 2).unwrap();
        let allowed: Vec<Vec<u8>> = space.cards().map(|card| (0..card as u8).collect()).collect();
        let model = Extension::new(&bench, &[1, 0], objective.clone(), &allowed).unwrap();
        let mut stream = Stream::new(seed, 0);
        let mut p: Vec<f64> = Vec::new();
        for card in space.cards() {
            let weights: Vec<f64> = (0..card).map(|_| stream.unit() + 0.1).collect();
            p.extend(weights.iter().map(|w| w / weights.iter().sum::<f64>()));
        }
        let first: Vec<usize> = (0..space.width()).map(|v| space.cards().take(v).sum()).collect();
        let rows = space.range(0, size, &ALONE).unwrap();
        let linked = |metric: usize| bench.predictor(metric).unwrap().predict_linked(&space, &rows, &run()).unwrap();
        let linked = [linked(1), linked(0)];
        // The multilinear extension by its definition; probabilities need not add up for slopes to be right.
        let score = |p: &[f64]| {
            let constant = |metric: usize| bench.predictor(metric).unwrap().surrogate.mean_constant();
            let mut values = [constant(1), constant(0)];
            for (i, row) in rows.chunks_exact(space.width()).enumerate() {
                let weight: f64 = row.iter().zip(&first).map(|(&c, f)| p[f + c as usize]).product();
                (0..2).for_each(|m| values[m] += weight * (linked[m][i] - constant([1, 0][m])));
            }
            let mut out = Vec::new();
            objective.score(&[values[0].exp(), values[1]], &mut out);
            out[0]
        };
        let mut gradient = vec![0.0; p.len()];
        let found = model.score(&p, &mut gradient);
        let scale = found.abs().max(1.0);
        prop_assert!((found - score(&p)).abs() < 1e-9 * scale, "{} is not {}", found, score(&p));
        // Along directions that keep a distribution: from one choice of a variable to another.
        for (v, card) in space.cards().enumerate().filter(|(_, card)| *card > 1) {
            let (a, b) = (first[v], first[v] + card - 1);
            let moved = |step: f64| {
                let mut p = p.clone();
                p[a] += step;
                p[b] -= step;
                score(&p)
            };
            let slope = (moved(1e-4) - moved(-1e-4)) / 2e-4;
            prop_assert!((gradient[a] - gradient[b] - slope).abs() < 1e-4 * scale.max(slope.abs()), "variable {}", v);
        }
    }
}

#[test]
fn all_algorithms_reach_the_optimum_of_small_spaces() {
    let space = space_of(&[&[3, 2, 3], &[4, 2], &[3, 3]]);
    let bench = benchmark(&space, 3);
    let rows = space.range(0, space.size().unwrap(), &ALONE).unwrap();
    let values = &bench.predict(&[0], &rows, None, &run()).unwrap()[0].0;
    let best = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let single = problem(&bench, &[0], r#"{"directions": ["maximise"]}"#, 0);
    let ascent = r#"{"kind": "gradient_ascent", "learning_rate": 0.1, "steps": 5, "relaxation": "expectation", "temperature": 1}"#;
    let noisy = ascent.replace("expectation", "gumbel");
    for (algorithm, budget) in SINGLE.iter().map(|a| (*a, 12_000)).chain([(ascent, 400), (&noisy, 400)]) {
        for log in logs(&single, algorithm, budget, false, 2) {
            // A policy converges where it converges.
            let is_policy = algorithm.contains("reinforce");
            assert!(is_policy || log.scores.last() == Some(&f64::from(best)), "{algorithm}: {:?}, {best}", log.scores);
        }
    }
}

#[test]
fn measurements_are_those_of_queries_and_halving_finds_good_means() {
    let space = space_of(&[&[3, 2, 3], &[4, 2], &[3, 3]]);
    let bench = benchmark(&space, 4);
    let noisy = problem(&bench, &[0], r#"{"directions": ["maximise"]}"#, 1);
    let algorithm = r#"{"kind": "successive_halving", "initial": 27, "reduction": 3}"#;
    let all = logs(&noisy, algorithm, 300, true, 1);
    for (number, log) in all.iter().enumerate() {
        for (i, (row, score)) in log.rows.chunks_exact(space.width()).zip(&log.scores).enumerate().step_by(37) {
            let seed = Stream::of_evaluation(5, number as u64, i as u64 + 1);
            assert_eq!(bench.query(0, row, seed, Scatter::Repeat, &run()).unwrap(), [*score]);
        }
        assert!(!log.improvements.is_empty());
        // 27 once, 9 of them three times, 3 nine times, 1 of them 27 times: 81 measurements a bracket.
        let bracket = &log.rows[..81 * space.width()];
        let mut counts: Vec<usize> = bracket
            .chunks_exact(space.width())
            .map(|row| bracket.chunks_exact(space.width()).filter(|r| *r == row).count())
            .collect();
        counts.sort_unstable();
        assert!(counts[80] >= 27 && counts[0] >= 1);
    }
    assert_eq!(all, logs(&noisy, algorithm, 300, true, 2));
}

#[test]
fn what_can_not_be_done_is_refused() {
    let space = space_of(&[&[3, 2], &[4]]);
    let bench = benchmark(&space, 1);
    let plain = problem(&bench, &[0], r#"{"directions": ["maximise"]}"#, 0);
    let several = problem(&bench, &[0, 1], r#"{"directions": ["maximise", "minimise"]}"#, 0);
    let limited = r#"{"directions": ["maximise"], "constraints": [{"column": 1, "upper": 2}]}"#;
    let limited = problem(&bench, &[0, 1], limited, 0);
    let spec = |text: &str| AlgorithmSpec::from_json(text);
    for (problem, algorithm, budget, expected) in [
        (&several, SINGLE[3], 10, "regularized_evolution needs one score, the objective has 2"),
        (&plain, SEVERAL[1], 10, "nsga3 needs several objectives, there is 1"),
        (&plain, SEVERAL[2], 10, "moead needs several objectives, there is 1"),
        (&limited, SINGLE[5], 10, "reinforce weighs scores"),
        (&plain, r#"{"kind": "successive_halving", "initial": 9, "reduction": 3}"#, 10, "turn noise on"),
        (&plain, r#"{"kind": "asha", "reduction": 3}"#, 10, "asha needs fidelities"),
        (&plain, SINGLE[0], 0, "the budget is 0 evaluations"),
    ] {
        let message = spec(algorithm).unwrap().brief(problem, budget, &[]).unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    }
    for (from, to, expected) in [
        ("\"population\": 10", "\"population\": 0", "population is 0; choose 1 to"),
        ("\"sample\": 5", "\"sample\": 0", "sample is 0; choose 1 to"),
    ] {
        let algorithm = spec(&SINGLE[3].replace(from, to)).unwrap();
        let brief = algorithm.brief(&plain, 10, &[]).unwrap();
        let message = algorithm.start(&brief, Stream::new(1, 1)).err().unwrap().to_string();
        assert!(message.contains(expected), "{message}");
    }
    assert!(spec(r#"{"kind": "annealing"}"#).unwrap_err().to_string().contains("the algorithm can't be read"));
    let stopped = Run { cancelled: &AtomicBool::new(true), ..run() };
    let algorithm = spec(SINGLE[0]).unwrap();
    let farm = Farm {
        problem: &plain,
        algorithm: &algorithm,
        seed: 0,
        budget: 10,
        keep_all: true,
        workers: None,
        start: (&[], 0),
    };
    assert!(matches!(farm.run(0..1, &Watch::default(), &stopped), Err(Error::Cancelled)));
}
