//! The kernel that uses both at once: the message schedules of the next sixteen
//! guesses in 512-bit vectors, between the rounds of these sixteen by the SHA
//! extensions. It is for processors on which either alone leaves the other's
//! units idle; which those are is not known here.

#![allow(unsafe_code)]

use std::arch::x86_64::*;
use std::ops::Range;

use crate::avx512::{Message, add, next_word, set};
use crate::job::Chunk;
use crate::sha_ni::{Halves, rounds_of_constant_block};
use crate::sha256::{K, for_sixteen};

/// Guesses whose message schedules are made together.
const LANES: usize = 16;

/// Guesses whose rounds are worked on in turns.
const STREAMS: usize = 4;

/// W + K of all rounds and sixteen guesses: for each two rounds, a pair of words
/// for each guess. The pairs of guess g are at 2 * (g / 4) + g % 2, those with
/// g % 4 >= 2 eight places further on: so they come out of the vectors.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Schedules([[u64; LANES]; 32]);

/// See [`crate::kernel::Candidates`].
#[target_feature(enable = "avx512f,sha,sse4.1")]
pub(crate) fn candidate(chunk: &Chunk, low: Range<u32>) -> Option<u32> {
    let mut work = ChunkState::new(chunk);
    // The first sixteen are scheduled by a turn whose rounds are discarded.
    let mut schedules = [work.constant_schedules(); 2];
    let [this, next] = &mut schedules;
    let (mut this, mut next) = (this, next);
    work.turn(chunk, this, low.start, next);
    for first in low.clone().step_by(LANES) {
        std::mem::swap(&mut this, &mut next);
        // The table of digits is long enough for one turn too many.
        let words = work.turn(chunk, this, first + LANES as u32, next);
        for (guess, word) in (first..low.end).zip(words) {
            if word <= chunk.target {
                return Some(guess);
            }
        }
    }
    None
}

struct ChunkState {
    /// The state before the block.
    chaining: Halves,
    /// The state after the rounds before the first changing word, if these are
    /// even, else one less.
    begin: Halves,
    message: Message,
}

impl ChunkState {
    #[target_feature(enable = "avx512f,sha,sse4.1")]
    fn new(chunk: &Chunk) -> ChunkState {
        ChunkState {
            chaining: Halves::new(chunk.chaining),
            begin: Halves::new(chunk.state_after(chunk.word & !1)),
            message: Message::new(chunk),
        }
    }

    /// The block's words, of which few will change.
    #[target_feature(enable = "avx512f,sha,sse4.1")]
    fn constant_schedules(&self) -> Schedules {
        let mut schedules = Schedules([[0; LANES]; 32]);
        for pair in 0..8 {
            schedules.set(
                pair,
                self.message.wk[2 * pair],
                self.message.wk[2 * pair + 1],
            );
        }
        schedules
    }

    /// The first words of sixteen guesses' hashes by their schedules; and the
    /// schedules of the sixteen from `next_first`, in the meantime.
    #[target_feature(enable = "avx512f,sha,sse4.1")]
    #[inline]
    fn turn(
        &mut self,
        chunk: &Chunk,
        these: &Schedules,
        next_first: u32,
        next: &mut Schedules,
    ) -> [u32; LANES] {
        self.message.change(chunk, next_first as usize);
        for pair in [chunk.word / 2, chunk.word.div_ceil(2).min(7)] {
            next.set(
                pair,
                self.message.wk[2 * pair],
                self.message.wk[2 * pair + 1],
            );
        }
        let mut w = [set(0); 16];
        let mut states = [self.begin; STREAMS];
        let mut first_words = [0; LANES];
        // Sixteen steps: in each, three words of the next schedules and sixteen
        // rounds of four guesses. With four steps these four are done.
        for_sixteen!(STEP => {
            const FOUR: usize = STEP / 4;
            const PART: usize = STEP % 4;
            const T: usize = 16 + 3 * STEP;
            self.schedule::<T>(&mut w, next);
            if PART == 0 {
                states = [self.begin; STREAMS];
                for pair in chunk.word / 2..8 {
                    these.two_rounds(&mut states, FOUR, pair);
                }
                self.schedule::<{ T + 1 }>(&mut w, next);
                self.schedule::<{ T + 2 }>(&mut w, next);
            } else {
                for pair in 8 * PART..8 * PART + 3 {
                    these.two_rounds(&mut states, FOUR, pair);
                }
                self.schedule::<{ T + 1 }>(&mut w, next);
                for pair in 8 * PART + 3..8 * PART + 6 {
                    these.two_rounds(&mut states, FOUR, pair);
                }
                self.schedule::<{ T + 2 }>(&mut w, next);
                for pair in 8 * PART + 6..8 * PART + 8 {
                    these.two_rounds(&mut states, FOUR, pair);
                }
            }
            if PART == 3 {
                let words = self.end(chunk, states);
                first_words[STREAMS * FOUR..][..STREAMS].copy_from_slice(&words);
            }
        });
        first_words
    }

    /// W[T] of the next sixteen guesses; with every second word, the pairs.
    #[target_feature(enable = "avx512f,sha,sse4.1")]
    #[inline]
    fn schedule<const T: usize>(&self, w: &mut [__m512i; 16], schedules: &mut Schedules) {
        if T < 32 {
            self.message.first_word(w, T - 16);
        } else {
            next_word(w, T % 16);
        }
        if T % 2 == 1 {
            let before = add(w[(T - 1) % 16], set(K[T - 1]));
            schedules.set(T / 2, before, add(w[T % 16], set(K[T])));
        }
    }

    /// The hashes' first words, once a block's rounds are done.
    #[target_feature(enable = "avx512f,sha,sse4.1")]
    #[inline]
    fn end(&self, chunk: &Chunk, mut states: [Halves; STREAMS]) -> [u32; STREAMS] {
        for state in &mut states {
            state.feed_forward(self.chaining);
        }
        for wk in chunk.later {
            states = rounds_of_constant_block(states, wk);
        }
        states.map(|state| state.first_word())
    }
}

impl Schedules {
    #[target_feature(enable = "avx512f,sha,sse4.1")]
    #[inline]
    fn set(&mut self, pair: usize, first: __m512i, second: __m512i) {
        let pairs = self.0[pair].as_mut_ptr();
        // SAFETY: sixteen pairs of 64 bits have room for two vectors.
        unsafe {
            _mm512_storeu_si512(pairs.cast(), _mm512_unpacklo_epi32(first, second));
            _mm512_storeu_si512(pairs.add(8).cast(), _mm512_unpackhi_epi32(first, second));
        }
    }

    /// Two rounds of the guesses from 4 * `four`.
    #[target_feature(enable = "avx512f,sha,sse4.1")]
    #[inline]
    fn two_rounds(&self, states: &mut [Halves; STREAMS], four: usize, pair: usize) {
        for (i, state) in states.iter_mut().enumerate() {
            let wk = self.0[pair][2 * four + i % 2 + i / 2 * 8];
            state.two_rounds(_mm_cvtsi64_si128(wk.cast_signed()));
        }
    }
}
