//! The kernel for the SHA-2 instructions of 64-bit Arm: four rounds per pair of
//! instructions. The next four have to wait for it, so several guesses are
//! worked on in turns. Which guesses to try is not known here.

#![allow(unsafe_code)]

use std::arch::aarch64::*;
use std::ops::Range;

use crate::job::Chunk;
use crate::sha256::{K, State, for_sixteen};

/// This many guesses are worked on in turns.
const STREAMS: usize = 3;

/// See [`crate::kernel::Candidates`].
#[target_feature(enable = "neon,sha2")]
pub(crate) fn candidate(chunk: &Chunk, low: Range<u32>) -> Option<u32> {
    // The rounds before the low digits are skipped in fours.
    match chunk.word / 4 {
        0 => candidate_from::<0>(chunk, low),
        1 => candidate_from::<1>(chunk, low),
        2 => candidate_from::<2>(chunk, low),
        _ => candidate_from::<3>(chunk, low),
    }
}

#[target_feature(enable = "neon,sha2")]
fn candidate_from<const FOUR: usize>(chunk: &Chunk, low: Range<u32>) -> Option<u32> {
    let work = ChunkState::new(chunk, 4 * FOUR);
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
    /// The state after the rounds that are left out.
    begin: Halves,
    /// The block's words without the low digits, in fours.
    block: [uint32x4_t; 4],
    /// See [`Chunk::places`].
    places: [uint8x16_t; 2],
}

impl ChunkState {
    #[target_feature(enable = "neon,sha2")]
    fn new(chunk: &Chunk, rounds: usize) -> ChunkState {
        let (fours, _) = chunk.block.as_chunks::<4>();
        ChunkState {
            chaining: Halves::new(chunk.chaining),
            begin: Halves::new(chunk.state_after(rounds)),
            block: [0, 1, 2, 3].map(|i| load(&fours[i])),
            places: chunk.places().map(|places| {
                // SAFETY: sixteen bytes can be read from an array of sixteen.
                unsafe { vld1q_u8(places.as_ptr()) }
            }),
        }
    }

    /// The hash's first word of each guess.
    #[target_feature(enable = "neon,sha2")]
    #[inline]
    // Each round asks, and for the first ones the answer is plain.
    #[allow(clippy::absurd_extreme_comparisons)]
    fn first_words<const FOUR: usize>(&self, chunk: &Chunk, first: u32) -> [u32; STREAMS] {
        let mut w = [self.block; STREAMS];
        for (w, guess) in w.iter_mut().zip(first as usize..) {
            let digits = vreinterpretq_u8_u64(vdupq_n_u64(chunk.low_words(guess)));
            let [here, next] = self
                .places
                .map(|places| vreinterpretq_u32_u8(vqtbl1q_u8(digits, places)));
            w[FOUR] = vorrq_u32(w[FOUR], here);
            if FOUR < 3 {
                w[FOUR + 1] = vorrq_u32(w[FOUR + 1], next);
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
                    state.four_rounds(vaddq_u32(w[I % 4], load(&constants[I])));
                }
            }
        });
        for state in &mut states {
            state.feed_forward(self.chaining);
        }
        for wk in chunk.later {
            states = rounds_of_constant_block(states, wk);
        }
        states.map(|state| vgetq_lane_u32::<0>(state.abcd))
    }
}

/// A state as the instructions expect it.
#[derive(Clone, Copy)]
struct Halves {
    abcd: uint32x4_t,
    efgh: uint32x4_t,
}

impl Halves {
    #[target_feature(enable = "neon,sha2")]
    fn new([a, b, c, d, e, f, g, h]: State) -> Halves {
        Halves {
            abcd: load(&[a, b, c, d]),
            efgh: load(&[e, f, g, h]),
        }
    }

    #[target_feature(enable = "neon,sha2")]
    #[inline]
    fn four_rounds(&mut self, wk: uint32x4_t) {
        *self = Halves {
            abcd: vsha256hq_u32(self.abcd, self.efgh, wk),
            efgh: vsha256h2q_u32(self.efgh, self.abcd, wk),
        };
    }

    #[target_feature(enable = "neon,sha2")]
    #[inline]
    fn feed_forward(&mut self, chaining: Halves) {
        self.abcd = vaddq_u32(self.abcd, chaining.abcd);
        self.efgh = vaddq_u32(self.efgh, chaining.efgh);
    }
}

/// A whole block that is the same for all guesses; its state is not.
#[target_feature(enable = "neon,sha2")]
fn rounds_of_constant_block(mut states: [Halves; STREAMS], wk: &[u32; 64]) -> [Halves; STREAMS] {
    let chaining = states;
    let (fours, _) = wk.as_chunks::<4>();
    for four in fours {
        for state in &mut states {
            state.four_rounds(load(four));
        }
    }
    for (state, chaining) in states.iter_mut().zip(chaining) {
        state.feed_forward(chaining);
    }
    states
}

/// The words W[4i] to W[4i+3], which take the place of those sixteen before.
#[target_feature(enable = "neon,sha2")]
#[inline]
fn next_four(w: &mut [uint32x4_t; 4], i: usize) {
    let [sixteen_before, twelve_before, eight_before, four_before] =
        [0, 1, 2, 3].map(|before| w[(i + before) % 4]);
    let sum = vsha256su0q_u32(sixteen_before, twelve_before);
    w[i % 4] = vsha256su1q_u32(sum, eight_before, four_before);
}

#[target_feature(enable = "neon,sha2")]
#[inline]
fn load(words: &[u32; 4]) -> uint32x4_t {
    // SAFETY: four words can be read from a reference to four words.
    unsafe { vld1q_u32(words.as_ptr()) }
}
