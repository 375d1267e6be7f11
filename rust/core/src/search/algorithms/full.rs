//! Algorithms that know nothing of fidelities, where there are some: all that they ask for is trained to the end.

use crate::search::algorithms::algorithm::Algorithm;
use crate::threads::Run;

pub(crate) struct AtFull {
    pub(crate) inner: Box<dyn Algorithm>,
    /// Choices of an architecture.
    pub(crate) width: usize,
    pub(crate) rung: u8,
}

impl Algorithm for AtFull {
    fn ask(&mut self, most: usize, rows: &mut Vec<u8>, run: &Run<'_>) {
        let mut own = Vec::new();
        self.inner.ask(most, &mut own, run);
        for row in own.chunks_exact(self.width) {
            rows.extend_from_slice(row);
            rows.push(self.rung);
        }
    }

    fn cost(&self) -> usize {
        self.inner.cost()
    }

    fn tell(&mut self, row: &[u8], scores: &[f64]) {
        self.inner.tell(&row[..self.width], scores);
    }

    fn recommendation(&mut self) -> Option<(Vec<u8>, f64)> {
        self.inner.recommendation()
    }
}
