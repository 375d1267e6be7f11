//! What a residual is at least: a sum over levels.
//!
//! A residual is e^s, where s adds up the logarithms of the choices' factors. The exponential is convex, so it lies above
//! its tangent: e^s >= e^t (1 + s - t) for any t. Here t is the mean of s over a domain.

use crate::exact::question::levels::Levels;
use crate::space::definition::Space;
use crate::surrogate::uncertainty::Uncertainty;

/// A function of levels that no residual is below: `at · (1 + Σ of_levels)`.
pub(crate) struct Tangent {
    /// The residual where the tangent touches.
    pub(crate) at: f64,
    /// By level the part of each state; of mean 0.
    pub(crate) of_levels: Vec<Vec<f64>>,
    /// No residual, and no value of the tangent, is larger in size.
    pub(crate) most: f64,
}

/// Marks the variables whose choices make a difference to a residual.
pub(crate) fn factored_variables(space: &Space, uncertainty: &Uncertainty, relevant: &mut [bool]) {
    for (own, relevant) in by_variable(space, &uncertainty.factors).into_iter().zip(relevant) {
        *relevant |= own.iter().any(|factor| *factor != own[0]);
    }
}

/// The tangent of a metric's residual over levels.
pub(crate) fn tangent(space: &Space, uncertainty: &Uncertainty, levels: &Levels) -> Tangent {
    let logarithms: Vec<f64> = uncertainty.factors.iter().map(|&factor| libm::log(factor)).collect();
    let logarithms = by_variable(space, &logarithms);
    let mut fixed = vec![true; space.width()];
    let (mut mean, mut range, mut of_levels) = (0.0, 0.0, Vec::new());
    for level in &levels.levels {
        level.variables.iter().for_each(|&v| fixed[v] = false);
        let part = |state: usize| -> f64 {
            level.variables.iter().zip(level.state(state)).map(|(&v, &choice)| logarithms[v][choice as usize]).sum()
        };
        let own: Vec<f64> = (0..level.states).map(part).collect();
        let of_level = own.iter().sum::<f64>() / own.len() as f64;
        mean += of_level;
        let own: Vec<f64> = own.into_iter().map(|part| part - of_level).collect();
        range += own.iter().fold(0.0, |most: f64, part| most.max(part.abs()));
        of_levels.push(own);
    }
    // The choices of all other variables are the same, or make no difference.
    let of_others = (0..space.width()).filter(|&v| fixed[v]).map(|v| logarithms[v][levels.first[v] as usize]);
    let at = uncertainty.residual * libm::exp(mean + of_others.sum::<f64>());
    Tangent { at, of_levels, most: at * (1.0 + range).max(libm::exp(range)) }
}

/// Numbers of all choices, by variable.
fn by_variable<'n>(space: &Space, mut numbers: &'n [f64]) -> Vec<&'n [f64]> {
    let own = |card: usize| {
        let (own, rest) = numbers.split_at(card);
        numbers = rest;
        own
    };
    space.cards().map(own).collect()
}
