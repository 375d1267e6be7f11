//! Artifacts for pages, which travel as text: a third of the size, without what only fits need.
//!
//! Means over members stay float64. Members' deviations from them take 16 bits: whole multiples of a unit a few cells,
//! so that each is within 1 / 65,534 of the largest near it. The last member's are minus the sum of the others, so
//! predictions change by no more than rounding, and standard deviations by less than a thousandth of the largest ones.

use std::collections::HashMap;

use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use crate::error::{Error, Result};
use crate::store::tensors::{Read, Reader, Tensor, bytes_of, f64s};

/// Cells that share a unit.
const CHUNK: usize = 64;
const CELLS: &str = "table_cells";
/// What only fits and intervals need: architectures, and errors of those that were left out.
const LEFT_OUT: [&str; 2] = ["uncertainty.training", "uncertainty.scores"];

/// An artifact with members' deviations in 16 bits; one of a single member keeps its cells.
pub fn pack(bytes: &[u8]) -> Result<Vec<u8>> {
    rewritten(bytes, |reader, tensors| {
        for (_, _, shape, data) in tensors.iter_mut().filter(|tensor| LEFT_OUT.contains(&tensor.0.as_str())) {
            (shape[0], *data) = (0, Vec::new());
        }
        let (shape, cells) = reader.floats(CELLS, 2)?;
        let [members, width] = shape[..] else { return Ok(()) };
        if members < 2 {
            return Ok(());
        }
        let member = |m: usize| &cells[m * width..][..width];
        let mean = |c: usize| (0..members).map(|m| member(m)[c]).sum::<f64>() / members as f64;
        let means: Vec<f64> = (0..width).map(mean).collect();
        let mut units = vec![0.0f64; width.div_ceil(CHUNK)];
        for m in 0..members - 1 {
            for (c, (cell, mean)) in member(m).iter().zip(&means).enumerate() {
                units[c / CHUNK] = units[c / CHUNK].max((cell - mean).abs() / f64::from(i16::MAX));
            }
        }
        let steps = |m: usize| {
            let step = |(c, (cell, mean)): (usize, (&f64, &f64))| match units[c / CHUNK] {
                0.0 => 0,
                unit => ((cell - mean) / unit).round() as i16,
            };
            member(m).iter().zip(&means).enumerate().map(step).collect::<Vec<i16>>()
        };
        let deviations: Vec<i16> = (0..members - 1).flat_map(steps).collect();
        tensors.retain(|tensor| tensor.0 != CELLS);
        let shape = vec![members - 1, width];
        tensors.push(("packed.deviations".into(), Dtype::I16, shape, bytes_of(&deviations, i16::to_le_bytes)));
        tensors.extend([f64s("packed.means", &means), f64s("packed.units", &units)]);
        Ok(())
    })
}

/// The artifact that a packed one stands for.
pub fn unpack(bytes: &[u8]) -> Result<Vec<u8>> {
    rewritten(bytes, |reader, tensors| {
        if !reader.has("packed.") {
            return Ok(());
        }
        let (means, units) = (reader.f64s("packed.means")?, reader.f64s("packed.units")?);
        let (shape, steps) = reader.tensor("packed.deviations", Dtype::I16, 2, i16::from_le_bytes)?;
        if shape[1] != means.len() || units.len() != means.len().div_ceil(CHUNK) {
            return Err(format!(
                "tensor packed.deviations has shape {shape:?}, beside {} means and {} units",
                means.len(),
                units.len()
            ));
        }
        let mut cells = Vec::with_capacity((shape[0] + 1) * means.len());
        let mut sums = vec![0i32; means.len()];
        for steps in steps.chunks_exact(means.len().max(1)) {
            sums.iter_mut().zip(steps).for_each(|(sum, &step)| *sum += i32::from(step));
            cells.extend(steps.iter().enumerate().map(|(c, &step)| means[c] + units[c / CHUNK] * f64::from(step)));
        }
        cells.extend(sums.iter().enumerate().map(|(c, &sum)| means[c] - units[c / CHUNK] * f64::from(sum)));
        tensors.retain(|tensor| !tensor.0.starts_with("packed."));
        let shape = vec![shape[0] + 1, means.len()];
        tensors.push((CELLS.into(), Dtype::F64, shape, bytes_of(&cells, f64::to_le_bytes)));
        Ok(())
    })
}

