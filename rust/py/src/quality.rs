//! Python's view of how good fronts are.

use accelnas_core::{pareto, search};
use numpy::{PyReadonlyArray1, PyReadonlyArray2, PyUntypedArrayMethods};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::boundary::{Flat, contiguous, detached};

type Points<'py> = PyReadonlyArray2<'py, f64>;
type Starts<'py> = PyReadonlyArray1<'py, i64>;

/// Number of the front of each point, from 0; more of a score is better.
#[pyfunction]
pub(crate) fn non_dominated_ranks(scores: Points<'_>) -> PyResult<Flat<u32>> {
    fronts(&scores).map(|(ranks, _)| Flat(ranks))
}

/// Crowding distance of each point within its front.
#[pyfunction]
pub(crate) fn crowding_distances(scores: Points<'_>) -> PyResult<Flat<f64>> {
    fronts(&scores).map(|(_, crowding)| Flat(crowding))
}

fn fronts(scores: &Points<'_>) -> PyResult<(Vec<u32>, Vec<f64>)> {
    let (points, width) = checked(scores)?;
    detached(scores.py(), usize::MAX, Some(1), |run| search::fronts(points, width, run))
}

/// Which points others cover: are at least as good as in every coordinate; without others, all but themselves.
#[pyfunction]
#[pyo3(signature = (points, others = None, threads = None))]
pub(crate) fn covered(points: Points<'_>, others: Option<Points<'_>>, threads: Option<usize>) -> PyResult<Flat<bool>> {
    let (values, width) = checked(&points)?;
    let others = others.as_ref().map(checked).transpose()?;
    if others.is_some_and(|(_, other)| other != width) {
        return Err(PyValueError::new_err("the others have another width"));
    }
    let others = others.map(|(values, _)| values);
    detached(points.py(), usize::MAX, threads, |run| pareto::covered(values, others, width, run)).map(Flat)
}

/// Hypervolume of points whose coordinates are distances to the reference point.
#[pyfunction]
#[pyo3(signature = (points, threads = None))]
pub(crate) fn hypervolume(points: Points<'_>, threads: Option<usize>) -> PyResult<f64> {
    let (py, (points, width)) = (points.py(), checked(&points)?);
    detached(py, usize::MAX, threads, |run| pareto::hypervolume(points, width, run))
}

/// Hypervolume of each run's points up to each point; runs begin at `starts`, whose last is the number of points.
#[pyfunction]
#[pyo3(signature = (points, starts, threads = None))]
pub(crate) fn hypervolumes(points: Points<'_>, starts: Starts<'_>, threads: Option<usize>) -> PyResult<Flat<f64>> {
    let (py, starts) = (points.py(), checked_starts(&points, &starts)?);
    let (points, width) = checked(&points)?;
    detached(py, usize::MAX, threads, |run| search::hypervolumes(points, width, &starts, run)).map(Flat)
}

/// IGD+ of each run's points up to each point, to a front.
#[pyfunction]
#[pyo3(signature = (points, starts, front, threads = None))]
pub(crate) fn igd_plus(
    points: Points<'_>,
    starts: Starts<'_>,
    front: Points<'_>,
    threads: Option<usize>,
) -> PyResult<Flat<f64>> {
    let (py, starts) = (points.py(), checked_starts(&points, &starts)?);
    if front.shape()[1] != points.shape()[1] || front.shape()[0] == 0 {
        return Err(PyValueError::new_err("the front has no points, or points of another width"));
    }
    let ((points, width), (front, _)) = (checked(&points)?, checked(&front)?);
    detached(py, usize::MAX, threads, |run| search::igd_plus(points, width, &starts, front, run)).map(Flat)
}

/// Coordinates of points, and how many each has.
fn checked<'a>(points: &'a Points<'_>) -> PyResult<(&'a [f64], usize)> {
    match points.shape()[1] {
        0 => Err(PyValueError::new_err("points have no coordinates")),
        width => Ok((contiguous(points)?, width)),
    }
}

fn checked_starts(points: &Points<'_>, starts: &Starts<'_>) -> PyResult<Vec<usize>> {
    let starts: Vec<usize> = starts.as_array().iter().map(|&s| s as usize).collect();
    let fits = starts.windows(2).all(|w| w[0] <= w[1]) && starts.last() == Some(&points.shape()[0]);
    if fits { Ok(starts) } else { Err(PyValueError::new_err("starts do not ascend to the number of points")) }
}
