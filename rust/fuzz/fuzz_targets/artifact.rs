//! Any bytes as an artifact: an error or a metric that answers everything, never a crash or unbounded memory.
#![no_main]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, LazyLock};

use accelnas_core::exact::{Constraint, Domain, Kind, Question, Task};
use accelnas_core::metric::Direction;
use accelnas_core::predict::predictor::Std;
use accelnas_core::space::definition::Space;
use accelnas_core::store::artifact::from_bytes;
use accelnas_core::store::benchmark::Benchmark;
use accelnas_core::store::listing::Metric;
use accelnas_core::threads::Run;
use accelnas_core::{Error, Result};
use libfuzzer_sys::fuzz_target;

/// More rows than are summed cell by cell, so that the batch kernels run.
const ROWS: usize = 256;

static EMPTY: LazyLock<Benchmark> = LazyLock::new(|| {
    let space = Space::from_toml(include_str!("space.toml")).expect("the fuzzing space is valid");
    Benchmark::new(space)
});
static ARCHITECTURES: LazyLock<Vec<u8>> =
    LazyLock::new(|| EMPTY.space().sample(ROWS, 0, false).expect("the space can be sampled"));
static RUNNING: AtomicBool = AtomicBool::new(false);
const RUN: Run<'static> = Run { threads: Some(1), rows: usize::MAX, cancelled: &RUNNING };

fuzz_target!(|bytes: &[u8]| {
    let Ok((header, surrogate, uncertainty)) = from_bytes(Path::new("fuzz"), bytes, EMPTY.space()) else { return };
    let metric = Metric::new(header.metric, Direction::Maximise, header.link);
    // A name, or a value, may be refused.
    let Ok(bench) = EMPTY.with_metric(EMPTY.space(), metric, &surrogate, uncertainty, BTreeMap::new()) else { return };
    predict(&bench).expect("what was read predicts");
    let (best, front) = (Kind::Best { k: 2, prune: true }, Kind::Front { most: 1000 });
    for kind in [best, Kind::Count, front, Kind::Histogram { bins: 7 }] {
        match ask(Arc::new(bench.clone()), kind) {
            // Forests, values beyond all bounds and rates that are not positive have no exact answers.
            Ok(()) | Err(Error::Model { .. } | Error::Search { .. } | Error::Metric { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
});

fn predict(bench: &Benchmark) -> Result<()> {
    let rows = &ARCHITECTURES;
    let predictor = bench.predictor(0)?;
    predictor.predict_f64(bench.space(), rows, Some(Std::Total), &RUN)?;
    predictor.predict_members(bench.space(), &rows[..64], &RUN)?;
    bench.deviation_bound(0, &RUN)?;
    for std in [None, Some(Std::Members), Some(Std::Total)] {
        bench.predict(&[0], rows, std, &RUN)?;
    }
    Ok(())
}

fn ask(bench: Arc<Benchmark>, kind: Kind) -> Result<()> {
    let objectives = if kind == Kind::Count { Vec::new() } else { vec![(0, Direction::Maximise)] };
    let constraints = match kind {
        Kind::Count => vec![Constraint { metric: 0, lower: 1.0, upper: f64::INFINITY }],
        _ => Vec::new(),
    };
    let question = Question { objectives, constraints, domain: Domain::whole(bench.space()) };
    let task = Task::new(bench, question, kind, &RUN)?;
    let state = task.run(task.start(&RUN)?, 0..task.jobs(), &AtomicU64::new(0), &RUN)?;
    task.outcome(&state, &RUN).map(|_| ())
}
