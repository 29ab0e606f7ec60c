//! How one secret leads to many: the key derivation of SLIP-0010 for Ed25519,
//! which all wallets with Ed25519 keys share. Where the first secret comes from
//! is not known here.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha512;
use zeroize::Zeroizing;

/// SLIP-0010 gives each curve a key of its own.
const CURVE: &[u8] = b"ed25519 seed";

/// A child is hardened if this bit of its number is set. Ed25519 has no other
/// children.
const HARDENED: u32 = 1 << 31;

/// The private key at `path` below the master key of `seed`. Every step is a
/// hardened one: `[44, 1]` is m/44'/1'.
pub(crate) fn derive(seed: &[u8], path: &[u32]) -> Zeroizing<[u8; 32]> {
    let mut node = hmac_sha512(CURVE, &[seed]);
    for number in path {
        let (key, chain_code) = node.split_at(32);
        let number = (number | HARDENED).to_be_bytes();
        let child = hmac_sha512(chain_code, &[&[0], key, &number]);
        node = child;
    }
    let mut key = Zeroizing::new([0; 32]);
    key.copy_from_slice(&node[..32]);
    key
}

fn hmac_sha512(key: &[u8], parts: &[&[u8]]) -> Zeroizing<[u8; 64]> {
    let mut mac = Hmac::<Sha512>::new_from_slice(key).expect("a key of HMAC has any length");
    for part in parts {
        mac.update(part);
    }
    Zeroizing::new(mac.finalize().into_bytes().into())
}
