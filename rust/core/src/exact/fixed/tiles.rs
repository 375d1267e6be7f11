//! The inner loops over matrices of two levels: plain loops, compiled for AVX2 and for any processor.
//!
//! Rows are padded to whole vectors with copies of their last column, so that a maximum needs no care.

use crate::kernels::cpu::compiled_twice;
use crate::pareto::index::WIDTH;

/// Lanes of a vector; rows are padded to a multiple of it.
pub(crate) const LANES: usize = 8;

/// Most functions whose limits are compared in one pass.
pub const MAX_LIMITS: usize = 16;

type Vector = [i32; LANES];

/// Length of a padded row.
pub(crate) fn padded(columns: usize) -> usize {
    columns.next_multiple_of(LANES)
}

#[inline(always)]
fn vectors(row: &[i32]) -> &[Vector] {
    row.as_chunks().0
}

#[inline(always)]
fn highest(v: &Vector) -> i32 {
    v.iter().fold(i32::MIN, |m, &x| m.max(x))
}

compiled_twice! {
    /// Adds numbers to others.
    pub(crate) fn add(sums: &mut [i32], values: &[i32]) {
        sums.iter_mut().zip(values).for_each(|(sum, value)| *sum = sum.wrapping_add(*value));
    }
}

compiled_twice! {
    /// Adds numbers to others where a mask is -1.
    pub(crate) fn add_masked(sums: &mut [i32], values: &[i32], mask: &[i32]) {
        sums.iter_mut().zip(values).zip(mask).for_each(|((sum, value), mask)| *sum = sum.wrapping_add(value & mask));
    }
}

compiled_twice! {
    /// Adds a line to those padded rows whose mask is -1.
    pub(crate) fn add_to_rows(values: &mut [i32], mask: &[i32], line: &[i32]) {
        for (row, _) in values.chunks_exact_mut(line.len()).zip(mask).filter(|(_, own)| **own != 0) {
            row.iter_mut().zip(line).for_each(|(value, own)| *value = value.wrapping_add(*own));
        }
    }
}

compiled_twice! {
    /// Takes other numbers where a mask is -1.
    pub(crate) fn blend(values: &mut [i32], others: &[i32], mask: &[i32]) {
        values.iter_mut().zip(others).zip(mask).for_each(|((value, other), mask)| *value ^= (*value ^ other) & mask);
    }
}

compiled_twice! {
    /// Takes other numbers where they are larger.
    pub(crate) fn raise(values: &mut [i32], others: &[i32]) {
        values.iter_mut().zip(others).for_each(|(value, other)| *value = (*value).max(*other));
    }
}

compiled_twice! {
    /// Largest of `matrix + column shares` in each row.
    pub(crate) fn row_maxima(matrix: &[i32], column_shares: &[i32], maxima: &mut [i32]) {
        let shares = vectors(column_shares);
        for (row, out) in matrix.chunks_exact(column_shares.len()).zip(maxima) {
            let mut best = [i32::MIN; LANES];
            for (values, shares) in vectors(row).iter().zip(shares) {
                for l in 0..LANES {
                    best[l] = best[l].max(values[l].wrapping_add(shares[l]));
                }
            }
            *out = highest(&best);
        }
    }
}

compiled_twice! {
    /// Writes `left + right`, and the largest of `left + right + column shares` in each row.
    pub(crate) fn add_row_maxima(
        left: &[i32], right: &[i32], column_shares: &[i32], sum: &mut [i32], maxima: &mut [i32],
    ) {
        let columns = column_shares.len();
        let shares = vectors(column_shares);
        let rows = left.chunks_exact(columns).zip(right.chunks_exact(columns)).zip(sum.chunks_exact_mut(columns));
        for (((left, right), sum), out) in rows.zip(maxima) {
            let mut best = [i32::MIN; LANES];
            let sums = sum.as_chunks_mut::<LANES>().0;
            for (((left, right), sum), shares) in vectors(left).iter().zip(vectors(right)).zip(sums).zip(shares) {
                for l in 0..LANES {
                    sum[l] = left[l].wrapping_add(right[l]);
                    best[l] = best[l].max(sum[l].wrapping_add(shares[l]));
                }
            }
            *out = highest(&best);
        }
    }
}

