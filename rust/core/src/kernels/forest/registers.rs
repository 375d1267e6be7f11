//! Registers of bits, for programs that are written once.

/// A register of bits.
///
/// # Safety
/// Functions run only where the processor has what the register needs, and addresses have [`Bits::WIDTH`] bytes.
pub(crate) trait Bits: Copy {
    /// Bytes of a register.
    const WIDTH: usize;
    unsafe fn load(from: *const u8) -> Self;
    unsafe fn store(self, to: *mut u8);
    unsafe fn zero() -> Self;
    /// Where this is set `then`, else `otherwise`.
    unsafe fn select(self, then: Self, otherwise: Self) -> Self;
    unsafe fn xor(self, other: Self) -> Self;
    /// This and a mask of each byte.
    unsafe fn and(self, mask: u8) -> Self;
    /// This, in words of 64 bits shifted right.
    unsafe fn right<const BY: u32>(self) -> Self;
    /// This, in words of 64 bits shifted left.
    unsafe fn left<const BY: u32>(self) -> Self;
}

impl Bits for u64 {
    const WIDTH: usize = 8;
    #[inline(always)]
    unsafe fn load(from: *const u8) -> u64 {
        // SAFETY: the caller gives 8 bytes.
        u64::from_le_bytes(unsafe { from.cast::<[u8; 8]>().read() })
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut u8) {
        // SAFETY: the caller gives 8 bytes.
        unsafe { to.cast::<[u8; 8]>().write(self.to_le_bytes()) }
    }
    #[inline(always)]
    unsafe fn zero() -> u64 {
        0
    }
    #[inline(always)]
    unsafe fn select(self, then: u64, otherwise: u64) -> u64 {
        otherwise ^ (self & (then ^ otherwise))
    }
    #[inline(always)]
    unsafe fn xor(self, other: u64) -> u64 {
        self ^ other
    }
    #[inline(always)]
    unsafe fn and(self, mask: u8) -> u64 {
        self & u64::from_ne_bytes([mask; 8])
    }
    #[inline(always)]
    unsafe fn right<const BY: u32>(self) -> u64 {
        self >> BY
    }
    #[inline(always)]
    unsafe fn left<const BY: u32>(self) -> u64 {
        self << BY
    }
}

#[cfg(target_arch = "x86_64")]
mod vectors {
    #![expect(clippy::undocumented_unsafe_blocks, reason = "the trait says what the caller gives")]
    use std::arch::x86_64::*;

    use crate::kernels::forest::registers::Bits;

    /// A register, by the names of its instructions; shifts by a constant become those with one.
    macro_rules! register {
        (
            $register:ty, $width:literal, $load:ident, $store:ident, $zero:ident, $xor:ident, $and:ident, $set:ident,
            $right:ident, $left:ident, |$on:ident, $then:ident, $otherwise:ident| $select:expr
        ) => {
            impl Bits for $register {
                const WIDTH: usize = $width;
                #[inline(always)]
                unsafe fn load(from: *const u8) -> Self {
                    unsafe { $load(from.cast()) }
                }
                #[inline(always)]
                unsafe fn store(self, to: *mut u8) {
                    unsafe { $store(to.cast(), self) }
                }
                #[inline(always)]
                unsafe fn zero() -> Self {
                    unsafe { $zero() }
                }
                #[inline(always)]
                unsafe fn select(self, $then: Self, $otherwise: Self) -> Self {
                    let $on = self;
                    unsafe { $select }
                }
                #[inline(always)]
                unsafe fn xor(self, other: Self) -> Self {
                    unsafe { $xor(self, other) }
                }
                #[inline(always)]
                unsafe fn and(self, mask: u8) -> Self {
                    unsafe { $and(self, $set(mask as i8)) }
                }
                #[inline(always)]
                unsafe fn right<const BY: u32>(self) -> Self {
                    unsafe { $right(self, _mm_cvtsi32_si128(BY as i32)) }
                }
                #[inline(always)]
                unsafe fn left<const BY: u32>(self) -> Self {
                    unsafe { $left(self, _mm_cvtsi32_si128(BY as i32)) }
                }
            }
        };
    }

    register!(
        __m256i,
        32,
        _mm256_loadu_si256,
        _mm256_storeu_si256,
        _mm256_setzero_si256,
        _mm256_xor_si256,
        _mm256_and_si256,
        _mm256_set1_epi8,
        _mm256_srl_epi64,
        _mm256_sll_epi64,
        |on, then, otherwise| otherwise.xor(_mm256_and_si256(on, then.xor(otherwise)))
    );
    register!(
        __m512i,
        64,
        _mm512_loadu_si512,
        _mm512_storeu_si512,
        _mm512_setzero_si512,
        _mm512_xor_si512,
        _mm512_and_si512,
        _mm512_set1_epi8,
        _mm512_srl_epi64,
        _mm512_sll_epi64,
        |on, then, otherwise| _mm512_ternarylogic_epi64::<0xca>(on, then, otherwise)
    );
}
