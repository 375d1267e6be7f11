//! How a metric is distributed: exact counts of architectures between edges.
//!
//! Edges are even on the scale of the link and lie on multiples of a power of two of the lattice's steps,
//! so a shift finds the bin. Values within the margin of an edge are decided in float64.

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::exact::answers::answer::Answer;
use crate::exact::bounds::tile::Tile;
use crate::exact::bounds::tree::Tree;
use crate::exact::bounds::walk::{Goal, Verdict};
use crate::exact::fixed::lattice::Lattice;
use crate::exact::fixed::network::Network;
use crate::exact::fixed::tiles::{Binning, bin_of, count_bins};
use crate::exact::prepared::Prepared;
use crate::exact::question::kinds::Outcome;
use crate::exact::state::{Done, damaged};
use crate::metric::Link;
use crate::threads::Run;

/// Largest rounding of values near a link's limit, on the scale of the link, that bins are still told apart with.
const CLEAR: f64 = 1e-6;
/// Most bins that modelled values of a plateau are told apart with, before they become one.
const PLATEAU: f64 = 65_536.0;

/// Counts by bin, in the order of the modelled value.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Counted {
    pub(crate) bins: Vec<u64>,
    /// Not yet added to `bins`: a word a count, for speed.
    #[serde(skip)]
    recent: Vec<u32>,
    /// Cells that were looked at since: no count of `recent` is larger.
    #[serde(skip)]
    cells: u32,
}

impl Counted {
    /// Makes sure that no word overflows where so many more cells are counted.
    fn make_room(&mut self, cells: u32, plateau: Plateau, free_size: u64) {
        if self.cells > u32::MAX - cells {
            self.flush(plateau, free_size);
        }
        self.cells += cells;
    }

    fn flush(&mut self, plateau: Plateau, free_size: u64) {
        self.cells = 0;
        let last = self.bins.len() - 1;
        for (found, recent) in self.recent.iter_mut().enumerate() {
            self.bins[plateau.bin(found, last)] += u64::from(std::mem::take(recent)) * free_size;
        }
    }
}

/// Bins before the first, or behind the last, whose values are one value of the metric: that of the bin at the end.
#[derive(Clone, Copy, Debug)]
enum Plateau {
    Before(usize),
    Behind(usize),
}

impl Plateau {
    /// The bin of one that is found with those of the plateau, given the last.
    fn bin(self, found: usize, last: usize) -> usize {
        match self {
            Plateau::Before(bins) => found.saturating_sub(bins).min(last),
            Plateau::Behind(_) => found.min(last),
        }
    }

    fn bins(self) -> usize {
        match self {
            Plateau::Before(bins) | Plateau::Behind(bins) => bins,
        }
    }
}

/// Bins of even width on the link's scale.
#[derive(Clone, Debug)]
pub(crate) struct Bins {
    pub(crate) count: usize,
    binning: Binning,
    plateau: Plateau,
    pub(crate) unit: f64,
    /// Edges in the metric's unit, in the order of the modelled value.
    pub(crate) edges: Vec<f64>,
}

