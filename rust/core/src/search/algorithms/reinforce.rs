//! REINFORCE (Williams 1992) with an independent categorical policy for every variable, as NATS-Bench has it.

use serde::Deserialize;

use crate::error::Result;
use crate::search::algorithms::algorithm::{Algorithm, require, require_within};
use crate::search::algorithms::policy::{Adam, Policy};
use crate::search::problem::brief::{Sampler, TRIES};
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

pub(crate) struct Reinforce {
    settings: ReinforceSettings,
    sampler: Sampler,
    policy: Policy,
    adam: Adam,
    baseline: Option<f64>,
    rows: Vec<u8>,
    scores: Vec<f64>,
    gradient: Vec<f64>,
}

impl Reinforce {
    pub(crate) fn new(settings: &ReinforceSettings, sampler: Sampler) -> Result<Reinforce> {
        let s = settings.clone();
        let rate = s.learning_rate;
        require(rate.is_finite() && rate > 0.0, "learning_rate", rate, "a number above 0")?;
        require_within("episodes", s.episodes, 1..=1 << 20)?;
        require((0.0..1.0).contains(&s.baseline), "baseline", s.baseline, "a decay of at least 0 and below 1")?;
        require(s.entropy.is_finite() && s.entropy >= 0.0, "entropy", s.entropy, "a number of at least 0")?;
        let policy = Policy::new(&sampler.brief);
        let n = policy.logits.len();
        let (adam, gradient) = (Adam::new(rate, n), vec![0.0; n]);
        let (rows, scores) = (Vec::new(), Vec::new());
        Ok(Reinforce { settings: s, sampler, policy, adam, baseline: None, rows, scores, gradient })
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
        for (row, score) in self.rows.chunks_exact(self.sampler.width()).zip(&self.scores) {
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
        if self.sampler.begin(most, rows) > 0 {
            return;
        }
        for _ in 0..most.min(self.settings.episodes) {
            let first = rows.len();
            let is_drawn = (0..TRIES).any(|_| {
                rows.truncate(first);
                self.policy.draw(&mut self.sampler.stream, rows);
                self.sampler.is_settled(&mut rows[first..])
            });
            if !is_drawn {
                rows.truncate(first);
                self.sampler.random(1, rows);
            }
        }
    }

    fn tell(&mut self, row: &[u8], scores: &[f64]) {
        self.rows.extend_from_slice(row);
        self.scores.push(scores[0]);
        if self.scores.len() == self.settings.episodes {
            self.learn();
        }
    }
}
