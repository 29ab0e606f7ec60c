//! The kernel for the 512-bit vectors of x86-64 (AVX-512F): sixteen guesses at
//! once. Rotations and functions of three operands are single instructions
//! there. Here are only the vector's operations; `lanes.rs` has the kernel
//! itself.

#![allow(unsafe_code)]

use std::arch::x86_64::*;
use std::ops::Range;

use crate::job::{Chunk, LOW_DIGITS_IN_ASCII};
use crate::lanes::vector_kernel;
use crate::sha256::{K, for_sixteen};

type Vector = __m512i;
const LANES: usize = 16;

/// While one vector waits for its own results, the other has work to do. Three
/// would not fit into the thirty-two registers.
const STREAMS: usize = 2;

vector_kernel!("avx512f");

#[target_feature(enable = "avx512f")]
#[inline]
pub(crate) fn set(word: u32) -> Vector {
    _mm512_set1_epi32(word.cast_signed())
}

#[target_feature(enable = "avx512f")]
#[inline]
pub(crate) fn add(x: Vector, y: Vector) -> Vector {
    _mm512_add_epi32(x, y)
}

#[target_feature(enable = "avx512f")]
#[inline]
fn rotate<const BITS: i32>(x: Vector) -> Vector {
    _mm512_ror_epi32::<BITS>(x)
}

#[target_feature(enable = "avx512f")]
#[inline]
fn shift_right<const BITS: u32>(x: Vector) -> Vector {
    _mm512_srli_epi32::<BITS>(x)
}

// The constant of `ternarylogic` is the function's table: bit 4x + 2y + z.

#[target_feature(enable = "avx512f")]
#[inline]
fn xor3(x: Vector, y: Vector, z: Vector) -> Vector {
    _mm512_ternarylogic_epi32::<0b1001_0110>(x, y, z)
}

/// Where x has a one, the bit of y, else that of z.
#[target_feature(enable = "avx512f")]
#[inline]
fn choose(x: Vector, y: Vector, z: Vector) -> Vector {
    _mm512_ternarylogic_epi32::<0b1100_1010>(x, y, z)
}

#[target_feature(enable = "avx512f")]
#[inline]
fn majority(x: Vector, y: Vector, z: Vector) -> Vector {
    _mm512_ternarylogic_epi32::<0b1110_1000>(x, y, z)
}

/// `x` itself. But the compiler doesn't know that, and so can't reorder the
/// additions.
#[target_feature(enable = "avx512f")]
#[inline]
fn keep(mut x: Vector) -> Vector {
    // SAFETY: it is no instruction at all.
    unsafe {
        std::arch::asm!("/* {0} */", inout(zmm_reg) x, options(pure, nomem, nostack, preserves_flags));
    }
    x
}

/// The low digits as they stand in the two words, the first `shift` bits late.
#[target_feature(enable = "avx512f")]
#[inline]
fn low_digits(digits: &[u32], shift: u32) -> [Vector; 2] {
    let lanes: &[u32; LANES] = digits.first_chunk().expect("the table is long enough");
    // SAFETY: sixteen words can be read from a reference to sixteen words.
    let digits = unsafe { _mm512_loadu_si512(lanes.as_ptr().cast()) };
    // A shift by 32 bits leaves nothing.
    [
        _mm512_srl_epi32(digits, _mm_cvtsi32_si128(shift.cast_signed())),
        _mm512_sll_epi32(digits, _mm_cvtsi32_si128(32 - shift.cast_signed())),
    ]
}

/// One bit for each lane in which x <= y, as unsigned numbers.
#[target_feature(enable = "avx512f")]
#[inline]
fn at_most(x: Vector, y: Vector) -> u16 {
    _mm512_cmple_epu32_mask(x, y)
}