impl Bins {
    /// Bins that hold all values from `lowest` to `highest`, on the link's scale.
    pub(crate) fn new(
        prepared: &Prepared,
        network: &Network,
        count: usize,
        (lowest, highest): (f64, f64),
    ) -> Result<Bins> {
        // Not so narrow that edges coincide in float64, or that its rounding takes more than a few steps.
        let link = prepared.link_of(0);
        let size = lowest.abs().max(highest.abs()).max(if link == Link::Log { 1.0 } else { 0.0 });
        let distinct = 16.0 * f64::EPSILON * count as f64 * if size > 0.0 { size } else { 1.0 };
        // An edge is doubtful by the rounding of the link there, besides that of the values.
        let doubt = |value: f64| {
            let (first, last) = link.bracket(link.inverse(value));
            if last - first < f64::INFINITY { last - first } else { 0.0 }
        };
        let sign = prepared.terms[0].sign;
        // Modelled values of the plateau lie before the first bin, or behind the last.
        let end = link.plateau().map(|value| sign * value);
        let beyond = end.map_or(-1.0, |end| if sign > 0.0 { end - lowest } else { highest - end });
        let (lowest, highest) = match end.filter(|_| beyond >= 0.0) {
            Some(end) if sign > 0.0 => (end, highest.max(end)),
            Some(end) => (lowest.min(end), end),
            None => (lowest, highest),
        };
        let distinct = distinct.max(beyond * count as f64 / PLATEAU);
        let bins = (beyond / (highest - lowest).max(distinct) * count as f64).ceil() as usize + 2;
        let plateau = match (beyond >= 0.0, sign > 0.0) {
            (true, true) => Plateau::Before(bins),
            (true, false) => Plateau::Behind(bins),
            (false, _) => Plateau::Behind(0),
        };
        // Whole values lie in a range of at most 2^32 steps, so sums modulo 2^32 find them.
        let shift = (32 - (count + plateau.bins()).next_power_of_two().ilog2()).min(31);
        let steps = count as f64 * f64::from(shift).exp2();
        let of_link = if link == Link::Identity { 0.0 } else { doubt(sign * lowest).max(doubt(sign * highest)) };
        let is_unclear = end.is_none() && of_link > CLEAR || !(highest - lowest).is_finite();
        if let Some(limit) = link.limit().filter(|_| is_unclear) {
            let reason =
                format!("comes so close to its limit {limit} that bins there would be equal; refit it with another");
            return Err(prepared.bench.refused(prepared.metrics[0], reason));
        }
        let rounding = network.rounding + of_link;
        let normal = 2.0 * f64::MIN_POSITIVE * steps;
        let span = (highest - lowest).max(rounding * steps / 1024.0).max(distinct).max(normal);
        // Room for the margin of the first and the last value.
        let margin = f64::from(Lattice::margin(network, span / steps)) + (of_link * steps / span).ceil() + 2.0;
        let unit = span / (steps - 2.0 * margin);
        let step = |value: f64| (value - network.constant) / unit;
        // The end of a plateau is an edge, but for a step: what lies beyond it is of the bin at the end.
        let first = match (beyond >= 0.0, sign > 0.0) {
            (true, true) => step(lowest).floor(),
            (true, false) => step(highest).ceil() - steps,
            (false, _) => (step(lowest) - margin).floor(),
        };
        let edge = |i: usize| {
            let value = network.constant + unit * (first + i as f64 * f64::from(shift).exp2());
            match link == Link::Reciprocal && sign * value <= 0.0 {
                // Rates are of positive times: beyond 0 lies no architecture, and no end but the last number.
                true => f64::MAX,
                false => link.inverse(sign * value),
            }
        };
        let mut edges: Vec<f64> = (0..=count).map(edge).collect();
        if let Some(limit) = link.limit().filter(|_| beyond >= 0.0) {
            edges[if sign > 0.0 { 0 } else { count }] = limit;
        }
        let first =
            first - if let Plateau::Before(bins) = plateau { bins as f64 * f64::from(shift).exp2() } else { 0.0 };
        let binning = Binning { first: first as i64 as i32, shift, margin: margin as i32 };
        Ok(Bins { count, binning, plateau, unit, edges })
    }
}

/// The count of every bin. Function 0 is the metric, the others are the constraints.
pub(crate) struct HistogramGoal<'a> {
    prepared: &'a Prepared,
    tree: &'a Tree,
    bins: &'a Bins,
    /// Steps from which on a constraint may be, and surely is, met.
    limits: Vec<(i32, i32)>,
    run: Run<'a>,
}

impl<'a> HistogramGoal<'a> {
    pub(crate) fn new(prepared: &'a Prepared, tree: &'a Tree, bins: &'a Bins, run: Run<'a>) -> HistogramGoal<'a> {
        let limits = prepared.limits(|c| tree.lattice(1 + c));
        HistogramGoal { prepared, tree, bins, limits, run }
    }

    /// Bin of a value in the metric's unit.
    fn bin_of(&self, value: f64) -> usize {
        let edges = &self.bins.edges;
        let falls = edges[0] > edges[edges.len() - 1];
        let below = edges.partition_point(|&edge| if falls { edge > value } else { edge <= value });
        below.saturating_sub(1).min(self.bins.count - 1)
    }
}

