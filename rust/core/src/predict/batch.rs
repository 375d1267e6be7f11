//! Batches: rows of choice indices in, several metrics out, chunk by chunk on many threads.

use std::cell::RefCell;

use crate::error::{Error, Result};
#[cfg(target_arch = "x86_64")]
use crate::kernels::cpu::avx2_enabled;
use crate::kernels::transpose::{BadChoice, Packer, ROWS};
use crate::memory::zeros;
use crate::metric::Link;
use crate::predict::chunk::Buffers;
use crate::predict::predictor::{Predictor, Std};
use crate::space::definition::Space;
use crate::surrogate::ensemble::Surrogate;
use crate::threads::{ALONE, Run};

/// Rows that are summed one by one: to make columns of them would cost more.
pub(crate) const FEW: usize = 8;

/// Where one metric's results go.
pub struct Output<'a> {
    pub predictor: &'a Predictor,
    pub mean: &'a mut [f32],
    pub std: Option<(Std, &'a mut [f32])>,
}

/// One chunk of rows and where its results go.
struct Chunk<'t> {
    first: usize,
    rows: &'t [u8],
    outputs: Vec<Output<'t>>,
    run: &'t Run<'t>,
}

/// Predicts several metrics in one pass over unchecked rows.
pub(crate) fn predict(
    space: &Space,
    packer: &Packer,
    rows: &[u8],
    outputs: &mut [Output<'_>],
    run: &Run<'_>,
) -> Result<()> {
    let width = space.width();
    let n = rows.len() / width;
    if outputs.iter().all(|out| out.std.is_none() && out.predictor.stays_sparse(n)) {
        return predict_sparse(space, rows, outputs);
    }
    for out in outputs.iter() {
        let std = out.std.as_ref().map(|(std, _)| *std);
        if !out.predictor.is_prepared(std) {
            run.in_pool(|| out.predictor.prepare(space, packer, std, run))?;
        }
    }
    let mut chunks: Vec<Chunk<'_>> = rows
        .chunks(ROWS * width)
        .enumerate()
        .map(|(i, rows)| Chunk { first: i * ROWS, rows, outputs: Vec::with_capacity(outputs.len()), run })
        .collect();
    for out in outputs {
        let mut stds = out.std.as_mut().map(|(kind, std)| (*kind, std.chunks_mut(ROWS)));
        for (chunk, mean) in chunks.iter_mut().zip(out.mean.chunks_mut(ROWS)) {
            let std = stds.as_mut().and_then(|(kind, chunks)| Some((*kind, chunks.next()?)));
            chunk.outputs.push(Output { predictor: out.predictor, mean, std });
        }
    }
    run.for_each(chunks, |chunk| run_here(space, packer, chunk))
}

/// Predicts at most [`ROWS`] rows on this thread; predictors are prepared.
pub(crate) fn predict_few(
    space: &Space,
    packer: &Packer,
    rows: &[u8],
    outputs: Vec<Output<'_>>,
    run: &Run<'_>,
) -> Result<()> {
    run_here(space, packer, Chunk { first: 0, rows, outputs, run })
}

fn run_here(space: &Space, packer: &Packer, chunk: Chunk<'_>) -> Result<()> {
    BUFFERS.with_borrow_mut(|buffers| {
        buffers.fit(packer.columns().len(), space.blocks().len());
        let by_row = |out: &Output<'_>| out.std.is_none() && out.predictor.by_row().is_some();
        if chunk.rows.len() > FEW * space.width() || !chunk.outputs.iter().all(by_row) {
            return run_chunk(space, packer, buffers, chunk);
        }
        check(space, packer, (chunk.first, chunk.rows))?;
        for out in chunk.outputs {
            let Some(mean_of) = out.predictor.by_row() else { continue };
            out.mean
                .iter_mut()
                .zip(chunk.rows.chunks_exact(space.width()))
                .for_each(|(mean, row)| *mean = mean_of(row));
        }
        Ok(())
    })
}

/// Refuses choices out of range.
pub(crate) fn check(space: &Space, packer: &Packer, (first, rows): (usize, &[u8])) -> Result<()> {
    packer.check(rows).map_err(|bad| refused(space, (first, rows), bad))
}

#[cold]
fn refused(space: &Space, (first, rows): (usize, &[u8]), bad: BadChoice) -> Error {
    space.choice_index_error(first + bad.row, bad.variable, rows[bad.row * space.width() + bad.variable])
}

thread_local! {
    static BUFFERS: RefCell<Buffers> = RefCell::default();
}

/// Mean over members of unchecked rows before the link is inverted.
pub fn predict_link(space: &Space, surrogate: &Surrogate, rows: &[u8], run: &Run<'_>) -> Result<Vec<f32>> {
    let predictor = Predictor::new(surrogate.clone(), Link::Identity, None)?;
    let mut mean = zeros(rows.len() / space.width(), 1)?;
    let output = Output { predictor: &predictor, mean: &mut mean, std: None };
    predict(space, &Packer::new(space), rows, &mut [output], run)?;
    Ok(mean)
}

fn predict_sparse(space: &Space, rows: &[u8], outputs: &mut [Output<'_>]) -> Result<()> {
    space.check(rows, &ALONE)?;
    let mut states = Vec::new();
    for out in outputs {
        for (mean, row) in out.mean.iter_mut().zip(rows.chunks_exact(space.width())) {
            *mean = out.predictor.sparse(space, row, &mut states);
        }
    }
    Ok(())
}

fn run_chunk(space: &Space, packer: &Packer, buffers: &mut Buffers, chunk: Chunk<'_>) -> Result<()> {
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx2")]
        fn avx2(space: &Space, packer: &Packer, buffers: &mut Buffers, chunk: Chunk<'_>) -> Result<()> {
            run_chunk_with(space, packer, buffers, chunk, |rows, out| packer.pack_avx2(rows, out))
        }
        if avx2_enabled() {
            // SAFETY: the processor has AVX2.
            return unsafe { avx2(space, packer, buffers, chunk) };
        }
    }
    run_chunk_with(space, packer, buffers, chunk, |rows, out| packer.pack(rows, out))
}

#[inline(always)]
fn run_chunk_with(
    space: &Space,
    packer: &Packer,
    buffers: &mut Buffers,
    chunk: Chunk<'_>,
    pack: impl FnOnce(&[u8], &mut [u8]) -> std::result::Result<(), BadChoice>,
) -> Result<()> {
    pack(chunk.rows, &mut buffers.columns).map_err(|bad| refused(space, (chunk.first, chunk.rows), bad))?;
    if chunk.outputs.iter().any(|out| out.predictor.reads_blocks()) {
        packer.pack_blocks(chunk.rows.len() / space.width(), &buffers.columns, &mut buffers.blocks);
    }
    for out in chunk.outputs {
        out.predictor.chunk(chunk.rows, buffers, out.mean, out.std, chunk.run)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::cpu::every_build;
    use crate::surrogate::lower::lower;
    use crate::tables::axes::Granularity;
    use crate::testing::{RUNNING, forest, mnasnet, run, space_of, spaces, uncertainty_of};
    use proptest::prelude::*;
    use std::sync::atomic::AtomicBool;

    const LINKS: [Link; 7] = [
        Link::Identity,
        Link::Reciprocal,
        Link::Log,
        Link::Below(70.0),
        Link::Above(-3.0),
        Link::Capped(0.32),
        Link::Floored(3.1),
    ];

    fn predicted(space: &Space, predictor: &Predictor, rows: &[u8], run: &Run<'_>) -> (Vec<f32>, Vec<f32>) {
        let n = rows.len() / space.width();
        let (mut mean, mut std) = (vec![0f32; n], vec![0f32; n]);
        let output = Output { predictor, mean: &mut mean, std: Some((Std::Total, &mut std)) };
        predict(space, &Packer::new(space), rows, &mut [output], run).unwrap();
        (mean, std)
    }

    /// Means alone, so many rows at a time.
    fn means(space: &Space, predictor: &Predictor, rows: &[u8], at_once: usize) -> Vec<u32> {
        let packer = Packer::new(space);
        let part = |rows: &[u8]| {
            let mut mean = vec![0f32; rows.len() / space.width()];
            let output = Output { predictor, mean: &mut mean, std: None };
            predict(space, &packer, rows, &mut [output], &run()).unwrap();
            mean.into_iter().map(f32::to_bits).collect::<Vec<_>>()
        };
        rows.chunks(at_once * space.width()).flat_map(part).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]

        #[test]
        fn float32_stays_within_its_bounds(
            space in spaces(), depth in 1usize..6, variables in 1usize..6, members in 1usize..20, link in 0..LINKS.len(),
            calibrated: bool, seed: u64,
        ) {
            let link = LINKS[link];
            let forests: Vec<_> = (0..members).map(|m| forest(&space, 6, depth, variables, seed ^ m as u64)).collect();
            let surrogate = lower(&space, &forests.iter().collect::<Vec<_>>(), &run()).unwrap();
            let rows = space.sample(300, seed, false).unwrap();
            let uncertainty = calibrated.then(|| uncertainty_of(&space));
            let predictor = Predictor::new(surrogate, link, uncertainty).unwrap();
            let builds = every_build(|| predicted(&space, &predictor, &rows, &run()));
            let bits = |(mean, std): &(Vec<f32>, Vec<f32>)| mean.iter().chain(std).map(|x| x.to_bits()).collect::<Vec<_>>();
            prop_assert!(builds.iter().all(|build| bits(build) == bits(&builds[0])));
            let (mean, std) = &builds[0];
            let expected: Vec<u32> = mean.iter().map(|x| x.to_bits()).collect();
            prop_assert!([1, FEW, FEW + 1].iter().all(|&n| means(&space, &predictor, &rows, n) == expected));
            let (exact, exact_std) = predictor.predict_f64(&space, &rows, Some(Std::Total), &run()).unwrap();
            let modelled = predictor.surrogate.predict(&space, &rows, &run()).unwrap();
            let bound = predictor.deviation_bound(&Packer::new(&space), &run()).unwrap();
            for i in 0..mean.len() {
                // Slope of the link's inverse carries errors to the metric's scale.
                let slope = match link {
                    Link::Identity | Link::Floored(_) => 1.0,
                    Link::Reciprocal | Link::Capped(_) => exact[i].powi(2),
                    Link::Log => exact[i],
                    Link::Below(limit) | Link::Above(limit) => (limit - exact[i]).abs(),
                };
                let error = (f64::from(mean[i]) - exact[i]).abs();
                prop_assert!(error <= 1e-5 * slope + 1e-6 * exact[i].abs() || modelled[i].abs() < 0.1, "{error} at {}", exact[i]);
                if link == Link::Identity {
                    let error = (f64::from(std[i]) - exact_std.as_ref().unwrap()[i]).abs();
                    prop_assert!(error <= 1.01 * bound + 1e-6, "{error} exceeds {bound}");
                }
            }
        }
    }

    #[test]
    fn deviations_of_members_that_are_trees_are_those_of_float64() {
        let space = mnasnet();
        let rows = space.sample(300, 4, false).unwrap();
        for link in LINKS {
            for members in [1, 2, 17] {
                let mut forests: Vec<_> = (0..members).map(|m| forest(&space, 5, 6, 8, m as u64)).collect();
                // Far from 0, where reciprocals are steep, and near enough to each other for exponentials.
                forests.iter_mut().for_each(|forest| (forest.scale, forest.bias) = (0.02, 3.0));
                let surrogate = lower(&space, &forests.iter().collect::<Vec<_>>(), &run()).unwrap();
                assert!(!surrogate.forests.is_empty());
                let predictor = Predictor::new(surrogate, link, None).unwrap();
                let (_, std) = predicted(&space, &predictor, &rows, &run());
                let (_, exact) = predictor.predict_f64(&space, &rows, Some(Std::Total), &run()).unwrap();
                let exact = exact.unwrap();
                let mean = exact.iter().sum::<f64>() / exact.len() as f64;
                assert!(members == 1 || mean > 0.0);
                for (&std, &exact) in std.iter().zip(&exact) {
                    let error = (f64::from(std) - exact).abs();
                    // Members near a ceiling or floor differ little: what 16 bits round of them is no share of that.
                    assert!(
                        error <= 2e-3 * mean + 1e-4 * exact + 2e-6,
                        "{link:?}, {members} members: {std} is not {exact}"
                    );
                }
            }
        }
    }

    #[test]
    fn bits_do_not_depend_on_batch_threads_or_path() {
        let space = mnasnet();
        for (depth, variables) in [(3, 3), (6, 8)] {
            let forests: Vec<_> = (0..3).map(|m| forest(&space, 60, depth, variables, m)).collect();
            let surrogate = lower(&space, &forests.iter().collect::<Vec<_>>(), &run()).unwrap();
            let rows = space.sample(3 * ROWS + 77, 1, false).unwrap();
            let uncertainty = Some(uncertainty_of(&space));
            let predictor = Predictor::new(surrogate.clone(), Link::Identity, uncertainty).unwrap();
            let builds = every_build(|| predicted(&space, &predictor, &rows, &run()));
            assert!(builds.iter().all(|build| *build == builds[0]));
            let all = &builds[0];
            let two = Run { threads: Some(2), rows: usize::MAX, cancelled: &RUNNING };
            assert_eq!(*all, predicted(&space, &predictor, &rows, &two));
            let part = predicted(&space, &predictor, &rows[28 * 100..28 * 333], &run());
            assert_eq!((&all.0[100..333], &all.1[100..333]), (&part.0[..], &part.1[..]));
            let fresh = Predictor::new(surrogate, Link::Identity, None).unwrap();
            let mut sparse = vec![0f32; 200];
            let output = Output { predictor: &fresh, mean: &mut sparse, std: None };
            predict(&space, &Packer::new(&space), &rows[..5600], &mut [output], &run()).unwrap();
            assert_eq!(all.0[..200], sparse);
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn both_packers_agree_and_find_the_first_bad_choice() {
        if !std::is_x86_feature_detected!("avx2") {
            return;
        }
        let wide: Vec<&[usize]> = vec![&[2, 2, 3], &[5, 7], &[2], &[250], &[3, 2, 3, 2]];
        for blocks in [wide.repeat(5), wide[..2].to_vec(), wide[2..3].to_vec()] {
            let space = space_of(&blocks);
            let packer = Packer::new(&space);
            for n in [1, 15, 16, 100, 1003] {
                let mut rows = space.sample(n, n as u64, false).unwrap();
                let make = || vec![0u8; packer.columns().len() * ROWS];
                let (mut a, mut b) = (make(), make());
                packer.pack(&rows, &mut a).unwrap();
                // SAFETY: the processor has AVX2.
                unsafe { packer.pack_avx2(&rows, &mut b) }.unwrap();
                assert_eq!(a, b);
                let at = rows.len() - 1;
                rows[at] = 251;
                let bad = BadChoice { row: n - 1, variable: space.width() - 1 };
                assert_eq!(packer.pack(&rows, &mut a), Err(bad));
                // SAFETY: the processor has AVX2.
                assert_eq!(unsafe { packer.pack_avx2(&rows, &mut b) }, Err(bad));
            }
        }
    }

    #[test]
    fn large_complete_tables_predict_their_values() {
        let space = space_of(&[&[20, 20], &[19, 21], &[1], &[2]]);
        let value = |i: u32| f64::from(i.wrapping_mul(2_654_435_761) >> 12) + 0.3;
        let values: Vec<f64> = (0..319_200).map(value).collect();
        let table = Surrogate::tabulated(&space, values.clone(), None).unwrap();
        let rows = space.range(0, 319_200, &ALONE).unwrap();
        let floats: Vec<f32> = values.iter().map(|&v| v as f32).collect();
        let builds = every_build(|| predict_link(&space, &table, &rows, &run()).unwrap());
        assert!(builds.iter().all(|build| *build == floats));
        assert_eq!(predict_link(&space, &table, &rows[..600], &run()).unwrap(), floats[..100], "cell by cell");
        let predictor = Predictor::new(table, Link::Identity, None).unwrap();
        assert!(predicted(&space, &predictor, &rows, &run()) == (floats, vec![0.0; 319_200]));
    }

    /// A pair of variables whose joint part is 3.5 times as large as the function, next to pairs that keep apart the
    /// groups of the members, where the mean has one group: sums fit 16 bits, the cells of a group do not.
    #[test]
    fn deviations_of_members_hold_their_bound_where_groups_exceed_the_sum() {
        let space = space_of(&[&[16], &[16], &[16]]);
        let spike = |a: usize, b: usize| if (a == 0) == (b == 0) { 1.0 } else { -1.0 };
        let pair =
            |scale: f64| (0..256).map(|c| scale * spike(c / 16, c % 16)).chain(vec![0.0; 256]).collect::<Vec<_>>();
        let (sets, cells) = ([vec![0, 1], vec![0, 2], vec![1, 2]], [pair(1.0), pair(1e-3), pair(1e-3)]);
        let of = Granularity::Variables;
        let surrogate = Surrogate::from_tables(&space, of, &[0.0, 0.0], &sets, &cells, &run()).unwrap();
        assert_eq!(surrogate.groups.each_ref().map(Vec::len), [1, 3]);
        let predictor = Predictor::new(surrogate, Link::Identity, None).unwrap();
        let rows = space.range(0, 4096, &ALONE).unwrap();
        let (_, std) = predicted(&space, &predictor, &rows, &run());
        let (_, exact) = predictor.predict_f64(&space, &rows, Some(Std::Total), &run()).unwrap();
        let bound = predictor.deviation_bound(&Packer::new(&space), &run()).unwrap();
        for (found, exact) in std.iter().zip(exact.unwrap()) {
            assert!((f64::from(*found) - exact).abs() <= bound + 1e-6, "{found} is not {exact} within {bound}");
        }
    }

    #[test]
    fn a_stopped_batch_says_so() {
        let space = mnasnet();
        let surrogate = lower(&space, &[&forest(&space, 10, 3, 3, 1)], &run()).unwrap();
        let stopped = Run { threads: Some(1), rows: usize::MAX, cancelled: &AtomicBool::new(true) };
        let rows = space.sample(20_000, 1, false).unwrap();
        let result = predict_link(&space, &surrogate, &rows, &stopped);
        assert!(matches!(result, Err(crate::Error::Cancelled)));
    }
}