compiled_twice! {
    /// Largest of `left + right + row + column` over a tile.
    pub(crate) fn tile_maximum(left: &[i32], right: &[i32], row: &[i32], column: &[i32]) -> i32 {
        let columns = vectors(column);
        let mut best = [i32::MIN; LANES];
        let rows = left.chunks_exact(column.len()).zip(right.chunks_exact(column.len())).zip(row);
        for ((left, right), &of_row) in rows {
            let mut inside = [i32::MIN; LANES];
            for ((left, right), column) in vectors(left).iter().zip(vectors(right)).zip(columns) {
                for l in 0..LANES {
                    inside[l] = inside[l].max(left[l].wrapping_add(right[l]).wrapping_add(column[l]));
                }
            }
            for l in 0..LANES {
                best[l] = best[l].max(inside[l].wrapping_add(of_row));
            }
        }
        highest(&best)
    }
}

compiled_twice! {
    /// Writes `left + right + row + column`, modulo 2^32.
    pub(crate) fn tile_values(left: &[i32], right: &[i32], row: &[i32], column: &[i32], out: &mut [i32]) {
        let columns = vectors(column);
        let rows = left.chunks_exact(column.len()).zip(right.chunks_exact(column.len()));
        for (((left, right), out), &of_row) in rows.zip(out.chunks_exact_mut(column.len())).zip(row) {
            let out = out.as_chunks_mut::<LANES>().0;
            for (((left, right), column), out) in vectors(left).iter().zip(vectors(right)).zip(columns).zip(out) {
                for l in 0..LANES {
                    out[l] = left[l].wrapping_add(right[l]).wrapping_add(column[l]).wrapping_add(of_row);
                }
            }
        }
    }
}

compiled_twice! {
    /// For the cells of a tile that all functions have reached surely: their number; and whether one is doubtful.
    ///
    /// A limit is the value from which on a cell possibly, and the one from which on it surely, counts.
    pub(crate) fn classify(values: &[&[i32]], limits: &[(i32, i32)], columns: usize) -> (u64, bool) {
        let row_vectors = padded(columns) / LANES;
        let inside = |lane: usize| -i32::from(lane + LANES * (row_vectors - 1) < columns);
        let last: Vector = std::array::from_fn(inside);
        let (mut met, mut doubtful) = ([0i32; LANES], [0i32; LANES]);
        let all: [&[Vector]; MAX_LIMITS] = std::array::from_fn(|f| values.get(f).map_or(&[][..], |v| vectors(v)));
        for first in (0..all[0].len()).step_by(row_vectors) {
            for at in first..first + row_vectors {
                let (mut sure, mut possible) = if at + 1 == first + row_vectors { (last, last) } else { ([-1; LANES], [-1; LANES]) };
                for (values, &(least, surely)) in all.iter().zip(limits) {
                    let values = &values[at];
                    for l in 0..LANES {
                        sure[l] &= -i32::from(values[l] >= surely);
                        possible[l] &= -i32::from(values[l] >= least);
                    }
                }
                for l in 0..LANES {
                    met[l] -= sure[l];
                    doubtful[l] |= possible[l] ^ sure[l];
                }
            }
        }
        (met.iter().map(|&n| n as u64).sum(), doubtful.iter().any(|&d| d != 0))
    }
}

compiled_twice! {
    /// Numbers of the vectors of a tile in which a cell reaches a corner and all least values of constraints.
    pub(crate) fn matches(
        values: &[&[i32]], corners: &[[i32; 3]], constraints: &[&[i32]], least: &[i32], out: &mut Vec<usize>,
    ) {
        let all: [&[Vector]; 3] = std::array::from_fn(|j| values.get(j).map_or(vectors(values[0]), |v| vectors(v)));
        for at in 0..all[0].len() {
            let mut hit = [0i32; LANES];
            for corner in corners {
                for l in 0..LANES {
                    let inside = (all[0][at][l] >= corner[0]) & (all[1][at][l] >= corner[1]) & (all[2][at][l] >= corner[2]);
                    hit[l] |= i32::from(inside);
                }
            }
            for (values, &least) in constraints.iter().zip(least) {
                let values: &Vector = values[at * LANES..].first_chunk().unwrap_or(&[i32::MIN; LANES]);
                for l in 0..LANES {
                    hit[l] &= i32::from(values[l] >= least);
                }
            }
            if hit.iter().fold(0, |any, h| any | h) != 0 {
                out.push(at);
            }
        }
    }
}

