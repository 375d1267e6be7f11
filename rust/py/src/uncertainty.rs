//! What Python says of a metric's errors, as `accelnas.fitting` estimates it.

use accelnas_core::space::definition::Space;
use accelnas_core::surrogate::uncertainty::Uncertainty as CoreUncertainty;
use numpy::PyReadonlyArray1;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::boundary::{Flat, Rows, Wide, choice_bytes};

/// A dict of these.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Uncertainty<'py> {
    noise: Option<f64>,
    residual: f64,
    factors: PyReadonlyArray1<'py, f64>,
    scores: PyReadonlyArray1<'py, f32>,
    training: Rows<'py>,
    #[pyo3(default)]
    degrees_of_freedom: Option<f64>,
}

impl Uncertainty<'_> {
    /// The core's form; the core checks the values.
    pub(crate) fn core(&self, space: &Space) -> PyResult<CoreUncertainty> {
        let contiguous = |_| PyValueError::new_err("uncertainty must hold contiguous arrays");
        Ok(CoreUncertainty {
            noise: self.noise,
            residual: self.residual,
            factors: self.factors.as_slice().map_err(contiguous)?.to_vec(),
            scores: self.scores.as_slice().map_err(contiguous)?.to_vec(),
            training: choice_bytes(space, &self.training)?.to_vec(),
            degrees_of_freedom: self.degrees_of_freedom,
        })
    }
}

/// The dict that gives the same again.
pub(crate) fn to_dict<'py>(
    py: Python<'py>,
    uncertainty: CoreUncertainty,
    width: usize,
) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("noise", uncertainty.noise)?;
    dict.set_item("residual", uncertainty.residual)?;
    dict.set_item("factors", Flat(uncertainty.factors))?;
    dict.set_item("scores", Flat(uncertainty.scores))?;
    dict.set_item("training", Wide(uncertainty.training, width))?;
    dict.set_item("degrees_of_freedom", uncertainty.degrees_of_freedom)?;
    Ok(dict)
}
