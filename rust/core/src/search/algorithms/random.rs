//! Random search: uniform architectures (Bergstra and Bengio 2012; Li and Talwalkar 2019).

use crate::search::algorithms::algorithm::Algorithm;
use crate::search::problem::brief::Sampler;
use crate::threads::Run;

/// Architectures asked for at a time.
const BATCH: usize = 100;

pub(crate) struct RandomSearch {
    pub(crate) sampler: Sampler,
}

impl Algorithm for RandomSearch {
    fn ask(&mut self, most: usize, rows: &mut Vec<u8>, _run: &Run<'_>) {
        self.sampler.random(most.min(BATCH), rows);
    }
}
