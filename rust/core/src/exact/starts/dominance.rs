//! Architectures that do not dominate one another.

use crate::error::{Error, Result};
use crate::exact::prepared::Prepared;
use crate::exact::question::kinds::Item;

/// Puts a point among others that do not dominate one another; gives it back where one of them covers it.
pub(crate) fn insert<T>(points: &mut Vec<T>, point: T, covers: impl Fn(&T, &T) -> bool) -> Option<(usize, T)> {
    if let Some(at) = points.iter().position(|other| covers(other, &point)) {
        return Some((at, point));
    }
    points.retain(|other| !covers(&point, other));
    points.push(point);
    None
}

/// An objective's value of an item; more is better.
pub(crate) fn score(prepared: &Prepared, item: &Item, j: usize) -> f64 {
    prepared.score(j, item.values[prepared.terms[j].network])
}

/// Whether a is at least as good as b in all objectives.
pub(crate) fn covers(prepared: &Prepared, a: &Item, b: &Item) -> bool {
    (0..prepared.objectives()).all(|j| score(prepared, a, j) >= score(prepared, b, j))
}

/// Puts an architecture among others that do not dominate one another; tells whether it is new there.
///
/// Ties of equal ones add up, and the first of them stands for all.
pub(crate) fn insert_item(prepared: &Prepared, items: &mut Vec<Item>, item: Item) -> bool {
    let Some((at, item)) = insert(items, item, |a, b| covers(prepared, a, b)) else { return true };
    let other = &mut items[at];
    if covers(prepared, &item, other) {
        other.ties += item.ties;
        if item.row < other.row {
            (other.row, other.values) = (item.row, item.values);
        }
    }
    false
}

/// Refuses more points than are asked for.
pub(crate) fn require_few(points: usize, most: usize) -> Result<()> {
    if points <= most { Ok(()) } else { Err(Error::TooManyPoints { points, most }) }
}
