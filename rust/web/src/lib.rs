//! A benchmark in a page: what `accelnas report` writes asks it by text, through memory that both sides see.
//!
//! The page reserves an input, fills it, calls, and reads the answer: JSON, or the text of an error.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;

use accelnas_core::predict::predictor::Std;
use accelnas_core::space::definition::Space;
use accelnas_core::store::artifact::from_bytes;
use accelnas_core::store::benchmark::Benchmark;
use accelnas_core::store::listing::Metric;
use accelnas_core::store::packed::unpack;
use accelnas_core::threads::Run;
use accelnas_core::{Error, Result};
use serde::{Deserialize, Serialize};

/// What both sides see.
#[derive(Default)]
struct Shared {
    input: Vec<u8>,
    answer: Vec<u8>,
    bench: Option<Benchmark>,
}

thread_local! {
    static SHARED: RefCell<Shared> = RefCell::default();
}

static RUNNING: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);
const RUN: Run<'static> = Run { threads: Some(1), rows: 1, cancelled: &RUNNING };

/// What the page wants to know.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Question {
    /// The architecture of a string.
    Text(String),
    /// Those of several.
    Texts(Vec<String>),
    /// The architecture of choice indices, brought into the form that rules ask for.
    Choices(Vec<u8>),
    /// A random architecture.
    Seed(u64),
    /// All that differ from one in one variable.
    Neighbours(Vec<u8>),
}

/// Architectures, and what metrics are predicted to be: a column of numbers a metric.
#[derive(Serialize)]
struct Answer {
    rows: Vec<Vec<u8>>,
    texts: Vec<String>,
    indices: Vec<String>,
    values: Vec<Vec<Option<f64>>>,
    /// Of a single architecture the standard deviations of measurements, where they were estimated.
    deviations: Vec<Option<Vec<Option<f64>>>>,
}

/// Makes room for an input of so many bytes, and says where.
#[unsafe(no_mangle)]
pub extern "C" fn reserve(bytes: usize) -> *mut u8 {
    SHARED.with_borrow_mut(|shared| {
        shared.input = vec![0; bytes];
        shared.input.as_mut_ptr()
    })
}

/// Where the answer is.
#[unsafe(no_mangle)]
pub extern "C" fn answer() -> *const u8 {
    SHARED.with_borrow(|shared| shared.answer.as_ptr())
}

/// How many bytes the answer has.
#[unsafe(no_mangle)]
pub extern "C" fn answer_bytes() -> usize {
    SHARED.with_borrow(|shared| shared.answer.len())
}

/// Opens a benchmark without metrics, of the search space that the input describes in TOML. Returns 1, or 0 after an error.
#[unsafe(no_mangle)]
pub extern "C" fn open() -> u32 {
    answered(|shared| {
        shared.bench = Some(Benchmark::new(Space::from_toml(&text(&shared.input)?)?));
        Ok(Vec::new())
    })
}

/// Adds a metric: the input is its description in JSON, of so many bytes, and its packed artifact.
#[unsafe(no_mangle)]
pub extern "C" fn add(description: usize) -> u32 {
    answered(|shared| {
        let (description, packed) = shared.input.split_at_checked(description).ok_or_else(|| damaged("cut short"))?;
        let metric: Metric = serde_json::from_slice(description).map_err(|e| damaged(&e.to_string()))?;
        let bench = opened(&shared.bench)?;
        let (_, surrogate, uncertainty) = from_bytes(Path::new(&metric.name), &unpack(packed)?, bench.space())?;
        shared.bench = Some(bench.with_metric(bench.space(), metric, &surrogate, uncertainty, BTreeMap::new())?);
        Ok(Vec::new())
    })
}

/// Answers the question in the input.
#[unsafe(no_mangle)]
pub extern "C" fn ask() -> u32 {
    answered(|shared| {
        let question: Question = serde_json::from_slice(&shared.input).map_err(|e| damaged(&e.to_string()))?;
        let bench = opened(&shared.bench)?;
        serde_json::to_vec(&found(bench, question)?).map_err(|e| damaged(&e.to_string()))
    })
}

fn found(bench: &Benchmark, question: Question) -> Result<Answer> {
    let space = bench.space();
    let rows = match question {
        Question::Text(text) => space.parse(&[text.trim()], &RUN)?,
        Question::Texts(texts) => space.parse(&texts, &RUN)?,
        Question::Choices(row) => match space.canonical(&row, &RUN)? {
            Some(canonical) => canonical,
            None => row,
        },
        Question::Seed(seed) => space.sample(1, seed, false)?,
        Question::Neighbours(row) => {
            space.check(&row, &RUN)?;
            space.neighbours(&row)
        }
    };
    space.check(&rows, &RUN)?;
    let mut answer = Answer {
        rows: rows.chunks_exact(space.width()).map(<[u8]>::to_vec).collect(),
        texts: space.format(&rows, &RUN)?,
        indices: space.wide_index(&rows).iter().map(ToString::to_string).collect(),
        values: Vec::new(),
        deviations: Vec::new(),
    };
    let finite = |values: Vec<f64>| values.into_iter().map(|value| value.is_finite().then_some(value)).collect();
    for (position, metric) in bench.metrics().iter().enumerate() {
        let std = (metric.calibrated && answer.rows.len() == 1).then_some(Std::Total);
        let (values, deviations) = bench.predictor(position)?.predict_f64(space, &rows, std, &RUN)?;
        answer.values.push(finite(values));
        answer.deviations.push(deviations.map(finite));
    }
    Ok(answer)
}

/// Keeps the answer, or the text of the error.
fn answered(work: impl FnOnce(&mut Shared) -> Result<Vec<u8>>) -> u32 {
    SHARED.with_borrow_mut(|shared| match work(shared) {
        Ok(answer) => {
            shared.answer = answer;
            1
        }
        Err(error) => {
            shared.answer = error.to_string().into_bytes();
            0
        }
    })
}

fn opened(bench: &Option<Benchmark>) -> Result<&Benchmark> {
    bench.as_ref().ok_or_else(|| damaged("asked before a search space is opened"))
}

fn text(bytes: &[u8]) -> Result<String> {
    String::from_utf8(bytes.to_vec()).map_err(|e| damaged(&e.to_string()))
}

fn damaged(what: &str) -> Error {
    Error::Model { reason: format!("the page is damaged: {what}; write it again") }
}
