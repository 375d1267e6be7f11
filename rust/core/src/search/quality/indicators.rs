//! How good archives are as they grow: hypervolume and distance to a known front. More of a score is better.

use crate::error::Result;
use crate::pareto::volume::growing_volumes;
use crate::threads::Run;

/// For every point of every run, the hypervolume of the run's points so far; `starts` are the first points of runs
/// and the end of the last. Points are distances to the reference point, and those of 0 or less add nothing.
pub fn hypervolumes(points: &[f64], width: usize, starts: &[usize], run: &Run<'_>) -> Result<Vec<f64>> {
    each_run(points, width, starts, run, |points| growing_volumes(points, width, run))
}

/// For every point of every run, the IGD+ (Ishibuchi, Masuda, Tanigaki and Nojima 2015) of the run's points so far:
/// the mean over a front of how far its points are ahead of the nearest one.
pub fn igd_plus(points: &[f64], width: usize, starts: &[usize], front: &[f64], run: &Run<'_>) -> Result<Vec<f64>> {
    let distances = |points: &[f64]| {
        let mut nearest = vec![f64::INFINITY; front.len() / width];
        let mut after = |point: &[f64]| {
            for (nearest, ideal) in nearest.iter_mut().zip(front.chunks_exact(width)) {
                let ahead = ideal.iter().zip(point).map(|(i, p)| (i - p).max(0.0));
                *nearest = nearest.min(ahead.map(|d| d * d).sum());
            }
            nearest.iter().map(|d| d.sqrt()).sum::<f64>() / nearest.len() as f64
        };
        points.chunks_exact(width).map(|point| run.check().map(|()| after(point))).collect()
    };
    each_run(points, width, starts, run, distances)
}

fn each_run(
    points: &[f64],
    width: usize,
    starts: &[usize],
    run: &Run<'_>,
    measure: impl Fn(&[f64]) -> Result<Vec<f64>> + Sync + Send,
) -> Result<Vec<f64>> {
    let of_run = |w: &[usize]| measure(&points[w[0] * width..w[1] * width]);
    Ok(run.in_pool(|| run.try_map(starts.windows(2), of_run))?.concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::run;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn volumes_count_the_cells_that_points_dominate(points in prop::collection::vec(0u8..7, 6 * 8), width in 2usize..6) {
            let values: Vec<f64> = points.iter().map(|&v| f64::from(v) - 1.0).collect();
            let n = values.len() / width;
            let values = &values[..n * width];
            let found = hypervolumes(values, width, &[0, n / 2, n], &run()).unwrap();
            for (i, &volume) in found.iter().enumerate() {
                let first = if i < n / 2 { 0 } else { n / 2 };
                let points = &values[first * width..(i + 1) * width];
                let cells = (0..6usize.pow(width as u32)).filter(|cell| {
                    let at = |d: usize| (cell / 6usize.pow(d as u32) % 6) as f64;
                    points.chunks_exact(width).any(|p| (0..width).all(|d| at(d) < p[d]))
                });
                prop_assert_eq!(cells.count() as f64, volume);
            }
        }
    }

    #[test]
    fn distances_are_to_what_lies_ahead() {
        let front = [0.0, 3.0, 4.0, 0.0];
        let points = [0.0, 0.0, 9.0, 0.0, 0.0, 3.0];
        assert_eq!(igd_plus(&points, 2, &[0, 3], &front, &run()).unwrap(), [3.5, 1.5, 0.0]);
        assert_eq!(igd_plus(&points, 2, &[0, 1, 3], &front, &run()).unwrap(), [3.5, 1.5, 0.0]);
    }
}
