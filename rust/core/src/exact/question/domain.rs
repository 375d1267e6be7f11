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
        let invalid = |reason: String| Error::InvalidSpace { space: space.name().to_owned(), reason };
        if allowed.len() != space.width() {
            let (found, width) = (allowed.len(), space.width());
            return Err(invalid(format!("{width} variables are restricted by {found} lists; give one each")));
        }
        for (v, choices) in allowed.iter().enumerate() {
            let variable = &space.variables()[v];
            if choices.is_empty() || choices.windows(2).any(|w| w[0] >= w[1]) {
                let reason = format!("{:?} is restricted to {choices:?}; give ascending choices", variable.name);
                return Err(invalid(reason));
            }
            if let Some(&index) = choices.iter().find(|&&c| c as usize >= variable.choices.len()) {
                return Err(space.choice_index_error(0, v, index));
            }
        }
        let size = allowed.iter().try_fold(1u64, |n, choices| n.checked_mul(choices.len() as u64));
        let size = size.ok_or_else(|| Error::NoIndex { space: space.name().to_owned() })?;
        Ok(Domain { allowed, size })
    }

    /// The whole space.
    pub fn whole(space: &Space) -> Result<Domain> {
        Domain::new(space, space.cards().map(|n| (0..n).map(|c| c as u8).collect()).collect())
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
