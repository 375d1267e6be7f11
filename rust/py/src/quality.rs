//! Python's view of how good fronts are.

use accelnas_core::search;
use numpy::{PyArray1, PyReadonlyArray1, PyReadonlyArray2, PyUntypedArrayMethods};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::boundary::{Array1, detached};

/// Number of the front of each point, from 0; more of a score is better.
#[pyfunction]
pub(crate) fn non_dominated_ranks<'py>(
    py: Python<'py>,
    scores: PyReadonlyArray2<'_, f64>,
) -> PyResult<Array1<'py, u32>> {
    let (width, scores) = (scores.shape()[1], contiguous(&scores)?);
    let found = detached(py, usize::MAX, Some(1), |run| search::non_dominated_ranks(scores, width, run))?;
    Ok(PyArray1::from_vec(py, found))
}

/// Crowding distance of each point within its front.
#[pyfunction]
pub(crate) fn crowding_distances<'py>(
    py: Python<'py>,
    scores: PyReadonlyArray2<'_, f64>,
) -> PyResult<Array1<'py, f64>> {
    let (width, scores) = (scores.shape()[1], contiguous(&scores)?);
    let found = detached(py, usize::MAX, Some(1), |run| search::crowding_distances(scores, width, run))?;
    Ok(PyArray1::from_vec(py, found))
}

/// Hypervolume of each run's points up to each point; runs begin at `starts`, whose last is the number of points.
#[pyfunction]
#[pyo3(signature = (points, starts, threads = None))]
pub(crate) fn hypervolumes<'py>(
    py: Python<'py>,
    points: PyReadonlyArray2<'_, f64>,
    starts: PyReadonlyArray1<'_, i64>,
    threads: Option<usize>,
) -> PyResult<Array1<'py, f64>> {
    let (width, starts) = (points.shape()[1], checked_starts(&points, &starts)?);
    if !(2..=3).contains(&width) {
        return Err(PyValueError::new_err(format!("points have {width} coordinates, expected 2 or 3")));
    }
    let points = contiguous(&points)?;
    let found = detached(py, usize::MAX, threads, |run| search::hypervolumes(points, width, &starts, run))?;
    Ok(PyArray1::from_vec(py, found))
}

/// IGD+ of each run's points up to each point, to a front.
#[pyfunction]
#[pyo3(signature = (points, starts, front, threads = None))]
pub(crate) fn igd_plus<'py>(
    py: Python<'py>,
    points: PyReadonlyArray2<'_, f64>,
    starts: PyReadonlyArray1<'_, i64>,
    front: PyReadonlyArray2<'_, f64>,
    threads: Option<usize>,
) -> PyResult<Array1<'py, f64>> {
    let (width, starts) = (points.shape()[1], checked_starts(&points, &starts)?);
    if front.shape()[1] != width || front.shape()[0] == 0 {
        return Err(PyValueError::new_err("the front has no points, or points of another width"));
    }
    let (points, front) = (contiguous(&points)?, contiguous(&front)?);
    let found = detached(py, usize::MAX, threads, |run| search::igd_plus(points, width, &starts, front, run))?;
    Ok(PyArray1::from_vec(py, found))
}

fn contiguous<'a>(array: &'a PyReadonlyArray2<'_, f64>) -> PyResult<&'a [f64]> {
    if array.shape()[1] == 0 {
        return Err(PyValueError::new_err("points have no coordinates"));
    }
    array.as_slice().map_err(|_| PyValueError::new_err("array must be C-contiguous"))
}

fn checked_starts(points: &PyReadonlyArray2<'_, f64>, starts: &PyReadonlyArray1<'_, i64>) -> PyResult<Vec<usize>> {
    let starts: Vec<usize> = starts.as_array().iter().map(|&s| s as usize).collect();
    let fits = starts.windows(2).all(|w| w[0] <= w[1]) && starts.last() == Some(&points.shape()[0]);
    if fits { Ok(starts) } else { Err(PyValueError::new_err("starts do not ascend to the number of points")) }
}
