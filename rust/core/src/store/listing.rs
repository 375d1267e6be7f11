//! `benchmark.toml`: the space, and what is said of every metric.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::metric::{Direction, Link};
use crate::space::definition::{Space, SpaceDefinition, one_line};
use crate::space::names;
use crate::space::names::Taken;
use crate::store::artifact::Versioned;
use crate::store::files;
use crate::store::files::BENCHMARK_FILE;

/// Most bytes of `benchmark.toml`.
const LARGEST: u64 = 1 << 26;

/// What `benchmark.toml` says of a metric.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metric {
    pub name: String,
    pub unit: String,
    pub direction: Direction,
    pub link: Link,
    /// Standard deviation of one measurement, in the metric's unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub noise: Option<f64>,
    #[serde(default)]
    pub description: String,
    pub members: usize,
    /// Whether the metric's file says how far measurements lie from predictions.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub calibrated: bool,
    #[serde(default)]
    pub file: String,
    #[serde(default)]
    pub sha256: String,
}

impl Metric {
    /// A metric without unit, noise and description; its members, file and hash follow from its surrogate.
    pub fn new(name: String, direction: Direction, link: Link) -> Metric {
        let [unit, description, file, sha256] = [const { String::new() }; 4];
        Metric { name, unit, direction, link, noise: None, description, members: 0, calibrated: false, file, sha256 }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BenchmarkToml {
    pub(crate) format_version: u32,
    pub(crate) name: String,
    pub(crate) space: SpaceDefinition,
    #[serde(default)]
    pub(crate) metrics: Vec<Metric>,
}

/// Refuses a new metric's name that is no file's, or another's.
pub fn check_name(name: &str, others: &[Metric]) -> Result<()> {
    let mut taken = Taken::default();
    let others = others.iter().try_for_each(|other| taken.take(&other.name));
    others
        .and_then(|()| names::check_file(name))
        .and_then(|()| taken.take(name))
        .map_err(|reason| Error::model(format!("metric {name:?} {reason}")))
}

pub(crate) fn read_toml(directory: &Path) -> Result<(BenchmarkToml, Space)> {
    let path = directory.join(BENCHMARK_FILE);
    let text = String::from_utf8(files::read(&path, LARGEST)?)
        .map_err(|e| Error::artifact(&path, format!("is no UTF-8 text ({e}); restore it")))?;
    let fail = |e: toml::de::Error| Error::artifact(&path, one_line(&e.to_string()));
    toml::from_str::<Versioned>(&text).map_err(fail)?.check(&path)?;
    let file: BenchmarkToml = toml::from_str(&text).map_err(fail)?;
    let (mut taken, mut of_files) = (Taken::default(), Taken::default());
    of_files.take(BENCHMARK_FILE).map_err(|reason| Error::artifact(&path, reason))?;
    for metric in &file.metrics {
        let named = names::check_file(&metric.name).and_then(|()| taken.take(&metric.name));
        let mut own_file = || names::check_file(&metric.file).and_then(|()| of_files.take(&metric.file));
        let of_file = |reason| format!("has the file {:?}, which {reason}", metric.file);
        let limited = Link::named(metric.link.name(), metric.link.limit())
            .map(|_| ())
            .map_err(|_| format!("has the limit {}; recompile it", metric.link.limit().unwrap_or(f64::NAN)));
        named
            .and(limited)
            .and_then(|()| own_file().map_err(of_file))
            .map_err(|reason| Error::artifact(&path, format!("metric {:?} {reason}", metric.name)))?;
    }
    let space = Space::new(file.space.clone())?;
    Ok((file, space))
}
