//! SHA-256 in parts (FIPS 180-4, section 6.2), for what the kernels prepare
//! once: single rounds and the message schedule. Whole hashes are made by
//! `sha2`.

/// The state between two blocks: the words H0 to H7.
pub(crate) type State = [u32; 8];
/// One block, as its sixteen big-endian words.
pub(crate) type Block = [u32; 16];

/// Bytes of a block.
pub(crate) const BLOCK_BYTES: usize = 64;

/// The state before the first block.
pub(crate) const INITIAL: State = [
    0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
];

/// The rounds' constants.
pub(crate) const K: [u32; 64] = [
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
];

/// A block's words in the order in which they came.
pub(crate) fn words(block: &[u8; BLOCK_BYTES]) -> Block {
    let (words, _) = block.as_chunks::<4>();
    std::array::from_fn(|word| u32::from_be_bytes(words[word]))
}

/// The message schedule W0 to W63.
pub(crate) fn schedule(block: &Block) -> [u32; 64] {
    let mut w = [0; 64];
    w[..16].copy_from_slice(block);
    for t in 16..64 {
        w[t] = small_sigma1(w[t - 2])
            .wrapping_add(w[t - 7])
            .wrapping_add(small_sigma0(w[t - 15]))
            .wrapping_add(w[t - 16]);
    }
    w
}

/// The schedule with each round's constant added.
pub(crate) fn schedule_with_constants(block: &Block) -> [u32; 64] {
    let w = schedule(block);
    std::array::from_fn(|t| w[t].wrapping_add(K[t]))
}

/// One round; `wk` is the round's word with its constant.
pub(crate) fn round([a, b, c, d, e, f, g, h]: State, wk: u32) -> State {
    let big_sigma1 = e.rotate_right(6) ^ e.rotate_right(11) ^ e.rotate_right(25);
    let choice = (e & f) ^ (!e & g);
    let t1 = h
        .wrapping_add(big_sigma1)
        .wrapping_add(choice)
        .wrapping_add(wk);
    let big_sigma0 = a.rotate_right(2) ^ a.rotate_right(13) ^ a.rotate_right(22);
    let majority = (a & b) ^ (a & c) ^ (b & c);
    let t2 = big_sigma0.wrapping_add(majority);
    [t1.wrapping_add(t2), a, b, c, d.wrapping_add(t1), e, f, g]
}

/// The state after a block.
pub(crate) fn compress(state: State, block: &Block) -> State {
    let end = schedule_with_constants(block)
        .into_iter()
        .fold(state, round);
    std::array::from_fn(|i| state[i].wrapping_add(end[i]))
}

pub(crate) fn small_sigma0(x: u32) -> u32 {
    x.rotate_right(7) ^ x.rotate_right(18) ^ (x >> 3)
}

pub(crate) fn small_sigma1(x: u32) -> u32 {
    x.rotate_right(17) ^ x.rotate_right(19) ^ (x >> 10)
}

/// The code once for each of sixteen rounds, with the round as a constant.
macro_rules! for_sixteen {
    ($i:ident => $body:block) => {
        for_sixteen!(@each $i $body 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15)
    };
    (@each $i:ident $body:block $($value:literal)*) => {
        $({ const $i: usize = $value; $body })*
    };
}

pub(crate) use for_sixteen;
