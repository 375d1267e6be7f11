//! Many runs at once.

pub(crate) mod cohort;
pub(crate) mod farm;
