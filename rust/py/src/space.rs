//! Python's view of a search space.

use std::sync::Arc;

use accelnas_core::memory::zeros;
use accelnas_core::space::definition::{BYTE_STATES, Space as CoreSpace};
use accelnas_core::space::variables::Variable;
use accelnas_core::threads::Run;
use num_bigint::BigUint;
use numpy::{PyReadonlyArray1, PyReadonlyArray2, PyUntypedArrayMethods};
use pyo3::IntoPyObjectExt;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString};

use crate::boundary::{Flat, Rows, Wide, checked, choice_bytes, detached, of_checked, row_numbers, to_py};
use crate::choices;

/// A variable as Python gets it: name, symbol, block, choices, and whether it may be inactive.
type VariableTuple = (String, String, usize, Vec<Py<PyAny>>, bool);

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

    /// Names of the variables.
    pub(crate) fn names(&self) -> &[Py<PyString>] {
        &self.names
    }

    fn wide<T>(&self, rows: Vec<T>) -> Wide<T> {
        Wide(rows, self.core.width())
    }

    /// What work gives of rows, once they are checked.
    fn of<T: Send>(
        &self,
        rows: &Rows<'_>,
        work: impl FnOnce(&[u8], &Run<'_>) -> accelnas_core::Result<T> + Send,
    ) -> PyResult<T> {
        of_checked(&self.core, rows, 1, None, work)
    }

    /// Rows that work gives of so many things.
    fn rows(
        &self,
        py: Python<'_>,
        things: usize,
        threads: Option<usize>,
        work: impl FnOnce(&Run<'_>) -> accelnas_core::Result<Vec<u8>> + Send,
    ) -> PyResult<Wide<u8>> {
        Ok(self.wide(detached(py, things, threads, |run| run.install(|| work(run)))?))
    }
}

/// The choices of a variable as Python's objects.
fn objects(py: Python<'_>, variable: &Variable) -> PyResult<Vec<Py<PyAny>>> {
    variable.choices.iter().map(|c| choices::to_object(py, c)).collect()
}

#[pymethods]
impl Space {
    #[new]
    fn new(py: Python<'_>, toml: &str) -> PyResult<Space> {
        Ok(Space::wrap(py, Arc::new(CoreSpace::from_toml(toml).map_err(to_py)?)))
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
        let tuple = |v: &Variable| Ok((v.name.clone(), v.symbol.clone(), v.block, objects(py, v)?, v.conditional));
        self.core.variables().iter().map(tuple).collect()
    }

    #[getter]
    fn blocks(&self) -> Vec<(String, usize)> {
        self.core.blocks().iter().enumerate().map(|(b, block)| (block.name.clone(), self.core.states_of(b))).collect()
    }

    /// Number of architectures.
    #[getter]
    fn size(&self) -> BigUint {
        self.core.total()
    }

    /// Whether there are rules: some joint choices are no architecture, or another way to write one.
    #[getter]
    fn has_rules(&self) -> bool {
        self.core.has_rules()
    }

    /// Rows with choices in range in their canonical form; `None` where all are in it.
    fn canonical(&self, rows: Rows<'_>) -> PyResult<Option<Wide<u8>>> {
        let bytes = choice_bytes(&self.core, &rows)?;
        let n = rows.shape()[0];
        let found = detached(rows.py(), n, None, |run| run.install(|| self.core.canonical(bytes, run)))?;
        Ok(found.map(|rows| self.wide(rows)))
    }

    fn to_toml(&self) -> String {
        self.core.to_toml()
    }

    /// The space of some choices alone: ascending choice indices of every variable.
    fn restricted(&self, py: Python<'_>, allowed: Vec<Vec<u8>>) -> PyResult<Space> {
        Ok(Space::wrap(py, Arc::new(self.core.restricted(&allowed).map_err(to_py)?)))
    }

    fn sample(
        &self,
        py: Python<'_>,
        n: u64,
        seed: u64,
        unique: bool,
        first: u64,
        threads: Option<usize>,
    ) -> PyResult<Wide<u8>> {
        let n = usize::try_from(n).unwrap_or(usize::MAX);
        self.rows(py, n, threads, |run| self.core.sample_from(first, n, seed, unique, run))
    }

    fn check(&self, rows: Rows<'_>) -> PyResult<()> {
        checked(&self.core, &rows).map(|_| ())
    }

    fn index(&self, rows: Rows<'_>) -> PyResult<Flat<u64>> {
        self.of(&rows, |rows, run| self.core.index(rows, run)).map(Flat)
    }

    /// Indices of a space of any size.
    fn wide_index(&self, rows: Rows<'_>) -> PyResult<Vec<BigUint>> {
        self.of(&rows, |rows, _| Ok(self.core.wide_index(rows)))
    }

    /// Rows at indices of a space of any size.
    fn wide_at(&self, py: Python<'_>, indices: Vec<BigUint>) -> PyResult<Wide<u8>> {
        self.rows(py, indices.len(), None, |_| self.core.wide_at(indices))
    }

    fn at(&self, py: Python<'_>, indices: PyReadonlyArray1<'_, u64>) -> PyResult<Wide<u8>> {
        let indices = indices.as_slice()?;
        self.rows(py, indices.len(), None, |run| self.core.at(indices, run))
    }

    fn range(&self, py: Python<'_>, start: u64, stop: u64) -> PyResult<Wide<u8>> {
        self.rows(py, stop.saturating_sub(start) as usize, None, |run| self.core.range(start, stop, run))
    }

    /// States of blocks: bytes where they fit.
    fn block_states(&self, rows: Rows<'_>) -> PyResult<Py<PyAny>> {
        let (py, blocks) = (rows.py(), self.core.blocks().len());
        let states = self.of(&rows, |rows, run| self.core.block_states(rows, run))?;
        match (0..blocks).all(|b| self.core.states_of(b) <= BYTE_STATES) {
            true => Wide(states.into_iter().map(|s| s as u8).collect(), blocks).into_py_any(py),
            false => Wide(states, blocks).into_py_any(py),
        }
    }

    #[pyo3(name = "from_block_states")]
    fn rows_of_block_states(&self, states: PyReadonlyArray2<'_, u16>) -> PyResult<Wide<u8>> {
        let numbers = row_numbers(&states, self.core.blocks().len(), "blocks", "space.blocks")?;
        self.rows(states.py(), states.shape()[0], None, |run| self.core.from_block_states(numbers, run))
    }

    fn format(&self, rows: Rows<'_>) -> PyResult<Vec<String>> {
        self.of(&rows, |rows, run| self.core.format(rows, run))
    }

    fn parse(&self, py: Python<'_>, texts: Vec<String>) -> PyResult<Wide<u8>> {
        self.rows(py, texts.len(), None, |run| self.core.parse(&texts, run))
    }

    fn neighbours(&self, row: Rows<'_>) -> PyResult<Wide<u8>> {
        Ok(self.wide(self.core.neighbours(checked(&self.core, &row)?)))
    }

    /// A uniform neighbour of every row.
    fn random_neighbours(&self, rows: Rows<'_>, seed: u64) -> PyResult<Wide<u8>> {
        Ok(self.wide(self.of(&rows, |rows, _| self.core.random_neighbours(rows, seed))?))
    }

    fn encode_dicts(&self, dicts: &Bound<'_, PyList>) -> PyResult<Wide<u8>> {
        let width = self.core.width();
        let mut rows = zeros(dicts.len(), width).map_err(to_py)?;
        for (row, (dict, out)) in dicts.iter().zip(rows.chunks_exact_mut(width)).enumerate() {
            let dict = dict.cast::<PyDict>().map_err(|_| {
                PyTypeError::new_err(format!(
                    "row {row}: expected a dict of variable names to values, got {}",
                    dict.get_type()
                ))
            })?;
            choices::from_dict(&self.core, &self.names, row, dict, out).map_err(to_py)?;
        }
        Ok(self.wide(rows))
    }

    fn decode<'py>(&self, rows: Rows<'py>) -> PyResult<Bound<'py, PyList>> {
        let (py, bytes) = (rows.py(), checked(&self.core, &rows)?);
        let objects = self.core.variables().iter().map(|v| objects(py, v)).collect::<PyResult<Vec<_>>>()?;
        let list = PyList::empty(py);
        for row in bytes.chunks_exact(self.core.width()) {
            let dict = PyDict::new(py);
            for ((name, objects), &choice) in self.names.iter().zip(&objects).zip(row) {
                dict.set_item(name, objects.get(choice as usize))?;
            }
            list.append(dict)?;
        }
        Ok(list)
    }
}
