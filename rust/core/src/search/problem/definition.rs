//! A search space, what gives its architectures values, and what is sought.

use std::sync::{Arc, OnceLock};

use crate::error::{Error, Result};
use crate::search::problem::brief::Brief;
use crate::search::problem::evaluate::{Evaluate, Modelled};
use crate::search::problem::ladder::Ladder;
use crate::search::problem::multilinear::Extension;
use crate::search::problem::objective::Objective;
use crate::space::definition::Space;
use crate::threads::filled;

/// A search space, what evaluates its architectures, and what is sought.
pub struct Problem {
    pub space: Arc<Space>,
    /// Allowed choices of every variable, where not all are.
    allowed: Option<Vec<Vec<u8>>>,
    pub objective: Objective,
    evaluator: Evaluator,
    /// Whether the last column is the cost of an evaluation.
    pub(crate) has_clock: bool,
    /// Fidelities of the objective, where it has any: what is asked for is an architecture and the byte of its rung.
    pub(crate) ladder: Option<Ladder>,
    extension: OnceLock<Arc<Extension>>,
}

enum Evaluator {
    Modelled(Modelled),
    Other(Box<dyn Evaluate>),
    /// The caller tells the values.
    None,
}

impl Problem {
    /// Seeks over the metrics of a benchmark; with a clock, the last one is the cost of an evaluation.
    pub fn modelled(
        modelled: Modelled,
        has_clock: bool,
        objective: Objective,
        allowed: Option<Vec<Vec<u8>>>,
    ) -> Result<Problem> {
        let space = modelled.bench.space().clone();
        Problem::new(space, Evaluator::Modelled(modelled), has_clock, objective, allowed)
    }

    /// Seeks over whatever gives values.
    pub fn of(
        space: Arc<Space>,
        evaluate: Option<Box<dyn Evaluate>>,
        objective: Objective,
        allowed: Option<Vec<Vec<u8>>>,
    ) -> Result<Problem> {
        Problem::new(space, evaluate.map_or(Evaluator::None, Evaluator::Other), false, objective, allowed)
    }

    fn new(
        space: Arc<Space>,
        evaluator: Evaluator,
        has_clock: bool,
        objective: Objective,
        allowed: Option<Vec<Vec<u8>>>,
    ) -> Result<Problem> {
        if let Some(allowed) = &allowed {
            space.check_allowed(allowed)?;
        }
        // Within rules a part of the space is one with more of them, and choices keep their numbers.
        let (space, allowed) = match allowed {
            Some(allowed) if space.has_rules() => (Arc::new(space.restricted(&allowed)?), None),
            allowed => (space, allowed),
        };
        Ok(Problem { space, allowed, objective, evaluator, has_clock, ladder: None, extension: OnceLock::new() })
    }

    /// Gives the objective fidelities.
    pub fn laddered(self, ladder: Ladder) -> Result<Problem> {
        match self.objective.scores() {
            1 => Ok(Problem { ladder: Some(ladder), ..self }),
            n => Err(Error::search(format!("fidelities are of one objective, there are {n}; leave them out"))),
        }
    }

    /// Bytes of what is asked for: an architecture, and its rung where there are fidelities.
    pub fn asked_width(&self) -> usize {
        self.space.width() + usize::from(self.ladder.is_some())
    }

    /// Whether evaluations have a cost.
    pub(crate) fn has_costs(&self) -> bool {
        self.has_clock || self.ladder.as_ref().is_some_and(|ladder| ladder.is_clock)
    }

    /// Whether measurements of one architecture may differ.
    pub(crate) fn is_noisy(&self) -> bool {
        !matches!(&self.evaluator, Evaluator::Modelled(modelled) if !modelled.is_noisy())
    }

    /// What an algorithm is told, with the objective as a function of random choices where it is needed.
    pub(crate) fn brief(&self, needs_extension: bool, budget: u64, start: Vec<u8>) -> Result<Arc<Brief>> {
        let cards = match &self.allowed {
            Some(allowed) => allowed.iter().map(Vec::len).collect(),
            None => self.space.cards().collect(),
        };
        let ruled = self.space.has_rules().then(|| self.space.clone());
        let epochs = self.ladder.as_ref().map_or_else(Vec::new, |ladder| ladder.epochs.clone());
        let extension = self.extension(needs_extension)?;
        Brief::new(cards, (self.objective.scores(), epochs), (budget, start), ruled, extension)
    }

