//! What all kinds of questions have in common.

use crate::error::Result;
use crate::exact::bounds::walk::Goal;
use crate::exact::question::kinds::Outcome;
use crate::exact::state::Done;

/// How a kind of question starts, goes on and is answered.
pub(crate) trait Answer: Goal {
    /// Before the first job.
    fn start(&self) -> Result<Self::Found> {
        Ok(self.seed(&Self::Found::default()))
    }

    /// Refuses what a search of these jobs can't have found, as it was stored by a stranger.
    fn validate(&self, found: &Self::Found, done: &Done<'_>) -> Result<()>;

    /// What was found and stored before, ready to go on.
    fn resumed(&self, found: Self::Found) -> Result<Self::Found> {
        Ok(found)
    }

    /// What is known so far, or once all jobs are done.
    fn outcome(&self, found: &Self::Found, complete: bool) -> Result<Outcome>;
}