compiled_twice! {
    /// Numbers of the vectors of a tile in which a cell is below none of some corners in every coordinate, and reaches
    /// all least values of constraints. Coordinates of corners that values lack are the largest number.
    pub(crate) fn undominated(
        values: &[&[i32]], corners: &[[i32; WIDTH]], constraints: &[&[i32]], least: &[i32], out: &mut Vec<usize>,
    ) {
        let all: [&[Vector]; WIDTH] = std::array::from_fn(|j| vectors(values.get(j).unwrap_or(&values[0])));
        let used = values.len().min(WIDTH);
        for at in 0..all[0].len() {
            let mut out_of = [0i32; LANES];
            for (values, &least) in constraints.iter().zip(least) {
                let values: &Vector = values[at * LANES..].first_chunk().unwrap_or(&[i32::MIN; LANES]);
                for l in 0..LANES {
                    out_of[l] |= i32::from(values[l] < least);
                }
            }
            for corner in corners {
                let mut below = [1i32; LANES];
                for (values, corner) in all[..used].iter().zip(corner) {
                    for l in 0..LANES {
                        below[l] &= i32::from(values[at][l] < *corner);
                    }
                }
                for l in 0..LANES {
                    out_of[l] |= below[l];
                }
            }
            if out_of.iter().fold(1, |every, own| every & own) == 0 {
                out.push(at);
            }
        }
    }
}

/// How values become bins: see [`count_bins`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Binning {
    /// Step at which the first bin starts.
    pub(crate) first: i32,
    /// A bin is 2^shift steps wide.
    pub(crate) shift: u32,
    /// So near an edge a value is doubtful.
    pub(crate) margin: i32,
}

compiled_twice! {
    /// Counts the values of a tile by their bin, but for rows with a value near an edge, whose numbers are told.
    ///
    /// There is a power of two of counts.
    pub(crate) fn count_bins(
        values: &[i32], columns: usize, binning: Binning, counts: &mut [u32], near: &mut Vec<usize>,
    ) {
        assert!(counts.len().is_power_of_two(), "a mask finds the bin");
        let Binning { first, shift, margin } = binning;
        let (start, mask, width) = (first.wrapping_sub(margin), (1u32 << shift) - 1, 2 * margin as u32);
        let last = counts.len() - 1;
        let mut bins = vec![[0u32; LANES]; padded(columns) / LANES];
        for (number, row) in values.chunks_exact(padded(columns)).enumerate() {
            let mut nearest = [u32::MAX; LANES];
            for (values, bins) in vectors(row).iter().zip(&mut bins) {
                for l in 0..LANES {
                    let steps = values[l].wrapping_sub(start) as u32;
                    nearest[l] = nearest[l].min(steps & mask);
                    bins[l] = steps.wrapping_sub(margin as u32) >> shift;
                }
            }
            if nearest.iter().fold(u32::MAX, |a, &b| a.min(b)) <= width {
                near.push(number);
                continue;
            }
            for &bin in &bins.as_flattened()[..columns] {
                // SAFETY: whatever is and-ed with the last index is an index.
                *unsafe { counts.get_unchecked_mut(bin as usize & last) } += 1;
            }
        }
    }
}

/// Values that others are compared with.
#[derive(Debug)]
pub(crate) struct Scale {
    /// By steps above `first`, shifted, modulo a power of two: how many of them are surely beaten.
    pub(crate) beaten: Vec<u32>,
    pub(crate) first: i32,
    pub(crate) shift: u32,
    /// Of each, ascending, the steps from which on it is possibly, and surely, reached; those of the last are never.
    pub(crate) steps: Vec<(i32, i32)>,
}

compiled_twice! {
    /// Counts the values of a tile by how many of a scale they surely reach; tells the cells where that is in doubt.
    pub(crate) fn count_beaten(
        values: &[i32], columns: usize, scale: &Scale, size: u64, counts: &mut [u64], near: &mut Vec<usize>,
    ) {
        let (last, steps) = (scale.beaten.len() - 1, &scale.steps[..]);
        for (number, row) in values.chunks_exact(padded(columns)).enumerate() {
            for (column, &value) in row[..columns].iter().enumerate() {
                let cell = (value.wrapping_sub(scale.first) as u32 >> scale.shift) as usize & last;
                let mut beaten = scale.beaten[cell] as usize;
                while value >= steps[beaten].1 {
                    beaten += 1;
                }
                if value >= steps[beaten].0 {
                    near.push(number * row.len() + column);
                } else {
                    counts[beaten] += size;
                }
            }
        }
    }
}

/// Bin of a value, if it is not near an edge.
pub(crate) fn bin_of(value: i32, Binning { first, shift, margin }: Binning) -> Option<usize> {
    let steps = value.wrapping_sub(first.wrapping_sub(margin)) as u32;
    let near = steps & ((1u32 << shift) - 1) <= 2 * margin as u32;
    (!near).then_some((steps.wrapping_sub(margin as u32) >> shift) as usize)
}
