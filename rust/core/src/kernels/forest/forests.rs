//! The forests of a surrogate's members, and which way rows take through them.

use crate::error::Result;
use crate::kernels::forest::fixed::{Fixed, Trees};
use crate::kernels::forest::masks::MaskForest;
use crate::kernels::forest::sliced::{Sliced, TileBuffers};
use crate::kernels::transpose::{Packer, ROWS};
use crate::source::trees::Forest;
use crate::space::definition::Space;
use crate::threads::Run;

/// Rows from which on a whole tile pays.
const MANY: usize = 64;

/// The forests of a surrogate's members, ready for batches.
#[derive(Debug)]
pub(crate) struct Forests {
    /// None where masks would take more than the memory that they may.
    masks: Option<Vec<MaskForest>>,
    sliced: Sliced,
}

impl Forests {
    /// Prepares forests whose leaves are in fixed point; masks may take so many bytes.
    pub(crate) fn new(
        space: &Space,
        packer: &Packer,
        of: &[Trees<'_>],
        budget: usize,
        run: &Run<'_>,
    ) -> Result<Forests> {
        let masks = of.iter().fold(0usize, |sum, of| sum.saturating_add(MaskForest::most_bytes(space, of.forest)));
        let masks = match masks <= budget {
            true => Some(run.try_map(of, |of| MaskForest::new(space, *of, run))?),
            false => None,
        };
        Ok(Forests { masks, sliced: Sliced::new(space, packer, of, run)? })
    }

    /// Sums of each member's trees, [`ROWS`] apart, for checked rows that stand in columns of variables and of blocks.
    pub(crate) fn sums(
        &self,
        of: &[Trees<'_>],
        (rows, columns, blocks): (&[u8], &[u8], &[u8]),
        (sums, n): (&mut [f64], usize),
        buffers: &mut TileBuffers,
        run: &Run<'_>,
    ) -> Result<()> {
        if n >= MANY {
            return self.sliced.sums(of, (rows, columns), (sums, n), buffers, run);
        }
        for (m, (of, sums)) in of.iter().zip(sums.chunks_mut(ROWS)).enumerate() {
            run.check()?;
            match &self.masks {
                Some(masks) => masks[m].sums(of.fixed, blocks, ROWS, &mut sums[..n]),
                None => {
                    let rows = rows.chunks_exact(rows.len() / n.max(1));
                    sums.iter_mut().zip(rows).for_each(|(sum, row)| *sum = of.walk(row));
                }
            }
        }
        Ok(())
    }
}

/// The forests with their leaves in fixed point.
pub(crate) fn trees<'a>(forests: &'a [Forest], fixed: &'a [Fixed]) -> Vec<Trees<'a>> {
    forests.iter().zip(fixed).map(|(forest, fixed)| Trees { forest, fixed }).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::kernels::cpu::every_build;
    use crate::kernels::forest::fixed::TREES;
    use crate::rng::uniform;
    use crate::source::trees::{ChoiceSet, Node};
    use crate::testing::{forest, mnasnet, run, space_of, spaces};

    /// Sums of rows by the forests, members one after the other; masks may take so many bytes.
    fn sums(space: &Space, forests: &[Forest], rows: &[u8], budget: usize) -> Vec<Vec<f64>> {
        let packer = Packer::new(space);
        let fixed: Vec<Fixed> = forests.iter().map(Fixed::new).collect();
        let of = trees(forests, &fixed);
        let ready = Forests::new(space, &packer, &of, budget, &run()).unwrap();
        let n = rows.len() / space.width();
        let mut columns = vec![0; packer.columns().len() * ROWS];
        let mut blocks = vec![0; space.blocks().len() * ROWS];
        packer.pack(rows, &mut columns).unwrap();
        packer.pack_blocks(n, &columns, &mut blocks);
        let mut out = vec![0.0; forests.len() * ROWS];
        let mut buffers = TileBuffers::default();
        ready.sums(&of, (rows, &columns, &blocks), (&mut out, n), &mut buffers, &run()).unwrap();
        out.chunks(ROWS).map(|sums| sums[..n].to_vec()).collect()
    }

    /// The sums by every way are the walk's in fixed point, and those of the leaves themselves within the stated bound.
    fn check(space: &Space, forests: &[Forest], rows: &[u8]) {
        let width = space.width();
        let n = rows.len() / width;
        let fixed: Vec<Fixed> = forests.iter().map(Fixed::new).collect();
        let walked: Vec<Vec<f64>> = trees(forests, &fixed)
            .iter()
            .map(|of| rows.chunks_exact(width).map(|row| of.walk(row)).collect())
            .collect();
        for found in every_build(|| sums(space, forests, rows, usize::MAX)) {
            assert_eq!(found, walked, "sliced");
        }
        for few in [1, n.min(40)] {
            let expected: Vec<Vec<f64>> = walked.iter().map(|all| all[..few].to_vec()).collect();
            assert_eq!(sums(space, forests, &rows[..few * width], usize::MAX), expected, "masks");
            assert_eq!(sums(space, forests, &rows[..few * width], 0), expected, "walks");
        }
        for ((forest, fixed), walked) in forests.iter().zip(&fixed).zip(&walked) {
            let steps = fixed.scales.iter().enumerate();
            let moved: f64 =
                steps.map(|(i, (_, step))| (forest.tree_count() - i * TREES).min(TREES) as f64 * step / 2.0).sum();
            let size =
                forest.nodes.iter().map(|node| node.value.abs()).fold(0.0, f64::max) * forest.tree_count() as f64;
            for (row, walked) in rows.chunks_exact(width).zip(walked) {
                let exact = (forest.predict_row(row) - forest.bias) / forest.scale;
                // Leaves closer to each other than the least normal step are one.
                let bound = 1.0001 * moved + 1e-13 * size + 1e-300;
                assert!((walked - exact).abs() <= bound, "{walked} is not {exact} within {moved}");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]

        #[test]
        fn every_way_gives_the_bits_of_the_walk(
            space in spaces(), depth in 1usize..12, trees in 1usize..40, variables in 1usize..9, members in 1usize..4, seed: u64,
        ) {
            let forests: Vec<_> = (0..members).map(|m| forest(&space, trees, depth, variables, seed ^ m as u64)).collect();
            check(&space, &forests, &space.sample(700, seed, false).unwrap());
        }
    }

    /// A tree that tests all choices of some variables: of so many leaves, one below the other or side by side.
    fn full(space: &Space, leaves: usize, chain: bool, seed: u64) -> Forest {
        let mut out = Forest::constant(0.0);
        let value = |node: usize| uniform(seed, node as u64, 1 << 30) as f64 / 1e6 - 500.0;
        let mut nodes = vec![Node::leaf(value(0))];
        let mut open = std::collections::VecDeque::from([(0, space.cards().map(ChoiceSet::first).collect::<Vec<_>>())]);
        let mut count = 1;
        while let Some((at, sets)) = if chain { open.pop_back() } else { open.pop_front() } {
            let first = uniform(seed, 1000 + at as u64, sets.len() as u64) as usize;
            let several = (first..sets.len()).chain(0..first).find(|&v| sets[v].iter().count() > 1);
            let Some(v) = several.filter(|_| count < leaves) else { continue };
            let goes_left = sets[v].iter().take(1).fold(ChoiceSet::EMPTY, ChoiceSet::with);
            let (left, right) = (nodes.len() as u32, nodes.len() as u32 + 1);
            nodes[at] = Node { goes_left, variable: v as u32, left, right, value: 0.0 };
            nodes.extend([Node::leaf(value(nodes.len())), Node::leaf(value(nodes.len() + 1))]);
            let narrowed =
                |set: ChoiceSet| sets.iter().enumerate().map(|(i, s)| if i == v { set } else { *s }).collect();
            open.push_back((left as usize, narrowed(goes_left)));
            open.push_back((right as usize, narrowed(sets[v].and_not(&goes_left))));
            count += 1;
        }
        out.nodes = nodes;
        out.offsets.push(out.nodes.len());
        out
    }

    /// Chains are as deep as they have leaves: beyond 64 levels, as beyond 2,048 leaves, trees are walked.
    #[test]
    fn trees_of_any_shape_and_size_are_told_apart() {
        let wide = space_of(&[&[200], &[3, 4], &[17], &[2, 2]]);
        let mnasnet = mnasnet();
        for leaves in [1, 2, 3, 16, 17, 31, 32, 33, 63, 64, 65, 127, 500, 2048, 2049, 3000] {
            for chain in [false, true] {
                let forests = [full(&mnasnet, leaves, chain, 1), full(&wide, leaves, chain, 2)];
                check(&mnasnet, &forests[..1], &mnasnet.sample(600, 1, false).unwrap());
                check(&wide, &forests[1..], &wide.sample(600, 1, false).unwrap());
            }
        }
    }

    #[test]
    fn many_trees_steps_and_sets_of_choices_are_summed() {
        let wide = space_of(&[&[256], &[256], &[2, 3, 5]]);
        for (trees, depth) in [(1, 3), (TREES, 7), (TREES + 1, 4), (3 * TREES + 5, 9), (5000, 3)] {
            let forests = [forest(&wide, trees, depth, 5, 3), forest(&wide, trees, depth, 2, 4)];
            check(&wide, &forests, &wide.sample(1500, 1, false).unwrap());
        }
    }

    #[test]
    fn leaves_of_any_size_keep_their_bound() {
        let space = space_of(&[&[2], &[2]]);
        let stump = |values: [f64; 2], variable: u32| {
            let goes_left = ChoiceSet::first(1);
            [Node { goes_left, variable, left: 1, right: 2, value: 0.0 }, Node::leaf(values[0]), Node::leaf(values[1])]
        };
        let rows = space.range(0, 4, &run()).unwrap();
        for values in [[0.0, 0.0], [1e300, -1e300], [1e9, 1e9 + 1e-3], [5e-324, -5e-324], [3.0, 3.0], [-0.0, 1e-300]] {
            let mut forest = Forest::constant(0.0);
            forest.nodes = [stump(values, 0), stump([values[1], values[0]], 1)].concat();
            forest.offsets = vec![0, 3, 6];
            check(&space, &[forest], &rows);
        }
    }
}
