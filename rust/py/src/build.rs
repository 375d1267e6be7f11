//! Source trees in, surrogates out: what `accelnas.fitting` compiles with.

use std::sync::Arc;

use accelnas_core::exact::{Sensitivity, sensitivity};
use accelnas_core::predict::batch::predict_link;
use accelnas_core::source::arrays::SourceTrees;
use accelnas_core::source::trees::Forest as CoreForest;
use accelnas_core::space::definition::Space as CoreSpace;
use accelnas_core::surrogate::combine::{averaged, combine};
use accelnas_core::surrogate::ensemble::Surrogate as CoreSurrogate;
use accelnas_core::surrogate::lower::lower;
use accelnas_core::tables::axes::Granularity;
use accelnas_core::threads::Run;
use numpy::{PyReadonlyArray1, PyReadonlyArray2, PyUntypedArrayMethods};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::boundary::{Flat, Rows, Wide, contiguous, detached, of_checked, parse, to_py};
use crate::space::Space;

#[pyclass(frozen, module = "accelnas._core")]
pub(crate) struct Forest {
    core: CoreForest,
    space: Py<Space>,
}

#[pymethods]
impl Forest {
    #[new]
    #[pyo3(signature = (space, *, columns, tree_offsets, feature, operator, threshold, float32, default_left, left, right,
        value, is_categorical, category_offsets, categories, categories_right, scale = 1.0, bias = 0.0))]
    #[expect(clippy::too_many_arguments, reason = "keyword arguments of Python")]
    fn new(
        space: Py<Space>,
        columns: Vec<(usize, Vec<f64>)>,
        tree_offsets: PyReadonlyArray1<'_, i64>,
        feature: PyReadonlyArray1<'_, i32>,
        operator: PyReadonlyArray1<'_, u8>,
        threshold: PyReadonlyArray1<'_, f64>,
        float32: bool,
        default_left: PyReadonlyArray1<'_, bool>,
        left: PyReadonlyArray1<'_, i32>,
        right: PyReadonlyArray1<'_, i32>,
        value: PyReadonlyArray1<'_, f64>,
        is_categorical: PyReadonlyArray1<'_, bool>,
        category_offsets: PyReadonlyArray1<'_, i64>,
        categories: PyReadonlyArray1<'_, u32>,
        categories_right: PyReadonlyArray1<'_, bool>,
        scale: f64,
        bias: f64,
    ) -> PyResult<Forest> {
        let source = SourceTrees {
            columns: &columns,
            tree_offsets: tree_offsets.as_slice()?,
            feature: feature.as_slice()?,
            operator: operator.as_slice()?,
            threshold: threshold.as_slice()?,
            float32,
            default_left: default_left.as_slice()?,
            left: left.as_slice()?,
            right: right.as_slice()?,
            value: value.as_slice()?,
            is_categorical: is_categorical.as_slice()?,
            category_offsets: category_offsets.as_slice()?,
            categories: categories.as_slice()?,
            categories_right: categories_right.as_slice()?,
            scale,
            bias,
        };
        Ok(Forest { core: source.forest(&space.get().core).map_err(to_py)?, space })
    }

    #[getter]
    fn tree_count(&self) -> usize {
        self.core.tree_count()
    }

    #[pyo3(signature = (rows, threads = None))]
    fn predict(&self, rows: Rows<'_>, threads: Option<usize>) -> PyResult<Flat<f64>> {
        let space = &self.space.get().core;
        let work = |rows: &[u8], run: &Run<'_>| self.core.predict(space.width(), rows, run);
        of_checked(space, &rows, 1 + self.core.tree_count(), threads, work).map(Flat)
    }

    #[pyo3(signature = (rows, threads = None))]
    fn leaves(&self, rows: Rows<'_>, threads: Option<usize>) -> PyResult<Wide<i32>> {
        let (space, trees) = (&self.space.get().core, self.core.tree_count());
        let work = |rows: &[u8], run: &Run<'_>| self.core.leaves(space.width(), rows, run);
        Ok(Wide(of_checked(space, &rows, 1 + trees, threads, work)?, trees))
    }
}

/// Axes of each table, and the variances of its mean and of every member.
type Variances = (Vec<Vec<usize>>, Wide<f64>);

#[pyclass(frozen, module = "accelnas._core")]
pub(crate) struct Surrogate {
    pub(crate) core: CoreSurrogate,
    pub(crate) space: Arc<CoreSpace>,
}

