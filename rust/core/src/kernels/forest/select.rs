//! Codes of leaves, 512 rows at a time: planes are selected, and their bits gathered to a byte a row.

use crate::kernels::forest::planes::{BYTES, Plane, TILE};
use crate::kernels::forest::program::{CODE_BITS, CODES, Code, Select, Start};
use crate::kernels::forest::registers::Bits;

/// Codes of a tile: that of row `8 b + i` at `64 i + b`, as the gathering leaves them.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
pub(crate) struct Codes(pub(crate) [u8; TILE]);

/// Where the row of each place of [`Codes`] stands in its tile.
#[inline(always)]
pub(crate) fn row_at(place: usize) -> usize {
    8 * (place % BYTES) + place / BYTES
}

/// The place of a tile's row.
#[inline(always)]
pub(crate) fn place_of(row: usize) -> usize {
    row / 8 + BYTES * (row % 8)
}

/// Finds the codes of a tile by a program.
///
/// # Safety
/// The processor has what `B` needs, and planes that the program names lie inside `planes`.
#[inline(always)]
pub(crate) unsafe fn codes<B: Bits>(code: &Code, planes: &mut [Plane], out: &mut Codes) {
    let base = planes.as_mut_ptr().cast::<u8>();
    macro_rules! at {
        ($plane:expr, $part:expr) => {
            base.add($plane as usize + $part)
        };
    }
    // SAFETY: planes are BYTES long, a step of WIDTH stays inside them; the codes have 8 times as many.
    unsafe {
        match code {
            Code::Selects(selects, bits) => {
                for select in selects {
                    let Select { out, on, then, otherwise } = *select;
                    for part in (0..BYTES).step_by(B::WIDTH) {
                        let (then, otherwise) = (B::load(at!(then, part)), B::load(at!(otherwise, part)));
                        B::load(at!(on, part)).select(then, otherwise).store(at!(out, part));
                    }
                }
                for part in (0..BYTES).step_by(B::WIDTH) {
                    let mut planes = [B::zero(); CODE_BITS];
                    for (plane, bit) in planes.iter_mut().zip(*bits) {
                        *plane = B::load(at!(bit, part));
                    }
                    gather(planes, out.0.as_mut_ptr().add(part));
                }
            }
            Code::Complete(splits) => {
                for part in (0..BYTES).step_by(B::WIDTH) {
                    gather(complete::<B>(splits, base.add(part)), out.0.as_mut_ptr().add(part));
                }
            }
        }
    }
}

/// The bits of a complete tree's codes, the lowest first: each level selects by those above.
#[inline(always)]
unsafe fn complete<B: Bits>(splits: &[Start; CODES - 1], base: *const u8) -> [B; CODE_BITS] {
    /// The plane of the split that a row meets below one, given the bits of the levels between: no closure, which would
    /// be compiled without what the register needs.
    macro_rules! below {
        ([]; $at:expr) => { B::load(base.add(splits[$at] as usize)) };
        ([$bit:ident $($bits:ident)*]; $at:expr) => {
            $bit.select(below!([$($bits)*]; 2 * $at + 2), below!([$($bits)*]; 2 * $at + 1))
        };
    }
    // SAFETY: as the caller says.
    unsafe {
        let b0 = below!([]; 0);
        let b1 = below!([b0]; 0);
        let b2 = below!([b0 b1]; 0);
        let b3 = below!([b0 b1 b2]; 0);
        let b4 = below!([b0 b1 b2 b3]; 0);
        let b5 = below!([b0 b1 b2 b3 b4]; 0);
        [b5, b4, b3, b2, b1, b0]
    }
}

/// Turns planes into bytes of a row each: 8 by 8 bits are transposed across registers (Hacker's Delight, 7-3).
#[inline(always)]
unsafe fn gather<B: Bits>(planes: [B; CODE_BITS], out: *mut u8) {
    // SAFETY: as the caller says.
    unsafe {
        let [p0, p1, p2, p3, p4, p5] = planes;
        let mut r = [p0, p1, p2, p3, p4, p5, B::zero(), B::zero()];
        for k in 0..4 {
            // The planes of bits 6 and 7 are zero.
            let high = r[k].right::<4>().and(0x0f);
            match k + 4 < CODE_BITS {
                true => {
                    let t = high.xor(r[k + 4].and(0x0f));
                    r[k + 4] = r[k + 4].xor(t);
                    r[k] = r[k].xor(t.left::<4>());
                }
                false => {
                    r[k + 4] = high;
                    r[k] = r[k].and(0x0f);
                }
            }
        }
        for k in [0, 1, 4, 5] {
            let t = r[k].right::<2>().and(0x33).xor(r[k + 2].and(0x33));
            r[k + 2] = r[k + 2].xor(t);
            r[k] = r[k].xor(t.left::<2>());
        }
        for k in [0, 2, 4, 6] {
            let t = r[k].right::<1>().and(0x55).xor(r[k + 1].and(0x55));
            r[k + 1] = r[k + 1].xor(t);
            r[k] = r[k].xor(t.left::<1>());
        }
        for (i, bytes) in r.into_iter().enumerate() {
            bytes.store(out.add(BYTES * i));
        }
    }
}
