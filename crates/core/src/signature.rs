//! Ed25519 signatures by the rules of ZIP 215, which leave nothing open: a
//! batch is valid exactly when each of its signatures is, on every machine.
//! What is signed, and by whom, is not known here.

use chacha20::ChaCha20Rng;
use chacha20::rand_core::SeedableRng;
use ed25519_zebra::batch::{Item, Verifier};
use ed25519_zebra::{Signature, VerificationKey, VerificationKeyBytes};
use sha2::{Digest, Sha256};

/// Whether the signature of the message is valid for that public key.
pub fn verify_one(key: &[u8; 32], signature: &[u8; 64], message: &[u8]) -> bool {
    VerificationKey::try_from(*key)
        .and_then(|key| key.verify(&Signature::from_bytes(signature), message))
        .is_ok()
}

/// Signatures that are verified together, in less than half the time.
///
/// One equation holds for all of them if each is weighted by a coefficient that
/// nobody could know when the signatures were made. If forgers knew the
/// coefficients, they could choose two wrong signatures whose errors cancel
/// out. The core has no randomness, so the coefficients follow from a hash over
/// everything in the batch (Fiat and Shamir, 1986): a change to any signature
/// changes the coefficients. They have 128 bits, so trying does not help.
#[derive(Default)]
pub struct Batch {
    items: Vec<Item>,
    transcript: Sha256,
}

impl Batch {
    /// A batch with room for `count` signatures.
    pub fn with_capacity(count: usize) -> Batch {
        Batch {
            items: Vec::with_capacity(count),
            transcript: Sha256::new(),
        }
    }

    /// Puts one more signature into the batch.
    pub fn add(&mut self, key: &[u8; 32], signature: &[u8; 64], message: &[u8]) {
        // A length before each message, so that no two batches share a
        // transcript.
        self.transcript.update((message.len() as u64).to_be_bytes());
        self.transcript.update(message);
        self.transcript.update(key);
        self.transcript.update(signature);
        let key = VerificationKeyBytes::from(*key);
        let signature = Signature::from_bytes(signature);
        self.items.push(Item::from((key, signature, message)));
    }

    /// Verifies all of them. The error is the position of the first that is
    /// wrong, counted from 0 in the order in which they were added.
    pub fn verify(self) -> Result<(), usize> {
        let mut verifier = Verifier::new();
        for item in &self.items {
            verifier.queue(item.clone());
        }
        let seed: [u8; 32] = self.transcript.finalize().into();
        if verifier.verify(ChaCha20Rng::from_seed(seed)).is_ok() {
            return Ok(());
        }
        let wrong = |item: Item| item.verify_single().is_err();
        match self.items.into_iter().position(wrong) {
            Some(first_wrong) => Err(first_wrong),
            // By ZIP 215 the equation of a batch of valid signatures holds.
            None => Ok(()),
        }
    }
}
