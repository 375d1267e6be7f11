//! What is asked, and what is answered.

use serde::{Deserialize, Serialize};

use crate::exact::question::domain::Domain;
use crate::exact::question::sizes::{read, write};
use crate::metric::Direction;

/// Bounds on a metric's predicted value, in its unit, both inclusive.
#[derive(Clone, Debug, PartialEq)]
pub struct Constraint {
    pub metric: usize,
    pub lower: f64,
    pub upper: f64,
}

/// What is asked.
#[derive(Clone, Debug)]
pub struct Question {
    pub domain: Domain,
    /// Metrics and which of their ends is sought.
    pub objectives: Vec<(usize, Direction)>,
    pub constraints: Vec<Constraint>,
}

impl Question {
    /// Metrics that the question names, each once, objectives first.
    pub(crate) fn metrics(&self) -> Vec<usize> {
        let named = self.objectives.iter().map(|o| o.0).chain(self.constraints.iter().map(|c| c.metric));
        let mut metrics: Vec<usize> = Vec::new();
        named.for_each(|m| metrics.extend((!metrics.contains(&m)).then_some(m)));
        metrics
    }
}

/// What is wanted of the architectures that meet the constraints.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// The k best of one objective; without pruning every architecture is evaluated.
    Best { k: usize, prune: bool },
    /// Those that none is better than in all objectives, as long as no more than so many are known at once.
    Front { most: usize },
    /// Their number.
    Count,
    /// Their number by value of the objective, in so many bins of even width on the link's scale.
    Histogram { bins: usize },
    /// How many are better than given architectures in the objective, and how many equal; without constraints.
    Ranks { rows: Vec<u8> },
}

/// What is known once some or all jobs are done.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    Items(Vec<Item>),
    Count(u128),
    /// Counts between edges; both ascend with the metric.
    Histogram {
        counts: Vec<u64>,
        edges: Vec<f64>,
    },
    /// Architectures that are better than, and that equal, each given one.
    Ranks {
        better: Vec<u64>,
        equal: Vec<u64>,
    },
}

/// An architecture and the float64 values of the question's metrics.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Item {
    pub row: Vec<u8>,
    pub values: Vec<f64>,
    /// Number of architectures that it stands for: those with these values.
    #[serde(serialize_with = "write", deserialize_with = "read")]
    pub ties: u128,
}
