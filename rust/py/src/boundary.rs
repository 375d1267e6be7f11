//! The door to Python: releases the interpreter, watches for Ctrl-C, turns core errors into exceptions.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use accelnas_core::Error;
use accelnas_core::space::definition::Space;
use accelnas_core::threads::Run;
use numpy::{Element, PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray2, PyUntypedArrayMethods};
use pyo3::exceptions::{PyKeyboardInterrupt, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyType;

/// Rows of choice indices that Python gives.
pub(crate) type Rows<'py> = PyReadonlyArray2<'py, u8>;

/// An array that takes the vector over.
pub(crate) struct Flat<T>(pub(crate) Vec<T>);
/// As [`Flat`], of rows of so many numbers.
pub(crate) struct Wide<T>(pub(crate) Vec<T>, pub(crate) usize);

impl<'py, T: Element> IntoPyObject<'py> for Flat<T> {
    type Target = PyArray1<T>;
    type Output = Bound<'py, PyArray1<T>>;
    type Error = PyErr;

    fn into_pyobject(self, py: Python<'py>) -> PyResult<Self::Output> {
        Ok(PyArray1::from_vec(py, self.0))
    }
}

impl<'py, T: Element> IntoPyObject<'py> for Wide<T> {
    type Target = PyArray2<T>;
    type Output = Bound<'py, PyArray2<T>>;
    type Error = PyErr;

    fn into_pyobject(self, py: Python<'py>) -> PyResult<Self::Output> {
        let rows = self.0.len() / self.1.max(1);
        PyArray1::from_vec(py, self.0).reshape([rows, self.1])
    }
}

/// Calls of fewer rows, or look-ups worth a row, run on the caller's thread.
const SHORT: usize = 1 << 16;
/// How often a long call looks for Ctrl-C.
const POLL: Duration = Duration::from_millis(50);

/// Runs work without the interpreter; a long call stops on Ctrl-C.
pub(crate) fn detached<T: Send>(
    py: Python<'_>,
    rows: usize,
    threads: Option<usize>,
    work: impl FnOnce(&Run<'_>) -> accelnas_core::Result<T> + Send,
) -> PyResult<T> {
    watched(py, rows, threads, |_| Ok(()), work)
}

/// As [`detached`], where a row costs so many times what a look-up does.
pub(crate) fn detached_at<T: Send>(
    py: Python<'_>,
    (rows, cost): (usize, usize),
    threads: Option<usize>,
    work: impl FnOnce(&Run<'_>) -> accelnas_core::Result<T> + Send,
) -> PyResult<T> {
    let on_run = |run: &Run<'_>| work(&Run { rows, ..*run });
    watched(py, rows.saturating_mul(cost), threads, |_| Ok(()), on_run)
}

/// As [`detached`]; a long call also ticks while it waits, and stops where that fails.
pub(crate) fn watched<T: Send>(
    py: Python<'_>,
    rows: usize,
    threads: Option<usize>,
    tick: impl Fn(Python<'_>) -> PyResult<()>,
    work: impl FnOnce(&Run<'_>) -> accelnas_core::Result<T> + Send,
) -> PyResult<T> {
    let (cancelled, done) = (AtomicBool::new(false), AtomicBool::new(false));
    let run = Run { threads, rows, cancelled: &cancelled };
    if rows < SHORT {
        return py.detach(|| work(&run)).map_err(to_py);
    }
    let mut interrupt = None;
    let result = std::thread::scope(|scope| {
        let wake = Wake { caller: std::thread::current(), done: &done };
        let watched = move || {
            let _wake = wake;
            work(&run)
        };
        let worker = std::thread::Builder::new().spawn_scoped(scope, watched).map_err(|source| {
            let reason = format!("the system gives no thread: {source}; end some, or ask for less at once");
            Error::Search { reason }
        })?;
        // Not `is_finished`: that turns true only after the wake-up, which would cost one more wait.
        while !done.load(Ordering::Acquire) {
            py.detach(|| std::thread::park_timeout(POLL));
            if let Err(signal) = py.check_signals().and_then(|()| tick(py)) {
                cancelled.store(true, Ordering::Relaxed);
                interrupt = Some(signal);
                break;
            }
        }
        py.detach(|| worker.join()).unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    });
    match interrupt {
        Some(signal) => Err(signal),
        None => result.map_err(to_py),
    }
}

/// Tells the caller that the worker's work ended, also by a panic.
struct Wake<'a> {
    caller: std::thread::Thread,
    done: &'a AtomicBool,
}

impl Drop for Wake<'_> {
    fn drop(&mut self) {
        self.done.store(true, Ordering::Release);
        self.caller.unpark();
    }
}

/// The exception of a core error; every kind has its class in `accelnas.errors`.
pub(crate) fn to_py(error: Error) -> PyErr {
    let error = match error {
        Error::Caller(raised) => match raised.downcast::<PyErr>() {
            Ok(raised) => return *raised,
            Err(other) => Error::Caller(other),
        },
        error => error,
    };
    let class = match &error {
        Error::InvalidSpace { .. }
        | Error::NoIndex { .. }
        | Error::TooManyDistinct { .. }
        | Error::ChoiceIndex { .. }
        | Error::ChoiceValue { .. }
        | Error::BlockState { .. }
        | Error::Index { .. }
        | Error::Text { .. }
        | Error::Unlawful { .. }
        | Error::NotCanonical { .. }
        | Error::WideIndex { .. }
        | Error::UnknownVariable { .. }
        | Error::MissingVariable { .. }
        | Error::Width { .. } => "SpaceError",
        Error::Model { .. } => "ModelError",
        Error::Search { .. } | Error::Caller(_) => "SearchError",
        Error::TooManyPoints { .. } => "TooManyPointsError",
        Error::UnknownMetric { .. } | Error::Metric { .. } => "MetricError",
        Error::Artifact { .. } | Error::Version { .. } | Error::Hash { .. } => "ArtifactError",
        Error::Io { .. } => "FileError",
        Error::Memory { .. } => "OutOfMemoryError",
        Error::Cancelled => return PyKeyboardInterrupt::new_err(()),
    };
    let message = error.to_string();
    let raised = Python::attach(|py| {
        let class = py.import("accelnas.errors")?.getattr(class)?.cast_into::<PyType>()?;
        Ok(PyErr::from_type(class, message))
    });
    raised.unwrap_or_else(|failed| failed)
}

/// Numbers of a C-contiguous array with a column for each of these things, whose order that is.
pub(crate) fn row_numbers<'a, T: Element>(
    rows: &'a PyReadonlyArray2<'_, T>,
    width: usize,
    what: &'static str,
    order: &str,
) -> PyResult<&'a [T]> {
    let (expected, found) = (width, rows.shape()[1]);
    if found != expected {
        return Err(to_py(Error::Width { expected, found, what, order: order.to_owned() }));
    }
    contiguous(rows)
}

/// Numbers of a C-contiguous array.
pub(crate) fn contiguous<'a, T: Element>(array: &'a PyReadonlyArray2<'_, T>) -> PyResult<&'a [T]> {
    array.as_slice().map_err(|_| PyValueError::new_err("array must be C-contiguous; use numpy.ascontiguousarray"))
}

/// Bytes of an array of choice indices.
pub(crate) fn choice_bytes<'a>(space: &Space, rows: &'a Rows<'_>) -> PyResult<&'a [u8]> {
    row_numbers(rows, space.width(), "variables", "space.variables")
}

/// Bytes of an array of choice indices in range.
pub(crate) fn checked<'a>(space: &Space, rows: &'a Rows<'_>) -> PyResult<&'a [u8]> {
    let bytes = choice_bytes(space, rows)?;
    detached(rows.py(), rows.shape()[0], None, |run| run.install(|| space.check(bytes, run)))?;
    Ok(bytes)
}

/// What work gives of rows of choice indices, once they are checked; each costs so many times what a look-up does.
pub(crate) fn of_checked<T: Send>(
    space: &Space,
    rows: &Rows<'_>,
    cost: usize,
    threads: Option<usize>,
    work: impl FnOnce(&[u8], &Run<'_>) -> accelnas_core::Result<T> + Send,
) -> PyResult<T> {
    let bytes = checked(space, rows)?;
    detached_at(rows.py(), (rows.shape()[0], cost), threads, |run| run.install(|| work(bytes, run)))
}

/// The value that Python calls by a name.
pub(crate) fn parse<T: Copy>(what: &str, names: &[(&str, T)], text: &str) -> PyResult<T> {
    let found = names.iter().find(|(name, _)| *name == text);
    found.map(|(_, value)| *value).ok_or_else(|| {
        let known: Vec<&str> = names.iter().map(|(name, _)| *name).collect();
        PyValueError::new_err(format!("{what} is {text:?}; choose {}", known.join(" or ")))
    })
}
