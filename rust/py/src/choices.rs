//! Python values to choices and back.

use accelnas_core::Error;
use accelnas_core::space::definition::Space;
use accelnas_core::space::variables::{Choice, Variable};
use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyString};

/// A choice as the Python object of its kind.
pub(crate) fn to_object(py: Python<'_>, choice: &Choice) -> PyResult<Py<PyAny>> {
    match choice {
        Choice::Bool(v) => v.into_py_any(py),
        Choice::Int(v) => v.into_py_any(py),
        Choice::Float(v) => v.into_py_any(py),
        Choice::Text(v) => v.into_py_any(py),
    }
}

/// State of a value: its position among a variable's choices, that behind them for `None` where the variable may be
/// inactive. Booleans and numbers are kept apart: `True` is not `1`.
pub(crate) fn position(variable: &Variable, value: &Bound<'_, PyAny>) -> Option<u8> {
    if value.is_none() {
        return variable.conditional.then_some(variable.choices.len() as u8);
    }
    let choice = if let Ok(v) = value.cast::<PyBool>() {
        Choice::Bool(v.is_true())
    } else if value.is_instance_of::<PyInt>() {
        Choice::Int(value.extract().ok()?)
    } else if let Ok(v) = value.cast::<PyString>() {
        Choice::Text(v.to_cow().ok()?.into_owned())
    } else if value.is_instance_of::<PyFloat>() {
        Choice::Float(value.extract().ok()?)
    } else {
        numpy_scalar(value)?
    };
    variable.position(&choice).map(|c| c as u8)
}

/// A NumPy scalar as a choice of its kind.
fn numpy_scalar(value: &Bound<'_, PyAny>) -> Option<Choice> {
    let kind: String = value.getattr("dtype").and_then(|d| d.getattr("kind")).and_then(|k| k.extract()).ok()?;
    match kind.as_str() {
        "b" => value.is_truthy().ok().map(Choice::Bool),
        "i" | "u" => value.extract().ok().map(Choice::Int),
        "f" => value.extract().ok().map(Choice::Float),
        _ => None,
    }
}

/// The error for a value that is none of a variable's choices.
pub(crate) fn value_error(variable: &Variable, row: usize, value: &Bound<'_, PyAny>) -> Error {
    let value = value.repr().map_or_else(|_| "unprintable".to_owned(), |r| r.to_string());
    Error::ChoiceValue { row, variable: variable.name.clone(), value, choices: variable.choice_list() }
}

/// Choice indices of a dictionary of names to values.
pub(crate) fn from_dict(
    space: &Space,
    names: &[Py<PyString>],
    row: usize,
    dict: &Bound<'_, PyDict>,
    out: &mut [u8],
) -> Result<(), Error> {
    let py = dict.py();
    let mut left_out = 0;
    for ((variable, name), out) in space.variables().iter().zip(names).zip(out) {
        let Ok(Some(value)) = dict.get_item(name.bind(py)) else {
            if variable.conditional {
                *out = variable.choices.len() as u8;
                left_out += 1;
                continue;
            }
            return Err(Error::MissingVariable {
                row,
                variable: variable.name.clone(),
                choices: variable.choice_list(),
            });
        };
        *out = position(variable, &value).ok_or_else(|| value_error(variable, row, &value))?;
    }
    if dict.len() + left_out != names.len() {
        let known = |key: &String| space.variables().iter().any(|v| v.name == *key);
        let name = dict.keys().iter().map(|k| k.to_string()).find(|key| !known(key)).unwrap_or_default();
        let known = space.variables().iter().map(|v| v.name.as_str()).collect::<Vec<_>>().join(", ");
        return Err(Error::UnknownVariable { row, name, known });
    }
    Ok(())
}
