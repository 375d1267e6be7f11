//! Measured values of each architecture of a complete table, which simulated measurements are drawn from.

use crate::space::definition::Space;

/// Repeated measurements in the metric's unit, by index of the architecture; some may have none.
#[derive(Clone, Debug, PartialEq)]
pub struct Repeats {
    /// Where the values of each architecture start, then their number.
    pub(crate) offsets: Vec<u32>,
    pub(crate) values: Vec<f64>,
}

impl Repeats {
    /// Checks that there are finite values for the architectures of a space; the reason names what is at fault.
    pub fn new(space: &Space, offsets: Vec<u32>, values: Vec<f64>) -> Result<Repeats, String> {
        let expected = space.size().and_then(|size| size.checked_add(1));
        if expected != Some(offsets.len() as u64) {
            let found = offsets.len();
            return Err(format!("repeats.offsets has {found} numbers, expected one more than architectures"));
        }
        let ascending = offsets[0] == 0 && offsets.windows(2).all(|w| w[0] <= w[1]);
        if !ascending || offsets[offsets.len() - 1] as usize != values.len() {
            return Err(format!("repeats.offsets does not ascend from 0 to {}", values.len()));
        }
        match values.iter().find(|value| !value.is_finite()) {
            Some(value) => Err(format!("repeats.values has {value}, expected finite numbers")),
            None => Ok(Repeats { offsets, values }),
        }
    }

    /// What was measured of an architecture of the space.
    pub(crate) fn of(&self, index: u64) -> &[f64] {
        let [first, last] = [index, index + 1].map(|i| self.offsets[i as usize] as usize);
        &self.values[first..last]
    }
}
