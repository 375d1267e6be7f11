//! Independent categorical policies, and the optimiser that trains them.

use crate::search::problem::brief::Brief;
use crate::search::problem::stream::Stream;
use crate::tables::axes::starts;

/// Logit of being inactive, which rules decide.
const NEVER: f64 = -1e30;

/// Adam (Kingma and Ba 2015), ascending.
#[derive(Clone, Debug)]
pub(crate) struct Adam {
    rate: f64,
    first: Vec<f64>,
    second: Vec<f64>,
    /// Powers of the decays.
    decayed: [f64; 2],
}

impl Adam {
    pub(crate) fn new(rate: f64, n: usize) -> Adam {
        Adam { rate, first: vec![0.0; n], second: vec![0.0; n], decayed: [1.0; 2] }
    }

    pub(crate) fn step(&mut self, gradient: &[f64], parameters: &mut [f64]) {
        const DECAYS: [f64; 2] = [0.9, 0.999];
        (0..2).for_each(|i| self.decayed[i] *= DECAYS[i]);
        let moments = self.first.iter_mut().zip(&mut self.second);
        for ((parameter, &g), (first, second)) in parameters.iter_mut().zip(gradient).zip(moments) {
            *first = DECAYS[0] * *first + (1.0 - DECAYS[0]) * g;
            *second = DECAYS[1] * *second + (1.0 - DECAYS[1]) * g * g;
            let unbiased = [*first / (1.0 - self.decayed[0]), *second / (1.0 - self.decayed[1])];
            *parameter += self.rate * unbiased[0] / (unbiased[1].sqrt() + 1e-8);
        }
    }
}

/// Independent categorical distributions, one a variable, by their logits.
#[derive(Clone, Debug)]
pub(crate) struct Policy {
    /// First choice of every variable, and the end of the last.
    pub(crate) first: Vec<usize>,
    pub(crate) logits: Vec<f64>,
    pub(crate) probabilities: Vec<f64>,
}

impl Policy {
    pub(crate) fn new(brief: &Brief) -> Policy {
        let first = starts(brief.cards.iter().map(|&card| usize::from(card)));
        let n = first[first.len() - 1];
        let mut policy = Policy { first, logits: vec![0.0; n], probabilities: vec![0.0; n] };
        for (v, variable) in brief.ruled.iter().flat_map(|space| space.variables()).enumerate() {
            if variable.conditional {
                policy.logits[policy.first[v] + variable.choices.len()] = NEVER;
            }
        }
        policy.normalise();
        policy
    }

    pub(crate) fn ranges(&self) -> impl Iterator<Item = std::ops::Range<usize>> + '_ {
        self.first.windows(2).map(|w| w[0]..w[1])
    }

    /// Probabilities of the logits.
    pub(crate) fn normalise(&mut self) {
        for range in self.first.windows(2).map(|w| w[0]..w[1]) {
            softmax(&self.logits[range.clone()], &mut self.probabilities[range]);
        }
    }

    pub(crate) fn draw(&self, stream: &mut Stream, rows: &mut Vec<u8>) {
        rows.extend(self.ranges().map(|range| {
            let (mut rest, last) = (stream.unit(), range.len() - 1);
            let below = |&&p: &&f64| {
                rest -= p;
                rest >= 0.0
            };
            self.probabilities[range].iter().take_while(below).count().min(last) as u8
        }));
    }
}

pub(crate) fn softmax(logits: &[f64], out: &mut [f64]) {
    let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    out.iter_mut().zip(logits).for_each(|(p, logit)| *p = libm::exp(logit - largest));
    let total: f64 = out.iter().sum();
    out.iter_mut().for_each(|p| *p /= total);
}
