//! The kernel for the SHA extensions of x86-64: two rounds per instruction. The
//! next two have to wait some cycles for it, so several guesses are worked on
//! in turns. Which guesses to try is not known here.

#![allow(unsafe_code)]

use std::arch::x86_64::*;
use std::ops::Range;

use crate::job::Chunk;
use crate::sha256::{K, State, for_sixteen};

/// This many guesses are worked on in turns. A third one has no room in the
/// sixteen registers: on AMD's processors it still gains a thirtieth, on
/// Intel's it was seen to lose a third.
const STREAMS: usize = 2;

/// See [`crate::kernel::Candidates`].
#[target_feature(enable = "sha,sse4.1")]
pub(crate) fn candidate(chunk: &Chunk, low: Range<u32>) -> Option<u32> {
    // The rounds before the low digits are skipped in fours.
    match chunk.word / 4 {
        0 => candidate_from::<0>(chunk, low),
        1 => candidate_from::<1>(chunk, low),
        2 => candidate_from::<2>(chunk, low),
        _ => candidate_from::<3>(chunk, low),
    }
}

#[target_feature(enable = "sha,sse4.1")]
fn candidate_from<const FOUR: usize>(chunk: &Chunk, low: Range<u32>) -> Option<u32> {
    let work = ChunkState::new(chunk);
    for first in low.clone().step_by(STREAMS) {
        let words = work.first_words::<FOUR>(chunk, first);
        for (guess, word) in (first..low.end).zip(words) {
            if word <= chunk.target {
                return Some(guess);
            }
        }
    }
    None
}

/// What the guesses of a chunk have in common.
struct ChunkState {
    /// The state before the block.
    chaining: Halves,
    /// The state after the rounds before the first changing word, if these are
    /// even, else one less.
    begin: Halves,
    /// The block's words without the low digits, in fours.
    block: [__m128i; 4],
    /// See [`Chunk::places`].
    places: [__m128i; 2],
}

impl ChunkState {
    #[target_feature(enable = "sha,sse4.1")]
    fn new(chunk: &Chunk) -> ChunkState {
        let (fours, _) = chunk.block.as_chunks::<4>();
        ChunkState {
            chaining: Halves::new(chunk.chaining),
            begin: Halves::new(chunk.state_after(chunk.word & !1)),
            block: [0, 1, 2, 3].map(|i| load(&fours[i])),
            places: chunk.places().map(|places| {
                let [low, high] = [0, 8].map(|at| {
                    i64::from_le_bytes(*places[at..].first_chunk().expect("eight bytes"))
                });
                _mm_set_epi64x(high, low)
            }),
        }
    }

    /// The hash's first word of each guess.
    #[target_feature(enable = "sha,sse4.1")]
    #[inline]
    // Each round asks, and for the first ones the answer is plain.
    #[allow(clippy::absurd_extreme_comparisons)]
    fn first_words<const FOUR: usize>(&self, chunk: &Chunk, first: u32) -> [u32; STREAMS] {
        let mut w = [self.block; STREAMS];
        for (w, guess) in w.iter_mut().zip(first as usize..) {
            let digits = _mm_cvtsi64_si128(chunk.low_words(guess).cast_signed());
            let [here, next] = self.places.map(|places| _mm_shuffle_epi8(digits, places));
            w[FOUR] = _mm_or_si128(w[FOUR], here);
            if FOUR < 3 {
                w[FOUR + 1] = _mm_or_si128(w[FOUR + 1], next);
            }
        }
        let mut states = [self.begin; STREAMS];
        let (constants, _) = K.as_chunks::<4>();
        for_sixteen!(I => {
            if I >= FOUR {
                for (state, w) in states.iter_mut().zip(&mut w) {
                    if I >= 4 {
                        next_four(w, I);
                    }
                    let wk = _mm_add_epi32(w[I % 4], load(&constants[I]));
                    // Two of these four rounds may be done already.
                    if I > FOUR || chunk.word % 4 < 2 {
                        state.two_rounds(wk);
                    }
                    state.two_rounds(high(wk));
                }
            }
        });
        for state in &mut states {
            state.feed_forward(self.chaining);
        }
        for wk in chunk.later {
            states = rounds_of_constant_block(states, wk);
        }
        states.map(|state| state.first_word())
    }
}

/// A state as the instructions expect it: the words a, b, e, f and c, d, g, h,
/// the first of them highest.
#[derive(Clone, Copy)]
pub(crate) struct Halves {
    abef: __m128i,
    cdgh: __m128i,
}

impl Halves {
    #[target_feature(enable = "sha,sse4.1")]
    pub(crate) fn new(state: State) -> Halves {
        let [a, b, c, d, e, f, g, h] = state.map(u32::cast_signed);
        Halves {
            abef: _mm_set_epi32(a, b, e, f),
            cdgh: _mm_set_epi32(c, d, g, h),
        }
    }

    /// Two rounds with the lower two words of `wk`. The old a, b, e and f are
    /// the new c, d, g and h.
    #[target_feature(enable = "sha,sse4.1")]
    #[inline]
    pub(crate) fn two_rounds(&mut self, wk: __m128i) {
        *self = Halves {
            abef: _mm_sha256rnds2_epu32(self.cdgh, self.abef, wk),
            cdgh: self.abef,
        };
    }

    #[target_feature(enable = "sha,sse4.1")]
    #[inline]
    pub(crate) fn feed_forward(&mut self, chaining: Halves) {
        self.abef = _mm_add_epi32(self.abef, chaining.abef);
        self.cdgh = _mm_add_epi32(self.cdgh, chaining.cdgh);
    }

    /// The word a.
    #[target_feature(enable = "sha,sse4.1")]
    #[inline]
    pub(crate) fn first_word(self) -> u32 {
        _mm_extract_epi32::<3>(self.abef).cast_unsigned()
    }
}

/// A whole block that is the same for all guesses; its state is not.
#[target_feature(enable = "sha,sse4.1")]
pub(crate) fn rounds_of_constant_block<const N: usize>(
    mut states: [Halves; N],
    wk: &[u32; 64],
) -> [Halves; N] {
    let chaining = states;
    let (fours, _) = wk.as_chunks::<4>();
    for four in fours {
        let wk = load(four);
        for state in &mut states {
            state.two_rounds(wk);
            state.two_rounds(high(wk));
        }
    }
    for (state, chaining) in states.iter_mut().zip(chaining) {
        state.feed_forward(chaining);
    }
    states
}

/// The words W[4i] to W[4i+3], which take the place of those sixteen before.
#[target_feature(enable = "sha,sse4.1")]
#[inline]
fn next_four(w: &mut [__m128i; 4], i: usize) {
    let [sixteen_before, twelve_before, eight_before, four_before] =
        [0, 1, 2, 3].map(|before| w[(i + before) % 4]);
    let seven_before = _mm_alignr_epi8::<4>(four_before, eight_before);
    let sum = _mm_add_epi32(
        _mm_sha256msg1_epu32(sixteen_before, twelve_before),
        seven_before,
    );
    w[i % 4] = _mm_sha256msg2_epu32(sum, four_before);
}

/// The upper two words, below.
#[target_feature(enable = "sha,sse4.1")]
#[inline]
fn high(wk: __m128i) -> __m128i {
    _mm_unpackhi_epi64(wk, wk)
}

#[target_feature(enable = "sha,sse4.1")]
#[inline]
fn load(words: &[u32; 4]) -> __m128i {
    // SAFETY: four words can be read from a reference to four words.
    unsafe { _mm_loadu_si128(words.as_ptr().cast()) }
}
