//! The part of a space that is searched.

use crate::error::Result;
use crate::space::definition::Space;

/// The architectures whose choices are all among the allowed ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Domain {
    allowed: Vec<Vec<u8>>,
    is_whole: bool,
}

impl Domain {
    /// The allowed choices of every variable, ascending.
    pub fn new(space: &Space, allowed: Vec<Vec<u8>>) -> Result<Domain> {
        space.check_allowed(&allowed)?;
        let is_whole = allowed.iter().zip(space.cards()).all(|(choices, card)| choices.len() == card);
        Ok(Domain { allowed, is_whole })
    }

    /// The whole space.
    pub fn whole(space: &Space) -> Domain {
        Domain { allowed: space.all_choices(), is_whole: true }
    }

    /// Whether all choices are allowed.
    pub(crate) fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// Whether all choices of a row are allowed.
    pub(crate) fn has(&self, row: &[u8]) -> bool {
        row.iter().zip(&self.allowed).all(|(choice, allowed)| allowed.contains(choice))
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
