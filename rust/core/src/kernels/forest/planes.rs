//! Answers of a tile's rows to splits, as bit planes.

use crate::kernels::forest::tree::Split;

/// Rows of a tile, whose answers to one split are a plane.
pub(crate) const TILE: usize = 512;
/// Bytes of a plane.
pub(crate) const BYTES: usize = TILE / 8;

/// Bit `r` of the little-endian bytes is of row `r`.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
pub(crate) struct Plane(pub(crate) [u8; BYTES]);

/// Bit `r` says whether the state of row `r` is in the set, one row after the other.
pub(crate) fn portable(states: &[u8; TILE], split: &Split) -> Plane {
    let mut plane = Plane([0; BYTES]);
    for (byte, states) in plane.0.iter_mut().zip(states.as_chunks::<8>().0) {
        let bit = |&state: &u8| (split.right[usize::from(state) / 64] >> (state % 64) & 1) as u8;
        *byte = states.iter().rev().fold(0, |byte, state| byte << 1 | bit(state));
    }
    plane
}

/// As [`portable`]: 16 states at a time are looked up in a register.
#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "avx2")]
pub(crate) fn avx2(states: &[u8; TILE], split: &Split) -> Plane {
    use std::arch::x86_64::*;
    let mut plane = Plane([0; BYTES]);
    // Sixteens of states that hold some of the set, each with a byte of ones for each of them.
    let mut tables = [(0u8, [0u8; 16]); 16];
    let mut count = 0;
    for sixteen in 0..16u8 {
        let bits = split.right[usize::from(sixteen / 4)] >> (16 * (sixteen % 4)) & 0xffff;
        if bits > 0 {
            let (of, table) = &mut tables[count];
            *of = sixteen;
            table.iter_mut().enumerate().for_each(|(i, byte)| *byte = 0u8.wrapping_sub((bits >> i & 1) as u8));
            count += 1;
        }
    }
    for (bytes, states) in plane.0.as_chunks_mut::<4>().0.iter_mut().zip(states.as_chunks::<32>().0) {
        // SAFETY: the pointers are to 32 and to 16 bytes.
        let states = unsafe { _mm256_loadu_si256(states.as_ptr().cast()) };
        let mut within = _mm256_setzero_si256();
        for (sixteen, table) in &tables[..count] {
            // SAFETY: as above.
            let table = _mm256_broadcastsi128_si256(unsafe { _mm_loadu_si128(table.as_ptr().cast()) });
            // States of other sixteens get their highest bit set, for which a shuffle gives zero.
            let own = _mm256_xor_si256(states, _mm256_set1_epi8((*sixteen << 4) as i8));
            let place = _mm256_adds_epu8(own, _mm256_set1_epi8(0x70));
            within = _mm256_or_si256(within, _mm256_shuffle_epi8(table, place));
        }
        *bytes = (_mm256_movemask_epi8(within) as u32).to_le_bytes();
    }
    plane
}
