//! All algorithms and their settings, as data.

use std::sync::Arc;

use serde::Deserialize;

use crate::error::{Error, Result};
use crate::search::algorithms::algorithm::Algorithm;
use crate::search::algorithms::annealing::{Annealing, AnnealingSettings};
use crate::search::algorithms::asha::{Asha, AshaSettings};
use crate::search::algorithms::brackets::{Brackets, HyperbandSettings};
use crate::search::algorithms::decomposition::{Decomposition, DecompositionSettings};
use crate::search::algorithms::evolution::{Evolution, EvolutionSettings};
use crate::search::algorithms::full::AtFull;
use crate::search::algorithms::gradient::{GradientAscent, GradientSettings};
use crate::search::algorithms::halving::{Halving, HalvingSettings};
use crate::search::algorithms::local::{LocalSearch, LocalSettings};
use crate::search::algorithms::nsga2::{Nsga2, Nsga2Settings};
use crate::search::algorithms::nsga3::{Nsga3, Nsga3Settings};
use crate::search::algorithms::random::RandomSearch;
use crate::search::algorithms::reinforce::{Reinforce, ReinforceSettings};
use crate::search::problem::brief::{Brief, Sampler};
use crate::search::problem::definition::Problem;
use crate::search::problem::stream::Stream;

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
    #[serde(rename = "nsga3")]
    Nsga3(Nsga3Settings),
    #[serde(rename = "moead")]
    Decomposition(DecompositionSettings),
    Reinforce(ReinforceSettings),
    GradientAscent(GradientSettings),
    SuccessiveHalving(HalvingSettings),
    Hyperband(HyperbandSettings),
    Asha(AshaSettings),
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
            AlgorithmSpec::Nsga3(_) => "nsga3",
            AlgorithmSpec::Decomposition(_) => "moead",
            AlgorithmSpec::Reinforce(_) => "reinforce",
            AlgorithmSpec::GradientAscent(_) => "gradient_ascent",
            AlgorithmSpec::SuccessiveHalving(_) => "successive_halving",
            AlgorithmSpec::Hyperband(_) => "hyperband",
            AlgorithmSpec::Asha(_) => "asha",
        }
    }

    /// Whether its runs say themselves which architecture they stand for, rather than the best one told.
    pub(crate) fn recommends(&self, problem: &Problem) -> bool {
        matches!(self, AlgorithmSpec::SuccessiveHalving(_)) && problem.ladder.is_none()
    }

    /// Whether it asks for other fidelities than the last.
    fn takes_fidelities(&self) -> bool {
        matches!(self, AlgorithmSpec::SuccessiveHalving(_) | AlgorithmSpec::Hyperband(_) | AlgorithmSpec::Asha(_))
    }

    /// What it is told of a problem; refuses what it can't do, before anything runs.
    /// Runs begin with architectures that are given as positions.
    pub fn brief(&self, problem: &Problem, budget: u64, start: &[u8]) -> Result<Arc<Brief>> {
        self.check(problem)?;
        problem.brief(matches!(self, AlgorithmSpec::GradientAscent(_)), budget, start.to_vec())
    }

    fn check(&self, problem: &Problem) -> Result<()> {
        let (name, scores) = (self.name(), problem.objective.scores());
        let directed = matches!(self, AlgorithmSpec::Nsga3(_) | AlgorithmSpec::Decomposition(_));
        let several = directed || matches!(self, AlgorithmSpec::RandomSearch {} | AlgorithmSpec::Nsga2(_));
        if scores > 1 && !several {
            return Err(Error::search(format!(
                "{name} needs one score, the objective has {scores}; make one of them with a formulation, or choose \
                 nsga2, nsga3, moead or random_search"
            )));
        }
        if scores < 2 && directed {
            return Err(Error::search(format!("{name} needs several objectives, there is {scores}; give two or more")));
        }
        let weighs = matches!(self, AlgorithmSpec::Reinforce(_) | AlgorithmSpec::GradientAscent(_));
        if weighs && problem.objective.ranks_feasible_first() {
            return Err(Error::search(format!(
                "{name} weighs scores, and infeasible architectures have none without a penalty; give one"
            )));
        }
        match self {
            AlgorithmSpec::SuccessiveHalving(_) if problem.ladder.is_none() && !problem.is_noisy() => {
                Err(Error::search(format!(
                    "{name} repeats measurements where there are no fidelities, and without noise all repeats agree; \
                     give fidelities, or turn noise on"
                )))
            }
            AlgorithmSpec::Hyperband(_) | AlgorithmSpec::Asha(_) if problem.ladder.is_none() => Err(Error::search(
                format!("{name} needs fidelities of its objective; give the metrics of fewer epochs"),
            )),
            _ => Ok(()),
        }
    }

    /// About how many bytes a run goes over from one time that it asks to the next, and how many architectures it asks
    /// for at once.
    pub(crate) fn load(&self, brief: &Brief) -> (usize, usize) {
        match self {
            AlgorithmSpec::Nsga2(settings) => settings.load(brief),
            AlgorithmSpec::Nsga3(settings) => settings.load(brief),
            _ => (1, 1),
        }
    }

    /// Starts a run.
    pub fn start(&self, brief: &Arc<Brief>, stream: Stream) -> Result<Box<dyn Algorithm>> {
        let sampler = Sampler::new(brief.clone(), stream);
        let algorithm: Box<dyn Algorithm> = match self {
            AlgorithmSpec::RandomSearch {} => Box::new(RandomSearch { sampler }),
            AlgorithmSpec::LocalSearch(settings) => Box::new(LocalSearch::new(settings, sampler)?),
            AlgorithmSpec::RegularizedEvolution(settings) => Box::new(Evolution::new(settings, sampler)?),
            AlgorithmSpec::SimulatedAnnealing(settings) => Box::new(Annealing::new(settings, sampler)?),
            AlgorithmSpec::Nsga2(settings) => Box::new(Nsga2::new(settings, sampler)?),
            AlgorithmSpec::Nsga3(settings) => Box::new(Nsga3::new(settings, sampler)?),
            AlgorithmSpec::Decomposition(settings) => Box::new(Decomposition::new(settings, sampler)?),
            AlgorithmSpec::Reinforce(settings) => Box::new(Reinforce::new(settings, sampler)?),
            AlgorithmSpec::GradientAscent(settings) => Box::new(GradientAscent::new(settings, sampler)?),
            AlgorithmSpec::SuccessiveHalving(settings) if brief.epochs.is_empty() => {
                Box::new(Halving::new(settings, sampler)?)
            }
            AlgorithmSpec::SuccessiveHalving(settings) => Box::new(Brackets::halving(settings, sampler)?),
            AlgorithmSpec::Hyperband(settings) => Box::new(Brackets::hyperband(settings, sampler)?),
            AlgorithmSpec::Asha(settings) => Box::new(Asha::new(settings, sampler)?),
        };
        Ok(match brief.epochs.len() {
            0 => algorithm,
            _ if self.takes_fidelities() => algorithm,
            n => Box::new(AtFull { inner: algorithm, width: brief.width(), rung: (n - 1) as u8 }),
        })
    }
}
