//! The objective and weighted constraints in one sum: its bound falls where either alone could be had, but not both.
//!
//! Weights are those of the Lagrangian dual of the parts of the functions that are sums over levels (Everett 1963).
//! Any weights of at least 0 give a valid bound; these give a low one.

use crate::exact::fixed::network::Network;
use crate::exact::prepared::Prepared;

/// Rounds of the descent over the weights, and weights that it tries for each constraint, a factor apart.
const ROUNDS: usize = 3;
const TRIED: i32 = 24;
const FACTOR: f64 = 1.5;

/// What is added to the objective for every constraint; empty where nothing helps.
#[derive(Clone, Debug, Default)]
pub(crate) struct Penalty {
    pub(crate) weights: Vec<f64>,
}

impl Penalty {
    /// Weights of the constraints that follow the objective among functions, with the sum.
    pub(crate) fn new(prepared: &Prepared, functions: &[Network]) -> Option<(Penalty, Network)> {
        let reaches = reaches(prepared);
        let (objective, constraints) = functions.split_first()?;
        // Rules tie levels together: sums over levels say nothing of them.
        let is_rules = |c: &usize| prepared.rules().is_some() && *c + 1 == reaches.len();
        let own: Vec<usize> = (0..reaches.len()).filter(|c| reaches[*c].is_finite() && !is_rules(c)).collect();
        let unary = |f: &Network| -> Vec<Vec<f64>> {
            let cells = |level: usize| f.table(&[level]).unwrap_or_else(|| vec![0.0; f.cards[level]]);
            (0..f.cards.len()).map(|level| cells(level).iter().map(|cell| cell * f.scale()).collect()).collect()
        };
        let (of_objective, of_constraints) = (unary(objective), constraints.iter().map(unary).collect::<Vec<_>>());
        // Largest and least of what a level's states add to the sum.
        let ends = |weights: &[f64], level: usize| {
            let value = |state: usize| {
                let parts = own.iter().map(|&c| weights[c] * of_constraints[c][level][state]);
                of_objective[level][state] + parts.sum::<f64>()
            };
            let add = |(least, most): (f64, f64), value: f64| (least.min(value), most.max(value));
            (0..objective.cards[level]).map(value).fold((f64::INFINITY, f64::NEG_INFINITY), add)
        };
        let levels = 0..objective.cards.len();
        let dual = |weights: &[f64]| -> f64 {
            let slack = own.iter().map(|&c| weights[c] * (constraints[c].constant - reaches[c])).sum::<f64>();
            levels.clone().map(|level| ends(weights, level).1).sum::<f64>() + slack
        };
        let mut weights = vec![0.0; reaches.len()];
        let mut least = dual(&weights);
        for _ in 0..ROUNDS {
            for &c in &own {
                let scale = objective.deviation() / constraints[c].deviation();
                if !scale.is_finite() || scale == 0.0 {
                    continue;
                }
                for step in -TRIED..=TRIED {
                    let mut tried = weights.clone();
                    tried[c] = scale * libm::pow(FACTOR, f64::from(step));
                    let value = dual(&tried);
                    if value < least {
                        (weights, least) = (tried, value);
                    }
                }
            }
        }
        if prepared.rules().is_some() {
            // More than a level can gain by breaking one.
            let range = |(least, most): (f64, f64)| most - least;
            let largest = levels.map(|level| range(ends(&weights, level))).fold(0.0, f64::max);
            weights[reaches.len() - 1] = 2.0 * largest;
        }
        let parts = (0..reaches.len()).filter(|&c| weights[c] > 0.0).map(|c| (weights[c], &constraints[c]));
        let parts: Vec<(f64, &Network)> = [(1.0, objective)].into_iter().chain(parts).collect();
        if parts.len() == 1 {
            return None;
        }
        let sum = Network::combined(&parts);
        sum.is_bounded().then_some((Penalty { weights }, sum))
    }

    /// What the sum is at least at an architecture that meets the constraints with a value of the objective.
    pub(crate) fn reach(&self, prepared: &Prepared, value: f64) -> f64 {
        let (weighted, size) = self.weighted(prepared);
        value + weighted - 32.0 * f64::EPSILON * (size + value.abs())
    }

    /// What the objective is at most at an architecture that meets the constraints with a value of the sum.
    pub(crate) fn most(&self, prepared: &Prepared, sum: f64) -> f64 {
        let (weighted, size) = self.weighted(prepared);
        sum - weighted + 32.0 * f64::EPSILON * (size + sum.abs())
    }

    /// What the weighted constraints have to reach, and the size of the parts of that sum.
    fn weighted(&self, prepared: &Prepared) -> (f64, f64) {
        let reaches = reaches(prepared);
        let parts = self.weights.iter().zip(&reaches).filter(|(weight, _)| **weight > 0.0);
        parts
            .map(|(weight, reach)| weight * reach)
            .fold((0.0, 0.0), |(sum, size), part| (sum + part, size + part.abs()))
    }
}

/// What every constraint has to reach; rules are 0 where they are obeyed.
fn reaches(prepared: &Prepared) -> Vec<f64> {
    let mut reaches: Vec<f64> = prepared.constraint_terms().iter().map(|term| term.reach.0).collect();
    if prepared.rules().is_some()
        && let Some(last) = reaches.last_mut()
    {
        *last = 0.0;
    }
    reaches
}
