//! Inverses of links in loops that compilers vectorise: the same operations in the same order on every processor.

use crate::metric::Link;

/// e^x within 2 units of float64's last place, without a branch: 0 up to -746, and the largest number from 709.8 on.
///
/// e^x = 2^n e^r, where n is x / ln 2 rounded, and e^r is its Taylor series: |r| < .347 leaves less than 2^-56 after 13 terms.
#[inline(always)]
fn exp(x: f64) -> f64 {
    /// Adding and taking away 1.5 · 2^52 rounds to a whole number, whose low bits are those of the sum.
    const WHOLE: f64 = 6_755_399_441_055_744.0;
    /// ln 2 in two parts: products of the first with whole numbers of 11 bits are exact.
    const HIGH: f64 = 0.693_147_180_369_123_8;
    const LOW: f64 = 1.908_214_929_270_587_7e-10;
    let x = x.clamp(-746.0, 709.782_712_893_384);
    let shifted = x * std::f64::consts::LOG2_E + WHOLE;
    let n = shifted - WHOLE;
    let r = (x - n * HIGH) - n * LOW;
    let terms = [
        1.0 / 6_227_020_800.0,
        1.0 / 479_001_600.0,
        1.0 / 39_916_800.0,
        1.0 / 3_628_800.0,
        1.0 / 362_880.0,
        1.0 / 40_320.0,
        1.0 / 5_040.0,
        1.0 / 720.0,
        1.0 / 120.0,
        1.0 / 24.0,
        1.0 / 6.0,
        0.5,
        1.0,
        1.0,
    ];
    let mut sum = 0.0;
    for term in terms {
        sum = sum * r + term;
    }
    // 2^n in two factors: of -1074 to 1024 neither overflows, nor is subnormal.
    let whole = |shifted: f64| shifted.to_bits().wrapping_sub(WHOLE.to_bits());
    let power = |n: u64| f64::from_bits(n.wrapping_add(1023) << 52);
    let half = whole(n * 0.5 + WHOLE);
    sum * power(half) * power(whole(shifted).wrapping_sub(half))
}

/// The rate of a time, at most a limit; a branch that compilers turn into a selection.
#[inline(always)]
fn capped(time: f64, limit: f64) -> f64 {
    if time > 0.0 { (1.0 / time).min(limit) } else { limit }
}

/// Turns modelled values into the metric's.
// Loops, not maps of arrays: compilers vectorise these.
#[inline(always)]
pub(crate) fn invert(link: Link, values: &mut [f64]) {
    match link {
        Link::Identity => {}
        Link::Reciprocal => values.iter_mut().for_each(|value| *value = 1.0 / *value),
        Link::Log => values.iter_mut().for_each(|value| *value = exp(*value)),
        Link::Below(limit) => values.iter_mut().for_each(|value| *value = limit - exp(-*value)),
        Link::Above(limit) => values.iter_mut().for_each(|value| *value = limit + exp(*value)),
        Link::Capped(limit) => values.iter_mut().for_each(|value| *value = capped(*value, limit)),
        Link::Floored(limit) => values.iter_mut().for_each(|value| *value = value.max(limit)),
    }
}

/// Writes the metric's values of modelled ones, which it turns into them, in float32.
#[inline(always)]
pub(crate) fn write_inverted(link: Link, values: &mut [f64], out: &mut [f32]) {
    match link {
        // A float32 division of the rounded value: several times faster, one more rounding of 6e-8.
        Link::Reciprocal => out.iter_mut().zip(values).for_each(|(out, value)| *out = 1.0 / *value as f32),
        Link::Capped(limit) => {
            let limit = limit as f32;
            for (out, value) in out.iter_mut().zip(values) {
                let time = *value as f32;
                *out = if time > 0.0 { (1.0 / time).min(limit) } else { limit };
            }
        }
        _ => {
            invert(link, values);
            out.iter_mut().zip(values).for_each(|(out, value)| *out = *value as f32);
        }
    }
}

/// As [`write_inverted`], of one value.
#[inline(always)]
pub(crate) fn inverted(link: Link, value: f64) -> f32 {
    let mut out = [0.0];
    write_inverted(link, &mut [value], &mut out);
    out[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponentials_are_those_of_the_library_within_two_units_in_the_last_place() {
        let far = [-1e300, -750.0, -745.2, -745.1, -708.5, -708.3, -0.0, 0.0, 1e-300, 709.0, 709.78, 710.0, 1e300];
        let near = (-40_000..40_000).map(|i| f64::from(i) * 0.017_717);
        for x in far.into_iter().chain(near) {
            let (found, expected) = (exp(x), libm::exp(x).min(f64::MAX));
            let unit = expected.next_up() - expected;
            assert!((found - expected).abs() <= 2.0 * unit.max(f64::from_bits(1)), "e^{x}: {found}, {expected}");
        }
        assert!(exp(f64::NAN).is_nan());
    }
}
