//! Random search: uniform architectures (Bergstra and Bengio 2012; Li and Talwalkar 2019).

use std::sync::Arc;

use crate::search::algorithms::algorithm::Algorithm;
use crate::search::problem::brief::Brief;
use crate::search::problem::stream::Stream;
use crate::threads::Run;

/// Architectures asked for at a time.
const BATCH: usize = 100;

pub(crate) struct RandomSearch {
    brief: Arc<Brief>,
    stream: Stream,
}

impl RandomSearch {
    pub(crate) fn new(brief: Arc<Brief>, stream: Stream) -> RandomSearch {
        RandomSearch { brief, stream }
    }
}

impl Algorithm for RandomSearch {
    fn ask(&mut self, most: usize, rows: &mut Vec<u8>, _run: &Run<'_>) {
        (0..most.min(BATCH)).for_each(|_| self.brief.random(&mut self.stream, rows));
    }

    fn tell(&mut self, _rows: &[u8], _scores: &[f64]) {}
}
