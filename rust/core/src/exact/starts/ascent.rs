//! Local search over levels: good architectures to start from, which let bounds exclude most of a space.

use crate::exact::fixed::lattice::{Lattice, pair, triple};
use crate::exact::fixed::tiles::padded;
use crate::rng::uniform;

/// A random state of every level.
pub(crate) fn random_states(cards: &[usize], seed: u64) -> Vec<usize> {
    cards.iter().enumerate().map(|(level, &n)| uniform(seed, level as u64, n as u64) as usize).collect()
}

/// The parts of a function's value that change with one level, by state of that level.
pub(crate) fn responses(lattice: &Lattice, states: &[usize], level: usize, out: &mut [i32]) {
    let n = states.len();
    out.copy_from_slice(&lattice.unary[level][..out.len()]);
    lattice.grove.responses(states, level, out);
    let mut add = |table: &[i32], first: usize, step: usize| {
        if !table.is_empty() {
            out.iter_mut().enumerate().for_each(|(s, sum)| *sum = sum.wrapping_add(table[first + s * step]));
        }
    };
    let width = |level: usize| padded(lattice.cards[level]);
    for k in 0..n {
        for j in (0..k).filter(|&j| j == level || k == level) {
            let (first, step) = if k == level { (states[j] * width(k), 1) } else { (states[k], width(k)) };
            add(&lattice.pairs[pair(j, k)], first, step);
        }
        for (i, j) in (0..k).flat_map(|j| (0..j).map(move |i| (i, j))) {
            let slab = lattice.cards[j] * width(k);
            let (at_i, at_j, at_k) = (states[i] * slab, states[j] * width(k), states[k]);
            match level {
                l if l == i => add(&lattice.triples[triple(i, j, k)], at_j + at_k, slab),
                l if l == j => add(&lattice.triples[triple(i, j, k)], at_i + at_k, width(k)),
                l if l == k => add(&lattice.triples[triple(i, j, k)], at_i + at_j, 1),
                _ => {}
            }
        }
    }
}

/// Changes one level at a time, to the best state, until none improves the score; calls with every state passed.
pub(crate) fn ascend<S: PartialOrd>(lattices: &[&Lattice], states: &mut [usize], score: impl Fn(&[i32]) -> S) {
    let mut values: Vec<i32> = lattices.iter().map(|l| l.value(states)).collect();
    let mut best = score(&values);
    let mut since_change = 0;
    let mut level = 0;
    let mut parts = vec![Vec::new(); lattices.len()];
    let mut candidate = values.clone();
    while since_change < states.len() {
        for (lattice, part) in lattices.iter().zip(&mut parts) {
            part.resize(lattice.cards[level], 0);
            responses(lattice, states, level, part);
        }
        let current = states[level];
        let mut found = None;
        for state in 0..lattices[0].cards[level] {
            for ((c, value), part) in candidate.iter_mut().zip(&values).zip(&parts) {
                *c = value.wrapping_add(part[state]).wrapping_sub(part[current]);
            }
            let reached = score(&candidate);
            if reached > best {
                best = reached;
                found = Some(state);
            }
        }
        since_change += 1;
        if let Some(state) = found {
            values
                .iter_mut()
                .zip(&parts)
                .for_each(|(v, part)| *v = v.wrapping_add(part[state]).wrapping_sub(part[current]));
            states[level] = state;
            since_change = 1;
        }
        level = (level + 1) % states.len();
    }
}