/// A safetensors file with some tensors changed.
fn rewritten(bytes: &[u8], change: impl FnOnce(&Reader<'_>, &mut Vec<Tensor>) -> Read<()>) -> Result<Vec<u8>> {
    let fail = |e: &dyn std::fmt::Display| Error::model(format!("not an artifact that pages hold: {e}"));
    let file = SafeTensors::deserialize(bytes).map_err(|e| fail(&e))?;
    let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(|e| fail(&e))?;
    let metadata: Option<HashMap<String, String>> = metadata.metadata().clone();
    let own =
        |(name, view): (String, TensorView<'_>)| (name, view.dtype(), view.shape().to_vec(), view.data().to_vec());
    let mut tensors: Vec<Tensor> = file.tensors().into_iter().map(own).collect();
    change(&Reader::new(&file), &mut tensors).map_err(|reason| fail(&reason))?;
    tensors.sort_by(|a, b| a.0.cmp(&b.0));
    let views = tensors.iter().map(|(name, dtype, shape, data)| {
        TensorView::new(*dtype, shape.clone(), data).map(|view| (name.as_str(), view))
    });
    let views = views.collect::<std::result::Result<Vec<_>, _>>().map_err(|e| fail(&e))?;
    safetensors::serialize(views, metadata).map_err(|e| fail(&e))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::predict::predictor::Std;
    use crate::store::artifact::from_bytes;
    use crate::surrogate::lower::lower;
    use crate::testing::{forest, run, spaces, uncertainty_of};
    use proptest::prelude::*;
    use std::collections::BTreeMap;
    use std::path::Path;

    use crate::metric::{Direction, Link};
    use crate::store::benchmark::Benchmark;
    use crate::store::listing::Metric;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn packed_artifacts_predict_the_same(space in spaces(), depth in 1usize..6, members in 1usize..8, seed: u64) {
            let forests: Vec<_> = (0..members as u64).map(|m| forest(&space, 5, depth, 4, seed ^ m)).collect();
            let surrogate = lower(&space, &forests.iter().collect::<Vec<_>>(), &run()).unwrap();
            let metric = Metric::new("m".to_owned(), Direction::Maximise, Link::Identity);
            let with = |surrogate, uncertainty| {
                let bench = Benchmark::new(space.clone());
                bench.with_metric(&space, metric.clone(), surrogate, Some(uncertainty), BTreeMap::new()).unwrap()
            };
            let bench = with(&surrogate, uncertainty_of(&space));
            let packed = bench.packed(0).unwrap();
            let (_, read, uncertainty) = from_bytes(Path::new("m"), &unpack(&packed).unwrap(), &space).unwrap();
            let other = with(&read, uncertainty.unwrap());
            let rows = space.sample(200, seed, false).unwrap();
            let of = |bench: &Benchmark| {
                bench.predictor(0).unwrap().predict_f64(&space, &rows, Some(Std::Total), &run()).unwrap()
            };
            let ((a, b), (c, d)) = (of(&bench), of(&other));
            prop_assert!(a.iter().zip(&c).all(|(a, c)| (a - c).abs() <= 1e-12 * (1.0 + a.abs())));
            let (b, d) = (b.unwrap(), d.unwrap());
            let largest = b.iter().copied().fold(0.0, f64::max);
            let worst = b.iter().zip(&d).map(|(b, d)| (b - d).abs()).fold(0.0, f64::max);
            prop_assert!(worst <= 1e-3 * largest, "{worst} of {largest}");
        }

        #[test]
        fn damaged_bytes_give_an_error_or_bytes(at in 0usize..4000, byte: u8, cut in 0usize..200) {
            let means = f64s("packed.means", &[1.0, 2.0, 3.0]);
            let deviations = ("packed.deviations".to_owned(), Dtype::I16, vec![2, 3], vec![7u8; 12]);
            let tensors = [means, deviations, f64s("packed.units", &[0.5])];
            let views = tensors.iter().map(|(n, d, s, b)| (n.as_str(), TensorView::new(*d, s.clone(), b).unwrap()));
            let mut bytes = safetensors::serialize(views, None).unwrap();
            prop_assert!(unpack(&bytes).is_ok());
            let size = bytes.len();
            bytes[at % size] = byte;
            bytes.truncate(size - cut.min(size));
            let _ = unpack(&bytes);
        }
    }
}
