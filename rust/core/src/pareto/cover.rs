//! Which points are covered: another one is at least as good in every coordinate.

use crate::error::{Error, Result};
use crate::pareto::index::{PointIndex, WIDTH};
use crate::threads::Run;

/// Points that a thread takes at a time.
const CHUNK: usize = 1 << 12;

/// A point whose missing coordinates are 0.
pub(crate) type Point = [f64; WIDTH];

/// Expects as many coordinates as points may have.
pub(crate) fn check_width(width: usize) -> Result<()> {
    match (1..=WIDTH).contains(&width) {
        true => Ok(()),
        false => Err(Error::search(format!("points have {width} coordinates; give 1 to {WIDTH}"))),
    }
}

pub(crate) fn wide(point: &[f64]) -> Point {
    std::array::from_fn(|j| point.get(j).copied().unwrap_or(0.0))
}

/// Whether a is at least as good as b in every coordinate.
pub(crate) fn covers(a: &Point, b: &Point) -> bool {
    a.iter().zip(b).all(|(a, b)| a >= b)
}

/// Which of some points others cover; without others, which of the points any but itself does.
pub fn covered(points: &[f64], others: Option<&[f64]>, width: usize, run: &Run<'_>) -> Result<Vec<bool>> {
    check_width(width)?;
    let mut index = PointIndex::default();
    for (i, point) in points.chunks_exact(width).enumerate() {
        run.check()?;
        index.insert(wide(point), i as u32);
    }
    let is_covered = |(i, point): (usize, &[f64])| {
        let point = wide(point);
        let may_be = |number: u32| others.is_some() || number as usize != i;
        let wanted = |&(other, number): &(Point, u32)| covers(&other, &point) && may_be(number);
        index.find(|_, high| covers(high, &point), wanted).is_some()
    };
    let chunks = others.unwrap_or(points).chunks(CHUNK * width).enumerate();
    let of_chunk = |(chunk, rows): (usize, &[f64])| {
        Ok(rows.chunks_exact(width).enumerate().map(|(i, row)| is_covered((chunk * CHUNK + i, row))).collect())
    };
    let found: Vec<Vec<bool>> = run.in_pool(|| run.try_map(chunks, of_chunk))?;
    Ok(found.concat())
}
