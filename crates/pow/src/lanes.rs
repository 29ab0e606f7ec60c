//! The kernel for vectors: each lane hashes another guess. It is written once,
//! as a macro over the vector type's operations, and made into a kernel by
//! `avx512.rs` and `avx2.rs`. `docs/mining.md` has the pictures.
//!
//! The file that invokes it defines `Vector`, `LANES`, `STREAMS` (how many
//! vectors are worked on in turns), and as functions `set`, `add`, `xor3`,
//! `choose`, `majority`, `rotate`, `shift_right`, `keep`, `low_digits` and
//! `at_most`.

use crate::job::Chunk;
use crate::sha256::{Block, K, small_sigma0, small_sigma1};

impl Chunk<'_> {
    /// The two words that change, without the low digits. Behind the block's
    /// last word nothing changes.
    pub(crate) fn changing(&self) -> [u32; 2] {
        [
            self.block[self.word],
            *self.block.get(self.word + 1).unwrap_or(&0),
        ]
    }

    /// W + K of the block's words.
    pub(crate) fn words_with_constants(&self) -> Block {
        std::array::from_fn(|t| self.block[t].wrapping_add(K[t]))
    }

    /// What the words that don't change add to W16 to W31.
    pub(crate) fn constant_terms(&self) -> Block {
        let mut w = self.block;
        for word in w.iter_mut().skip(self.word).take(2) {
            *word = 0;
        }
        let at = |t: usize| w.get(t).copied().unwrap_or(0);
        std::array::from_fn(|i| {
            at(i)
                .wrapping_add(small_sigma0(at(i + 1)))
                .wrapping_add(at(i + 9))
                .wrapping_add(small_sigma1(at(i + 14)))
        })
    }
}

