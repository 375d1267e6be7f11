//! The walk through a tree: a goal judges subtrees by their bounds, and looks at the tiles that are left.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Serialize, de::DeserializeOwned};

use crate::error::Result;
use crate::exact::bounds::counts::Counts;
use crate::exact::bounds::halves::OpenJob;
use crate::exact::bounds::tile::Tile;
use crate::exact::bounds::tree::{Tree, Worker};
use crate::threads::{Run, map_with};

/// Jobs that start from the same finds.
const WAVE: usize = 64;

/// What becomes of a subtree.
pub(crate) enum Verdict<V> {
    /// None of its architectures matters.
    Prune,
    /// The bounds say all about them.
    Whole,
    Descend(V),
}

/// What is looked for.
pub(crate) trait Goal: Sync {
    /// What was found so far; later jobs start from it.
    type Found: Clone + Default + Send + Sync + Serialize + DeserializeOwned + 'static;
    /// What a node tells its children.
    type View: Copy;

    /// Doubtful architectures that are decided in float64 at once.
    const BATCH: usize;

    /// What the root tells its children.
    fn view(&self, found: &Self::Found) -> Self::View;

    /// What a job starts from, given what all before it found.
    fn seed(&self, found: &Self::Found) -> Self::Found;

    /// Judges a subtree of so many architectures by an upper bound of every function.
    fn judge(&self, found: &mut Self::Found, view: Self::View, bounds: &[i32], size: u128) -> Verdict<Self::View>;

    /// Whether all architectures of a subtree, given the states of its first levels, come too late in the space to matter.
    fn is_late(&self, _: &Self::Found, _: &[usize]) -> bool {
        false
    }

    /// For an unpruned scan, the function in 16-bit steps, and the least of them at which a tile matters.
    fn coarse(&self, _: &Self::Found) -> Option<(usize, i16)> {
        None
    }

    /// Looks at the architectures of a tile; adds the rows of those that fixed point leaves in doubt.
    fn tile(
        &self,
        found: &mut Self::Found,
        view: Self::View,
        tile: &mut Tile<'_>,
        doubtful: &mut Vec<u8>,
    ) -> Result<()>;

    /// Counts an open job by halves, and says how its architectures were settled; none where it is to be walked through.
    fn halve(
        &self,
        _found: &mut Self::Found,
        _view: Self::View,
        _job: &OpenJob<'_>,
        _doubtful: &mut Vec<u8>,
    ) -> Result<Option<Counts>> {
        Ok(None)
    }

    /// Decides architectures in float64; also at the end of every job, where there may be none.
    fn decide(&self, found: &mut Self::Found, doubtful: &[u8]) -> Result<()>;

    /// Decides doubtful architectures of so many choices once there are enough of them.
    fn decide_many(&self, found: &mut Self::Found, doubtful: &mut Vec<u8>, width: usize) -> Result<()> {
        if doubtful.len() >= Self::BATCH * width {
            self.decide(found, doubtful)?;
            doubtful.clear();
        }
        Ok(())
    }

    /// Adds what another job found.
    fn merge(&self, into: &mut Self::Found, from: Self::Found) -> Result<()>;
}

/// Searches jobs in waves: each starts from what those before it found. They do not depend on threads, nor do results.
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
            worker.counts = worker.counts.with_dominated(tree.weight(job));
            done.fetch_add(u64::try_from(worker.counts.total()).unwrap_or(u64::MAX), Ordering::Relaxed);
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

impl Tree {
    /// Searches a job.
    fn search<G: Goal>(
        &self,
        goal: &G,
        worker: &mut Worker,
        found: &mut G::Found,
        job: usize,
        run: &Run<'_>,
    ) -> Result<()> {
        let (view, size) = (goal.view(found), self.job_size());
        match self.promising.as_ref().map(|order| goal.judge(found, view, order.bounds(job), size)) {
            Some(Verdict::Prune) => worker.counts.pruned += size,
            _ if self.halve(goal, worker, found, job, view)? => {}
            _ => self.visit(goal, worker, found, &self.prefix(job), (0, view), run)?,
        }
        goal.decide(found, &std::mem::take(&mut worker.doubtful))
    }

