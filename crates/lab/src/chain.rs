//! The chains that are simulated, and who pays on them. On a sealed one every
//! proof is valid and the target stays where it is, so that finding a block costs
//! nothing, and who finds one is drawn.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use adit_core::address::Address;
use adit_core::hash::sha256;
use adit_core::rules::{Rules, Sealed};
use adit_core::sealed::{Params, Transfer};
use adit_core::transaction::Submitted;
use ed25519_zebra::{SigningKey, VerificationKeyBytes};
use ruint::aliases::U256;

/// When simulated chains begin, since 1970.
pub const CHAIN_START: Duration = Duration::from_millis(1_795_300_000_000);

/// Somebody with a key.
pub struct Person {
    secret: SigningKey,
    /// Their address.
    pub address: Address,
}

impl Person {
    /// Number so and so.
    pub fn new(number: u64) -> Person {
        let secret = SigningKey::from(sha256(format!("lab {number}").as_bytes()).0);
        let address = Address(VerificationKeyBytes::from(&secret).into());
        Person { secret, address }
    }

    /// A signed payment's canonical text.
    pub fn pay(&self, rules: &Sealed, to: Address, nonce: u64, amount: u64, fee: u64) -> Vec<u8> {
        let transfer = Transfer {
            amount,
            chain: rules.chain_id(),
            data: None,
            fee,
            nonce,
            recipient: to,
            sender: self.address,
        };
        let signature = self.secret.sign(&transfer.to_signed_bytes()).to_bytes();
        transfer.with_signature(&signature)
    }

    /// The same, read by the rules.
    pub fn payment(
        &self,
        rules: &Sealed,
        to: Address,
        nonce: u64,
        amount: u64,
        fee: u64,
    ) -> Submitted {
        let text = self.pay(rules, to, nonce, amount, fee);
        let payment = rules.read_own_payment(&text);
        Submitted::Payment(payment.expect("it was written for these rules"))
    }
}

/// A sealed chain without work, on which this many people own something.
pub fn workless_chain(people: &[Person]) -> Arc<Sealed> {
    let allocations: BTreeMap<Address, u64> = people
        .iter()
        .map(|person| (person.address, 1_000_000_000))
        .collect();
    let params = Params {
        block_interval_ms: 1,
        half_life_ms: 2,
        initial_target: U256::MAX,
        pow_limit: U256::MAX,
        allocations,
        ..Params::defaults("lab")
    };
    let rules = Sealed::with_params(params, CHAIN_START);
    Arc::new(rules.expect("the parameters are in bounds"))
}
