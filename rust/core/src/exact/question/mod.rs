//! What is asked: a part of a space, objectives and constraints.

pub(crate) mod checks;
pub(crate) mod domain;
pub(crate) mod dominated;
pub(crate) mod kinds;
pub(crate) mod levels;
pub(crate) mod sizes;
