//! What takes a search of its own before a search: the ends of a metric.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use crate::error::{Error, Result};
use crate::exact::answers::answer::Answer;
use crate::exact::answers::best::BestGoal;
use crate::exact::bounds::order::{Purpose, tree};
use crate::exact::bounds::walk::search;
use crate::exact::prepared::Prepared;
use crate::exact::question::domain::Domain;
use crate::exact::question::kinds::{Item, Question};
use crate::exact::starts::penalty::Penalty;
use crate::metric::{Direction, Link};
use crate::store::benchmark::Benchmark;
use crate::store::listing::Metric;
use crate::threads::{Run, filled};

/// The architecture of a domain at one end of a metric.
fn extreme(
    bench: Arc<Benchmark>,
    (metric, direction): (usize, Direction),
    domain: Domain,
    run: &Run<'_>,
) -> Result<Item> {
    let question = Question { domain, objectives: vec![(metric, direction)], constraints: Vec::new() };
    let prepared = Prepared::new(bench, question, true, run)?;
    let tree = tree(&prepared, &prepared.functions(&prepared.terms), &[], Purpose::Prune, run)?;
    let penalty = Penalty::default();
    let goal = BestGoal::new(&prepared, &tree, (1, true, &penalty), *run);
    let found = goal.resumed(goal.start()?)?;
    let (found, _) = search(&tree, &goal, found, 0..tree.jobs(), &AtomicU64::new(0), run)?;
    let best = found.items.into_iter().next();
    best.ok_or_else(|| Error::search("a search for the best found nothing"))
}

/// Lowest and highest value of the objective's function without constraints.
pub(crate) fn range(bench: &Arc<Benchmark>, prepared: &Prepared, run: &Run<'_>) -> Result<(f64, f64)> {
    let metric = prepared.question.objectives[0].0;
    let end = |direction| {
        let item = extreme(bench.clone(), (metric, direction), prepared.question.domain.clone(), run)?;
        Ok(prepared.on_term(&prepared.terms[0], item.values[0]))
    };
    let (a, b): ((f64, f64), (f64, f64)) = (end(Direction::Minimise)?, end(Direction::Maximise)?);
    let (mut lowest, mut highest) = (a.0.min(b.0), a.1.max(b.1));
    if prepared.link_of(0).plateau().is_some() {
        // All values of a plateau are one value of the metric, which says nothing of them.
        let value = lowest_modelled(bench, metric, prepared.question.domain.clone(), run)?.values[0];
        match prepared.terms[0].sign > 0.0 {
            true => lowest = lowest.min(value),
            false => highest = highest.max(-value),
        }
    }
    Ok((lowest, highest))
}

/// The architecture of a domain with the lowest modelled value of a metric: its value is the modelled one.
fn lowest_modelled(bench: &Arc<Benchmark>, metric: usize, domain: Domain, run: &Run<'_>) -> Result<Item> {
    let entry = &bench.metrics()[metric];
    let name = format!("modelled {}", entry.name);
    let modelled = Metric { name, link: Link::Identity, direction: Direction::Minimise, ..entry.clone() };
    let surrogate = &bench.predictor(metric)?.surrogate;
    let with = bench.with_metric(bench.space(), modelled, surrogate, None, Default::default())?;
    let metric = with.metrics().len() - 1;
    extreme(Arc::new(with), (metric, Direction::Minimise), domain, run)
}

/// Refuses a reciprocal metric that has architectures of no or negative time: its order would not be that of time.
pub(crate) fn require_rates(bench: &Arc<Benchmark>, metric: usize, domain: &Domain, run: &Run<'_>) -> Result<()> {
    let entry = &bench.metrics()[metric];
    let predictor = bench.predictor(metric)?;
    if entry.link != Link::Reciprocal {
        return Ok(());
    }
    let lowest = |domain: Domain| lowest_modelled(bench, metric, domain, run);
    // What holds for the whole space holds for its parts; of tables it is known soon.
    if let (None, Some(_), 0) = (predictor.lowest.get(), bench.space().size(), predictor.surrogate.forest_trees()) {
        let value = lowest(Domain::whole(bench.space()))?.values[0];
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
    Err(bench.refused(metric, reason))
}
