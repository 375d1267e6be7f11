//! A metric in 32-bit fixed point: sums are exact in any order, and differ from float64 by a proven margin.
//!
//! Every cell and leaf of a network is rounded to a multiple of one unit. A value is the sum of one cell a table and
//! one leaf a tree, so its distance from the network's is at most half a unit a table or tree; the float64 sum that defines the
//! metric is within `Network::rounding` of the network's. `margin` adds the two, and one unit more.
//! No sum of cells overflows where the unit is at least `Network::magnitude() / 2^30`; where only
//! whole values have to be right, sums modulo 2^32 are, and the unit may be as small as their range / 2^32.

use crate::error::Result;
use crate::exact::fixed::grove::Grove;
use crate::exact::fixed::network::Network;
use crate::exact::fixed::tiles::{LANES, padded};
use crate::threads::Run;

/// Tables of whole units. Absent tables are empty.
#[derive(Clone, Debug)]
pub(crate) struct Lattice {
    pub(crate) cards: Vec<usize>,
    /// Value of 0 on the link's scale.
    pub(crate) offset: f64,
    /// Value of one step.
    pub(crate) unit: f64,
    /// Largest distance, in steps, between a value and the float64 sum that it stands for.
    pub(crate) margin: i32,
    /// By level, padded with copies of the last state.
    pub(crate) unary: Vec<Vec<i32>>,
    /// By pair of levels, see [`pair`]; padded rows.
    pub(crate) pairs: Vec<Vec<i32>>,
    /// By triple of levels, see [`triple`]: for each state of the first a matrix of padded rows.
    pub(crate) triples: Vec<Vec<i32>>,
    /// For each triple the largest cell by state of the first level.
    pub(crate) triple_maxima: Vec<Vec<i32>>,
    /// For each depth, the largest cells of the triples of deeper levels alone.
    pub(crate) suffix: Vec<i32>,
    pub(crate) grove: Grove,
}

/// Position of a pair `i < j` of levels.
pub(crate) fn pair(i: usize, j: usize) -> usize {
    j * (j - 1) / 2 + i
}

/// Position of a triple `i < j < k` of levels.
pub(crate) fn triple(i: usize, j: usize, k: usize) -> usize {
    k * (k - 1) * (k - 2) / 6 + pair(i, j)
}

impl Lattice {
    /// The unit at which no sum of cells overflows.
    pub(crate) fn safe_unit(network: &Network) -> f64 {
        (network.magnitude() / f64::from(1 << 30)).max(network.rounding).max(f64::MIN_POSITIVE)
    }

    /// Largest distance, in steps, between a value and the float64 sum that it stands for.
    pub(crate) fn margin(network: &Network, unit: f64) -> i32 {
        network.parts().div_ceil(2) as i32 + (network.rounding / unit).ceil() as i32 + 1
    }

    /// Rounds a network whose levels are put in another order: position `i` gets level `order[i]`.
    pub(crate) fn new(network: &Network, order: &[usize], unit: f64, run: &Run<'_>) -> Result<Lattice> {
        let cards: Vec<usize> = order.iter().map(|&level| network.cards[level]).collect();
        let n = cards.len();
        // Adding and taking away 1.5 · 2^52 rounds to a whole number.
        let (steps, whole) = (network.scale() / unit, 1.5 * 2f64.powi(52));
        let round = move |cell: f64| (cell * steps + whole - whole) as i64 as i32;
        let matrix = |levels: &[usize]| {
            let cells = network.table(&levels.iter().map(|&l| order[l]).collect::<Vec<_>>()).unwrap_or_default();
            let columns = levels.last().map_or(1, |&l| cards[l]);
            let mut out = Vec::with_capacity(cells.len() / columns * padded(columns));
            for row in cells.chunks_exact(columns) {
                out.extend(row.iter().map(|&cell| round(cell)));
                out.resize(out.len().next_multiple_of(LANES), out.last().copied().unwrap_or(0));
            }
            out
        };
        let unary = (0..n).map(|i| {
            let table = matrix(&[i]);
            if table.is_empty() { vec![0; padded(cards[i])] } else { table }
        });
        let mut unary: Vec<Vec<i32>> = unary.collect();
        let mut position = vec![0; n];
        order.iter().enumerate().for_each(|(at, &level)| position[level] = at);
        let leaf = |weight: f64, value: f64| (value * (weight / unit) + whole - whole) as i64 as i32;
        let (grove, constant) = Grove::new(network.trees(), &position, leaf);
        unary[0].iter_mut().for_each(|cell| *cell = cell.wrapping_add(constant));
        let pairs = (0..n).flat_map(|k| (0..k).map(move |j| (j, k)));
        let pairs = run.try_map(pairs, |(j, k)| Ok(matrix(&[j, k])))?;
        let all = (0..n).flat_map(|k| (0..k).flat_map(move |j| (0..j).map(move |i| (i, j, k))));
        let tables = run.try_map(all, |(i, j, k)| {
            let table = matrix(&[i, j, k]);
            let slabs = table.chunks_exact(cards[j] * padded(cards[k]));
            Ok((i, slabs.map(|s| s.iter().fold(i32::MIN, |m, &c| m.max(c))).collect::<Vec<i32>>(), table))
        })?;
        let mut suffix = vec![0; n + 1];
        let (mut triples, mut triple_maxima) = (Vec::new(), Vec::new());
        for (i, maxima, table) in tables {
            let largest = maxima.iter().copied().max().unwrap_or(0);
            suffix[..=i].iter_mut().for_each(|s: &mut i32| *s = s.wrapping_add(largest));
            triples.push(table);
            triple_maxima.push(maxima);
        }
        Ok(Lattice {
            offset: network.constant,
            unit,
            margin: Lattice::margin(network, unit),
            unary,
            pairs,
            triples,
            triple_maxima,
            suffix,
            grove,
            cards,
        })
    }

