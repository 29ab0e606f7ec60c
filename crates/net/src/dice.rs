//! Everything that is drawn here comes out of one seed: each draw is named by
//! what it is for and which one it is, so that one draw more or less changes no
//! other. One who knows the seed knows all of them; the edge takes it from the
//! system, a simulation from its own seed.

use std::hash::Hasher;

use adit_core::hash::Hash;
use siphasher::sip::SipHasher24;

/// What a draw is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
pub enum Purpose {
    /// The nonce of `Hello`, by which a node finds that it dialled itself.
    Hello = 1,
    /// The key of the short ids of one compact block.
    ShortIds = 2,
    /// The commitments to a header chain that is only counted.
    Commitment = 3,
    /// When the next batch of transactions is told of.
    Batch = 4,
    /// The content of a `Ping`.
    Ping = 5,
    /// In which buckets the address book keeps what.
    Bucket = 6,
    /// Which address is dialled, told, or thrown out.
    Address = 7,
    /// Which inbound peer is kept for its group.
    Eviction = 8,
}

/// A seed, and how often it was drawn from.
#[derive(Debug, Clone)]
pub struct Dice {
    seed: [u8; 16],
    count: u64,
}

impl Dice {
    /// Dice that fall by this seed.
    pub fn new(seed: [u8; 16]) -> Dice {
        Dice { seed, count: 0 }
    }

    /// The next number of this purpose.
    pub fn draw(&mut self, purpose: Purpose) -> u64 {
        self.count = self.count.wrapping_add(1);
        self.of(purpose, &self.count.to_be_bytes())
    }

    /// The next number of this purpose, below `limit`, which is not zero.
    pub fn below(&mut self, purpose: Purpose, limit: u64) -> u64 {
        // The high half of a product: no remainder favours small numbers.
        let wide = u128::from(self.draw(purpose)) * u128::from(limit);
        (wide >> 64) as u64
    }

    /// What these bytes are for this purpose: always the same.
    pub fn of(&self, purpose: Purpose, bytes: &[u8]) -> u64 {
        let mut hasher = SipHasher24::new_with_key(&self.seed);
        hasher.write(&(purpose as u64).to_be_bytes());
        hasher.write(bytes);
        hasher.finish()
    }
}

/// SipHash-2-4 of a hash under a key of two numbers.
pub(crate) fn siphash(key: (u64, u64), hash: &Hash) -> u64 {
    let mut hasher = SipHasher24::new_with_keys(key.0, key.1);
    hasher.write(&hash.0);
    hasher.finish()
}
