//! Signatures by the rules of ZIP 215: what is valid is valid alone and in any
//! batch, and the first wrong one is named.

use adit_core::hash::sha256;
use adit_core::signature::{Batch, verify_one};
use chacha20::ChaCha20Rng;
use chacha20::rand_core::{Rng, SeedableRng};
use ed25519_zebra::{SigningKey, VerificationKeyBytes};
use num_bigint::BigUint;
use serde_json::Value;

use crate::world::Dice;

struct Signed {
    key: [u8; 32],
    signature: [u8; 64],
    message: Vec<u8>,
}

impl Signed {
    fn by(secret: u8, message: &[u8]) -> Signed {
        let secret = SigningKey::from([secret; 32]);
        Signed {
            key: VerificationKeyBytes::from(&secret).into(),
            signature: secret.sign(message).to_bytes(),
            message: message.to_vec(),
        }
    }

    fn is_valid(&self) -> bool {
        verify_one(&self.key, &self.signature, &self.message)
    }
}

fn verify_all(all: &[Signed]) -> Result<(), usize> {
    let mut batch = Batch::default();
    for one in all {
        batch.add(&one.key, &one.signature, &one.message);
    }
    batch.verify()
}

fn bytes<const N: usize>(hex: &Value) -> [u8; N] {
    let mut bytes = [0; N];
    adit_core::hash::read_hex(hex.as_str().unwrap().as_bytes(), &mut bytes).unwrap();
    bytes
}

fn vectors() -> Value {
    serde_json::from_str(include_str!("vectors/ed25519.json")).unwrap()
}

#[test]
fn edge_cases_are_decided_as_zip_215_says_alone_and_in_a_batch() {
    for case in vectors()["cases"].as_array().unwrap() {
        let signed = Signed {
            key: bytes(&case["key"]),
            signature: bytes(&case["signature"]),
            message: bytes::<32>(&case["message"]).to_vec(),
        };
        let expected = case["valid"].as_bool().unwrap();
        assert_eq!(signed.is_valid(), expected, "{}", case["what"]);
        let others = [Signed::by(1, b"one"), signed, Signed::by(2, b"two")];
        let expected = if expected { Ok(()) } else { Err(1) };
        assert_eq!(verify_all(&others), expected, "{}", case["what"]);
        assert_eq!(verify_all(&others[1..2]), expected.map_err(|_| 0));
    }
}

/// 196 signatures over points of small order. They sign everything, for keys
/// that nobody can have; all that matters is that everybody decides alike.
#[test]
fn points_of_small_order_are_decided_alike_by_everybody() {
    let vectors = vectors();
    let points = vectors["small_order"].as_array().unwrap();
    let mut all = Vec::new();
    for key in points {
        for point in points {
            let mut signature = [0; 64];
            signature[..32].copy_from_slice(&bytes::<32>(point));
            all.push(Signed {
                key: bytes(key),
                signature,
                message: b"Zcash".to_vec(),
            });
        }
    }
    assert_eq!(all.len(), 196);
    assert!(all.iter().all(Signed::is_valid));
    assert_eq!(verify_all(&all), Ok(()));
}

#[test]
fn the_first_wrong_signature_of_a_batch_is_named() {
    let mut dice = Dice(7);
    let make = || (0..20).map(|n| Signed::by(n % 6 + 1, &[n, 7])).collect();
    assert_eq!(verify_all(&[]), Ok(()));
    for _ in 0..40 {
        let mut all: Vec<Signed> = make();
        assert_eq!(verify_all(&all), Ok(()));
        let [first, second] = [dice.below(20) as usize, dice.below(20) as usize];
        for at in [first, second] {
            let bit = dice.below(512) as usize;
            all[at].signature[bit / 8] ^= 1 << (bit % 8);
        }
        let expected = all.iter().position(|one| !one.is_valid());
        assert_eq!(verify_all(&all), expected.map_or(Ok(()), Err));
    }
}

/// Two wrong signatures whose errors cancel out pass a batch that weights all
/// alike: one scalar is raised by as much as the other is lowered.
#[test]
fn errors_that_cancel_out_are_seen() {
    let mut all = [Signed::by(1, b"one"), Signed::by(2, b"two")];
    // The lowest byte of each scalar; no carry, so the sum stays the same.
    let [up, down] = [all[0].signature[32], all[1].signature[32]];
    all[0].signature[32] = up.checked_add(1).unwrap();
    all[1].signature[32] = down.checked_sub(1).unwrap();
    assert_eq!(verify_all(&all), Err(0));
}

/// The order of the group, in the order of bytes that scalars have.
const ORDER: &str = "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010";

/// A forger who knew the coefficients before choosing the signatures could
/// raise one scalar by the other's coefficient, and lower the other by the
/// first's. So they have to depend on every part of every signature.
#[test]
fn coefficients_cannot_be_known_before_the_signatures() {
    // Of one key, so that it is known which gets which coefficient.
    let honest = [Signed::by(1, b"one"), Signed::by(1, b"two")];
    let order = BigUint::from_bytes_le(&bytes::<32>(&Value::from(ORDER)));
    // How much of each signature the coefficients are supposed to depend on.
    for known_bytes in [0, 32, 64] {
        let mut transcript = Vec::new();
        for one in &honest {
            transcript.extend_from_slice(&(one.message.len() as u64).to_be_bytes());
            transcript.extend_from_slice(&one.message);
            transcript.extend_from_slice(&one.key);
            transcript.extend_from_slice(&one.signature[..known_bytes]);
        }
        let mut dice = ChaCha20Rng::from_seed(sha256(&transcript).0);
        let [first, second] = [(); 2].map(|()| {
            let mut coefficient = [0; 16];
            dice.fill_bytes(&mut coefficient);
            BigUint::from_bytes_le(&coefficient)
        });
        let scalar = |one: &Signed| BigUint::from_bytes_le(&one.signature[32..]);
        let mut forged = [Signed::by(1, b"one"), Signed::by(1, b"two")];
        let raised = (scalar(&honest[0]) + &second) % &order;
        let lowered = (scalar(&honest[1]) + &order - &first) % &order;
        for (one, scalar) in forged.iter_mut().zip([raised, lowered]) {
            let mut digits = scalar.to_bytes_le();
            digits.resize(32, 0);
            one.signature[32..].copy_from_slice(&digits);
        }
        assert_eq!(verify_all(&honest), Ok(()));
        assert_eq!(verify_all(&forged), Err(0), "{known_bytes} bytes known");
    }
}

/// The group's order added to the scalar gives other bytes with the same
/// meaning; they must not be another valid signature.
#[test]
fn a_signature_has_one_form() {
    let order: [u8; 32] = bytes(&Value::from(ORDER));
    let mut signed = Signed::by(3, b"once");
    let mut carry = 0;
    for (byte, added) in signed.signature[32..].iter_mut().zip(order) {
        let sum = u16::from(*byte) + u16::from(added) + carry;
        (*byte, carry) = (sum as u8, sum >> 8);
    }
    assert_eq!(carry, 0);
    assert!(!signed.is_valid());
    assert_eq!(verify_all(&[signed]), Err(0));
}