    /// Bound on the size of any value, on the link's scale.
    pub(crate) fn magnitude(&self) -> f64 {
        self.unit * f64::from(1 << 30)
    }

    /// Least number of steps that a value of at least `value` can have.
    pub(crate) fn possibly_at_least(&self, value: f64) -> i64 {
        let steps = (value - self.slack(value) - self.offset) / self.unit;
        saturating(steps.floor() - f64::from(self.margin) - 1.0)
    }

    /// Number of steps from which on a value is at least `value` for sure.
    pub(crate) fn surely_at_least(&self, value: f64) -> i64 {
        let steps = (value + self.slack(value) - self.offset) / self.unit;
        saturating(steps.ceil() + f64::from(self.margin) + 1.0)
    }

    /// What no value is above that has at most so many steps.
    pub(crate) fn at_most(&self, steps: i32) -> f64 {
        let value = self.offset + (f64::from(steps) + f64::from(self.margin) + 2.0) * self.unit;
        value + self.slack(value)
    }

    /// More than the subtraction of the offset, and the division above, round; what everything, or nothing, reaches stays so.
    fn slack(&self, value: f64) -> f64 {
        if value.is_finite() { 16.0 * f64::EPSILON * (value.abs() + self.offset.abs()) } else { 0.0 }
    }

    /// The matrix of a triple at a state of its first level; empty where there is no such table.
    #[inline]
    pub(crate) fn slab(&self, i: usize, j: usize, k: usize, state: usize) -> &[i32] {
        let table = &self.triples[triple(i, j, k)];
        if table.is_empty() {
            return &[];
        }
        let size = self.cards[j] * padded(self.cards[k]);
        &table[state * size..][..size]
    }

    /// The level that alone decides the value, if one does; any where it is the same everywhere.
    pub(crate) fn only_level(&self) -> Option<usize> {
        let mut levels = (0..self.cards.len()).filter(|&level| self.unary[level].iter().any(|&cell| cell != 0));
        let (only, other) = (levels.next(), levels.next());
        let alone = other.is_none()
            && self.grove.is_empty()
            && [&self.pairs, &self.triples].iter().all(|t| t.iter().all(Vec::is_empty));
        alone.then_some(only.unwrap_or(0))
    }

    /// Value at the levels' states, modulo 2^32.
    pub(crate) fn value(&self, states: &[usize]) -> i32 {
        let mut sum = self.grove.value(states);
        let mut add = |cell: Option<&i32>| sum = sum.wrapping_add(cell.copied().unwrap_or(0));
        for (k, &of_k) in states.iter().enumerate() {
            add(self.unary[k].get(of_k));
            for (j, &of_j) in states[..k].iter().enumerate() {
                let cell = of_j * padded(self.cards[k]) + of_k;
                add(self.pairs[pair(j, k)].get(cell));
                states[..j].iter().enumerate().for_each(|(i, &of_i)| add(self.slab(i, j, k, of_i).get(cell)));
            }
        }
        sum
    }
}

/// A whole number far inside the range of i64.
fn saturating(value: f64) -> i64 {
    value.clamp(-(2f64.powi(60)), 2f64.powi(60)) as i64
}
