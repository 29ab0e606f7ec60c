//! What doesn't change between guesses. The guesses of one chunk differ only in
//! their last four digits, so everything before these is hashed once. It
//! decides where the digits stand, and knows no instruction set.

use std::sync::OnceLock;

use adit_core::puzzle::{DECIMAL_LENGTH_LIMIT, Puzzle, decimal};
use sha2::{Digest, Sha256};

use crate::sha256::{
    self, BLOCK_BYTES, Block, INITIAL, K, State, compress, round, schedule_with_constants,
};

/// This many guesses differ only in their last four digits.
pub(crate) const LOW_DIGITS: u32 = 10_000;

/// How far beyond the last guess a kernel may read in `low_digits`.
pub(crate) const MOST_LANES: usize = 64;

/// The four low digits of each guess, as they stand in a message's word.
pub(crate) static LOW_DIGITS_IN_ASCII: [u32; LOW_DIGITS as usize + MOST_LANES] = {
    let mut table = [0; LOW_DIGITS as usize + MOST_LANES];
    let mut i = 0;
    while i < table.len() {
        let n = i as u32;
        let digits = [n / 1000 % 10, n / 100 % 10, n / 10 % 10, n % 10];
        let mut digit = 0;
        while digit < digits.len() {
            table[i] = table[i] << 8 | (b'0' as u32 + digits[digit]);
            digit += 1;
        }
        i += 1;
    }
    table
};

/// In a byte shuffle of any processor: zero.
const NO_BYTE: u8 = 0x80;

/// A puzzle, with what all of its guesses have in common.
pub(crate) struct Job {
    puzzle: Puzzle,
    /// The prefix hashed by `sha2`, from which each single guess starts.
    prefixed: Sha256,
    /// The state after the prefix's whole blocks.
    midstate: State,
    /// For each number of digits, counted from one.
    layouts: [OnceLock<Layout>; DECIMAL_LENGTH_LIMIT],
}

/// Where everything stands in a message whose proof has this many digits.
struct Layout {
    /// The blocks after the midstate, the digits left 0.
    blocks: Vec<[u8; BLOCK_BYTES]>,
    /// The first digit's place in the first of these blocks.
    digits_at: usize,
    /// Where the low four digits stand, if they stand in one block.
    low: Option<Low>,
}

struct Low {
    /// Which block, and which byte of it.
    block: usize,
    byte: usize,
    /// W + K of each block after that one: nothing in them changes.
    later: Vec<[u32; 64]>,
}

/// The guesses that differ only in their last four digits.
pub(crate) struct Chunk<'a> {
    /// The state before the block in which the low digits stand.
    pub(crate) chaining: State,
    /// That block, its four low digits left 0.
    pub(crate) block: Block,
    /// The word in which the low digits begin; they may reach into the next.
    pub(crate) word: usize,
    /// How many bits after the word's start they begin: 0, 8, 16 or 24.
    pub(crate) shift: u32,
    /// W + K of each later block.
    pub(crate) later: &'a [[u32; 64]],
    /// The greatest first word of a hash that may solve the puzzle.
    pub(crate) target: u32,
}

impl Job {
    pub(crate) fn new(puzzle: &Puzzle) -> Job {
        let (blocks, _) = puzzle.prefix.as_chunks::<BLOCK_BYTES>();
        Job {
            midstate: blocks.iter().fold(INITIAL, |state, block| {
                compress(state, &sha256::words(block))
            }),
            prefixed: Sha256::new_with_prefix(&puzzle.prefix),
            puzzle: puzzle.clone(),
            layouts: Default::default(),
        }
    }

    /// Asks `sha2` about one guess.
    pub(crate) fn is_solved_by(&self, proof: u64) -> bool {
        let hash: [u8; 32] = self
            .prefixed
            .clone()
            .chain_update(decimal(proof, &mut [0; DECIMAL_LENGTH_LIMIT]))
            .chain_update(&self.puzzle.suffix)
            .finalize()
            .into();
        hash <= self.puzzle.target
    }