#[pymethods]
impl Surrogate {
    /// Lowers an ensemble, one forest a member, to interaction tables and what stays a forest.
    #[staticmethod]
    fn lower(py: Python<'_>, space: Py<Space>, forests: Vec<PyRef<'_, Forest>>) -> PyResult<Surrogate> {
        if let Some(i) = forests.iter().position(|f| f.space.get().core.sha256() != space.get().core.sha256()) {
            return Err(PyValueError::new_err(format!(
                "member {i} is a forest over another space; import it for this one"
            )));
        }
        let cores: Vec<&CoreForest> = forests.iter().map(|f| &f.core).collect();
        let space = space.get().core.clone();
        let core = detached(py, usize::MAX, None, |run| lower(&space, &cores, run))?;
        Ok(Surrogate { core, space })
    }

    /// One member that is a sum over block states.
    #[staticmethod]
    fn additive(py: Python<'_>, space: Py<Space>, constant: f64, block_values: Vec<Vec<f64>>) -> PyResult<Surrogate> {
        let space = space.get().core.clone();
        let core = detached(py, 0, None, |run| CoreSurrogate::additive(&space, constant, &block_values, run))?;
        Ok(Surrogate { core, space })
    }

    /// One member that is a complete table: the value of every architecture, by index; and where the measured values
    /// of each start that it is the mean of, and these.
    #[staticmethod]
    #[pyo3(signature = (space, values, repeats = None))]
    fn tabulated(
        space: Py<Space>,
        values: PyReadonlyArray1<'_, f64>,
        repeats: Option<(PyReadonlyArray1<'_, u32>, PyReadonlyArray1<'_, f64>)>,
    ) -> PyResult<Surrogate> {
        let space = space.get().core.clone();
        let repeats = match repeats {
            Some((offsets, each)) => Some((offsets.as_slice()?.to_vec(), each.as_slice()?.to_vec())),
            None => None,
        };
        let core = CoreSurrogate::tabulated(&space, values.as_slice()?.to_vec(), repeats).map_err(to_py)?;
        Ok(Surrogate { core, space })
    }

    /// The weighted sum of surrogates and a constant, on the scale of the link.
    #[staticmethod]
    fn combine(
        py: Python<'_>,
        space: Py<Space>,
        surrogates: Vec<PyRef<'_, Surrogate>>,
        weights: Vec<f64>,
        constant: f64,
    ) -> PyResult<Surrogate> {
        let space = space.get().core.clone();
        if let Some(i) = surrogates.iter().position(|s| s.space.sha256() != space.sha256()) {
            return Err(PyValueError::new_err(format!("surrogate {i} is of another space; make it for this one")));
        }
        if surrogates.len() != weights.len() {
            let (surrogates, weights) = (surrogates.len(), weights.len());
            return Err(PyValueError::new_err(format!(
                "{surrogates} surrogates have {weights} weights; give one each"
            )));
        }
        let parts: Vec<(f64, &CoreSurrogate)> = weights.iter().zip(&surrogates).map(|(w, s)| (*w, &s.core)).collect();
        let core = detached(py, usize::MAX, None, |run| combine(&space, &parts, constant, run))?;
        Ok(Surrogate { core, space })
    }

    /// The mean of all members, as a surrogate of one.
    fn averaged(&self, py: Python<'_>) -> PyResult<Surrogate> {
        let core = detached(py, usize::MAX, None, |run| averaged(&self.space, &self.core, run))?;
        Ok(Surrogate { core, space: self.space.clone() })
    }

    /// Tables over sets of variables or of blocks, cells of shape (members, joint states of the set).
    #[staticmethod]
    #[pyo3(signature = (space, constant, sets, cells, granularity = "variables"))]
    fn from_tables(
        py: Python<'_>,
        space: Py<Space>,
        constant: Vec<f64>,
        sets: Vec<Vec<usize>>,
        cells: Vec<PyReadonlyArray2<'_, f64>>,
        granularity: &str,
    ) -> PyResult<Surrogate> {
        let space = space.get().core.clone();
        if let Some((i, c)) = cells.iter().enumerate().find(|(_, c)| c.shape()[0] != constant.len()) {
            let (members, rows) = (constant.len(), c.shape()[0]);
            return Err(PyValueError::new_err(format!("table {i} has {rows} rows, there are {members} members")));
        }
        let cells = cells.iter().map(contiguous).collect::<PyResult<Vec<&[f64]>>>()?;
        let granularity = parse("granularity", &Granularity::NAMES, granularity)?;
        let core = detached(py, usize::MAX, None, |run| {
            CoreSurrogate::from_tables(&space, granularity, &constant, &sets, &cells, run)
        })?;
        Ok(Surrogate { core, space })
    }

