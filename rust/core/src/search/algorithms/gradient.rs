//! Gradient ascent on the expected score under independent choices, exact by the tables.
//!
//! The policy is a softmax of logits; with Gumbel noise on them the ascent is that of the Gumbel-softmax
//! (Jang, Gu and Poole 2017; Maddison, Mnih and Teh 2017), as differentiable searches do it.

use serde::Deserialize;

use crate::error::{Error, Result};
use crate::search::algorithms::algorithm::{Algorithm, require, require_within};
use crate::search::algorithms::policy::{Adam, Policy, softmax};
use crate::search::problem::brief::Sampler;
use crate::threads::Run;

/// A policy that is surer than this of every choice has converged.
const SURE: f64 = 0.9;
/// Rounds of steps after which an ascent is given up.
const ROUNDS: usize = 100;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GradientSettings {
    learning_rate: f64,
    /// Steps between two evaluations.
    steps: usize,
    relaxation: Relaxation,
    /// Of the Gumbel-softmax.
    temperature: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Relaxation {
    /// The expectation under the policy.
    Expectation,
    /// A relaxed sample of it.
    Gumbel,
}

pub(crate) struct GradientAscent {
    settings: GradientSettings,
    sampler: Sampler,
    policy: Policy,
    adam: Adam,
    /// The likeliest architecture when it was last asked for.
    last: Vec<u8>,
    rounds: usize,
}

impl GradientAscent {
    pub(crate) fn new(settings: &GradientSettings, sampler: Sampler) -> Result<GradientAscent> {
        let s = settings.clone();
        let (rate, temperature) = (s.learning_rate, s.temperature);
        require(rate.is_finite() && rate > 0.0, "learning_rate", rate, "a number above 0")?;
        require_within("steps", s.steps, 1..=1 << 20)?;
        require(temperature.is_finite() && temperature > 0.0, "temperature", temperature, "a number above 0")?;
        if sampler.brief.extension.is_none() {
            return Err(Error::search(
                "gradient_ascent needs metrics made of tables; choose another algorithm for functions and expressions",
            ));
        }
        let policy = Policy::new(&sampler.brief);
        let adam = Adam::new(rate, policy.logits.len());
        let mut new = GradientAscent { settings: s, sampler, policy, adam, last: Vec::new(), rounds: 0 };
        new.restart();
        Ok(new)
    }

    fn restart(&mut self) {
        self.adam = Adam::new(self.settings.learning_rate, self.policy.logits.len());
        let stream = &mut self.sampler.stream;
        self.policy.logits.iter_mut().for_each(|logit| *logit = stream.gumbel());
        self.policy.normalise();
        self.last.clear();
        self.rounds = 0;
    }

    fn step(&mut self) {
        let Some(extension) = &self.sampler.brief.extension else { return };
        let n = self.policy.logits.len();
        let (mut relaxed, mut slopes, mut gradient) = (self.policy.probabilities.clone(), vec![0.0; n], vec![0.0; n]);
        let mut scale = 1.0;
        if self.settings.relaxation == Relaxation::Gumbel {
            scale = 1.0 / self.settings.temperature;
            let stream = &mut self.sampler.stream;
            let noisy: Vec<f64> = self.policy.logits.iter().map(|logit| (logit + stream.gumbel()) * scale).collect();
            self.policy.ranges().for_each(|range| softmax(&noisy[range.clone()], &mut relaxed[range]));
        }
        extension.score(&relaxed, &mut slopes);
        for range in self.policy.ranges() {
            let mean: f64 = range.clone().map(|c| relaxed[c] * slopes[c]).sum();
            range.for_each(|c| gradient[c] = scale * relaxed[c] * (slopes[c] - mean));
        }
        self.adam.step(&gradient, &mut self.policy.logits);
        self.policy.normalise();
    }

    /// The likeliest architecture.
    fn mode(&self) -> Vec<u8> {
        let likeliest = |range: std::ops::Range<usize>| {
            let p = &self.policy.probabilities[range];
            (1..p.len()).fold(0, |best, c| if p[c] > p[best] { c } else { best }) as u8
        };
        self.policy.ranges().map(likeliest).collect()
    }

    fn is_sure(&self) -> bool {
        let p = &self.policy.probabilities;
        self.policy.ranges().all(|range| p[range].iter().any(|&p| p > SURE))
    }
}

impl Algorithm for GradientAscent {
    fn cost(&self) -> usize {
        ROUNDS * self.settings.steps * self.policy.logits.len()
    }

    fn ask(&mut self, most: usize, rows: &mut Vec<u8>, run: &Run<'_>) {
        if self.sampler.begin(most, rows) > 0 {
            return;
        }
        // An architecture that was just evaluated says nothing new: step on to another one.
        loop {
            let stopped = (0..self.settings.steps).try_for_each(|_| run.check().map(|()| self.step())).is_err();
            self.rounds += 1;
            let mode = self.mode();
            let is_over = self.rounds >= ROUNDS || self.is_sure();
            let is_new = mode != self.last || stopped;
            if is_new {
                rows.extend_from_slice(&mode);
                self.last = mode;
            }
            if is_over {
                self.restart();
            }
            if is_new {
                return;
            }
        }
    }
}