    fn extension(&self, needs_extension: bool) -> Result<Option<Arc<Extension>>> {
        let Evaluator::Modelled(modelled) = &self.evaluator else { return Ok(None) };
        if !needs_extension {
            return Ok(None);
        }
        if self.space.has_rules() {
            let name = self.space.name();
            return Err(Error::search(format!(
                "gradients are of independent choices, which the rules of {name:?} tie together; choose another algorithm"
            )));
        }
        if let Some(extension) = self.extension.get() {
            return Ok(Some(extension.clone()));
        }
        let allowed = self.allowed.clone().unwrap_or_else(|| self.space.all_choices());
        let metrics = &modelled.metrics[..modelled.metrics.len() - usize::from(self.has_clock)];
        let extension = Extension::new(&modelled.bench, metrics, self.objective.clone(), &allowed)?;
        Ok(Some(filled(&self.extension, || Ok(Arc::new(extension)))?.clone()))
    }

    /// Takes the rungs from what is asked for, and gives their epochs; nothing where there are no fidelities.
    pub fn split_epochs(&self, asked: &mut Vec<u8>) -> Option<Vec<u32>> {
        let (ladder, width) = (self.ladder.as_ref()?, self.space.width());
        let epochs = asked.chunks_exact(width + 1).filter_map(|row| ladder.epochs_of(row[width])).collect();
        let mut place = 0;
        asked.retain(|_| {
            place += 1;
            place % (width + 1) != 0
        });
        Some(epochs)
    }

    /// Adds the rungs of epochs to rows of positions, where there are fidelities.
    pub fn joined_epochs(&self, rows: Vec<u8>, epochs: Option<&[u32]>) -> Result<Vec<u8>> {
        let width = self.space.width();
        match (&self.ladder, epochs) {
            (None, None) => Ok(rows),
            (Some(ladder), Some(epochs)) if epochs.len() * width == rows.len() => {
                let mut asked = Vec::with_capacity(rows.len() + epochs.len());
                for (row, &epochs) in rows.chunks_exact(width).zip(epochs) {
                    asked.extend_from_slice(row);
                    asked.push(ladder.rung_of(epochs)?);
                }
                Ok(asked)
            }
            (Some(_), Some(epochs)) => {
                let (n, rows) = (epochs.len(), rows.len() / width);
                Err(Error::search(format!("{n} epochs come with {rows} architectures; tell those of each")))
            }
            (Some(ladder), None) => Err(Error::search(format!(
                "values come without epochs; tell after how many each was known, of {:?}",
                ladder.epochs
            ))),
            (None, Some(_)) => {
                Err(Error::search("values come with epochs, and there are no fidelities; leave them out"))
            }
        }
    }

    /// Turns positions among the allowed choices into choice indices.
    pub fn to_choices(&self, rows: &mut [u8]) {
        let Some(allowed) = &self.allowed else { return };
        for row in rows.chunks_exact_mut(allowed.len()) {
            row.iter_mut().zip(allowed).for_each(|(choice, allowed)| *choice = allowed[*choice as usize]);
        }
    }

    /// Turns checked rows of choice indices into positions among the allowed choices.
    pub fn to_positions(&self, rows: &mut [u8]) -> Result<()> {
        let Some(allowed) = &self.allowed else { return Ok(()) };
        for (i, row) in rows.chunks_exact_mut(allowed.len()).enumerate() {
            for (v, (choice, allowed)) in row.iter_mut().zip(allowed).enumerate() {
                *choice = allowed.binary_search(choice).map_err(|_| {
                    let name = &self.space.variables()[v].name;
                    Error::search(format!("row {i}: {name} has choice index {choice}, which is not allowed"))
                })? as u8;
            }
        }
        Ok(())
    }

    pub(crate) fn evaluate(&self) -> Result<&dyn Evaluate> {
        match &self.evaluator {
            Evaluator::Modelled(modelled) => Ok(modelled),
            Evaluator::Other(other) => Ok(other.as_ref()),
            Evaluator::None => Err(Error::search("nothing gives values here; tell them to the algorithm")),
        }
    }
}
