//! The one trait of all algorithms.

use crate::error::{Error, Result};
use crate::threads::Run;

/// One run of an algorithm.
pub trait Algorithm: Send + Sync {
    /// Appends architectures to evaluate next: at least one and at most so many, or fewer where the algorithm wants to
    /// be told first. May be called again before anything is told. Where the run is stopped it ends soon.
    fn ask(&mut self, most: usize, rows: &mut Vec<u8>, run: &Run<'_>);

    /// About how many look-ups an asked architecture costs.
    fn cost(&self) -> usize {
        1
    }

    /// Takes an architecture and its scores, in any order; also one that was never asked for.
    fn tell(&mut self, _row: &[u8], _scores: &[f64]) {}

    /// The same of architectures of so many choices.
    fn tell_all(&mut self, rows: &[u8], scores: &[f64], width: usize) {
        if rows.len() == width {
            return self.tell(rows, scores);
        }
        let each = scores.chunks_exact((scores.len() * width / rows.len().max(1)).max(1));
        rows.chunks_exact(width).zip(each).for_each(|(row, scores)| self.tell(row, scores));
    }

    /// The architecture that the run stands for and its score, where that changed since the last call; see
    /// `AlgorithmSpec::recommends`.
    fn recommendation(&mut self) -> Option<(Vec<u8>, f64)> {
        None
    }
}

/// Refuses a setting outside of its range.
pub(crate) fn require(holds: bool, name: &str, value: impl std::fmt::Debug, range: &str) -> Result<()> {
    match holds {
        true => Ok(()),
        false => Err(Error::search(format!("{name} is {value:?}; choose {range}"))),
    }
}

/// Refuses a number of things outside of its range.
pub(crate) fn require_within(name: &str, value: usize, range: std::ops::RangeInclusive<usize>) -> Result<()> {
    require(range.contains(&value), name, value, &format!("{} to {}", range.start(), range.end()))
}
