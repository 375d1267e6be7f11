//! A search space, its architectures in their equal forms, and uniform samples of them.

pub mod definition;
pub mod forms;
pub mod names;
pub mod sample;
