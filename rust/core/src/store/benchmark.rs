//! A benchmark: a directory of `benchmark.toml` and one artifact a metric, loaded when first used.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use crate::error::{Error, Result};
use crate::hash::sha256_hex;
use crate::kernels::transpose::Packer;
use crate::memory::zeros;
use crate::metric::Link;
use crate::predict::batch::{Output, predict};
use crate::predict::predictor::{Predictor, Std};
use crate::space::definition::Space;
use crate::space::names;
use crate::store::artifact;
use crate::store::artifact::{FIRST_VERSION, GIVEN_VERSION, Header, LIMIT_VERSION, PLATEAU_VERSION, RULES_VERSION};
use crate::store::files::{self, BENCHMARK_FILE};
use crate::store::listing::{BenchmarkToml, Metric, check_name, read_toml};
use crate::store::packed::pack;
use crate::surrogate::ensemble::{LIMITED, Surrogate};
use crate::surrogate::uncertainty::Uncertainty;
use crate::tables::stored::Form;
use crate::threads::{ALONE, Run, filled};

/// Means of one metric, and standard deviations where they are asked for.
pub type MeanAndStd = (Vec<f32>, Option<Vec<f32>>);

/// An open benchmark.
#[derive(Clone, Debug)]
pub struct Benchmark {
    directory: PathBuf,
    name: String,
    space: Arc<Space>,
    packer: Packer,
    metrics: Vec<Metric>,
    /// Shared with the benchmarks made from this one.
    predictors: Vec<Arc<OnceLock<Predictor>>>,
    /// Headers of metrics that are in memory alone.
    in_memory: Vec<Option<Header>>,
}

impl Benchmark {
    /// A benchmark of a space without metrics, in memory alone.
    pub fn new(space: Space) -> Benchmark {
        Benchmark {
            directory: PathBuf::new(),
            name: space.name().to_owned(),
            packer: Packer::new(&space),
            space: Arc::new(space),
            metrics: Vec::new(),
            predictors: Vec::new(),
            in_memory: Vec::new(),
        }
    }

    /// Reads `benchmark.toml`; artifacts are read when their metric is first used.
    pub fn open(directory: &Path) -> Result<Benchmark> {
        let (file, space) = read_toml(directory)?;
        let predictors = file.metrics.iter().map(|_| Arc::default()).collect();
        let in_memory = vec![None; file.metrics.len()];
        let (directory, name) = (directory.to_owned(), file.name);
        Ok(Benchmark { directory, name, metrics: file.metrics, predictors, in_memory, ..Benchmark::new(space) })
    }

    /// A benchmark with one more metric, which stays in memory.
    pub fn with_metric(
        &self,
        space: &Space,
        metric: Metric,
        surrogate: &Surrogate,
        uncertainty: Option<Uncertainty>,
        provenance: BTreeMap<String, String>,
    ) -> Result<Benchmark> {
        let name = &metric.name;
        if space.sha256() != self.space.sha256() {
            let (found, own) = (space.name(), self.space.name());
            let reason = format!("metric {name:?} is of another space ({found:?}) than the benchmark ({own:?})");
            return Err(Error::model(format!("{reason}; make it for the benchmark's space")));
        }
        self.check_new(name)?;
        let header = new_header(space, &metric, surrogate, uncertainty.as_ref(), provenance);
        if let Some(uncertainty) = &uncertainty {
            uncertainty.check(space).map_err(Error::model)?;
        }
        let metric = Metric { members: surrogate.members(), calibrated: uncertainty.is_some(), ..metric };
        let predictor = Predictor::new(surrogate.clone(), metric.link, uncertainty)?;
        Ok(self.with(metric, predictor, header))
    }

    /// Refuses what can't name a metric that stays in memory: a column perhaps, never a file.
    pub(crate) fn check_new(&self, name: &str) -> Result<()> {
        names::check_column(name).map_err(|reason| Error::model(format!("metric {name:?} {reason}")))?;
        match self.metrics.iter().any(|m| m.name == *name) {
            true => Err(Error::model(format!("metric {name:?} is there already; choose another name"))),
            false => Ok(()),
        }
    }

