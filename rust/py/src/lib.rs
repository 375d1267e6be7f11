//! Python bindings of `accelnas-core`: arrays and dictionaries in, arrays out, errors mapped in one place.

mod benchmark;
mod boundary;
mod build;
mod choices;
mod exact;
mod quality;
mod search;
mod space;
mod uncertainty;

use pyo3::prelude::*;

#[pymodule(gil_used = false)]
mod _core {
    #[pymodule_export]
    use super::benchmark::{Benchmark, check_metric_name, write_metric};
    #[pymodule_export]
    use super::build::{Forest, Surrogate};
    #[pymodule_export]
    use super::exact::Search;
    #[pymodule_export]
    use super::quality::{covered, crowding_distances, hypervolume, hypervolumes, igd_plus, non_dominated_ranks};
    #[pymodule_export]
    use super::search::{Optimizer, Problem, Runs, measurement_seeds, run_seed};
    #[pymodule_export]
    use super::space::Space;

    use accelnas_core::exact;
    use accelnas_core::tables::axes;
    use pyo3::prelude::*;

    /// Processors that this process may use, by its affinity and quota.
    #[pyfunction]
    fn processors() -> usize {
        accelnas_core::threads::cores()
    }

    /// Which build of the loops runs: AVX-512, AVX2, or the portable one.
    #[pyfunction]
    fn kernels() -> &'static str {
        accelnas_core::predict::build_name()
    }

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))?;
        module.add("FORMAT_VERSION", accelnas_core::store::artifact::FORMAT_VERSION)?;
        module.add("MAX_BEST", exact::MAX_BEST)?;
        module.add("MAX_BINS", exact::MAX_BINS)?;
        module.add("MAX_BLOCKS", axes::MAX_BLOCKS)?;
        module.add("MAX_COMPLETE", axes::MAX_COMPLETE)?;
        module.add("MAX_LIMITS", exact::MAX_LIMITS)?;
        module.add("MAX_OBJECTIVES", exact::MAX_OBJECTIVES)?;
        module.add("MAX_POINTS", exact::MAX_POINTS)?;
        module.add("MAX_ORDER", axes::MAX_ORDER)?;
        module.add("MAX_SIZE", u64::MAX)?;
        module.add("MAX_CHOICES", accelnas_core::space::variables::MAX_CHOICES)?;
        module.add("BYTE_STATES", accelnas_core::space::definition::BYTE_STATES)
    }
}