    /// How many blocks a guess hashes, at most.
    pub(crate) fn blocks_a_guess(&self) -> usize {
        self.layout(DECIMAL_LENGTH_LIMIT).blocks.len()
    }

    /// The chunk of the guesses from `first`, which is a multiple of 10,000, or
    /// 0 for those of four digits; `None` if the end of a block splits the low
    /// digits.
    pub(crate) fn chunk(&self, first: u64) -> Option<Chunk<'_>> {
        let mut buffer = [0; DECIMAL_LENGTH_LIMIT];
        let high = match first / u64::from(LOW_DIGITS) {
            0 => &[],
            high => decimal(high, &mut buffer),
        };
        let layout = self.layout(high.len() + 4);
        let low = layout.low.as_ref()?;

        let mut blocks = [[0; BLOCK_BYTES]; 2];
        blocks[..=low.block].copy_from_slice(&layout.blocks[..=low.block]);
        blocks.as_flattened_mut()[layout.digits_at..][..high.len()].copy_from_slice(high);
        let chaining = blocks[..low.block]
            .iter()
            .fold(self.midstate, |state, block| {
                compress(state, &sha256::words(block))
            });
        Some(Chunk {
            chaining,
            block: sha256::words(&blocks[low.block]),
            word: low.byte / 4,
            shift: (low.byte % 4) as u32 * 8,
            later: &low.later,
            target: u32::from_be_bytes(self.puzzle.target[..4].try_into().expect("four bytes")),
        })
    }

    fn layout(&self, digits: usize) -> &Layout {
        self.layouts[digits - 1].get_or_init(|| Layout::new(&self.puzzle, digits))
    }
}

impl Layout {
    fn new(puzzle: &Puzzle, digits: usize) -> Layout {
        let (_, rest) = puzzle.prefix.as_chunks::<BLOCK_BYTES>();
        let length_bytes = puzzle.prefix.len() + digits + puzzle.suffix.len();
        let mut tail = [rest, &vec![0; digits], &puzzle.suffix, &[0x80]].concat();
        // The message's length in bits takes the last eight bytes.
        let padded = (tail.len() + 8).next_multiple_of(BLOCK_BYTES);
        tail.resize(padded - 8, 0);
        tail.extend((length_bytes as u64 * 8).to_be_bytes());
        let (blocks, _) = tail.as_chunks();

        let low_at = (rest.len() + digits).checked_sub(4);
        Layout {
            digits_at: rest.len(),
            low: low_at.and_then(|at| Low::new(at, blocks)),
            blocks: blocks.to_vec(),
        }
    }
}

impl Low {
    fn new(at: usize, blocks: &[[u8; BLOCK_BYTES]]) -> Option<Low> {
        let (block, byte) = (at / BLOCK_BYTES, at % BLOCK_BYTES);
        (byte + 4 <= BLOCK_BYTES).then(|| Low {
            block,
            byte,
            later: blocks[block + 1..]
                .iter()
                .map(|block| schedule_with_constants(&sha256::words(block)))
                .collect(),
        })
    }
}

impl Chunk<'_> {
    /// The state after the first rounds, which have to come before the low digits.
    pub(crate) fn state_after(&self, rounds: usize) -> State {
        (0..rounds).fold(self.chaining, |state, t| {
            round(state, self.block[t].wrapping_add(K[t]))
        })
    }

    /// A guess's low digits as they stand in the two words, the first one higher.
    #[inline]
    pub(crate) fn low_words(&self, guess: usize) -> u64 {
        u64::from(LOW_DIGITS_IN_ASCII[guess]) << (32 - self.shift)
    }

    /// Which bytes of `low_words` belong where, for a byte shuffle: in the four
    /// words of the block in which they begin, and in the next four.
    pub(crate) fn places(&self) -> [[u8; 16]; 2] {
        let mut places = [NO_BYTE; 32];
        let at = self.word % 4 * 4;
        places[at..at + 8].copy_from_slice(&[4, 5, 6, 7, 0, 1, 2, 3]);
        let (places, _) = places.as_chunks();
        [places[0], places[1]]
    }
}
