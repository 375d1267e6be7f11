//! Which level is fixed first: the order decides how early bounds exclude.

use crate::exact::network::Network;

/// Levels by how much of the functions' variance they have a part in, the largest first.
pub(crate) fn by_variance(functions: &[Network]) -> Vec<usize> {
    let n = functions[0].cards.len();
    let mut weight = vec![0.0; n];
    for function in functions {
        let mut own = vec![0.0; n];
        let mut total = f64::MIN_POSITIVE;
        for (set, variance) in function.variances() {
            total += variance;
            set.axes().iter().for_each(|&a| own[a as usize] += variance);
        }
        weight.iter_mut().zip(own).for_each(|(w, v)| *w += v / total);
    }
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&a, &b| weight[b].total_cmp(&weight[a]).then(a.cmp(&b)));
    order
}
