//! The one trait of all algorithms, and their settings as data.

use std::sync::Arc;

use serde::Deserialize;

use crate::error::{Error, Result};
use crate::search::annealing::{Annealing, AnnealingSettings};
use crate::search::brief::Brief;
use crate::search::decomposition::{Decomposition, DecompositionSettings};
use crate::search::evolution::{Evolution, EvolutionSettings};
use crate::search::gradient::{GradientAscent, GradientSettings};
use crate::search::halving::{Halving, HalvingSettings};
use crate::search::local::{LocalSearch, LocalSettings};
use crate::search::nsga2::{Nsga2, Nsga2Settings};
use crate::search::random::RandomSearch;
use crate::search::reinforce::{Reinforce, ReinforceSettings};
use crate::search::stream::Stream;
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

    /// Takes architectures and their scores, in any order; also ones that were never asked for.
    fn tell(&mut self, rows: &[u8], scores: &[f64]);

    /// The architecture that the run stands for and its score, where that changed since the last call; see
    /// [`AlgorithmSpec::recommends`].
    fn recommendation(&mut self) -> Option<(Vec<u8>, f64)> {
        None
    }
}

/// An algorithm and its settings.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum AlgorithmSpec {
    RandomSearch {},
    LocalSearch(LocalSettings),
    RegularizedEvolution(EvolutionSettings),
    SimulatedAnnealing(AnnealingSettings),
    #[serde(rename = "nsga2")]
    Nsga2(Nsga2Settings),
    #[serde(rename = "moead")]
    Decomposition(DecompositionSettings),
    Reinforce(ReinforceSettings),
    GradientAscent(GradientSettings),
    SuccessiveHalving(HalvingSettings),
}

impl AlgorithmSpec {
    pub fn from_json(text: &str) -> Result<AlgorithmSpec> {
        serde_json::from_str(text).map_err(|e| Error::search(format!("the algorithm can't be read: {e}")))
    }

    fn name(&self) -> &'static str {
        match self {
            AlgorithmSpec::RandomSearch {} => "random_search",
            AlgorithmSpec::LocalSearch(_) => "local_search",
            AlgorithmSpec::RegularizedEvolution(_) => "regularized_evolution",
            AlgorithmSpec::SimulatedAnnealing(_) => "simulated_annealing",
            AlgorithmSpec::Nsga2(_) => "nsga2",
            AlgorithmSpec::Decomposition(_) => "moead",
            AlgorithmSpec::Reinforce(_) => "reinforce",
            AlgorithmSpec::GradientAscent(_) => "gradient_ascent",
            AlgorithmSpec::SuccessiveHalving(_) => "successive_halving",
        }
    }

    /// Whether its runs say themselves which architecture they stand for, rather than the best one told.
    pub(crate) fn recommends(&self) -> bool {
        matches!(self, AlgorithmSpec::SuccessiveHalving(_))
    }

    /// Whether it needs the objective as a function of independent random choices.
    pub(crate) fn needs_model(&self) -> bool {
        matches!(self, AlgorithmSpec::GradientAscent(_))
    }

    /// Refuses what it can't do, before anything runs.
    pub(crate) fn check(&self, scores: usize, ranks_feasible_first: bool, is_noisy: bool) -> Result<()> {
        let name = self.name();
        let several =
            matches!(self, AlgorithmSpec::RandomSearch {} | AlgorithmSpec::Nsga2(_) | AlgorithmSpec::Decomposition(_));
        if scores > 1 && !several {
            return Err(Error::search(format!(
                "{name} needs one score, the objective has {scores}; make one of them with a formulation, or choose \
                 nsga2, moead or random_search"
            )));
        }
        if scores < 2 && matches!(self, AlgorithmSpec::Decomposition(_)) {
            return Err(Error::search(format!("{name} needs several objectives, there is {scores}; give two or more")));
        }
        let weighs = matches!(self, AlgorithmSpec::Reinforce(_) | AlgorithmSpec::GradientAscent(_));
        if weighs && ranks_feasible_first {
            return Err(Error::search(format!(
                "{name} weighs scores, and infeasible architectures have none without a penalty; give one"
            )));
        }
        if !is_noisy && matches!(self, AlgorithmSpec::SuccessiveHalving(_)) {
            return Err(Error::search(format!(
                "{name} repeats measurements, and without noise all repeats agree; turn noise on"
            )));
        }
        Ok(())
    }

    /// Starts a run.
    pub fn start(&self, brief: &Arc<Brief>, stream: Stream) -> Result<Box<dyn Algorithm>> {
        let brief = brief.clone();
        Ok(match self {
            AlgorithmSpec::RandomSearch {} => Box::new(RandomSearch::new(brief, stream)),
            AlgorithmSpec::LocalSearch(settings) => Box::new(LocalSearch::new(settings, brief, stream)?),
            AlgorithmSpec::RegularizedEvolution(settings) => Box::new(Evolution::new(settings, brief, stream)?),
            AlgorithmSpec::SimulatedAnnealing(settings) => Box::new(Annealing::new(settings, brief, stream)?),
            AlgorithmSpec::Nsga2(settings) => Box::new(Nsga2::new(settings, brief, stream)?),
            AlgorithmSpec::Decomposition(settings) => Box::new(Decomposition::new(settings, brief, stream)?),
            AlgorithmSpec::Reinforce(settings) => Box::new(Reinforce::new(settings, brief, stream)?),
            AlgorithmSpec::GradientAscent(settings) => Box::new(GradientAscent::new(settings, brief, stream)?),
            AlgorithmSpec::SuccessiveHalving(settings) => Box::new(Halving::new(settings, brief, stream)?),
        })
    }
}

/// Refuses a setting outside of its range.
pub(crate) fn require(holds: bool, name: &str, value: impl std::fmt::Debug, range: &str) -> Result<()> {
    match holds {
        true => Ok(()),
        false => Err(Error::search(format!("{name} is {value:?}; choose {range}"))),
    }
}
