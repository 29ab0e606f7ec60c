//! `GET /api/v1/address/{address}`: what somebody owns, and what of it is about
//! to be spent.

use adit_core::address::Address;
use adit_core::archive::Archive;
use adit_core::pool::Pool;
use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use serde::Serialize;

use super::problem::Problem;
use crate::driver::NodeHandle;

/// The body of the answer. Amounts are in base units.
#[derive(Debug, Serialize)]
pub(super) struct AccountState {
    address: String,
    /// What it owns after the last block.
    balance: u64,
    /// How many transactions it has in blocks.
    nonce: u64,
    /// The nonce of its next transaction, those that wait considered.
    next_nonce: u64,
    /// The identities of those that wait, in order of nonce.
    pending: Vec<String>,
}

pub(super) async fn account(
    State(node): State<NodeHandle>,
    address: Result<Path<String>, PathRejection>,
) -> Result<Json<AccountState>, Problem> {
    let Path(address) = address?;
    if !node.rules().keeps_accounts() {
        return Err(Problem::not_here(
            "under the classic rules nobody owns anything: anyone can write that anyone pays",
        ));
    }
    let owner: Address = address.parse().map_err(Problem::malformed)?;
    let snapshot = node.reader().snapshot().map_err(Problem::unreadable)?;
    let account = snapshot.account(&owner).map_err(Problem::unreadable)?;
    let (next_nonce, pending) = node
        .look(move |node| match node.pool() {
            Pool::Accounts(pool) => (
                pool.next_nonce(&owner, account),
                pool.of_account(&owner)
                    .map(|one| one.id.to_string())
                    .collect(),
            ),
            Pool::Queue(_) => (account.nonce, Vec::new()),
        })
        .await?;
    Ok(Json(AccountState {
        address,
        balance: account.balance,
        nonce: account.nonce,
        next_nonce: next_nonce.max(account.nonce),
        pending,
    }))
}
