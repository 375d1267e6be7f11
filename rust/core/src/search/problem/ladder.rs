//! Fidelities of an objective: the same metric after fewer epochs. Rungs are counted from the fewest epochs.

use crate::error::{Error, Result};
use crate::search::problem::evaluate::{Evaluate, Modelled};

/// Most rungs: their numbers are bytes.
const MOST: usize = 256;

/// The rungs of an objective.
pub struct Ladder {
    /// Ascending; the last are those of the problem's own metrics.
    pub(crate) epochs: Vec<u32>,
    /// The same columns as those of the problem, of all rungs but the last.
    lower: Vec<Modelled>,
    /// Whether a training goes on from the most epochs below that its architecture has ended.
    pub(crate) resumes: bool,
    /// Whether an evaluation costs epochs.
    pub(crate) is_clock: bool,
}

impl Ladder {
    pub fn new(epochs: Vec<u32>, lower: Vec<Modelled>, resumes: bool, is_clock: bool) -> Result<Ladder> {
        if lower.len() + 1 != epochs.len() {
            let metrics = lower.len() + 1;
            return Err(Error::search(format!(
                "fidelities of {epochs:?} epochs have {metrics} metrics; give a metric for each"
            )));
        }
        Ok(Ladder { lower, resumes, is_clock, ..Ladder::told(epochs)? })
    }

    /// The rungs of values that the caller tells.
    pub fn told(epochs: Vec<u32>) -> Result<Ladder> {
        let ascend = epochs.first().is_some_and(|&first| first > 0) && epochs.is_sorted_by(|a, b| a < b);
        if !ascend || epochs.len() > MOST {
            return Err(Error::search(format!(
                "fidelities are of {epochs:?} epochs; give 1 to {MOST} numbers that ascend from 1"
            )));
        }
        Ok(Ladder { epochs, lower: Vec::new(), resumes: false, is_clock: false })
    }

    /// Epochs of a rung, where there is such a one.
    pub fn epochs_of(&self, rung: u8) -> Option<u32> {
        self.epochs.get(rung as usize).copied()
    }

    /// The rung of so many epochs.
    pub fn rung_of(&self, epochs: u32) -> Result<u8> {
        match self.epochs.binary_search(&epochs) {
            Ok(rung) => Ok(rung as u8),
            Err(_) => Err(Error::search(format!("{epochs} epochs are none of the fidelities, {:?}", self.epochs))),
        }
    }

    pub(crate) fn top(&self) -> u8 {
        (self.epochs.len() - 1) as u8
    }

    /// Cost of an evaluation that goes on from another rung, where the clock says so much of a whole training.
    pub(crate) fn cost(&self, rung: u8, from: Option<u8>, whole: f64) -> f64 {
        let at = |rung: u8| f64::from(self.epochs[rung as usize]);
        let own = at(rung) - from.map_or(0.0, at);
        if self.is_clock { own } else { own / at(self.top()) * whole }
    }

    /// Appends the values of rows at their rungs, of which `full` gives the last.
    pub(crate) fn evaluate(
        &self,
        full: &dyn Evaluate,
        rows: &[u8],
        rungs: &[u8],
        seeds: &[u64],
        values: &mut Vec<f64>,
    ) -> Result<()> {
        let Some((&first, rest)) = rungs.split_first() else { return Ok(()) };
        if rest.iter().all(|&rung| rung == first) {
            return self.at(full, first)?.evaluate(rows, seeds, values);
        }
        let (columns, width, begin) = (full.columns(), rows.len() / rungs.len(), values.len());
        values.resize(begin + rungs.len() * columns, 0.0);
        let (mut own_rows, mut own_seeds, mut own_values) = (Vec::new(), Vec::new(), Vec::new());
        for rung in 0..=self.top() {
            let places = || (0..rungs.len()).filter(|&i| rungs[i] == rung);
            own_rows.clear();
            own_seeds.clear();
            own_values.clear();
            places().for_each(|i| own_rows.extend_from_slice(&rows[i * width..][..width]));
            own_seeds.extend(places().filter_map(|i| seeds.get(i)));
            if own_rows.is_empty() {
                continue;
            }
            self.at(full, rung)?.evaluate(&own_rows, &own_seeds, &mut own_values)?;
            for (i, own) in places().zip(own_values.chunks_exact(columns)) {
                values[begin + i * columns..][..columns].copy_from_slice(own);
            }
        }
        Ok(())
    }

    fn at<'a>(&'a self, full: &'a dyn Evaluate, rung: u8) -> Result<&'a dyn Evaluate> {
        match self.lower.get(rung as usize) {
            Some(lower) => Ok(lower),
            None if rung == self.top() => Ok(full),
            None => Err(Error::search(format!("there is no rung {rung}; choose 0 to {}", self.top()))),
        }
    }
}

/// Rungs of which each has at least so many times the epochs of the one below, from the last one down.
pub(crate) fn spaced(epochs: &[u32], reduction: usize) -> Vec<u8> {
    let mut most = u64::MAX;
    let mut chosen: Vec<u8> = Vec::new();
    for (rung, &own) in epochs.iter().enumerate().rev() {
        if u64::from(own) <= most {
            most = u64::from(own) / reduction as u64;
            chosen.push(rung as u8);
        }
    }
    chosen.reverse();
    chosen
}
