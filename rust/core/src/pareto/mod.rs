//! Points of several coordinates, of which more is better: which of them dominate others, and what volume they dominate.

pub(crate) mod cover;
pub(crate) mod index;
pub(crate) mod staircase;
pub(crate) mod volume;

pub use cover::covered;
pub use volume::hypervolume;