    /// A single member of tables that are kept as they are given.
    #[staticmethod]
    #[pyo3(signature = (space, constant, sets, cells, granularity="variables"))]
    fn as_given(
        space: Py<Space>,
        constant: f64,
        sets: Vec<Vec<usize>>,
        cells: Vec<Vec<f64>>,
        granularity: &str,
    ) -> PyResult<Surrogate> {
        let space = space.get().core.clone();
        let granularity = parse("granularity", &Granularity::NAMES, granularity)?;
        let core = CoreSurrogate::as_given(&space, granularity, constant, &sets, &cells).map_err(to_py)?;
        Ok(Surrogate { core, space })
    }

    /// With the cells that files hold rounded to float32, which halves the file.
    fn rounded(&self, py: Python<'_>) -> PyResult<Surrogate> {
        let core = detached(py, usize::MAX, None, |run| self.core.rounded_to_float32(&self.space, run))?;
        Ok(Surrogate { core, space: self.space.clone() })
    }

    /// The same function of a larger space, whose first blocks begin with this one's.
    fn extended(&self, py: Python<'_>, space: Py<Space>) -> PyResult<Surrogate> {
        let core = detached(py, usize::MAX, None, |_| self.core.extended(&self.space, &space.get().core))?;
        Ok(Surrogate { core, space: space.get().core.clone() })
    }

    #[getter]
    fn members(&self) -> usize {
        self.core.members()
    }

    #[getter]
    fn granularity(&self) -> &'static str {
        self.core.tables.granularity.name()
    }

    #[getter]
    fn order(&self) -> usize {
        self.core.tables.order()
    }

    #[getter]
    fn table_count(&self) -> usize {
        self.core.tables.sets.len()
    }

    #[getter]
    fn cell_count(&self) -> usize {
        self.core.tables.cell_count()
    }

    /// Numbers that determine a member's tables.
    #[getter]
    fn free_cell_count(&self) -> usize {
        self.core.tables.compact_len()
    }

    /// Look-ups of one prediction of the mean.
    #[getter]
    fn group_count(&self) -> usize {
        self.core.groups[0].len()
    }

    #[getter]
    fn forest_trees(&self) -> usize {
        self.core.forest_trees()
    }

    /// Constant of each member: its mean over the space.
    /// Mean of each member's tables over the space, and its bias.
    fn means(&self, py: Python<'_>) -> PyResult<Vec<f64>> {
        detached(py, 0, None, |run| self.core.purified(run).map(|(_, constants)| constants.into_owned()))
    }

    /// Variables of each interaction, and its variance in the members' mean and in each member, (sets, 1 + members); None
    /// where variables are dependent, or too many interact.
    fn variances(&self, py: Python<'_>) -> PyResult<Option<Variances>> {
        let found = detached(py, usize::MAX, None, |run| self.core.variances(&self.space, run))?;
        Ok(found.map(|found| (found.sets, Wide(found.values.concat(), 1 + self.core.members()))))
    }

    /// Mean and variance of the members' mean and of each member, then what each of some groups of variables, inside of
    /// a block each, explains alone and with all others: (1 + members, 2 + 2 groups).
    fn sensitivity(&self, py: Python<'_>, groups: Vec<Vec<usize>>) -> PyResult<Wide<f64>> {
        let found = detached(py, usize::MAX, None, |run| sensitivity(&self.space, &self.core, &groups, run))?;
        let row = |of: &Sensitivity| [vec![of.mean, of.variance], of.of_groups.as_flattened().to_vec()].concat();
        Ok(Wide(found.iter().flat_map(row).collect(), 2 + 2 * groups.len()))
    }

    /// Mean over members before the link is inverted, float64.
    #[pyo3(signature = (rows, threads = None))]
    fn predict(&self, rows: Rows<'_>, threads: Option<usize>) -> PyResult<Flat<f64>> {
        let work = |rows: &[u8], run: &Run<'_>| self.core.predict(&self.space, rows, run);
        of_checked(&self.space, &rows, self.core.cost(), threads, work).map(Flat)
    }

    /// Each member before the link is inverted, float64.
    #[pyo3(signature = (rows, threads = None))]
    fn predict_members(&self, rows: Rows<'_>, threads: Option<usize>) -> PyResult<Wide<f64>> {
        let work = |rows: &[u8], run: &Run<'_>| self.core.predict_members(&self.space, rows, run);
        Ok(Wide(of_checked(&self.space, &rows, self.core.cost(), threads, work)?, self.core.members()))
    }

    /// Mean over members before the link is inverted, by the float32 kernels.
    #[pyo3(signature = (rows, threads = None))]
    fn predict_float32(&self, rows: Rows<'_>, threads: Option<usize>) -> PyResult<Flat<f32>> {
        let work = |rows: &[u8], run: &Run<'_>| predict_link(&self.space, &self.core, rows, run);
        of_checked(&self.space, &rows, self.core.cost(), threads, work).map(Flat)
    }
}