macro_rules! vector_kernel {
    ($features:literal) => {
        const GUESSES_A_TURN: u32 = (STREAMS * LANES) as u32;

        /// See [`crate::kernel::Candidates`].
        #[target_feature(enable = $features)]
        pub(crate) fn candidate(chunk: &Chunk, low: Range<u32>) -> Option<u32> {
            let mut work = ChunkState::new(chunk);
            for first in low.clone().step_by(GUESSES_A_TURN as usize) {
                let hits = work.hits(chunk, first);
                if hits != 0 {
                    let hit = first + hits.trailing_zeros();
                    return (hit < low.end).then_some(hit);
                }
            }
            None
        }

        /// What the guesses of a chunk have in common, in all lanes.
        struct ChunkState {
            /// The state after the rounds before the first changing word.
            state: [Vector; 8],
            messages: [Message; STREAMS],
        }

        impl ChunkState {
            #[target_feature(enable = $features)]
            fn new(chunk: &Chunk) -> ChunkState {
                ChunkState {
                    state: chunk.state_after(chunk.word).map(|word| set(word)),
                    messages: [Message::new(chunk); STREAMS],
                }
            }

            /// One bit for each of the guesses from `first` that is a candidate.
            #[target_feature(enable = $features)]
            #[inline]
            fn hits(&mut self, chunk: &Chunk, first: u32) -> u64 {
                for (stream, message) in self.messages.iter_mut().enumerate() {
                    message.change(chunk, first as usize + stream * LANES);
                }
                let mut states = self.rounds(chunk.word);
                for state in &mut states {
                    feed_forward(state, chunk.chaining.map(|word| set(word)));
                }
                for wk in chunk.later {
                    states = rounds_of_constant_block(states, wk);
                }
                let mut hits = 0;
                for state in states.iter().rev() {
                    hits = hits << LANES | u64::from(at_most(state[0], set(chunk.target)));
                }
                hits
            }

            /// All rounds from the first changing word's.
            #[target_feature(enable = $features)]
            #[inline]
            fn rounds(&self, first: usize) -> [[Vector; 8]; STREAMS] {
                let mut states = [self.state; STREAMS];
                for t in first..16 {
                    for (state, message) in states.iter_mut().zip(&self.messages) {
                        round::<0>(state, message.wk[t]);
                        let [b, c, d, e, f, g, h, a] = *state;
                        *state = [a, b, c, d, e, f, g, h];
                    }
                }
                let (constants, _) = K.as_chunks::<16>();
                let mut w = [[set(0); 16]; STREAMS];
                for_sixteen!(I => {
                    for stream in 0..STREAMS {
                        self.messages[stream].first_word(&mut w[stream], I);
                        round::<I>(&mut states[stream], add(w[stream][I], set(constants[1][I])));
                    }
                });
                for constants in &constants[2..] {
                    for_sixteen!(I => {
                        for stream in 0..STREAMS {
                            next_word(&mut w[stream], I);
                            round::<I>(&mut states[stream], add(w[stream][I], set(constants[I])));
                        }
                    });
                }
                states
            }
        }

        /// One block of each lane, made ready for its message schedule.
        #[derive(Clone, Copy)]
        pub(crate) struct Message {
            /// W + K of the block's words.
            pub(crate) wk: [Vector; 16],
            /// All terms of W16 to W31 that come from the block's words.
            terms: [Vector; 16],
            /// The same, but only from those that don't change.
            constant_terms: [Vector; 16],
            /// The two words that change, without the low digits.
            changing: [Vector; 2],
        }

        impl Message {
            #[target_feature(enable = $features)]
            pub(crate) fn new(chunk: &Chunk) -> Message {
                let constant_terms = chunk.constant_terms().map(|term| set(term));
                Message {
                    wk: chunk.words_with_constants().map(|word| set(word)),
                    terms: constant_terms,
                    constant_terms,
                    changing: chunk.changing().map(|word| set(word)),
                }
            }

            /// Takes the low digits of the guesses from `first` into the words
            /// W[i] and W[i+1] and into all that they are a term of:
            /// W[t] = s1(W[t-2]) + W[t-7] + s0(W[t-15]) + W[t-16].
            #[target_feature(enable = $features)]
            #[inline]
            pub(crate) fn change(&mut self, chunk: &Chunk, first: usize) {
                let [upper, lower] = low_digits(&LOW_DIGITS_IN_ASCII[first..], chunk.shift);
                let (w, x) = (add(self.changing[0], upper), add(self.changing[1], lower));
                let i = chunk.word;
                self.wk[i] = add(w, set(K[i]));
                if i + 1 < 16 {
                    self.wk[i + 1] = add(x, set(K[i + 1]));
                }
                let mut put = |t: usize, term: Vector| {
                    if (16..32).contains(&t) {
                        self.terms[t - 16] = add(self.constant_terms[t - 16], term);
                    }
                };
                put(i + 2, small_sigma1(w));
                put(i + 3, small_sigma1(x));
                put(i + 7, w);
                put(i + 8, x);
                put(i + 15, small_sigma0(w));
                put(i + 16, add(w, small_sigma0(x)));
                put(i + 17, x);
            }

            /// W[16+i], which takes the place of W[i]. The terms hold W[t-2],
            /// W[t-7], W[t-15] and W[t-16] as far as these are the block's.
            #[target_feature(enable = $features)]
            #[inline]
            pub(crate) fn first_word(&self, w: &mut [Vector; 16], i: usize) {
                w[i] = self.terms[i];
                if i >= 2 {
                    w[i] = add(w[i], small_sigma1(w[(i + 14) % 16]));
                }
                if i >= 7 {
                    w[i] = add(w[i], w[(i + 9) % 16]);
                }
                if i >= 15 {
                    w[i] = add(w[i], small_sigma0(w[(i + 1) % 16]));
                }
            }
        }

        /// W[t+i], which takes the place of W[t+i-16].
        #[target_feature(enable = $features)]
        #[inline]
        pub(crate) fn next_word(w: &mut [Vector; 16], i: usize) {
            w[i] = add(
                add(small_sigma1(w[(i + 14) % 16]), w[(i + 9) % 16]),
                add(small_sigma0(w[(i + 1) % 16]), w[i]),
            );
        }

        /// A whole block that is the same for all guesses; its state is not.
        #[target_feature(enable = $features)]
        fn rounds_of_constant_block(
            mut states: [[Vector; 8]; STREAMS],
            wk: &[u32; 64],
        ) -> [[Vector; 8]; STREAMS] {
            let chaining = states;
            let (sixteens, _) = wk.as_chunks::<16>();
            for wk in sixteens {
                for_sixteen!(I => {
                    for state in &mut states {
                        round::<I>(state, set(wk[I]));
                    }
                });
            }
            for (state, chaining) in states.iter_mut().zip(chaining) {
                feed_forward(state, chaining);
            }
            states
        }

        #[target_feature(enable = $features)]
        #[inline]
        fn feed_forward(state: &mut [Vector; 8], chaining: [Vector; 8]) {
            for (word, before) in state.iter_mut().zip(chaining) {
                *word = add(*word, before);
            }
        }

        /// Round I of sixteen. Instead of moving all eight words on by one, a
        /// round finds its a to h I places further back.
        #[target_feature(enable = $features)]
        #[inline]
        fn round<const I: usize>(state: &mut [Vector; 8], wk: Vector) {
            let [a, b, c, d, e, f, g, h] = [0, 1, 2, 3, 4, 5, 6, 7].map(|i| (16 + i - I) % 8);
            // In this order: what comes of e is known last, and the next round
            // waits for it. The compiler would add it first.
            let t1 = add(
                keep(add(keep(add(state[h], wk)), choose(state[e], state[f], state[g]))),
                xor3(
                    rotate::<6>(state[e]),
                    rotate::<11>(state[e]),
                    rotate::<25>(state[e]),
                ),
            );
            let t2 = add(
                majority(state[a], state[b], state[c]),
                xor3(
                    rotate::<2>(state[a]),
                    rotate::<13>(state[a]),
                    rotate::<22>(state[a]),
                ),
            );
            state[d] = add(state[d], t1);
            state[h] = add(t1, t2);
        }

        #[target_feature(enable = $features)]
        #[inline]
        fn small_sigma0(x: Vector) -> Vector {
            xor3(rotate::<7>(x), rotate::<18>(x), shift_right::<3>(x))
        }

        #[target_feature(enable = $features)]
        #[inline]
        fn small_sigma1(x: Vector) -> Vector {
            xor3(rotate::<17>(x), rotate::<19>(x), shift_right::<10>(x))
        }
    };
}

pub(crate) use vector_kernel;
