//! One file an algorithm.

pub(crate) mod algorithm;
pub(crate) mod annealing;
pub(crate) mod asha;
pub(crate) mod brackets;
pub(crate) mod breeding;
pub(crate) mod decomposition;
pub(crate) mod directions;
pub(crate) mod evolution;
pub(crate) mod full;
pub(crate) mod gradient;
pub(crate) mod halving;
pub(crate) mod local;
pub(crate) mod nsga2;
pub(crate) mod nsga3;
pub(crate) mod policy;
pub(crate) mod random;
pub(crate) mod reinforce;
pub(crate) mod spec;
