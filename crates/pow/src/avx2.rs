//! The kernel for the 256-bit vectors of x86-64 (AVX2): eight guesses at once,
//! for processors without AVX-512 and without the SHA extensions. Here are only
//! the vector's operations; `lanes.rs` has the kernel itself.

#![allow(unsafe_code)]

use std::arch::x86_64::*;
use std::ops::Range;

use crate::job::{Chunk, LOW_DIGITS_IN_ASCII};
use crate::lanes::vector_kernel;
use crate::sha256::{K, for_sixteen};

type Vector = __m256i;
const LANES: usize = 8;

/// The second fills the time in which the first waits for its own results.
const STREAMS: usize = 2;

vector_kernel!("avx2");

#[target_feature(enable = "avx2")]
#[inline]
fn set(word: u32) -> Vector {
    _mm256_set1_epi32(word.cast_signed())
}

#[target_feature(enable = "avx2")]
#[inline]
fn add(x: Vector, y: Vector) -> Vector {
    _mm256_add_epi32(x, y)
}

/// Rotates to the right.
#[target_feature(enable = "avx2")]
#[inline]
fn rotate<const BITS: i32>(x: Vector) -> Vector {
    let left = _mm256_sll_epi32(x, _mm_cvtsi32_si128(32 - BITS));
    _mm256_or_si256(_mm256_srli_epi32::<BITS>(x), left)
}

#[target_feature(enable = "avx2")]
#[inline]
fn shift_right<const BITS: i32>(x: Vector) -> Vector {
    _mm256_srli_epi32::<BITS>(x)
}

#[target_feature(enable = "avx2")]
#[inline]
fn xor3(x: Vector, y: Vector, z: Vector) -> Vector {
    _mm256_xor_si256(x, _mm256_xor_si256(y, z))
}

/// Where x has a one, the bit of y, else that of z.
#[target_feature(enable = "avx2")]
#[inline]
fn choose(x: Vector, y: Vector, z: Vector) -> Vector {
    _mm256_xor_si256(z, _mm256_and_si256(x, _mm256_xor_si256(y, z)))
}

#[target_feature(enable = "avx2")]
#[inline]
fn majority(x: Vector, y: Vector, z: Vector) -> Vector {
    let either = _mm256_and_si256(z, _mm256_or_si256(x, y));
    _mm256_or_si256(either, _mm256_and_si256(x, y))
}

/// `x` itself: here the compiler's order of additions is as good as any.
#[target_feature(enable = "avx2")]
#[inline]
fn keep(x: Vector) -> Vector {
    x
}

/// The low digits as they stand in the two words, the first `shift` bits late.
#[target_feature(enable = "avx2")]
#[inline]
fn low_digits(digits: &[u32], shift: u32) -> [Vector; 2] {
    let lanes: &[u32; LANES] = digits.first_chunk().expect("the table is long enough");
    // SAFETY: eight words can be read from a reference to eight words.
    let digits = unsafe { _mm256_loadu_si256(lanes.as_ptr().cast()) };
    // A shift by 32 bits leaves nothing.
    [
        _mm256_srl_epi32(digits, _mm_cvtsi32_si128(shift.cast_signed())),
        _mm256_sll_epi32(digits, _mm_cvtsi32_si128(32 - shift.cast_signed())),
    ]
}

/// One bit for each lane in which x <= y, as unsigned numbers.
#[target_feature(enable = "avx2")]
#[inline]
fn at_most(x: Vector, y: Vector) -> u8 {
    let lanes = _mm256_cmpeq_epi32(_mm256_min_epu32(x, y), x);
    _mm256_movemask_ps(_mm256_castsi256_ps(lanes)) as u8
}
