//! REINFORCE (Williams 1992) with an independent categorical policy for every variable, as NATS-Bench has it.

use std::sync::Arc;

use serde::Deserialize;

use crate::error::Result;
use crate::search::algorithm::{Algorithm, require};
use crate::search::brief::Brief;
use crate::search::stream::Stream;
use crate::threads::Run;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReinforceSettings {
    learning_rate: f64,
    /// Architectures of one step.
    episodes: usize,
    /// Decay of the baseline, a moving average of scores.
    baseline: f64,
    /// Weight of the policy's entropy.
    entropy: f64,
}

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
        let mut first = vec![0];
        for &card in brief.cards() {
            first.push(first[first.len() - 1] + card as usize);
        }
        let n = first[first.len() - 1];
        let mut policy = Policy { first, logits: vec![0.0; n], probabilities: vec![0.0; n] };
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

pub(crate) struct Reinforce {
    settings: ReinforceSettings,
    brief: Arc<Brief>,
    stream: Stream,
    policy: Policy,
    adam: Adam,
    baseline: Option<f64>,
    rows: Vec<u8>,
    scores: Vec<f64>,
    gradient: Vec<f64>,
}

impl Reinforce {
    pub(crate) fn new(settings: &ReinforceSettings, brief: Arc<Brief>, stream: Stream) -> Result<Reinforce> {
        let s = settings.clone();
        let rate = s.learning_rate;
        require(rate.is_finite() && rate > 0.0, "learning_rate", rate, "a number above 0")?;
        require((1..=1 << 20).contains(&s.episodes), "episodes", s.episodes, "1 to 1048576")?;
        require((0.0..1.0).contains(&s.baseline), "baseline", s.baseline, "a decay of at least 0 and below 1")?;
        require(s.entropy.is_finite() && s.entropy >= 0.0, "entropy", s.entropy, "a number of at least 0")?;
        let policy = Policy::new(&brief);
        let n = policy.logits.len();
        let (adam, gradient) = (Adam::new(rate, n), vec![0.0; n]);
        let (rows, scores) = (Vec::new(), Vec::new());
        Ok(Reinforce { settings: s, brief, stream, policy, adam, baseline: None, rows, scores, gradient })
    }

    /// One step along the gradient of the expected score, estimated from the episodes.
    fn learn(&mut self) {
        let n = self.scores.len() as f64;
        let mean = self.scores.iter().sum::<f64>() / n;
        let baseline = self.baseline.unwrap_or(mean);
        let decay = self.settings.baseline;
        self.baseline = Some(decay * baseline + (1.0 - decay) * mean);
        let p = &self.policy.probabilities;
        let advantage = mean - baseline;
        for range in self.policy.ranges() {
            let entropy: f64 = p[range.clone()].iter().map(|&p| -p * libm::log(p.max(f64::MIN_POSITIVE))).sum();
            for c in range {
                let of_entropy = -p[c] * (libm::log(p[c].max(f64::MIN_POSITIVE)) + entropy);
                self.gradient[c] = -advantage * p[c] + self.settings.entropy * of_entropy;
            }
        }
        for (row, score) in self.rows.chunks_exact(self.brief.width()).zip(&self.scores) {
            for (&choice, &first) in row.iter().zip(&self.policy.first) {
                self.gradient[first + choice as usize] += (score - baseline) / n;
            }
        }
        self.adam.step(&self.gradient, &mut self.policy.logits);
        self.policy.normalise();
        self.rows.clear();
        self.scores.clear();
    }
}

impl Algorithm for Reinforce {
    fn ask(&mut self, most: usize, rows: &mut Vec<u8>, _run: &Run<'_>) {
        (0..most.min(self.settings.episodes)).for_each(|_| self.policy.draw(&mut self.stream, rows));
    }

    fn tell(&mut self, rows: &[u8], scores: &[f64]) {
        for (row, &score) in rows.chunks_exact(self.brief.width()).zip(scores) {
            self.rows.extend_from_slice(row);
            self.scores.push(score);
            if self.scores.len() == self.settings.episodes {
                self.learn();
            }
        }
    }
}
