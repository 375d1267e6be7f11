//! Many runs at once.

pub(crate) mod cohort;
pub(crate) mod crew;
pub(crate) mod farm;
#[cfg(test)]
mod tests;