    /// Counts a job by halves, if that is possible.
    fn halve<G: Goal>(
        &self,
        goal: &G,
        worker: &mut Worker,
        found: &mut G::Found,
        job: usize,
        view: G::View,
    ) -> Result<bool> {
        let Some(split) = &self.split else { return Ok(false) };
        for (depth, state) in self.prefix(job).into_iter().enumerate() {
            worker.states[depth] = state;
            self.enter(worker, depth, state);
        }
        let mut doubtful = std::mem::take(&mut worker.doubtful);
        let open = OpenJob { tree: self, split, worker };
        let size = self.job_size();
        let counts = match goal.judge(found, view, &open.bounds(), size) {
            Verdict::Prune => Some(Counts { pruned: size, ..Counts::default() }),
            Verdict::Whole => Some(Counts { settled: size, ..Counts::default() }),
            Verdict::Descend(view) => goal.halve(found, view, &open, &mut doubtful)?,
        };
        worker.doubtful = doubtful;
        worker.counts = counts.map_or(worker.counts, |counts| worker.counts.plus(counts));
        Ok(counts.is_some())
    }

    /// Shows a goal the tile of the worker's states.
    fn look<G: Goal>(&self, goal: &G, worker: &mut Worker, found: &mut G::Found, view: G::View) -> Result<()> {
        let mut doubtful = std::mem::take(&mut worker.doubtful);
        goal.tile(found, view, &mut Tile { tree: self, worker }, &mut doubtful)?;
        goal.decide_many(found, &mut doubtful, self.levels.first.len())?;
        worker.doubtful = doubtful;
        Ok(())
    }

    fn visit<G: Goal>(
        &self,
        goal: &G,
        worker: &mut Worker,
        found: &mut G::Found,
        prefix: &[usize],
        (depth, view): (usize, G::View),
        run: &Run<'_>,
    ) -> Result<()> {
        run.check()?;
        if depth + 1 == self.bottom()
            && let Some((function, least)) = goal.coarse(found)
        {
            return self.scan(goal, worker, found, prefix, (function, least, view));
        }
        let states = match prefix.get(depth) {
            Some(&state) => state..state + 1,
            None => 0..self.cards[depth],
        };
        let size = self.sizes[(depth + 1).max(prefix.len())];
        let mut bounds = vec![0; self.functions.len()];
        for state in states {
            bounds.iter_mut().zip(&worker.frames).for_each(|(b, frames)| *b = frames[depth].children[state]);
            worker.states[depth] = state;
            if goal.is_late(found, &worker.states[..=depth]) {
                worker.counts.pruned += size;
                continue;
            }
            match goal.judge(found, view, &bounds, size) {
                Verdict::Prune => worker.counts.pruned += size,
                Verdict::Whole => worker.counts.settled += size,
                Verdict::Descend(view) => {
                    if depth == self.bottom() {
                        worker.counts.evaluated += size;
                        self.look(goal, worker, found, view)?;
                    } else {
                        self.enter(worker, depth, state);
                        self.visit(goal, worker, found, prefix, (depth + 1, view), run)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Evaluates all architectures of a node above the last four levels; shows the goal the tiles that may matter.
    fn scan<G: Goal>(
        &self,
        goal: &G,
        worker: &mut Worker,
        found: &mut G::Found,
        prefix: &[usize],
        (function, mut least, view): (usize, i16, G::View),
    ) -> Result<()> {
        let p = self.bottom() - 1;
        let mut last = std::mem::take(&mut worker.last);
        last.enter(&self.node(function, worker));
        let states = prefix.get(p).map_or(0..self.cards[p], |&state| state..state + 1);
        for state in states {
            let maxima = last.maxima(&self.node(function, worker), state);
            worker.counts.evaluated += self.sizes[p + 1];
            for (q, &maximum) in maxima.iter().enumerate() {
                if maximum < least {
                    continue;
                }
                (worker.states[p], worker.states[p + 1]) = (state, q);
                self.enter(worker, p, state);
                self.look(goal, worker, found, view)?;
                least = goal.coarse(found).map_or(least, |(_, least)| least);
            }
        }
        worker.last = last;
        Ok(())
    }
}
