//! Sums of leaves: codes looked up digit by digit, and digits added in 16 bits.
//!
//! The digits of a leaf are three bytes. Of two neighbouring places, a word of 16 bits adds up both bytes as they stand,
//! another that of the second place alone: both sums follow from the words at the end.

use crate::kernels::forest::fixed::value;
use crate::kernels::forest::planes::TILE;
use crate::kernels::forest::program::{CODES, DIGITS, Piece};
use crate::kernels::forest::select::Codes;

/// Words of a digit: two places each.
const WORDS: usize = TILE / 2;

/// Sums of the digits of trees of one step: of both places of a word as one number, and of the second place.
#[derive(Debug)]
#[repr(align(64))]
pub(crate) struct Sums([[[u16; WORDS]; 2]; DIGITS]);

impl Sums {
    pub(crate) const ZERO: Sums = Sums([[[0; WORDS]; 2]; DIGITS]);

    /// Adds what the leaves, and others of the same step, are worth to totals, place by place, and starts anew.
    #[inline(always)]
    pub(crate) fn flush(&mut self, scale: (f64, f64), others: &[u32; TILE], totals: &mut [f64; TILE]) {
        for (word, totals) in totals.as_chunks_mut::<2>().0.iter_mut().enumerate() {
            let mut sums = [others[2 * word], others[2 * word + 1]];
            for (digit, [both, second]) in self.0.iter().enumerate() {
                let first = both[word].wrapping_sub(second[word] << 8);
                sums[0] += u32::from(first) << (8 * digit);
                sums[1] += u32::from(second[word]) << (8 * digit);
            }
            totals[0] += value(scale, sums[0]);
            totals[1] += value(scale, sums[1]);
        }
        *self = Sums::ZERO;
    }
}

/// Adds the leaves of some pieces' codes.
pub(crate) fn portable(codes: &[Codes], pieces: &[Piece], sums: &mut Sums) {
    for (codes, piece) in codes.iter().zip(pieces) {
        for (digit, [both, second]) in piece.leaves.iter().zip(&mut sums.0) {
            for ((codes, both), second) in codes.0.as_chunks::<2>().0.iter().zip(both).zip(second) {
                let [a, b] = codes.map(|code| u16::from(digit[usize::from(code) % CODES]));
                *both = both.wrapping_add(a | b << 8);
                *second = second.wrapping_add(b);
            }
        }
    }
}

/// As [`portable`], by shuffles: the first 16 × `TABLES` codes occur.
#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "avx2")]
pub(crate) fn avx2<const TABLES: usize>(codes: &[Codes], pieces: &[Piece], sums: &mut Sums) {
    use std::arch::x86_64::*;
    const WIDTH: usize = 32;
    let [zero, high] = [_mm256_setzero_si256(), _mm256_set1_epi8(0x70)];
    for place in (0..TILE).step_by(WIDTH) {
        let mut own = [[zero; 2]; DIGITS];
        for (own, sums) in own.as_flattened_mut().iter_mut().zip(sums.0.as_flattened()) {
            // SAFETY: half as many words follow as places.
            *own = unsafe { _mm256_loadu_si256(sums.as_ptr().add(place / 2).cast()) };
        }
        for (codes, piece) in codes.iter().zip(pieces) {
            // SAFETY: 32 codes follow.
            let code = unsafe { _mm256_loadu_si256(codes.0.as_ptr().add(place).cast()) };
            // Codes of other tables get their highest bit set, for which a shuffle gives zero.
            let mut at = [code; TABLES];
            if TABLES > 1 {
                for (table, at) in at.iter_mut().enumerate() {
                    *at = _mm256_adds_epu8(_mm256_xor_si256(code, _mm256_set1_epi8((table << 4) as i8)), high);
                }
            }
            for (digit, own) in piece.leaves.iter().zip(&mut own) {
                let mut found = zero;
                for (table, &at) in at.iter().enumerate() {
                    // SAFETY: 16 leaves follow.
                    let leaves = unsafe { _mm_loadu_si128(digit.as_ptr().add(16 * table).cast()) };
                    found = _mm256_or_si256(found, _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(leaves), at));
                }
                own[0] = _mm256_add_epi16(own[0], found);
                own[1] = _mm256_add_epi16(own[1], _mm256_srli_epi16::<8>(found));
            }
        }
        for (own, sums) in own.as_flattened().iter().zip(sums.0.as_flattened_mut()) {
            // SAFETY: half as many words follow as places.
            unsafe { _mm256_storeu_si256(sums.as_mut_ptr().add(place / 2).cast(), *own) };
        }
    }
}

/// As [`portable`], by permutations of 64 bytes.
#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
pub(crate) fn avx512(codes: &[Codes], pieces: &[Piece], sums: &mut Sums) {
    use std::arch::x86_64::*;
    const WIDTH: usize = 64;
    for place in (0..TILE).step_by(WIDTH) {
        let mut own = [[_mm512_setzero_si512(); 2]; DIGITS];
        for (own, sums) in own.as_flattened_mut().iter_mut().zip(sums.0.as_flattened()) {
            // SAFETY: half as many words follow as places.
            *own = unsafe { _mm512_loadu_si512(sums.as_ptr().add(place / 2).cast()) };
        }
        for (codes, piece) in codes.iter().zip(pieces) {
            // SAFETY: 64 codes follow.
            let code = unsafe { _mm512_loadu_si512(codes.0.as_ptr().add(place).cast()) };
            for (digit, own) in piece.leaves.iter().zip(&mut own) {
                // SAFETY: a digit has 64 leaves.
                let found = _mm512_permutexvar_epi8(code, unsafe { _mm512_loadu_si512(digit.as_ptr().cast()) });
                own[0] = _mm512_add_epi16(own[0], found);
                own[1] = _mm512_add_epi16(own[1], _mm512_srli_epi16::<8>(found));
            }
        }
        for (own, sums) in own.as_flattened().iter().zip(sums.0.as_flattened_mut()) {
            // SAFETY: half as many words follow as places.
            unsafe { _mm512_storeu_si512(sums.as_mut_ptr().add(place / 2).cast(), *own) };
        }
    }
}
