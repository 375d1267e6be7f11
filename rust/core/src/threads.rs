//! Threads: one pool a thread count, made anew after a fork, and work that can be stopped.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::error::{Error, Result};

/// How a long call runs.
#[derive(Clone, Copy, Debug)]
pub struct Run<'a> {
    /// Number of threads; `None` is one a core.
    pub threads: Option<usize>,
    /// Number of rows of the call.
    pub rows: usize,
    /// Set by another thread to stop the call.
    pub cancelled: &'a AtomicBool,
}

/// The pools of one process, by thread count.
struct Pools {
    process: u32,
    by_threads: HashMap<usize, Arc<ThreadPool>>,
}

static POOLS: Mutex<Option<Pools>> = Mutex::new(None);

impl Run<'_> {
    /// An error once the call is stopped.
    pub(crate) fn check(&self) -> Result<()> {
        if self.cancelled.load(Ordering::Relaxed) { Err(Error::Cancelled) } else { Ok(()) }
    }

    /// Runs work inside the pool of this many threads; on the caller's thread where the rows are few.
    pub fn install<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        if self.rows <= CHUNK { work() } else { self.in_pool(work) }
    }

    /// Runs work inside the pool of this many threads.
    pub fn in_pool<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        match self.pool() {
            Some(pool) => pool.install(work),
            None => work(),
        }
    }

    /// Hands every task to a thread, until one fails or the call is stopped.
    pub(crate) fn for_each<T: Send>(&self, tasks: Vec<T>, work: impl Fn(T) -> Result<()> + Sync + Send) -> Result<()> {
        let step = |task: T| self.check().and_then(|()| work(task));
        if tasks.len() <= 1 || self.threads == Some(1) {
            return tasks.into_iter().try_for_each(step);
        }
        self.in_pool(|| tasks.into_par_iter().try_for_each(step))
    }

    fn pool(&self) -> Option<Arc<ThreadPool>> {
        let threads = self.threads.filter(|&n| n > 0).unwrap_or_else(cores);
        let mut pools = POOLS.lock().unwrap_or_else(PoisonError::into_inner);
        let process = std::process::id();
        // A forked child has the pools but not their threads: forget them without joining.
        if pools.as_ref().is_some_and(|pools| pools.process != process) {
            std::mem::forget(pools.take());
        }
        let pools = pools.get_or_insert_with(|| Pools { process, by_threads: HashMap::new() });
        if let Some(pool) = pools.by_threads.get(&threads) {
            return Some(pool.clone());
        }
        let pool = Arc::new(ThreadPoolBuilder::new().num_threads(threads).build().ok()?);
        pools.by_threads.insert(threads, pool.clone());
        Some(pool)
    }
}

/// Rows that [`for_rows`] gives a thread at a time.
const CHUNK: usize = 1 << 12;

/// Calls with the number of the first row, the output and the input of every chunk of rows, in parallel
/// on the current pool; few rows stay on the caller's thread, which costs them no hand-over.
pub(crate) fn for_rows<In: Sync, Out: Send>(
    (input, width): (&[In], usize),
    (output, out_width): (&mut [Out], usize),
    work: impl Fn(usize, &mut [Out], &[In]) -> Result<()> + Sync,
) -> Result<()> {
    if input.len() <= CHUNK * width {
        return work(0, output, input);
    }
    let chunks = output.par_chunks_mut(out_width * CHUNK).zip(input.par_chunks(width * CHUNK));
    chunks.enumerate().try_for_each(|(i, (output, input))| work(i * CHUNK, output, input))
}

/// Processors that this process may use: those of its affinity, as many as its quota allows.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