impl Goal for HistogramGoal<'_> {
    type Found = Counted;
    type View = ();
    const BATCH: usize = 8192;

    fn view(&self, _: &Counted) {}

    fn seed(&self, _: &Counted) -> Counted {
        let words = (self.bins.count + self.bins.plateau.bins()).next_power_of_two();
        Counted { bins: vec![0; self.bins.count], recent: vec![0; words], ..Counted::default() }
    }

    fn judge(&self, _: &mut Counted, (): (), bounds: &[i32], _: u128) -> Verdict<()> {
        match bounds[1..].iter().zip(&self.limits).all(|(bound, (least, _))| bound >= least) {
            true => Verdict::Descend(()),
            false => Verdict::Prune,
        }
    }

    fn tile(&self, found: &mut Counted, (): (), tile: &mut Tile<'_>, doubtful: &mut Vec<u8>) -> Result<()> {
        (0..=self.limits.len()).for_each(|f| tile.evaluate(f));
        let (rows, columns, _) = tile.shape();
        let cells = (rows * columns) as u32;
        found.make_room(cells, self.bins.plateau, self.tree.levels.narrow_free_size());
        let binning = self.bins.binning;
        let mut rest: Vec<usize> = Vec::new();
        match self.limits.is_empty() {
            true => count_bins(tile.values(0), columns, binning, &mut found.recent, &mut rest),
            false => rest.extend(0..rows),
        }
        for cell in tile.cells(rest) {
            match (tile.meets(cell, 1, &self.limits), bin_of(tile.values(0)[cell], binning)) {
                (0, _) => {}
                (2, Some(bin)) => found.recent[bin] += 1,
                _ => doubtful.extend(tile.row(cell)),
            }
        }
        Ok(())
    }

    fn decide(&self, found: &mut Counted, doubtful: &[u8]) -> Result<()> {
        found.flush(self.bins.plateau, self.tree.levels.narrow_free_size());
        for (_, values) in self.prepared.feasible(doubtful, &self.run)? {
            found.bins[self.bin_of(values[0])] += self.tree.levels.narrow_free_size();
        }
        Ok(())
    }

    fn merge(&self, into: &mut Counted, from: Counted) -> Result<()> {
        into.bins.iter_mut().zip(from.bins).for_each(|(sum, count)| *sum += count);
        Ok(())
    }
}

impl Answer for HistogramGoal<'_> {
    /// A count a bin, of architectures that were evaluated.
    fn validate(&self, found: &Counted, done: &Done<'_>) -> Result<()> {
        let (bins, expected) = (found.bins.len(), self.bins.count);
        if bins != expected {
            return Err(damaged(format!("there are {bins} bins, expected {expected}")));
        }
        done.expect_no("counted by a bound", done.counts.settled)?;
        let (counted, evaluated) = (done.sum_of_groups(found.bins.iter().map(|&n| n.into()))?, done.counts.evaluated);
        let all = self.limits.is_empty();
        done.expect_no("excluded by a bound", if all { done.counts.pruned } else { 0 })?;
        match counted <= evaluated && (counted == evaluated || !all) {
            true => Ok(()),
            false => Err(damaged(format!("bins hold {counted} architectures, {evaluated} were evaluated"))),
        }
    }

    fn outcome(&self, found: &Counted, _: bool) -> Result<Outcome> {
        let (mut counts, mut edges) = (found.bins.clone(), self.bins.edges.clone());
        if edges[0] > edges[edges.len() - 1] {
            counts.reverse();
            edges.reverse();
        }
        Ok(Outcome::Histogram { counts, edges })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_word_overflows_whatever_the_size_of_tiles() {
        for cells in [1 << 16, (1 << 16) - 1, 40_000] {
            let mut found = Counted { bins: vec![0], recent: vec![0], ..Counted::default() };
            let tiles = (1u64 << 32) / u64::from(cells) + 2;
            for _ in 0..tiles {
                found.make_room(cells, Plateau::Behind(0), 3);
                found.recent[0] += cells;
            }
            found.flush(Plateau::Behind(0), 3);
            assert_eq!(found.bins, [3 * tiles * u64::from(cells)]);
        }
    }
}
