//! A search space, its architectures in their equal forms, and uniform samples of them.

pub mod definition;
pub mod forms;
pub(crate) mod lawful;
pub mod names;
pub mod rules;
pub mod sample;
pub mod variables;

#[cfg(test)]
mod tests;
