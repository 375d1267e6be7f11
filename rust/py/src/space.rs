//! Python's view of a search space.

use std::sync::Arc;

use accelnas_core::memory::zeros;
use accelnas_core::space::Space as CoreSpace;
use numpy::{PyArray1, PyArray2, PyReadonlyArray1, PyReadonlyArray2, PyUntypedArrayMethods};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString};

use crate::boundary::{detached, row_bytes, to_py, to_rows};
use crate::choices;

/// A variable as Python gets it: name, symbol, block and choices.
type VariableTuple = (String, String, usize, Vec<Py<PyAny>>);

#[pyclass(frozen, module = "accelnas._core")]
pub(crate) struct Space {
    pub(crate) core: Arc<CoreSpace>,
    names: Vec<Py<PyString>>,
}

impl Space {
    pub(crate) fn wrap(py: Python<'_>, core: Arc<CoreSpace>) -> Space {
        let names = core.variables().iter().map(|v| PyString::intern(py, &v.name).unbind()).collect();
        Space { core, names }
    }

    /// Bytes of an array of choice indices.
    pub(crate) fn bytes<'a>(&self, py: Python<'_>, rows: &'a PyReadonlyArray2<'_, u8>) -> PyResult<&'a [u8]> {
        row_bytes(py, rows, self.core.width(), "variables", "space.variables")
    }

    /// Bytes of an array of choice indices in range.
    pub(crate) fn checked<'a>(&self, py: Python<'_>, rows: &'a PyReadonlyArray2<'_, u8>) -> PyResult<&'a [u8]> {
        let bytes = self.bytes(py, rows)?;
        detached(py, rows.shape()[0], None, |run| run.install(|| self.core.check(bytes, run)))?;
        Ok(bytes)
    }
}

#[pymethods]
impl Space {
    #[new]
    fn new(py: Python<'_>, toml: &str) -> PyResult<Space> {
        let core = CoreSpace::from_toml(toml).map_err(|e| to_py(py, e))?;
        Ok(Space::wrap(py, Arc::new(core)))
    }

    #[getter]
    fn name(&self) -> &str {
        self.core.name()
    }

    #[getter]
    fn sha256(&self) -> &str {
        self.core.sha256()
    }

    #[getter]
    fn variables(&self, py: Python<'_>) -> PyResult<Vec<VariableTuple>> {
        let tuple = |v: &accelnas_core::space::Variable| {
            let choices = v.choices.iter().map(|c| choices::to_object(py, c)).collect::<PyResult<Vec<_>>>()?;
            Ok((v.name.clone(), v.symbol.clone(), v.block, choices))
        };
        self.core.variables().iter().map(tuple).collect()
    }

    #[getter]
    fn blocks(&self) -> Vec<(String, usize)> {
        self.core.blocks().iter().map(|b| (b.name.clone(), b.states)).collect()
    }

    fn to_toml(&self) -> String {
        self.core.to_toml()
    }

    /// The space of some choices alone: ascending choice indices of every variable.
    fn restricted(&self, py: Python<'_>, allowed: Vec<Vec<u8>>) -> PyResult<Space> {
        let core = self.core.restricted(&allowed).map_err(|e| to_py(py, e))?;
        Ok(Space::wrap(py, Arc::new(core)))
    }

