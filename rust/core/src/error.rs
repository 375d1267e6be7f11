//! The one error type: every message is lower case, gives both values and a remedy.

use std::path::PathBuf;

/// Result of every fallible operation of the core.
pub type Result<T> = std::result::Result<T, Error>;

/// What can go wrong, one variant for each thing a user can mend.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The definition of a search space does not hold together.
    #[error("search space {space:?}: {reason}")]
    InvalidSpace { space: String, reason: String },
    /// The space has more than 2^64 architectures.
    #[error(
        "search space {space:?} has more than 2^64 architectures, so they have no 64-bit index; use choice indices"
    )]
    NoIndex { space: String },
    /// More distinct architectures asked for than there are.
    #[error("asked for {asked} distinct architectures of a space of {size}; ask for fewer, or allow repetition")]
    TooManyDistinct { asked: u64, size: u64 },
    /// A choice index beyond the variable's choices.
    #[error("row {row}: {variable} has choice index {index}; choose one of 0 to {last} (choices {choices})")]
    ChoiceIndex { row: usize, variable: String, index: u8, last: usize, choices: String },
    /// A value that is none of the variable's choices.
    #[error("row {row}: {variable} is {value}; choose one of {choices}")]
    ChoiceValue { row: usize, variable: String, value: String, choices: String },
    /// A block state beyond the block's states.
    #[error("row {row}: {block} has state {state}; choose one of 0 to {last}")]
    BlockState { row: usize, block: String, state: u16, last: usize },
    /// An index beyond the space.
    #[error("row {row}: index {index} is outside a space of {size} architectures; choose one of 0 to {last}", last = size - 1)]
    Index { row: usize, index: u64, size: u64 },
    /// A string that names no architecture.
    #[error("row {row}: {text:?} is not an architecture of {space:?}: {reason}; an example is {example:?}")]
    Text { row: usize, text: String, space: String, reason: String, example: String },
    /// A name that is no variable of the space.
    #[error("row {row}: unknown variable {name:?}; the variables are {known}")]
    UnknownVariable { row: usize, name: String, known: String },
    /// A variable without a value.
    #[error("row {row}: {variable} is missing; choose one of {choices}")]
    MissingVariable { row: usize, variable: String, choices: String },
    /// A combination that is none of the space.
    #[error("row {row}: {variable} {reason}")]
    Unlawful { row: usize, variable: String, reason: String },
    /// Another way to write an architecture.
    #[error("row {row}: {variable} is written {found}, where it is the same as {expected}; call space.encode")]
    NotCanonical { row: usize, variable: String, found: String, expected: String },
    /// An index beyond a space of more than 2^64 architectures.
    #[error("row {row}: index {index} is outside a space of {size} architectures; choose a smaller one")]
    WideIndex { row: usize, index: num_bigint::BigUint, size: num_bigint::BigUint },
    /// An array whose rows have another width.
    #[error("an architecture has {expected} {what}, the array has {found} columns; the order is that of {order}")]
    Width { expected: usize, found: usize, what: &'static str, order: String },
    /// A source model that can't be compiled.
    #[error("model: {reason}")]
    Model { reason: String },
    /// A metric the benchmark does not have.
    #[error("unknown metric {name:?}; the metrics are {known}")]
    UnknownMetric { name: String, known: String },
    /// A metric that can't do what was asked.
    #[error("metric {name:?} {reason}")]
    Metric { name: String, reason: String },
    /// A search that can't be done.
    #[error("search: {reason}")]
    Search { reason: String },
    /// A front that grows beyond what is asked for.
    #[error(
        "search: {points} points that don't dominate one another are found so far, max_points is {most}; add constraints, \
         restrict choices with within, raise max_points, or take what a time limit finds (RunOptions(time_limit=…, anytime=True))"
    )]
    TooManyPoints { points: usize, most: usize },
    /// A file that is not what it should be.
    #[error("{path}: {reason}", path = path.display())]
    Artifact { path: PathBuf, reason: String },
    /// A file of another version of the format.
    #[error("{path}: format version {found}, this accelnas reads versions up to {supported}; {remedy}", path = path.display())]
    Version { path: PathBuf, found: u32, supported: u32, remedy: &'static str },
    /// Content that does not match the recorded hash.
    #[error("{path}: sha256 is {found}, {recorded_in} says {recorded}; the file is damaged or was changed, restore or recompile it", path = path.display())]
    Hash { path: PathBuf, found: String, recorded: String, recorded_in: &'static str },
    /// The operating system refused.
    #[error("{path}: {source}", path = path.display())]
    Io { path: PathBuf, source: std::io::Error },
    /// The system has not so much memory.
    #[error("{rows} rows need {:.1} GiB of memory, which the system refuses; ask for fewer, or go through them in batches", *bytes as f64 / (1u64 << 30) as f64)]
    Memory { rows: usize, bytes: u128 },
    /// What a function of the caller's raised.
    #[error(transparent)]
    Caller(Box<dyn std::error::Error + Send + Sync>),
    /// The caller asked to stop.
    #[error("stopped before it was done")]
    Cancelled,
}

impl Error {
    pub(crate) fn io(path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Error + '_ {
        move |source| Error::Io { path: path.to_owned(), source }
    }

    pub(crate) fn artifact(path: &std::path::Path, reason: impl Into<String>) -> Error {
        Error::Artifact { path: path.to_owned(), reason: reason.into() }
    }

    pub(crate) fn search(reason: impl Into<String>) -> Error {
        Error::Search { reason: reason.into() }
    }

    pub(crate) fn model(reason: impl Into<String>) -> Error {
        Error::Model { reason: reason.into() }
    }
}
