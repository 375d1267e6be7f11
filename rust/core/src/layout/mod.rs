//! How tables are laid out for kernels: columns of rows, groups of axes, dense tables side by side.

pub(crate) mod arena;
pub(crate) mod columns;
pub(crate) mod cover;
pub(crate) mod groups;
