//! Interaction tables: axes, the tables over them, and their canonical form.

pub mod axes;
pub mod stored;
