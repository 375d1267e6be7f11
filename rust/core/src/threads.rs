//! Threads: one pool, made anew after a fork or for another number of threads, and work that can be stopped.
//!
//! Work is parallel where it runs inside the pool of a [`Run`], and serial anywhere else: nothing here or above
//! uses rayon's own global pool, whose threads a forked child would wait for and whose number nobody chose.
//! `clippy.toml` keeps rayon's iterators out of the other files.
#![expect(clippy::disallowed_methods, reason = "the one place that uses rayon's iterators")]

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwapOption;
use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::error::{Error, Result};
use crate::memory::{Zero, zeros};

/// How a long call runs.
#[derive(Clone, Copy, Debug)]
pub struct Run<'a> {
    /// Number of threads, at most [`MOST_PER_CORE`] a core; `None` is one a core.
    pub threads: Option<usize>,
    /// Number of rows of the call.
    pub rows: usize,
    /// Set by another thread to stop the call.
    pub cancelled: &'a AtomicBool,
}

/// More threads than this a core only wait for each other.
const MOST_PER_CORE: usize = 4;
/// Rows that [`for_rows`] gives a thread at a time.
const CHUNK: usize = 1 << 12;

/// The pool of a process.
struct Pool {
    process: u32,
    threads: usize,
    pool: ThreadPool,
}

/// The pool that was used last. Swapped without a lock, which a fork could leave locked for ever.
static POOL: ArcSwapOption<Pool> = ArcSwapOption::const_empty();

/// Never stopped.
static RUNNING: AtomicBool = AtomicBool::new(false);

/// A short piece of work on the caller's thread, which nobody stops.
pub(crate) const ALONE: Run<'static> = Run { threads: Some(1), rows: 1, cancelled: &RUNNING };

impl Run<'_> {
    /// An error once the call is stopped.
    pub fn check(&self) -> Result<()> {
        if self.cancelled.load(Ordering::Relaxed) { Err(Error::Cancelled) } else { Ok(()) }
    }

    /// Runs work inside the pool; on the caller's thread where the rows are few.
    pub fn install<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        if self.rows <= CHUNK { work() } else { self.in_pool(work) }
    }

    /// Runs work inside the pool; on the caller's thread where one is enough, or the system gives no more.
    pub fn in_pool<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        match pool(self.threads) {
            Some(pool) => pool.pool.install(work),
            None => work(),
        }
    }

    /// Hands every task to a thread of the pool, until the call is stopped; fails as the first task that does.
    pub(crate) fn for_each<T: Send>(&self, tasks: Vec<T>, work: impl Fn(T) -> Result<()> + Sync + Send) -> Result<()> {
        let step = |task: T| self.check().and_then(|()| work(task));
        if tasks.len() <= 1 {
            return tasks.into_iter().try_for_each(step);
        }
        self.in_pool(|| map(tasks, step)).into_iter().collect()
    }

    /// What every item becomes, in order, until the call is stopped.
    pub(crate) fn try_map<T: Send, R: Send>(
        &self,
        items: impl IntoIterator<Item = T>,
        work: impl Fn(T) -> Result<R> + Sync + Send,
    ) -> Result<Vec<R>> {
        map(items, |item| self.check().and_then(|()| work(item))).into_iter().collect()
    }
}

/// What every item becomes, in order; in parallel inside a pool.
pub(crate) fn map<T: Send, R: Send>(items: impl IntoIterator<Item = T>, work: impl Fn(T) -> R + Sync + Send) -> Vec<R> {
    map_with(items, || (), |(), item| work(item))
}

/// As [`map`], with something that a thread makes once and keeps between items.
pub(crate) fn map_with<T: Send, R: Send, S>(
    items: impl IntoIterator<Item = T>,
    keep: impl Fn() -> S + Sync + Send,
    work: impl Fn(&mut S, T) -> R + Sync + Send,
) -> Vec<R> {
    let items: Vec<T> = items.into_iter().collect();
    match width() {
        1 => {
            let mut kept = keep();
            items.into_iter().map(|item| work(&mut kept, item)).collect()
        }
        _ => items.into_par_iter().map_init(keep, work).collect(),
    }
}

