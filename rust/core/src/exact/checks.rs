//! What has to hold before a search, and what it has to know: some of it takes searches of its own.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use crate::benchmark::{Benchmark, Direction, Metric};
use crate::error::{Error, Result};
use crate::exact::best::Item;
use crate::exact::domain::Domain;
use crate::exact::problem::{Problem, Question};
use crate::exact::task::{Kind, Outcome, Task, refused};
use crate::exact::zones::MAX_OBJECTIVES;
use crate::link::Link;
use crate::threads::{ALONE, Run, filled};

/// Most architectures that are kept sorted; more are no answer but a scan.
pub const MAX_BEST: usize = 10_000;
/// Most bins of a histogram.
pub const MAX_BINS: usize = 1 << 16;

/// The architecture of a domain at one end of a metric.
fn extreme(
    bench: Arc<Benchmark>,
    (metric, direction): (usize, Direction),
    domain: Domain,
    run: &Run<'_>,
) -> Result<Item> {
    let question = Question { domain, objectives: vec![(metric, direction)], constraints: Vec::new() };
    let task = Task::new(bench, question, Kind::Best { k: 1, prune: true }, run)?;
    let state = task.run(task.start(run)?, 0..task.jobs(), &AtomicU64::new(0), run)?;
    match task.outcome(&state, run)? {
        Outcome::Items(mut items) if !items.is_empty() => Ok(items.swap_remove(0)),
        _ => Err(refused("a search for the best found nothing".to_owned())),
    }
}

/// Lowest and highest value of the objective's function without constraints.
pub(crate) fn range(bench: &Arc<Benchmark>, problem: &Problem, run: &Run<'_>) -> Result<(f64, f64)> {
    let metric = problem.question.objectives[0].0;
    let end = |direction| {
        let item = extreme(bench.clone(), (metric, direction), problem.question.domain.clone(), run)?;
        Ok(problem.on_term(&problem.terms[0], item.values[0]))
    };
    let (a, b): ((f64, f64), (f64, f64)) = (end(Direction::Minimise)?, end(Direction::Maximise)?);
    Ok((a.0.min(b.0), a.1.max(b.1)))
}

/// Refuses a reciprocal metric that has architectures of no or negative time: its order would not be that of time.
pub(crate) fn require_rates(bench: &Arc<Benchmark>, metric: usize, domain: &Domain, run: &Run<'_>) -> Result<()> {
    let entry = &bench.metrics()[metric];
    let predictor = bench.predictor(metric)?;
    if entry.link != Link::Reciprocal || predictor.surrogate().forest_trees() > 0 {
        return Ok(());
    }
    let lowest = |domain: Domain| {
        let name = format!("1 / {}", entry.name);
        let modelled = Metric { name, link: Link::Identity, direction: Direction::Minimise, ..entry.clone() };
        let with = bench.with_metric(bench.space(), modelled, predictor.surrogate(), None, Default::default())?;
        let metric = with.metrics().len() - 1;
        extreme(Arc::new(with), (metric, Direction::Minimise), domain, run)
    };
    // What holds for the whole space holds for its parts.
    if let (None, Some(_)) = (predictor.lowest.get(), bench.space().size()) {
        let value = lowest(Domain::whole(bench.space())?)?.values[0];
        filled(&predictor.lowest, || Ok(value))?;
    }
    if predictor.lowest.get().is_some_and(|&value| value > 0.0) {
        return Ok(());
    }
    let item = lowest(domain.clone())?;
    if item.values[0] > 0.0 {
        return Ok(());
    }
    let architecture = bench.space().format_row(&item.row);
    let reason = format!(
        "has a modelled reciprocal of {} at architecture {architecture}, so values there mean nothing; \
         restrict choices to where it is above 0, or refit",
        item.values[0]
    );
    Err(Error::Metric { name: entry.name.clone(), reason })
}

/// Whether a question has what its kind needs.
pub(crate) fn check(bench: &Benchmark, question: &Question, kind: &Kind) -> Result<()> {
    let (objectives, constraints) = (question.objectives.len(), question.constraints.len());
    let known = bench.metrics().len();
    if let Some(metric) = question.metrics().into_iter().find(|&metric| metric >= known) {
        return Err(refused(format!("metric {metric} is asked about; there are {known}")));
    }
    if let Some(c) = question.constraints.iter().find(|c| c.lower.is_nan() || c.upper.is_nan()) {
        let name = &bench.metrics()[c.metric].name;
        return Err(refused(format!("{name} is to be {} to {}; give numbers", c.lower, c.upper)));
    }
    let (what, wanted) = match kind {
        Kind::Front => ("2 or 3", 2..=MAX_OBJECTIVES),
        Kind::Count => ("no", 0..=0),
        _ => ("one", 1..=1),
    };
    if !wanted.contains(&objectives) {
        return Err(refused(format!("{objectives} objectives are given; give {what}")));
    }
    if matches!(kind, Kind::Ranks { .. }) && constraints > 0 {
        return Err(refused(format!("ranks are given {constraints} constraints; restrict choices, or count instead")));
    }
    match kind {
        Kind::Best { k, .. } if !(1..=MAX_BEST).contains(k) => {
            Err(refused(format!("the {k} best are asked for; ask for 1 to {MAX_BEST}")))
        }
        Kind::Histogram { bins } if !(1..=MAX_BINS).contains(bins) => {
            Err(refused(format!("{bins} bins are asked for; choose 1 to {MAX_BINS}")))
        }
        Kind::Ranks { rows } => bench.space().check(rows, &ALONE),
        _ => Ok(()),
    }
}
