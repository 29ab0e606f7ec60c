//! Hands signed transactions to a node. It finds the nonce, so that payments
//! that one wallet makes side by side do not take each other's, and says from
//! the start which transaction it is. What is paid, and why, it does not know.

use std::fs::{File, TryLockError};
use std::thread;
use std::time::{Duration, Instant};

use adit_core::rules::verify_signature;
use adit_core::sealed::{SealedTransaction, Transfer};
use anyhow::{Context, bail, ensure};
use serde_json::json;

use crate::client::ClientError;
use crate::options::{self, WalletOptions};
use crate::wallet;
use crate::wallet::dev_account::DEV_CHAIN;
use crate::wallet::key::SecretKey;
use crate::wallet::sealed_node::SealedNode;

/// The next nonce is tried this often when somebody else was faster.
const NONCE_TRIES_LIMIT: u32 = 32;

/// A wallet that pays elsewhere on this machine is waited for this long.
const TURN_TIMEOUT_MS: u64 = 60_000;

/// How often it is checked whether that is done.
const TURN_LOOK_MS: u64 = 10;

/// When the id of a transaction is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SayId {
    /// With the result, which comes at once.
    Later,
    /// On the error output, before anything can go wrong, in words.
    InWords,
    /// The same in JSON.
    InJson,
}

impl SayId {
    /// Before whatever takes long.
    pub(crate) fn at_once(json: bool) -> SayId {
        match json {
            true => SayId::InJson,
            false => SayId::InWords,
        }
    }

    /// At once, if somebody is going to wait.
    pub(crate) fn when_waiting(wait: bool, json: bool) -> SayId {
        match wait {
            true => SayId::at_once(json),
            false => SayId::Later,
        }
    }
}

/// Signs a transfer and hands it in, with its own nonce if that was `chosen`,
/// otherwise with the next one that is free.
pub(crate) fn pay(
    node: &SealedNode,
    wallet: &WalletOptions,
    key: &SecretKey,
    mut transfer: Transfer,
    chosen: bool,
    say: SayId,
) -> anyhow::Result<SealedTransaction> {
    // What the accounts of `adit dev` get on another chain, anybody can take.
    let is_public = wallet::dev_key_of(wallet)?.is_some();
    ensure!(
        !is_public || node.chain.name == DEV_CHAIN,
        "everybody has the key of {}: it pays on chains of `adit dev` only, and this one is {:?}",
        wallet.name,
        node.chain.name
    );
    if chosen {
        return submit(node, &key.sign(&transfer), say);
    }
    let _turn = match is_public {
        // Anybody may be paying with it elsewhere: there is no turn to wait for.
        true => None,
        false => Some(wait_for_turn(wallet)?),
    };
    transfer.nonce = node.holdings(&transfer.sender)?.next_nonce;
    for _ in 1..NONCE_TRIES_LIMIT {
        let refused = match submit(node, &key.sign(&transfer), say) {
            Err(error) if is_nonce_taken(&error) => error,
            done => return done,
        };
        // The same wallet on another machine.
        let next_nonce = node.holdings(&transfer.sender)?.next_nonce;
        if next_nonce <= transfer.nonce {
            return Err(refused);
        }
        transfer.nonce = next_nonce;
    }
    submit(node, &key.sign(&transfer), say)
}

/// Hands in a transaction that is in order as far as can be told without an
/// account.
pub(crate) fn submit(
    node: &SealedNode,
    text: &[u8],
    say: SayId,
) -> anyhow::Result<SealedTransaction> {
    let transaction = SealedTransaction::read(text).context("this is no transaction")?;
    verify_signature(text, &transaction)?;
    let id = transaction.id;
    match say {
        SayId::Later => {}
        SayId::InWords => options::say(&format!("handing in the transaction {id}")),
        SayId::InJson => options::say(&json!({ "transaction": id.to_string() }).to_string()),
    }
    node.submit(text).map_err(|error| {
        // It was sent, and only the answer is missing.
        let may_be_in = matches!(error, ClientError::Unreachable { .. });
        let error = anyhow::Error::from(error);
        match may_be_in {
            true => error.context(format!(
                "the transaction {id} may have been taken or not: see with `adit balance` whether \
                 it waits before you send it again"
            )),
            false => error,
        }
    })?;
    Ok(transaction)
}

/// Lets a wallet's payments find their nonces one after the other: at the same
/// time they would find the same, and a higher fee would take another's place.
fn wait_for_turn(wallet: &WalletOptions) -> anyhow::Result<File> {
    let file = wallet.file()?;
    let turn = File::open(&file).with_context(|| file.display().to_string())?;
    let start = Instant::now();
    loop {
        match turn.try_lock() {
            Err(TryLockError::WouldBlock) => {}
            // Where there are no locks, the second one is refused, and tries
            // again.
            Ok(()) | Err(TryLockError::Error(_)) => return Ok(turn),
        }
        if start.elapsed() >= Duration::from_millis(TURN_TIMEOUT_MS) {
            bail!(
                "another adit has been paying with the wallet {} for {} s: is it stopped?",
                file.display(),
                TURN_TIMEOUT_MS / 1000
            );
        }
        thread::sleep(Duration::from_millis(TURN_LOOK_MS));
    }
}

/// Whether a transaction was refused because another has its nonce.
fn is_nonce_taken(error: &anyhow::Error) -> bool {
    let Some(ClientError::Refused { rule, .. }) = error.downcast_ref() else {
        return false;
    };
    matches!(rule.as_deref(), Some("nonce-used" | "replacement-fee"))
}