    fn sample<'py>(
        &self,
        py: Python<'py>,
        n: u64,
        seed: u64,
        unique: bool,
        first: u64,
        threads: Option<usize>,
    ) -> PyResult<Bound<'py, PyArray2<u8>>> {
        let n = usize::try_from(n).unwrap_or(usize::MAX);
        let rows = detached(py, n, threads, |run| run.install(|| self.core.sample_from(first, n, seed, unique, run)))?;
        to_rows(py, rows, self.core.width())
    }

    fn check(&self, py: Python<'_>, rows: PyReadonlyArray2<'_, u8>) -> PyResult<()> {
        self.checked(py, &rows).map(|_| ())
    }

    fn index<'py>(&self, py: Python<'py>, rows: PyReadonlyArray2<'py, u8>) -> PyResult<Bound<'py, PyArray1<u64>>> {
        let bytes = self.checked(py, &rows)?;
        let out = detached(py, rows.shape()[0], None, |run| run.install(|| self.core.index(bytes, run)))?;
        Ok(PyArray1::from_vec(py, out))
    }

    fn at<'py>(&self, py: Python<'py>, indices: PyReadonlyArray1<'py, u64>) -> PyResult<Bound<'py, PyArray2<u8>>> {
        let indices = indices.as_slice()?;
        let rows = detached(py, indices.len(), None, |run| run.install(|| self.core.at(indices, run)))?;
        to_rows(py, rows, self.core.width())
    }

    fn range<'py>(&self, py: Python<'py>, start: u64, stop: u64) -> PyResult<Bound<'py, PyArray2<u8>>> {
        let n = stop.saturating_sub(start) as usize;
        let rows = detached(py, n, None, |run| run.install(|| self.core.range(start, stop, run)))?;
        to_rows(py, rows, self.core.width())
    }

    fn block_states<'py>(
        &self,
        py: Python<'py>,
        rows: PyReadonlyArray2<'py, u8>,
    ) -> PyResult<Bound<'py, PyArray2<u8>>> {
        let bytes = self.checked(py, &rows)?;
        let states = detached(py, rows.shape()[0], None, |run| run.install(|| self.core.block_states(bytes, run)))?;
        to_rows(py, states, self.core.blocks().len())
    }

    #[pyo3(name = "from_block_states")]
    fn rows_of_block_states<'py>(
        &self,
        py: Python<'py>,
        states: PyReadonlyArray2<'py, u8>,
    ) -> PyResult<Bound<'py, PyArray2<u8>>> {
        let bytes = row_bytes(py, &states, self.core.blocks().len(), "blocks", "space.blocks")?;
        let rows =
            detached(py, states.shape()[0], None, |run| run.install(|| self.core.from_block_states(bytes, run)))?;
        to_rows(py, rows, self.core.width())
    }

    fn format(&self, py: Python<'_>, rows: PyReadonlyArray2<'_, u8>) -> PyResult<Vec<String>> {
        let bytes = self.checked(py, &rows)?;
        detached(py, rows.shape()[0], None, |run| run.install(|| self.core.format(bytes, run)))
    }

    fn parse<'py>(&self, py: Python<'py>, texts: Vec<String>) -> PyResult<Bound<'py, PyArray2<u8>>> {
        let rows = detached(py, texts.len(), None, |run| run.install(|| self.core.parse(&texts, run)))?;
        to_rows(py, rows, self.core.width())
    }

    fn neighbours<'py>(&self, py: Python<'py>, row: PyReadonlyArray2<'py, u8>) -> PyResult<Bound<'py, PyArray2<u8>>> {
        to_rows(py, self.core.neighbours(self.checked(py, &row)?), self.core.width())
    }

    /// A uniform neighbour of every row.
    fn random_neighbours<'py>(
        &self,
        py: Python<'py>,
        rows: PyReadonlyArray2<'py, u8>,
        seed: u64,
    ) -> PyResult<Bound<'py, PyArray2<u8>>> {
        let bytes = self.checked(py, &rows)?;
        let out = detached(py, rows.shape()[0], None, |_| self.core.random_neighbours(bytes, seed))?;
        to_rows(py, out, self.core.width())
    }

    /// Choice index of a value of one variable, or the error that names the row.
    fn choice_index(&self, py: Python<'_>, variable: usize, value: &Bound<'_, PyAny>, row: usize) -> PyResult<u8> {
        let variable = &self.core.variables()[variable];
        choices::position(variable, value).ok_or_else(|| to_py(py, choices::value_error(variable, row, value)))
    }

    fn encode_dicts<'py>(&self, py: Python<'py>, dicts: &Bound<'py, PyList>) -> PyResult<Bound<'py, PyArray2<u8>>> {
        let width = self.core.width();
        let mut rows = zeros(dicts.len(), width).map_err(|e| to_py(py, e))?;
        for (row, (dict, out)) in dicts.iter().zip(rows.chunks_exact_mut(width)).enumerate() {
            let dict = dict.cast::<PyDict>().map_err(|_| {
                PyTypeError::new_err(format!(
                    "row {row}: expected a dict of variable names to values, got {}",
                    dict.get_type()
                ))
            })?;
            choices::from_dict(&self.core, &self.names, row, dict, out).map_err(|e| to_py(py, e))?;
        }
        to_rows(py, rows, width)
    }

    fn decode<'py>(&self, py: Python<'py>, rows: PyReadonlyArray2<'py, u8>) -> PyResult<Bound<'py, PyList>> {
        let bytes = self.checked(py, &rows)?;
        let objects =
            |v: &accelnas_core::space::Variable| v.choices.iter().map(|c| choices::to_object(py, c)).collect();
        let objects: Vec<Vec<Py<PyAny>>> = self.core.variables().iter().map(objects).collect::<PyResult<_>>()?;
        let list = PyList::empty(py);
        for row in bytes.chunks_exact(self.core.width()) {
            let dict = PyDict::new(py);
            for ((name, objects), &choice) in self.names.iter().zip(&objects).zip(row) {
                dict.set_item(name, &objects[choice as usize])?;
            }
            list.append(dict)?;
        }
        Ok(list)
    }
}
