//! One file a kind of question: what is found, and how bounds judge it.

pub(crate) mod answer;
pub(crate) mod best;
pub(crate) mod count;
pub(crate) mod extremes;
pub(crate) mod front;
pub(crate) mod histogram;
pub(crate) mod many;
pub(crate) mod ranks;
pub(crate) mod zones;
