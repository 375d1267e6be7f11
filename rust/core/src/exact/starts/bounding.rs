//! Weighted sums of objectives that bound what can still belong to a front.

use crate::error::Result;
use crate::exact::fixed::lattice::Lattice;
use crate::exact::fixed::network::Network;
use crate::exact::prepared::Prepared;
use crate::exact::question::kinds::Item;
use crate::exact::starts::dominance::insert_item;
use crate::exact::starts::seeds::Landscape;
use crate::threads::Run;

/// Most objectives whose front excludes by zones, and sums by their corners: of more there are far more than points.
pub(crate) const ZONED: usize = 3;

/// Adds weighted sums of the objectives to the functions, which follow a front that local search finds.
pub(crate) fn bounding_functions(prepared: &Prepared, functions: &mut Vec<Network>, run: &Run<'_>) -> Result<Guide> {
    let m = prepared.objectives();
    let order: Vec<usize> = (0..prepared.levels.levels.len()).collect();
    let lattice = |f: &Network| Lattice::new(f, &order, Lattice::safe_unit(f), run);
    let lattices = functions.iter().map(lattice).collect::<Result<Vec<Lattice>>>()?;
    let (objectives, constraints) = lattices.split_at(m);
    let least =
        prepared.constraint_terms().iter().zip(constraints).map(|(term, lattice)| prepared.least(term, lattice));
    let landscape = Landscape {
        objectives: objectives.iter().collect(),
        constraints: constraints.iter().collect(),
        least: &least.collect::<Vec<i32>>(),
    };
    let scale = functions[..m].iter().map(Network::deviation).map(|s| if s > 0.0 { s } else { 1.0 });
    let scale: Vec<f64> = scale.collect();
    let scaled = |weights: Vec<f64>| weights.iter().zip(&scale).map(|(w, s)| w / s).collect();
    let steps = [32, 8, 5, 4][m - 2];
    let start: Vec<Vec<f64>> = directions(m, steps).into_iter().map(scaled).collect();
    let seeds = landscape.seeds(&start, run)?;
    let points: Vec<Vec<f64>> = seeds.iter().map(|s| functions[..m].iter().map(|f| f.value(s)).collect()).collect();
    let mut guide = Guide::default();
    let sums = if m <= ZONED { guiding_weights(&points, &scale) } else { Vec::new() };
    for weights in sums {
        run.check()?;
        let parts: Vec<(f64, &Network)> = weights.iter().copied().zip(&functions[..m]).collect();
        let sum = Network::combined(&parts);
        // Objectives of extreme scales have sums beyond float64, which bound nothing.
        if sum.is_bounded() {
            functions.push(sum);
            guide.weights.push(weights);
        }
    }
    let rows: Vec<u8> = seeds.iter().flat_map(|states| prepared.levels.row(states)).collect();
    for item in prepared.items(&rows, prepared.levels.free_size, run)? {
        insert_item(prepared, &mut guide.seeds, item);
    }
    Ok(guide)
}

/// What helps the search for a front: weights of sums that bound it, and architectures near it.
#[derive(Debug, Default)]
pub(crate) struct Guide {
    pub(crate) weights: Vec<Vec<f64>>,
    pub(crate) seeds: Vec<Item>,
}

/// Weights evenly over the directions of objectives of unit scale.
pub(crate) fn directions(objectives: usize, steps: usize) -> Vec<Vec<f64>> {
    let all = (0..(steps + 1).pow(objectives as u32 - 1)).map(|i| {
        let parts: Vec<usize> = (1..objectives).map(|j| i / (steps + 1).pow(j as u32 - 1) % (steps + 1)).collect();
        let rest = steps.checked_sub(parts.iter().sum());
        rest.map(|rest| parts.iter().chain([&rest]).map(|&p| p as f64 / steps as f64).collect())
    });
    all.flatten().collect()
}

/// Weights of sums that bound the region above a front tightly: normals of its chords, or even directions for three.
pub(crate) fn guiding_weights(points: &[Vec<f64>], scale: &[f64]) -> Vec<Vec<f64>> {
    const CHORDS: usize = 6;
    if scale.len() != 2 {
        let inner = directions(scale.len(), 4).into_iter().filter(|w| w.iter().filter(|&&w| w > 0.0).count() > 1);
        return inner.map(|w| w.iter().zip(scale).map(|(w, s)| w / s).collect()).collect();
    }
    let mut sorted: Vec<&Vec<f64>> = points.iter().collect();
    sorted.sort_by(|a, b| a[0].total_cmp(&b[0]));
    let (Some(first), Some(last)) = (sorted.first(), sorted.last()) else { return Vec::new() };
    let span: Vec<f64> = (0..2).map(|j| (last[j] - first[j]).abs().max(f64::MIN_POSITIVE)).collect();
    let step = |w: &[&Vec<f64>]| (w[1][0] - w[0][0]) / span[0] + (w[0][1] - w[1][1]) / span[1];
    let mut along = vec![0.0];
    sorted.windows(2).for_each(|w| along.push(along[along.len() - 1] + step(w)));
    let at = |part: usize| {
        let goal = along[along.len() - 1] * part as f64 / CHORDS as f64;
        sorted[along.partition_point(|&a| a < goal).min(sorted.len() - 1)]
    };
    let normal = |part: usize| {
        let (a, b) = (at(part), at(part + 1));
        let weights = vec![(a[1] - b[1]) / span[1] / span[0], (b[0] - a[0]) / span[0] / span[1]];
        weights.iter().all(|&w| w > 0.0).then_some(weights)
    };
    let mut weights: Vec<Vec<f64>> = (0..CHORDS).filter_map(normal).collect();
    weights.dedup();
    weights
}