    /// The same with one more metric.
    pub(crate) fn with(&self, metric: Metric, predictor: Predictor, header: Header) -> Benchmark {
        let mut more = self.clone();
        more.metrics.push(metric);
        more.predictors.push(Arc::new(OnceLock::from(predictor)));
        more.in_memory.push(Some(header));
        more
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn space(&self) -> &Arc<Space> {
        &self.space
    }

    pub fn metrics(&self) -> &[Metric] {
        &self.metrics
    }

    pub(crate) fn packer(&self) -> &Packer {
        &self.packer
    }

    /// Position of a metric.
    pub fn position(&self, name: &str) -> Result<usize> {
        self.metrics.iter().position(|m| m.name == name).ok_or_else(|| Error::UnknownMetric {
            name: name.to_owned(),
            known: self.metrics.iter().map(|m| m.name.as_str()).collect::<Vec<_>>().join(", "),
        })
    }

    /// What tells a metric from others of any benchmark: its file's hash, or that of what it is made of in memory.
    pub(crate) fn identity(&self, metric: usize) -> String {
        match &self.in_memory[metric] {
            Some(header) => format!("{header:?} of {:?}", self.metrics.iter().map(|m| &m.sha256).collect::<Vec<_>>()),
            None => self.metrics[metric].sha256.clone(),
        }
    }

    /// The artifact's header, or that of a metric in memory.
    pub fn header(&self, metric: usize) -> Result<Header> {
        match &self.in_memory[metric] {
            Some(header) => Ok(header.clone()),
            None => Ok(self.read(metric)?.0),
        }
    }

    /// The metric's artifact as pages hold it; see `docs/FORMAT.md`.
    pub fn packed(&self, metric: usize) -> Result<Vec<u8>> {
        let predictor = self.predictor(metric)?;
        if predictor.deviation.is_some() {
            let reason = "is a quantile, which pages compute from the metric itself; leave it out";
            return Err(self.refused(metric, reason.to_owned()));
        }
        let bytes = artifact::to_bytes(
            &self.space,
            &self.header(metric)?,
            &predictor.surrogate,
            predictor.uncertainty.as_ref(),
        )?;
        pack(&bytes)
    }

    /// The metric's predictor, where it is loaded.
    pub fn loaded(&self, metric: usize) -> Option<&Predictor> {
        self.predictors[metric].get()
    }

    /// The metric's predictor, loaded and checked the first time.
    pub fn predictor(&self, metric: usize) -> Result<&Predictor> {
        filled(&self.predictors[metric], || {
            let (header, surrogate, uncertainty) = self.read(metric)?;
            Predictor::new(surrogate, header.link, uncertainty)
        })
    }

    /// What predicts a metric, where its values are predictions.
    pub fn surrogate(&self, metric: usize) -> Result<&Surrogate> {
        self.predictor(metric)?.own_surrogate().map_err(|reason| self.refused(metric, reason))
    }

    /// A metric's surrogate, without trees; else says what follows from them and what else can be done.
    pub(crate) fn tables_of(&self, metric: usize, so: &str, or: &str) -> Result<&Surrogate> {
        let surrogate = self.surrogate(metric)?;
        match surrogate.forest_trees() {
            0 => Ok(surrogate),
            trees => Err(self.refused(
                metric,
                format!("has {trees} trees that are no interaction tables, so {so}; refit it with {LIMITED}, or {or}"),
            )),
        }
    }

    /// The error for what a metric can't do.
    pub(crate) fn refused(&self, metric: usize, reason: String) -> Error {
        Error::Metric { name: self.metrics[metric].name.clone(), reason }
    }

    /// Largest error of a member's deviation in float32 standard deviations, on the link's scale.
    pub fn deviation_bound(&self, metric: usize, run: &Run<'_>) -> Result<f64> {
        self.predictor(metric)?.deviation_bound(&self.packer, run)
    }

    fn read(&self, metric: usize) -> Result<(Header, Surrogate, Option<Uncertainty>)> {
        let entry = &self.metrics[metric];
        let path = self.directory.join(&entry.file);
        let bytes = files::read_hashed(&path, &entry.sha256)?;
        let (header, surrogate, uncertainty) = artifact::from_bytes(&path, &bytes, &self.space)?;
        let found = (header.metric.as_str(), header.link, surrogate.members(), uncertainty.is_some());
        let said = (entry.name.as_str(), entry.link, entry.members, entry.calibrated);
        if found != said {
            let what = "metric, link, members and whether it is calibrated";
            let reason = format!("{what} are {found:?}, {BENCHMARK_FILE} says {said:?}; recompile it");
            return Err(Error::artifact(&path, reason));
        }
        Ok((header, surrogate, uncertainty))
    }

    /// Predicts metrics of unchecked rows: means, and standard deviations where they are asked for.
    pub fn predict(&self, metrics: &[usize], rows: &[u8], std: Option<Std>, run: &Run<'_>) -> Result<Vec<MeanAndStd>> {
        let n = rows.len() / self.space.width();
        if std.is_some() {
            metrics.iter().try_for_each(|&metric| self.surrogate(metric).map(|_| ()))?;
        }
        let room = |_: &usize| Ok((zeros(n, 1)?, std.map(|_| zeros(n, 1)).transpose()?));
        let mut out: Vec<MeanAndStd> = metrics.iter().map(room).collect::<Result<_>>()?;
        let mut outputs = Vec::with_capacity(metrics.len());
        for (&metric, (mean, of_mean)) in metrics.iter().zip(&mut out) {
            outputs.push(Output { predictor: self.predictor(metric)?, mean, std: std.zip(of_mean.as_deref_mut()) });
        }
        predict(&self.space, &self.packer, rows, &mut outputs, run)?;
        Ok(out)
    }

    /// The mean of an unchecked row by a metric that is loaded, on this thread.
    pub fn predict_one(&self, metric: usize, row: &[u8]) -> Option<f32> {
        let mut mean = [0.0];
        let output = Output { predictor: self.loaded(metric)?, mean: &mut mean, std: None };
        predict(&self.space, &self.packer, row, &mut [output], &ALONE).ok()?;
        Some(mean[0])
    }
}

/// The oldest version of the format that has a link.
fn version_of(link: Link) -> u32 {
    match link {
        Link::Identity | Link::Reciprocal | Link::Log => FIRST_VERSION,
        Link::Below(_) | Link::Above(_) => LIMIT_VERSION,
        Link::Capped(_) | Link::Floored(_) => PLATEAU_VERSION,
    }
}

pub(crate) fn new_header(
    space: &Space,
    metric: &Metric,
    surrogate: &Surrogate,
    uncertainty: Option<&Uncertainty>,
    provenance: BTreeMap<String, String>,
) -> Header {
    let form = surrogate.tables.form;
    let has_tails = uncertainty.is_some_and(|u| u.degrees_of_freedom.is_some());
    Header {
        format_version: match form {
            Form::Given => GIVEN_VERSION,
            Form::Purified => FIRST_VERSION,
        }
        .max(if has_tails { LIMIT_VERSION } else { FIRST_VERSION })
        .max(version_of(metric.link)),
        form,
        metric: metric.name.clone(),
        link: metric.link,
        granularity: surrogate.tables.granularity.name().to_owned(),
        space_sha256: space.sha256().to_owned(),
        provenance,
    }
}

/// Adds a metric to a benchmark directory, or replaces it; makes the directory where there is none.
pub fn write_metric(
    directory: &Path,
    space: &Space,
    metric: Metric,
    surrogate: &Surrogate,
    uncertainty: Option<&Uncertainty>,
    provenance: BTreeMap<String, String>,
) -> Result<()> {
    let toml_path = directory.join(BENCHMARK_FILE);
    let mut file = match toml_path.exists() {
        true => {
            let (file, existing) = read_toml(directory)?;
            if existing.sha256() != space.sha256() {
                let reason = format!(
                    "holds the space {:?}, the metric is of {:?}; use another directory",
                    existing.name(),
                    space.name()
                );
                return Err(Error::artifact(&toml_path, reason));
            }
            file
        }
        false => BenchmarkToml {
            format_version: FIRST_VERSION,
            name: space.name().to_owned(),
            space: space.definition().clone(),
            metrics: Vec::new(),
        },
    };
    let others: Vec<_> = file.metrics.iter().filter(|m| m.name != metric.name).cloned().collect();
    check_name(&metric.name, &others)?;
    let header = new_header(space, &metric, surrogate, uncertainty, provenance);
    let bytes = artifact::to_bytes(space, &header, surrogate, uncertainty)?;
    let name = format!("{}.safetensors", metric.name);
    let (members, sha256, calibrated) = (surrogate.members(), sha256_hex(&bytes), uncertainty.is_some());
    let metric = Metric { members, sha256, calibrated, file: name, ..metric };
    std::fs::create_dir_all(directory).map_err(Error::io(directory))?;
    files::replace_file(&directory.join(&metric.file), &bytes)?;
    match file.metrics.iter_mut().find(|m| m.name == metric.name) {
        Some(old) => *old = metric,
        None => file.metrics.push(metric),
    }
    let of_space = if space.has_rules() { RULES_VERSION } else { FIRST_VERSION };
    file.format_version = file.metrics.iter().map(|m| version_of(m.link)).fold(of_space, u32::max);
    let text = toml::to_string(&file).map_err(|e| Error::artifact(&toml_path, e.to_string()))?;
    files::replace_file(&toml_path, text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::Direction;
    use crate::surrogate::lower::lower;
    use crate::testing::{forest, run, space_of};
    use crate::threads::ALONE;

    fn metric(name: &str) -> Metric {
        Metric { unit: "ms".to_owned(), ..Metric::new(name.to_owned(), Direction::Minimise, Link::Identity) }
    }

    #[test]
    fn a_directory_is_written_read_updated_and_checked() {
        let space = space_of(&[&[3, 2], &[4]]);
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        for (name, seed) in [("a", 1), ("b", 2), ("a", 3)] {
            let surrogate = lower(&space, &[&forest(&space, 5, 3, 3, seed)], &run()).unwrap();
            write_metric(path, &space, metric(name), &surrogate, None, BTreeMap::new()).unwrap();
        }
        let bench = Benchmark::open(path).unwrap();
        assert_eq!(bench.metrics().iter().map(|m| m.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        assert!(bench.position("c").unwrap_err().to_string().contains("unknown metric \"c\"; the metrics are a, b"));
        let rows = space.range(0, 24, &ALONE).unwrap();
        let out = bench.predict(&[0], &rows, None, &run()).unwrap();
        let source = forest(&space, 5, 3, 3, 3).predict(space.width(), &rows, &run()).unwrap();
        assert!(out[0].0.iter().zip(source).all(|(a, b)| (f64::from(*a) - b).abs() < 1e-4));

        let source = forest(&space, 5, 3, 3, 9);
        let added = lower(&space, &[&source], &run()).unwrap();
        let told = BTreeMap::from([("from".to_owned(), "a test".to_owned())]);
        let more = bench.with_metric(&space, metric("c"), &added, None, told.clone()).unwrap();
        assert_eq!(more.header(2).unwrap().provenance, told);
        let out = more.predict(&[2, 0], &rows, None, &run()).unwrap();
        let source = source.predict(space.width(), &rows, &run()).unwrap();
        assert!(out[0].0.iter().zip(source).all(|(a, b)| (f64::from(*a) - b).abs() < 1e-4));
        assert_eq!((bench.metrics().len(), more.metrics()[2].members), (2, 1));
        let message = more.with_metric(&space, metric("c"), &added, None, told.clone()).unwrap_err().to_string();
        assert!(message.contains("metric \"c\" is there already"), "{message}");

        let other = space_of(&[&[3, 2], &[5]]);
        let message = bench.with_metric(&other, metric("d"), &added, None, told).unwrap_err().to_string();
        assert!(message.contains("is of another space"), "{message}");
        let surrogate = lower(&other, &[&forest(&other, 5, 3, 3, 1)], &run()).unwrap();
        let message =
            write_metric(path, &other, metric("a"), &surrogate, None, BTreeMap::new()).unwrap_err().to_string();
        assert!(message.contains("use another directory"), "{message}");

        std::fs::write(path.join("b.safetensors"), b"changed").unwrap();
        let message = bench.predictor(1).unwrap_err().to_string();
        assert!(message.contains("benchmark.toml says"), "{message}");
        assert!(bench.predictor(0).is_ok());

        let toml = std::fs::read_to_string(path.join(BENCHMARK_FILE)).unwrap();
        let reopened = |text: String| {
            std::fs::write(path.join(BENCHMARK_FILE), text).unwrap();
            Benchmark::open(path).unwrap_err().to_string()
        };
        assert!(
            reopened(toml.replace("format_version = 1", "format_version = 7"))
                .contains("format version 7, this accelnas reads versions up to 5")
        );
        for file in ["../a", "/a", "a/b", "..\\\\a", "c:a", "nul", "B", "a\\u0000", ".a"] {
            let text = toml.replace("file = \"a.safetensors", &format!("file = \"{file}.safetensors"));
            let message = reopened(text);
            assert!(message.contains("metric") && message.contains("has the file"), "{message}");
        }
        assert!(reopened(toml.replace("\"a.safetensors\"", "\"Benchmark.TOML\"")).contains("in case alone"));
        for (name, part) in [("a", "already"), ("A", "in case alone"), ("", "is empty"), ("../b", "file name")] {
            let message = reopened(toml.replace("name = \"b\"", &format!("name = \"{name}\"")));
            assert!(message.contains("metric") && message.contains(part), "{message}");
        }
        for name in ["A", "../x", "/x", "con", "x\n"] {
            let there = std::fs::read_dir(path).unwrap().count();
            let surrogate = lower(&space, &[&forest(&space, 5, 3, 3, 1)], &run()).unwrap();
            std::fs::write(path.join(BENCHMARK_FILE), &toml).unwrap();
            for directory in [path.to_owned(), path.join("new")] {
                let name = if directory == path { name } else { "x/y" };
                let found = write_metric(&directory, &space, metric(name), &surrogate, None, BTreeMap::new());
                assert!(found.unwrap_err().to_string().contains("metric"), "{name:?}");
            }
            assert_eq!(std::fs::read_dir(path).unwrap().count(), there);
        }
        assert!(reopened("garbage".to_owned()).contains("benchmark.toml"));
    }
}
