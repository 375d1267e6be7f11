//! Hypervolume: the volume of the union of boxes from the origin to points. Points that are not positive add nothing.
//!
//! Two coordinates by a staircase, three by a sweep over it (Fonseca, Paquete and López-Ibáñez 2006). Of more, the box
//! of the point with the largest one is taken out, and what is left falls into a part a coordinate, in which fewer
//! points reach beyond that box (QHV-II, Jaszkiewicz 2018).

use crate::error::Result;
use crate::pareto::cover::{Point, check_width, covers, wide};
use crate::pareto::index::PointIndex;
use crate::pareto::staircase::Staircase;
use crate::threads::Run;

/// Points of which each is compared with all others.
const FEW: usize = 300;

/// The volume of the boxes of points of so many coordinates.
pub fn hypervolume(points: &[f64], width: usize, run: &Run<'_>) -> Result<f64> {
    check_width(width)?;
    match width {
        1 => Ok(points.iter().fold(0.0, |most: f64, &value| most.max(value))),
        2 => Ok(areas(points).last().copied().unwrap_or(0.0)),
        3 => Ok(swept(points)),
        _ => many(&undominated(positive(points, width)), width, run),
    }
}

/// For every point the volume of its box and of those before.
pub(crate) fn growing_volumes(points: &[f64], width: usize, run: &Run<'_>) -> Result<Vec<f64>> {
    check_width(width)?;
    match width {
        2 => Ok(areas(points)),
        1 | 3 => points
            .chunks_exact(width)
            .enumerate()
            .map(|(i, _)| run.check().and_then(|()| hypervolume(&points[..width * (i + 1)], width, run)))
            .collect(),
        _ => {
            let (mut known, mut volume): (Vec<Point>, f64) = (Vec::new(), 0.0);
            let mut after = |point: &[f64]| -> Result<f64> {
                run.check()?;
                let Some(&point) = positive(point, width).first() else { return Ok(volume) };
                if !known.iter().any(|other| covers(other, &point)) {
                    let shared = known.iter().map(|other| std::array::from_fn(|j| other[j].min(point[j])));
                    volume += product(&point, width) - many(&undominated(shared.collect()), width, run)?;
                    known.retain(|other| !covers(&point, other));
                    known.push(point);
                }
                Ok(volume)
            };
            points.chunks_exact(width).map(&mut after).collect()
        }
    }
}

fn positive(points: &[f64], width: usize) -> Vec<Point> {
    let inside = points.chunks_exact(width).filter(|point| point.iter().all(|&value| value > 0.0));
    inside.map(wide).collect()
}

fn product(point: &Point, width: usize) -> f64 {
    point[..width].iter().product()
}

/// Points that no other one covers, each once.
fn undominated(mut points: Vec<Point>) -> Vec<Point> {
    // What covers another has no smaller sum: rounding keeps that.
    let sum = |point: &Point| point.iter().sum::<f64>();
    points.sort_by(|a, b| sum(b).total_cmp(&sum(a)));
    let mut kept: Vec<Point> = Vec::new();
    if points.len() <= FEW {
        for point in points {
            if !kept.iter().any(|other| covers(other, &point)) {
                kept.push(point);
            }
        }
        return kept;
    }
    let mut index = PointIndex::default();
    for point in points {
        if index.find(|_, high| covers(high, &point), |(other, _)| covers(other, &point)).is_none() {
            index.insert(point, 0);
            kept.push(point);
        }
    }
    kept
}

/// The volume of four coordinates or more, of points that do not cover one another.
fn many(points: &[Point], width: usize, run: &Run<'_>) -> Result<f64> {
    match points {
        [] => return Ok(0.0),
        [a] => return Ok(product(a, width)),
        [a, b] => {
            let shared = std::array::from_fn(|j| a[j].min(b[j]));
            return Ok(product(a, width) + (product(b, width) - product(&shared, width)));
        }
        _ => run.check()?,
    }
    let volume = |i: &usize| product(&points[*i], width);
    let largest = (0..points.len()).max_by(|a, b| volume(a).total_cmp(&volume(b))).unwrap_or(0);
    let (pivot, mut sum) = (&points[largest], volume(&largest));
    for side in 0..width {
        // Up to the pivot in the coordinates before, beyond it in this one.
        let beyond = points.iter().filter(|point| point[side] > pivot[side]);
        let part = |point: &Point| {
            let mut part = *point;
            (0..side).for_each(|j| part[j] = part[j].min(pivot[j]));
            part[side] -= pivot[side];
            part
        };
        let parts: Vec<Point> = beyond.map(part).collect();
        // Nothing was cut in the first of them.
        let parts = if side == 0 { parts } else { undominated(parts) };
        sum += many(&parts, width, run)?;
    }
    Ok(sum)
}

/// Adds a point of two positive coordinates, and gives the area that it alone dominates.
fn add(staircase: &mut Staircase, x: f64, y: f64) -> f64 {
    let Some(replaced) = staircase.replaced([x, y]) else { return 0.0 };
    let points = &mut staircase.0;
    let (mut edge, mut area, mut below) = (x, 0.0, points.get(replaced.end).map_or(0.0, |p| p[1]));
    for p in points[replaced.clone()].iter().rev() {
        area += (edge - p[0]) * (y - below);
        [edge, below] = *p;
    }
    area += (edge - if replaced.start > 0 { points[replaced.start - 1][0] } else { 0.0 }) * (y - below);
    points.splice(replaced, [[x, y]]);
    area
}

fn areas(points: &[f64]) -> Vec<f64> {
    let (mut staircase, mut area) = (Staircase::default(), 0.0);
    let mut after = |p: &[f64]| {
        if p[0] > 0.0 && p[1] > 0.0 {
            area += add(&mut staircase, p[0], p[1]);
        }
        area
    };
    points.chunks_exact(2).map(&mut after).collect()
}

/// The volume of three coordinates, from the highest down.
fn swept(points: &[f64]) -> f64 {
    let mut points: Vec<&[f64]> = points.chunks_exact(3).filter(|p| p.iter().all(|&v| v > 0.0)).collect();
    points.sort_by(|a, b| b[2].total_cmp(&a[2]));
    let (mut staircase, mut area, mut volume) = (Staircase::default(), 0.0, 0.0);
    for (i, p) in points.iter().enumerate() {
        area += add(&mut staircase, p[0], p[1]);
        volume += area * (p[2] - points.get(i + 1).map_or(0.0, |next| next[2]));
    }
    volume
}
