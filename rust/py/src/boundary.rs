//! The door to Python: releases the interpreter, watches for Ctrl-C, turns core errors into exceptions.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use accelnas_core::Error;
use accelnas_core::threads::Run;
use numpy::{PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray2, PyUntypedArrayMethods};
use pyo3::exceptions::{PyKeyboardInterrupt, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyType;

/// Rows of choice indices that Python gives.
pub(crate) type Rows<'py> = PyReadonlyArray2<'py, u8>;
/// Arrays that Python gets.
pub(crate) type Array1<'py, T> = Bound<'py, PyArray1<T>>;
pub(crate) type Array2<'py, T> = Bound<'py, PyArray2<T>>;

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
        return py.detach(|| work(&run)).map_err(|e| to_py(py, e));
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
        None => result.map_err(|e| to_py(py, e)),
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
pub(crate) fn to_py(py: Python<'_>, error: Error) -> PyErr {
    let class = match &error {
        Error::InvalidSpace { .. }
        | Error::NoIndex { .. }
        | Error::TooManyDistinct { .. }
        | Error::ChoiceIndex { .. }
        | Error::ChoiceValue { .. }
        | Error::BlockState { .. }
        | Error::Index { .. }
        | Error::Text { .. }
        | Error::UnknownVariable { .. }
        | Error::MissingVariable { .. }
        | Error::Width { .. } => "SpaceError",
        Error::Model { .. } => "ModelError",
        Error::Search { .. } => "SearchError",
        Error::UnknownMetric { .. } | Error::Metric { .. } => "MetricError",
        Error::Artifact { .. } | Error::Version { .. } | Error::Hash { .. } => "ArtifactError",
        Error::Io { .. } => "FileError",
        Error::Memory { .. } => "OutOfMemoryError",
        Error::Cancelled => return PyKeyboardInterrupt::new_err(()),
    };
    let message = error.to_string();
    let raise = || -> PyResult<PyErr> {
        let class = py.import("accelnas.errors")?.getattr(class)?.cast_into::<PyType>()?;
        Ok(PyErr::from_type(class, message))
    };
    raise().unwrap_or_else(|failed| failed)
}

/// Shape-checked bytes of a C-contiguous array of rows.
pub(crate) fn row_bytes<'a>(
    py: Python<'_>,
    rows: &'a Rows<'_>,
    expected: usize,
    what: &'static str,
    order: &str,
) -> PyResult<&'a [u8]> {
    let found = rows.shape()[1];
    if found != expected {
        return Err(to_py(py, Error::Width { expected, found, what, order: order.to_owned() }));
    }
    rows.as_slice().map_err(|_| PyValueError::new_err("array must be C-contiguous"))
}

/// An array of rows that takes the vector over.
pub(crate) fn to_rows<'py, T: numpy::Element>(py: Python<'py>, flat: Vec<T>, width: usize) -> PyResult<Array2<'py, T>> {
    let rows = flat.len() / width.max(1);
    PyArray1::from_vec(py, flat).reshape([rows, width])
}
