//! Workers in simulated time against a plain account of who works when.

use std::sync::Arc;

use proptest::prelude::*;

use crate::search::runs::crew::Workers;
use crate::search::runs::farm::{Farm, Watch};
use crate::search::tests::{SEVERAL, SINGLE, benchmark};
use crate::search::{AlgorithmSpec, Ladder, Log, Modelled, Objective, Problem};
use crate::space::definition::Space;
use crate::testing::{run, space_of, spaces};
use crate::threads::Run;

/// Seeks the metric a, or both, and pays b.
fn timed(space: &Space, seed: u64, objective: &str, noisy: usize) -> Arc<Problem> {
    let metrics = if objective.contains("minimise") { vec![0, 1, 1] } else { vec![0, 1] };
    let sought = Objective::from_json(objective, metrics.len() - 1).unwrap();
    let modelled = Modelled::new(benchmark(space, seed), metrics, noisy, &run()).unwrap();
    Arc::new(Problem::modelled(modelled, true, sought, None).unwrap())
}

fn logs(problem: &Arc<Problem>, algorithm: &str, budget: u64, workers: Option<Workers>, threads: usize) -> Vec<Log> {
    let algorithm = AlgorithmSpec::from_json(algorithm).unwrap();
    let farm = Farm { problem, algorithm: &algorithm, seed: 5, budget, keep_all: true, workers, start: (&[], 0) };
    farm.run(0..9, &Watch::default(), &Run { threads: Some(threads), ..run() }).unwrap()
}

fn crew(number: usize, together: bool, until: f64) -> Option<Workers> {
    Some(Workers::new(number, together, until).unwrap())
}

/// What the evaluation of a row costs.
fn cost(problem: &Problem, row: &[u8]) -> f64 {
    let mut values = Vec::new();
    problem.evaluate().unwrap().evaluate(row, &[0], &mut values).unwrap();
    values[values.len() - 1]
}

/// Seeks the metric a after 1, 3, 9 and 27 epochs, whose last two are alike, and pays b, or epochs.
fn laddered(space: &Space, seed: u64, by_epochs: bool, resumes: bool) -> Arc<Problem> {
    let metrics = |first: usize| if by_epochs { vec![first] } else { vec![first, 1] };
    let modelled = |first: usize| Modelled::new(benchmark(space, seed), metrics(first), 0, &run()).unwrap();
    let sought = Objective::from_json(ONE, 1).unwrap();
    let ladder = Ladder::new(vec![1, 3, 9, 27], vec![modelled(1), modelled(1), modelled(0)], resumes, by_epochs);
    let problem = Problem::modelled(modelled(0), !by_epochs, sought, None).unwrap();
    Arc::new(problem.laddered(ladder.unwrap()).unwrap())
}

const FIDELITIES: [&str; 4] = [
    r#"{"kind": "successive_halving", "initial": 9, "reduction": 3}"#,
    r#"{"kind": "hyperband", "reduction": 3, "brackets": null}"#,
    r#"{"kind": "asha", "reduction": 3}"#,
    r#"{"kind": "regularized_evolution", "population": 10, "sample": 5, "removal": "oldest"}"#,
];

