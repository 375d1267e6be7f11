//! Tiles: the architectures of all states of the last two levels.

use crate::exact::bounds::frames::Frame;
use crate::exact::bounds::tree::{Tree, Worker};
use crate::exact::fixed::tiles::{padded, tile_maximum, tile_values};

/// The architectures of one state of all levels but the last two.
pub(crate) struct Tile<'a> {
    pub(crate) tree: &'a Tree,
    pub(crate) worker: &'a mut Worker,
}

impl Tile<'_> {
    /// Sides of the tile, and the length of its padded rows.
    pub(crate) fn shape(&self) -> (usize, usize, usize) {
        let cards = &self.tree.cards;
        let columns = cards[cards.len() - 1];
        (cards[cards.len() - 2], columns, padded(columns))
    }

    /// Cells of some rows, as positions in padded rows.
    pub(crate) fn cells(&self, rows: impl IntoIterator<Item = usize>) -> impl Iterator<Item = usize> {
        let (_, columns, padded) = self.shape();
        rows.into_iter().flat_map(move |row| row * padded..row * padded + columns)
    }

    /// Whether a cell meets limits surely (2), possibly (1) or not (0); they are of the functions from `first` on.
    pub(crate) fn meets(&self, cell: usize, first: usize, limits: &[(i32, i32)]) -> u8 {
        let met = |(f, (least, sure)): (usize, &(i32, i32))| {
            let value = self.values(first + f)[cell];
            u8::from(value >= *least) + u8::from(value >= *sure)
        };
        limits.iter().enumerate().map(met).min().unwrap_or(2)
    }

    /// Largest value of a function.
    pub(crate) fn maximum(&mut self, function: usize) -> i32 {
        let (tree, worker) = (self.tree, &mut *self.worker);
        let (left, right) = tree.parts(function, &worker.frames, &worker.states, &mut worker.edges);
        if tree.has_trees(function) {
            self.evaluate(function);
            return self.values(function).iter().copied().max().unwrap_or(i32::MIN);
        }
        tile_maximum(left, right, &worker.edges.0, &worker.edges.1)
    }

    /// Computes the values of a function for [`Tile::values`].
    pub(crate) fn evaluate(&mut self, function: usize) {
        let (tree, worker) = (self.tree, &mut *self.worker);
        let (left, right) = tree.parts(function, &worker.frames, &worker.states, &mut worker.edges);
        let values = &mut worker.values[function];
        tile_values(left, right, &worker.edges.0, &worker.edges.1, values);
        if tree.has_trees(function) {
            let bottom = tree.bottom();
            let columns = tree.cards[tree.cards.len() - 1];
            let Frame { grove, tiles, .. } = &mut worker.frames[function][bottom];
            tiles.add(grove, (bottom, worker.states[bottom]), columns, values);
        }
    }

    /// Values of a function that was evaluated, in padded rows.
    pub(crate) fn values(&self, function: usize) -> &[i32] {
        &self.worker.values[function]
    }

    /// First architecture of a cell.
    pub(crate) fn row(&self, cell: usize) -> Vec<u8> {
        let (n, (_, _, padded)) = (self.tree.cards.len(), self.shape());
        self.tree.levels.row(&[&self.worker.states[..n - 2], &[cell / padded, cell % padded]].concat())
    }
}
