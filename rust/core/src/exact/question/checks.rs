//! What has to hold before a search.

use crate::error::{Error, Result};
use crate::exact::question::kinds::{Kind, Question};
use crate::store::benchmark::Benchmark;
use crate::threads::ALONE;

/// Most architectures that are kept sorted; more are no answer but a scan.
pub const MAX_BEST: usize = 10_000;

/// Most bins of a histogram.
pub const MAX_BINS: usize = 1 << 16;

/// Most points of a front: all are held in memory.
pub const MAX_POINTS: usize = 10_000_000;

/// Whether a question has what its kind needs.
pub(crate) fn check(bench: &Benchmark, question: &Question, kind: &Kind) -> Result<()> {
    let (objectives, constraints) = (question.objectives.len(), question.constraints.len());
    let known = bench.metrics().len();
    if let Some(metric) = question.metrics().into_iter().find(|&metric| metric >= known) {
        return Err(Error::search(format!("metric {metric} is asked about; there are {known}")));
    }
    if let Some(c) = question.constraints.iter().find(|c| c.lower.is_nan() || c.upper.is_nan()) {
        let name = &bench.metrics()[c.metric].name;
        return Err(Error::search(format!("{name} is to be {} to {}; give numbers", c.lower, c.upper)));
    }
    let (what, wanted) = match kind {
        Kind::Front { .. } => ("2 to 5", 2..=MAX_OBJECTIVES),
        Kind::Count => ("no", 0..=0),
        _ => ("one", 1..=1),
    };
    if !wanted.contains(&objectives) {
        return Err(Error::search(format!("{objectives} objectives are given; give {what}")));
    }
    if matches!(kind, Kind::Ranks { .. }) && constraints > 0 {
        return Err(Error::search(format!(
            "ranks are given {constraints} constraints; restrict choices, or count instead"
        )));
    }
    let is_counted = matches!(kind, Kind::Count | Kind::Histogram { .. } | Kind::Ranks { .. });
    for metric in question.metrics().into_iter().filter(|_| is_counted) {
        if bench.predictor(metric)?.deviation.is_some() {
            let reason = "lies off predictions, by deviations that tables bound on one side alone, so nothing is counted, \
                          ranked or distributed by it exactly; estimate by a sample (Benchmark.estimate, --samples)";
            return Err(bench.refused(metric, reason.to_owned()));
        }
    }
    match kind {
        Kind::Best { k, .. } if !(1..=MAX_BEST).contains(k) => {
            Err(Error::search(format!("the {k} best are asked for; ask for 1 to {MAX_BEST}")))
        }
        Kind::Front { most } if !(1..=MAX_POINTS).contains(most) => {
            Err(Error::search(format!("at most {most} points are asked for; ask for 1 to {MAX_POINTS}")))
        }
        Kind::Histogram { bins } if !(1..=MAX_BINS).contains(bins) => {
            Err(Error::search(format!("{bins} bins are asked for; choose 1 to {MAX_BINS}")))
        }
        Kind::Ranks { rows } => bench.space().check(rows, &ALONE),
        _ => Ok(()),
    }
}

/// Most objectives.
pub const MAX_OBJECTIVES: usize = 5;
