//! The coins of a class: what each who joins gets, once, and what the owners of the nodes
//! pay. Keys are here and nowhere else.

use std::collections::VecDeque;

use adit_core::address::Address;
use adit_core::sealed::{ChainId, Transfer};
use adit_http::ClassNode;
use adit_node::commands::submit::submit;
use adit_node::queries::address::address;

use crate::wallet::key::SecretKey;

/// One coin in base units.
pub(super) const UNITS_A_COIN: u64 = 1_000_000;

/// The keys of a class, which are forgotten with it.
pub(super) struct Keys {
    /// Of what everybody gets who joins.
    pub(super) purse: SecretKey,
    /// Of the owners of the nodes.
    pub(super) owners: Vec<SecretKey>,
}

/// Pays on one chain.
pub(super) struct Purse {
    key: SecretKey,
    chain: ChainId,
    grant: u64,
    /// Who has not got their coins yet.
    waiting: VecDeque<Address>,
}

impl Purse {
    pub(super) fn new(key: SecretKey, chain: ChainId, grant: u64) -> Purse {
        Purse {
            key,
            chain,
            grant,
            waiting: VecDeque::new(),
        }
    }

    /// They get their coins, when there is room for the payment.
    pub(super) fn owe(&mut self, recipient: Address) {
        self.waiting.push_back(recipient);
    }

    /// Pays those who wait, as many as can wait for a block.
    pub(super) async fn pay(&mut self, node: &ClassNode) {
        while let Some(recipient) = self.waiting.front() {
            if pay(node, &self.key, self.chain, *recipient, self.grant)
                .await
                .is_err()
            {
                return;
            }
            self.waiting.pop_front();
        }
    }
}

/// Pays somebody at a node, with the payer's next nonce there.
pub(super) async fn pay(
    node: &ClassNode,
    key: &SecretKey,
    chain: ChainId,
    recipient: Address,
    amount: u64,
) -> Result<(), String> {
    let nonce = next_nonce(node, key).await?;
    pay_with(node, key, chain, recipient, amount, nonce).await
}

/// The nonce of the payer's next payment there.
pub(super) async fn next_nonce(node: &ClassNode, key: &SecretKey) -> Result<u64, String> {
    let state = address(&node.node, &key.address().to_string()).await;
    let state = state.map_err(|error| error.to_string())?;
    Ok(state.next_nonce.unwrap_or_default())
}

/// Pays somebody at a node with that nonce.
pub(super) async fn pay_with(
    node: &ClassNode,
    key: &SecretKey,
    chain: ChainId,
    recipient: Address,
    amount: u64,
    nonce: u64,
) -> Result<(), String> {
    let signed = key.sign(&Transfer {
        amount,
        chain,
        data: None,
        fee: 0,
        nonce,
        recipient,
        sender: key.address(),
    });
    let accepted = submit(&node.node, &signed).await;
    accepted.map(|_| ()).map_err(|error| error.to_string())
}
