//! The fixed bytes that stand in the index for accounts, and for what blocks
//! did to them. All numbers are big-endian.

use adit_core::address::Address;
use adit_core::rules::AccountChange;
use adit_core::sealed::Account;

/// Bytes of an account: balance, nonce.
pub(crate) const ACCOUNT_BYTES: usize = 16;

/// Bytes of a change: owner, the account before, the account after.
const CHANGE_BYTES: usize = 32 + 2 * ACCOUNT_BYTES;

pub(crate) fn account_to_bytes(account: Account) -> [u8; ACCOUNT_BYTES] {
    let mut bytes = [0; ACCOUNT_BYTES];
    bytes[..8].copy_from_slice(&account.balance.to_be_bytes());
    bytes[8..].copy_from_slice(&account.nonce.to_be_bytes());
    bytes
}

pub(crate) fn account_from_bytes(bytes: &[u8; ACCOUNT_BYTES]) -> Account {
    Account {
        balance: u64::from_be_bytes(part(bytes, 0)),
        nonce: u64::from_be_bytes(part(bytes, 8)),
    }
}

pub(crate) fn changes_to_bytes(changes: &[AccountChange]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(changes.len() * CHANGE_BYTES);
    for change in changes {
        bytes.extend_from_slice(&change.address.0);
        bytes.extend_from_slice(&account_to_bytes(change.before));
        bytes.extend_from_slice(&account_to_bytes(change.after));
    }
    bytes
}

pub(crate) fn changes_from_bytes(bytes: &[u8]) -> Vec<AccountChange> {
    let change = |bytes: &[u8]| AccountChange {
        address: Address(part(bytes, 0)),
        before: account_from_bytes(&part(bytes, 32)),
        after: account_from_bytes(&part(bytes, 32 + ACCOUNT_BYTES)),
    };
    bytes.chunks_exact(CHANGE_BYTES).map(change).collect()
}

fn part<const LENGTH: usize>(bytes: &[u8], start: usize) -> [u8; LENGTH] {
    *bytes[start..]
        .first_chunk()
        .expect("the callers' offsets lie within their fixed lengths")
}