/// Calls with the number of the first row, the output and the input of every chunk of rows, in parallel
/// inside a pool, until the run is stopped; few rows stay on the caller's thread, which costs them no hand-over.
/// Fails as the first chunk that does.
pub(crate) fn for_rows<In: Sync, Out: Send>(
    run: &Run<'_>,
    (input, width): (&[In], usize),
    (output, out_width): (&mut [Out], usize),
    work: impl Fn(usize, &mut [Out], &[In]) -> Result<()> + Sync + Send,
) -> Result<()> {
    if input.len() <= CHUNK * width {
        return work(0, output, input);
    }
    // An output without columns still has its rows checked.
    let mut outputs = output.chunks_mut((out_width * CHUNK).max(1));
    let chunks =
        input.chunks(width * CHUNK).enumerate().map(|(i, input)| (i, outputs.next().unwrap_or_default(), input));
    run.try_map(chunks, |(i, output, input)| work(i * CHUNK, output, input)).map(drop)
}

/// So many numbers of every row, which a function makes of zeros and the row's number; in chunks, as [`for_rows`].
pub(crate) fn row_by_row<In: Sync, Out: Zero + Send>(
    run: &Run<'_>,
    (input, width): (&[In], usize),
    numbers: usize,
    work: impl Fn(usize, &[In], &mut [Out]) -> Result<()> + Sync + Send,
) -> Result<Vec<Out>> {
    let mut out = zeros(input.len() / width, numbers)?;
    for_rows(run, (input, width), (&mut out, numbers), |first, out, input| {
        let rows = out.chunks_exact_mut(numbers).zip(input.chunks_exact(width));
        rows.enumerate().try_for_each(|(i, (out, row))| work(first + i, row, out))
    })?;
    Ok(out)
}

/// The value of a cell, made by whoever needs it first. Several may make it at once: none waits for another, which
/// would deadlock where a thread that waits for its own parallel work takes up work that needs the same cell.
pub(crate) fn filled<T>(cell: &OnceLock<T>, make: impl FnOnce() -> Result<T>) -> Result<&T> {
    match cell.get() {
        Some(value) => Ok(value),
        None => make().map(|value| cell.get_or_init(|| value)),
    }
}

/// Number of threads of the pool that this thread is in; 1 outside of any.
pub(crate) fn width() -> usize {
    rayon::current_thread_index().map_or(1, |_| rayon::current_num_threads())
}

/// Processors that this process may use: those of its affinity, as many as its quota allows.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// A pool of this process; none where one thread is asked for or the system gives no more.
fn pool(threads: Option<usize>) -> Option<Arc<Pool>> {
    let cores = cores();
    let threads = threads.filter(|&n| n > 0).unwrap_or(cores).min(MOST_PER_CORE * cores);
    if threads == 1 {
        return None;
    }
    let process = std::process::id();
    if let Some(pool) = POOL.load_full() {
        if pool.process == process && pool.threads == threads {
            return Some(pool);
        }
        if pool.process != process {
            // A forked child has the pool but not its threads: it is forgotten without joining them.
            std::mem::forget(pool);
        }
    }
    let pool = ThreadPoolBuilder::new().num_threads(threads).build().ok()?;
    let pool = Arc::new(Pool { process, threads, pool });
    POOL.store(Some(pool.clone()));
    Some(pool)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(threads: Option<usize>) -> Run<'static> {
        Run { threads, rows: usize::MAX, cancelled: &RUNNING }
    }

    #[test]
    fn no_work_is_parallel_outside_a_pool_and_pools_are_small() {
        assert_eq!(width(), 1);
        assert_eq!(run(Some(1)).in_pool(width), 1);
        assert_eq!(run(Some(2)).in_pool(width), 2);
        let cores = std::thread::available_parallelism().unwrap().get();
        assert_eq!(run(Some(usize::MAX)).in_pool(width), MOST_PER_CORE * cores);
        assert!(run(None).in_pool(width) == cores);
    }

    #[test]
    fn the_first_failure_is_told_whatever_the_threads() {
        let rows = vec![0u8; 100 * CHUNK];
        let fail = |first: usize, _: &mut [()], _: &[u8]| match first / CHUNK {
            0..17 => Ok(()),
            chunk => Err(Error::search(format!("chunk {chunk}"))),
        };
        for threads in [1, 2, 3] {
            let work = || for_rows(&run(None), (&rows, 1), (&mut vec![(); rows.len()], 1), fail);
            assert_eq!(run(Some(threads)).in_pool(work).unwrap_err().to_string(), "search: chunk 17");
            let tasks = (0..100).collect();
            let task = |i: usize| if i < 17 { Ok(()) } else { Err(Error::search(format!("task {i}"))) };
            assert_eq!(run(Some(threads)).for_each(tasks, task).unwrap_err().to_string(), "search: task 17");
        }
    }
}