const ONE: &str = r#"{"directions": ["maximise"]}"#;
const TWO: &str = r#"{"directions": ["maximise", "minimise"]}"#;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn one_worker_whose_batches_end_together_is_a_search_without_workers(space in spaces(), seed: u64, noisy in 0usize..2) {
        prop_assume!(space.size() != Some(1));
        let (single, several) = (timed(&space, seed, ONE, noisy), timed(&space, seed, TWO, noisy));
        for (problem, algorithm) in SINGLE.iter().map(|a| (&single, a)).chain(SEVERAL.iter().map(|a| (&several, a))) {
            let found = logs(problem, algorithm, 70, crew(1, true, f64::INFINITY), 2);
            prop_assert_eq!(&found, &logs(problem, algorithm, 70, None, 1), "{}", algorithm);
        }
    }

    #[test]
    fn workers_take_the_next_architecture_when_they_are_free(space in spaces(), seed: u64, number in 1usize..12) {
        prop_assume!(space.size() != Some(1));
        // Random search asks for the same whatever it is told: who works when follows from the costs.
        let problem = timed(&space, seed, ONE, 0);
        let random = r#"{"kind": "random_search"}"#;
        let serial = logs(&problem, random, 60, None, 1);
        for together in [false, true] {
            let found = logs(&problem, random, 60, crew(number, together, f64::INFINITY), 2);
            for (serial, found) in serial.iter().zip(&found) {
                let width = space.width();
                let mut free = vec![0f64; number];
                let mut ends: Vec<(f64, usize)> = Vec::new();
                for i in 0..60 {
                    let first = (0..number).min_by(|&a, &b| free[a].total_cmp(&free[b])).unwrap();
                    free[first] += cost(&problem, &serial.rows[i * width..][..width]);
                    ends.push((free[first], i));
                }
                ends.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
                let rows: Vec<u8> = ends.iter().flat_map(|&(_, i)| &serial.rows[i * width..][..width]).copied().collect();
                prop_assert_eq!(&found.rows, &rows);
                prop_assert_eq!(&found.times, &ends.iter().map(|e| e.0).collect::<Vec<f64>>());
                prop_assert_eq!((found.done, found.time), (60, ends[59].0));
            }
        }
    }

    #[test]
    fn no_more_work_than_there_are_workers_and_time_cuts_it_short(
        space in spaces(), seed: u64, number in 2usize..9, together: bool, share in 0.1..0.9f64,
    ) {
        prop_assume!(space.size() != Some(1));
        let (single, several) = (timed(&space, seed, ONE, 1), timed(&space, seed, TWO, 0));
        for (problem, algorithm) in SINGLE.iter().map(|a| (&single, a)).chain(SEVERAL.iter().map(|a| (&several, a))) {
            let whole = logs(problem, algorithm, 70, crew(number, together, f64::INFINITY), 1);
            prop_assert_eq!(&whole, &logs(problem, algorithm, 70, crew(number, together, f64::INFINITY), 3));
            let until = share * whole[0].time;
            let cut = logs(problem, algorithm, 70, crew(number, together, until), 2);
            for (whole, cut) in whole.iter().zip(&cut) {
                prop_assert_eq!(whole.done, 70);
                prop_assert!(whole.times.is_sorted());
                let mut kept = whole.times.partition_point(|&time| time <= until);
                prop_assert_eq!(cut.done as usize, kept);
                prop_assert_eq!(&cut.times[..], &whole.times[..kept]);
                kept *= space.width();
                prop_assert_eq!(&cut.rows[..], &whole.rows[..kept]);
                prop_assert_eq!(cut.time, if whole.time <= until { whole.time } else { until });
                // All that the workers did fits between the beginning and the end.
                let values = whole.rows.chunks_exact(space.width()).map(|row| cost(problem, row));
                prop_assert!(values.sum::<f64>() <= whole.time * number as f64 * (1.0 + 1e-12));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn fidelities_cost_their_epochs_and_the_best_of_the_most_is_found(
        space in spaces(), seed: u64, number in 1usize..6, together: bool, resumes: bool,
    ) {
        prop_assume!(space.size() != Some(1));
        let (width, epochs) = (space.width(), [laddered(&space, seed, true, resumes), laddered(&space, seed, false, resumes)]);
        for (problem, algorithm) in epochs.iter().flat_map(|problem| FIDELITIES.map(|a| (problem, a))) {
            let serial = logs(problem, algorithm, 90, None, 1);
            prop_assert_eq!(&serial, &logs(problem, algorithm, 90, crew(1, true, f64::INFINITY), 2), "{}", algorithm);
            let found = logs(problem, algorithm, 90, crew(number, together, f64::INFINITY), 1);
            prop_assert_eq!(&found, &logs(problem, algorithm, 90, crew(number, together, f64::INFINITY), 3));
            for log in serial.iter().chain(&found) {
                let mut best = (0, f64::NEG_INFINITY);
                let mut stood = Vec::new();
                for (i, (&own, &score)) in log.epochs.iter().zip(&log.scores).enumerate() {
                    if (own, score) > best {
                        best = (own, score);
                        stood.push(i as u64);
                    }
                }
                prop_assert_eq!(&log.improvements, &stood);
            }
            for log in &serial {
                let mut time = 0.0;
                for i in 0..log.epochs.len() {
                    let row = |i: usize| &log.rows[i * width..][..width];
                    let before = (0..i).filter(|&j| resumes && row(j) == row(i) && log.epochs[j] < log.epochs[i]);
                    let paid = f64::from(log.epochs[i] - before.map(|j| log.epochs[j]).max().unwrap_or(0));
                    time += if problem.has_clock { paid / 27.0 * cost(problem, row(i)) } else { paid };
                    prop_assert_eq!(log.times[i], time);
                }
            }
        }
    }
}

#[test]
fn workers_need_a_clock_and_sensible_numbers() {
    let space = space_of(&[&[3, 2], &[4]]);
    for (number, until, expected) in [
        (0, 1.0, "search: workers is 0; choose 1 to 65536"),
        (2, 0.0, "search: time is 0; choose a cost above 0"),
        (2, f64::NAN, "search: time is NaN; choose a cost above 0"),
    ] {
        assert_eq!(Workers::new(number, false, until).unwrap_err().to_string(), expected);
    }
    let algorithm = AlgorithmSpec::from_json(SINGLE[0]).unwrap();
    let modelled = Modelled::new(benchmark(&space, 1), vec![0], 0, &run()).unwrap();
    let plain = Problem::modelled(modelled, false, Objective::from_json(ONE, 1).unwrap(), None).unwrap();
    let workers = crew(2, false, 1.0);
    let farm = Farm {
        problem: &Arc::new(plain),
        algorithm: &algorithm,
        seed: 0,
        budget: 10,
        keep_all: true,
        workers,
        start: (&[], 0),
    };
    let message = farm.run(0..1, &Watch::default(), &run()).unwrap_err().to_string();
    assert!(message.contains("workers need a clock"), "{message}");
}
