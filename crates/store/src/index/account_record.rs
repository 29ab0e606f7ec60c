//! The fixed bytes that stand in the index for an account as a block left it,
//! and for those who have sent something in a block.
//! All numbers in the key are big-endian, so that an account's states lie
//! together, from the lowest block up. Which of them are in a chain is not known
//! here.

use adit_core::address::Address;
use adit_core::sealed::Account;

use crate::index::record::RowKey;

/// Bytes of the key: owner, index of the block, number of its line.
pub(crate) const ACCOUNT_KEY_BYTES: usize = OWNER_BYTES + 8 + 4;

const OWNER_BYTES: usize = 32;

/// The key of an account as a block left it.
pub(crate) type AccountKey = [u8; ACCOUNT_KEY_BYTES];

/// What is kept of it: balance, nonce.
pub(crate) type AccountRow = (u64, u64);

/// The key of an account as the block at that place left it.
pub(crate) fn account_key(owner: &Address, block: RowKey) -> AccountKey {
    let mut bytes = [0; ACCOUNT_KEY_BYTES];
    bytes[..OWNER_BYTES].copy_from_slice(&owner.0);
    bytes[OWNER_BYTES..OWNER_BYTES + 8].copy_from_slice(&block.height.to_be_bytes());
    bytes[OWNER_BYTES + 8..].copy_from_slice(&block.line.to_be_bytes());
    bytes
}

/// Between these two keys, both included, is the account as the blocks up to
/// that height left it.
pub(crate) fn account_keys(owner: &Address, height: u64) -> [AccountKey; 2] {
    let last = RowKey {
        line: u32::MAX,
        height,
    };
    [RowKey { line: 0, height: 0 }, last].map(|block| account_key(owner, block))
}

/// The owner, and the block that left the account so.
pub(crate) fn in_account_key(bytes: &AccountKey) -> (Address, RowKey) {
    let block = RowKey {
        height: u64::from_be_bytes(part(bytes, OWNER_BYTES)),
        line: u32::from_be_bytes(part(bytes, OWNER_BYTES + 8)),
    };
    (Address(part(bytes, 0)), block)
}

pub(crate) fn row_of(account: Account) -> AccountRow {
    (account.balance, account.nonce)
}

pub(crate) fn account_of((balance, nonce): AccountRow) -> Account {
    Account { balance, nonce }
}

/// Bytes of a recent account: owner, balance, nonce. Those of a block are in the
/// order of their owners.
const RECENT_BYTES: usize = OWNER_BYTES + 16;

pub(crate) fn recent_to_bytes(accounts: &[(Address, Account)]) -> Vec<u8> {
    assert!(accounts.is_sorted_by_key(|(owner, _)| *owner));
    let mut bytes = Vec::with_capacity(accounts.len() * RECENT_BYTES);
    for (owner, account) in accounts {
        bytes.extend_from_slice(&owner.0);
        bytes.extend_from_slice(&account.balance.to_be_bytes());
        bytes.extend_from_slice(&account.nonce.to_be_bytes());
    }
    bytes
}

/// The account of that owner among those of a block.
pub(crate) fn recent_of(bytes: &[u8], owner: &Address) -> Option<Account> {
    let (accounts, _) = bytes.as_chunks::<RECENT_BYTES>();
    let found = accounts.binary_search_by(|account| account[..OWNER_BYTES].cmp(&owner.0));
    let account = &accounts[found.ok()?];
    Some(Account {
        balance: u64::from_be_bytes(part(account, OWNER_BYTES)),
        nonce: u64::from_be_bytes(part(account, OWNER_BYTES + 8)),
    })
}

/// Bytes of a sender in a block: owner, nonce after the block.
const SENDER_BYTES: usize = OWNER_BYTES + 8;

pub(crate) fn senders_to_bytes(senders: &[(Address, u64)]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(senders.len() * SENDER_BYTES);
    for (sender, nonce) in senders {
        bytes.extend_from_slice(&sender.0);
        bytes.extend_from_slice(&nonce.to_be_bytes());
    }
    bytes
}

pub(crate) fn senders_from_bytes(bytes: &[u8]) -> Vec<(Address, u64)> {
    let senders = bytes.chunks_exact(SENDER_BYTES);
    let sender = |bytes: &[u8]| {
        let nonce = u64::from_be_bytes(part(bytes, OWNER_BYTES));
        (Address(part(bytes, 0)), nonce)
    };
    senders.map(sender).collect()
}

fn part<const LENGTH: usize>(bytes: &[u8], start: usize) -> [u8; LENGTH] {
    *bytes[start..]
        .first_chunk()
        .expect("the callers' offsets lie within their fixed lengths")
}
