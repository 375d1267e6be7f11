//! Architectures that do not dominate one another.

use crate::exact::prepared::Prepared;
use crate::exact::question::kinds::Item;

/// An objective's value of an item; more is better.
pub(crate) fn score(prepared: &Prepared, item: &Item, j: usize) -> f64 {
    prepared.score(j, item.values[prepared.terms[j].network])
}

/// Whether a is at least as good as b in all objectives.
pub(crate) fn covers(prepared: &Prepared, a: &Item, b: &Item) -> bool {
    (0..prepared.objectives()).all(|j| score(prepared, a, j) >= score(prepared, b, j))
}

/// Puts a point among others that do not dominate each other; tells whether it is new there.
pub(crate) fn insert(prepared: &Prepared, items: &mut Vec<Item>, item: Item) -> bool {
    let covering = items.iter_mut().find(|other| covers(prepared, other, &item));
    let Some(other) = covering else {
        items.retain(|other| !covers(prepared, &item, other));
        items.push(item);
        return true;
    };
    if covers(prepared, &item, other) {
        other.ties += item.ties;
        if item.row < other.row {
            (other.row, other.values) = (item.row, item.values);
        }
    }
    false
}
