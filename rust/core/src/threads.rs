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

    /// Runs a closure inside the pool of this many threads.
    pub fn install<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        match self.pool() {
            Some(pool) => pool.install(work),
            None => work(),
        }
    }

    /// Hands every task to a thread, with a state of the thread's own, until one fails or the call is stopped.
    pub(crate) fn for_each<T: Send, S: Send>(
        &self,
        tasks: Vec<T>,
        state: impl Fn() -> S + Sync + Send,
        work: impl Fn(&mut S, T) -> Result<()> + Sync + Send,
    ) -> Result<()> {
        let step = |state: &mut S, task: T| {
            self.check()?;
            work(state, task)
        };
        if tasks.len() <= 1 || self.threads == Some(1) {
            let mut state = state();
            return tasks.into_iter().try_for_each(|task| step(&mut state, task));
        }
        self.install(|| tasks.into_par_iter().try_for_each_init(state, step))
    }

    fn pool(&self) -> Option<Arc<ThreadPool>> {
        let threads = self.threads.filter(|&n| n > 0).unwrap_or_else(cores);
        if threads == 1 && rayon::current_num_threads() == 1 {
            return None;
        }
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

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
