//! The part of a space that is searched.

use crate::error::{Error, Result};
use crate::space::definition::Space;

/// The architectures whose choices are all among the allowed ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Domain {
    allowed: Vec<Vec<u8>>,
    size: u64,
}

impl Domain {
    /// The allowed choices of every variable, ascending.
    pub fn new(space: &Space, allowed: Vec<Vec<u8>>) -> Result<Domain> {
        space.check_allowed(&allowed)?;
        let size = allowed.iter().try_fold(1u64, |n, choices| n.checked_mul(choices.len() as u64));
        let size = size.ok_or_else(|| Error::NoIndex { space: space.name().to_owned() })?;
        Ok(Domain { allowed, size })
    }

    /// The whole space.
    pub fn whole(space: &Space) -> Result<Domain> {
        Domain::new(space, space.all_choices())
    }

    /// Number of architectures.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Allowed choices of every variable.
    pub fn allowed(&self) -> &[Vec<u8>] {
        &self.allowed
    }

    /// The first architecture.
    pub(crate) fn first(&self) -> Vec<u8> {
        self.allowed.iter().map(|choices| choices[0]).collect()
    }
}
