//! Runs the jobs of a search: in waves, whose composition does not depend on threads, so results do not either.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::Result;
use crate::exact::bounds::counts::Counts;
use crate::exact::bounds::tree::{Tree, Worker};
use crate::exact::bounds::walk::Goal;
use crate::threads::{Run, map_with};

/// Jobs that start from the same finds.
const WAVE: usize = 64;

/// Searches jobs one wave after the other: a wave starts from what those before it found.
pub(crate) fn search<G: Goal>(
    tree: &Tree,
    goal: &G,
    mut found: G::Found,
    jobs: Range<usize>,
    done: &AtomicU64,
    run: &Run<'_>,
) -> Result<(G::Found, Counts)> {
    let mut counts = Counts::default();
    for first in jobs.clone().step_by(WAVE) {
        let wave = first..(first + WAVE).min(jobs.end);
        let job = |worker: &mut Worker, job: usize| {
            let mut found = goal.seed(&found);
            worker.counts = Counts::default();
            tree.search(goal, worker, &mut found, job, run)?;
            done.fetch_add(worker.counts.total(), Ordering::Relaxed);
            Ok((found, worker.counts))
        };
        for result in run.in_pool(|| map_with(wave, || tree.worker(), job)) {
            let (of_job, count) = result?;
            goal.merge(&mut found, of_job)?;
            counts = counts.plus(count);
        }
    }
    Ok((found, counts))
}
