//! The variance over members of what their lanes hold: vectors of sums, and one order for their lanes.

use crate::layout::groups::MEMBER_LANES;

/// Lanes that are added up side by side.
const SIDE: usize = MEMBER_LANES / 2;

/// Sums of numbers near 0 and of their squares.
#[derive(Default)]
pub(crate) struct Spread<T> {
    sums: [T; SIDE],
    squares: [T; SIDE],
}

macro_rules! spread {
    ($number:ident) => {
        impl Spread<$number> {
            /// Adds a run of members; lanes without one are 0.
            #[inline(always)]
            pub(crate) fn add(&mut self, values: &[$number; MEMBER_LANES]) {
                for m in 0..SIDE {
                    let (a, b) = (values[m], values[m + SIDE]);
                    self.sums[m] += a + b;
                    self.squares[m] += a * a + b * b;
                }
            }

            /// The variance, where every member has this share.
            #[inline(always)]
            pub(crate) fn variance(&self, share: f64) -> f64 {
                let total = |mut values: [$number; SIDE]| {
                    let mut half = SIDE / 2;
                    while half > 0 {
                        for i in 0..half {
                            values[i] += values[i + half];
                        }
                        half /= 2;
                    }
                    f64::from(values[0]) * share
                };
                let mean = total(self.sums);
                (total(self.squares) - mean * mean).max(0.0)
            }
        }
    };
}

spread!(f32);
spread!(f64);
