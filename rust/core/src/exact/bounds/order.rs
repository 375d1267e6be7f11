//! The tree of a question, and which level is fixed first: the order decides how early bounds exclude.

use crate::error::Result;
use crate::exact::bounds::scan::scan_order;
use crate::exact::bounds::split::{Split, hub};
use crate::exact::bounds::tree::{Tree, job_depth};
use crate::exact::fixed::lattice::Lattice;
use crate::exact::fixed::network::Network;
use crate::exact::prepared::Prepared;
use crate::threads::Run;

/// What a tree is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To look at all architectures as fast as that goes.
    Scan,
    /// To leave many out by bounds.
    Prune,
    /// As before, or to count by halves.
    Count,
}

/// Levels by how much of the functions' variance they have a part in, the largest first.
fn by_variance(functions: &[Network]) -> Vec<usize> {
    let n = functions[0].cards.len();
    let mut weight = vec![0.0; n];
    for function in functions {
        let mut own = vec![0.0; n];
        let mut total = f64::MIN_POSITIVE;
        for (set, variance) in function.variances() {
            total += variance;
            set.axes().iter().for_each(|&a| own[a as usize] += variance);
        }
        for (own, variance) in own.iter_mut().zip(function.tree_variances()) {
            total += variance;
            *own += variance;
        }
        weight.iter_mut().zip(own).for_each(|(w, v)| *w += v / total);
    }
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&a, &b| weight[b].total_cmp(&weight[a]).then(a.cmp(&b)));
    order
}

/// The order of levels, from another one, with which jobs can be counted by halves, and how these are divided.
fn by_halves(functions: &[Network], order: &[usize]) -> Option<(Vec<usize>, Split)> {
    let depth = job_depth(order.len(), false);
    let hub = hub(functions, order, depth)?;
    let others = order.iter().filter(|level| !hub.contains(level));
    let order: Vec<usize> = hub.iter().chain(others).copied().collect();
    let cards: Vec<usize> = order.iter().map(|&level| functions[0].cards[level]).collect();
    Split::new(&cards, depth).map(|split| (order, split))
}

/// Functions as lattices, some with units of their own, over levels in the order that serves a purpose.
pub(crate) fn tree(
    prepared: &Prepared,
    functions: &[Network],
    units: &[Option<f64>],
    purpose: Purpose,
    run: &Run<'_>,
) -> Result<Tree> {
    let mut order = match functions {
        [] => (0..prepared.levels.levels.len()).collect(),
        _ if purpose != Purpose::Scan => by_variance(&functions[..functions.len().min(prepared.terms.len())]),
        [first, ..] => scan_order(&first.cards),
    };
    let halved = if purpose == Purpose::Count { by_halves(functions, &order) } else { None };
    let split = halved.map(|(own, split)| {
        order = own;
        split
    });
    // Jobs fix the first level, and count by it what is decided together.
    if let Some(level) = prepared.levels.reduced_level() {
        order.retain(|&l| l != level);
        order.insert(0, level);
    }
    let lattice = |(f, network): (usize, &Network)| {
        let unit = units.get(f).copied().flatten().unwrap_or_else(|| Lattice::safe_unit(network));
        Lattice::new(network, &order, unit, run)
    };
    let lattices = functions.iter().enumerate().map(lattice).collect::<Result<_>>()?;
    Ok(Tree { split, ..Tree::new(lattices, prepared.levels.permuted(&order)) })
}
