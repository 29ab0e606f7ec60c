//! The fixed bytes that stand in the index for an account as a block left it,
//! and for those who have sent something in a block. All numbers are big-endian.
//! Which of the blocks are in a chain is not known here.

use adit_core::address::Address;
use adit_core::sealed::Account;

use crate::index::record::RowKey;

/// Bytes by which the blocks are found that changed an account: number of the
/// owner, index of the block, number of its line.
pub(crate) const CHANGE_KEY_BYTES: usize = 4 + HEIGHT_BYTES + 4;

/// More blocks than anybody will ever make.
const HEIGHT_BYTES: usize = 5;

const HEIGHT_END: u64 = 1 << (8 * HEIGHT_BYTES);

/// The key by which it is found that a block changed an account.
pub(crate) type ChangeKey = [u8; CHANGE_KEY_BYTES];

/// An owner's number in the index; the first one's is 0.
pub(crate) type OwnerNumber = u32;

/// The key of a change that the block at that place made.
///
/// # Panics
///
/// For a block that can't be: one of a height of 2^40.
pub(crate) fn change_key(owner: OwnerNumber, block: RowKey) -> ChangeKey {
    assert!(block.height < HEIGHT_END, "no chain is that long");
    let mut bytes = [0; CHANGE_KEY_BYTES];
    bytes[..4].copy_from_slice(&owner.to_be_bytes());
    bytes[4..4 + HEIGHT_BYTES].copy_from_slice(&block.height.to_be_bytes()[8 - HEIGHT_BYTES..]);
    bytes[4 + HEIGHT_BYTES..].copy_from_slice(&block.line.to_be_bytes());
    bytes
}

/// Between these two keys, both included, are all changes of an account up to
/// that height.
pub(crate) fn change_keys(owner: OwnerNumber, height: u64) -> [ChangeKey; 2] {
    let last = RowKey {
        line: u32::MAX,
        height: height.min(HEIGHT_END - 1),
    };
    [RowKey { line: 0, height: 0 }, last].map(|block| change_key(owner, block))
}

/// The number of the owner whose account was changed.
pub(crate) fn owner_of_change(bytes: &ChangeKey) -> OwnerNumber {
    u32::from_be_bytes(part(bytes, 0))
}

/// The block that made the change.
pub(crate) fn in_change_key(bytes: &ChangeKey) -> RowKey {
    RowKey {
        height: height_of(&part(bytes, 4)),
        line: u32::from_be_bytes(part(bytes, 4 + HEIGHT_BYTES)),
    }
}

fn height_of(bytes: &[u8; HEIGHT_BYTES]) -> u64 {
    let mut height = [0; 8];
    height[8 - HEIGHT_BYTES..].copy_from_slice(bytes);
    u64::from_be_bytes(height)
}

/// The heights of an account's changes that follow one in the same line, as they
/// stand behind its key.
pub(crate) fn heights_to_bytes(changes: &[ChangeKey]) -> Vec<u8> {
    let heights = changes.iter().map(|key| &key[4..4 + HEIGHT_BYTES]);
    heights.flatten().copied().collect()
}

/// The blocks of the changes under a key, and behind it, from the highest down.
pub(crate) fn blocks_of_changes(key: &ChangeKey, heights: &[u8]) -> impl Iterator<Item = RowKey> {
    let first = in_change_key(key);
    let (heights, _) = heights.as_chunks::<HEIGHT_BYTES>();
    let behind = heights.iter().rev().map(move |height| RowKey {
        height: height_of(height),
        line: first.line,
    });
    behind.chain([first])
}

/// This many keys of changes are kept together: a page of the database holds them.
pub(crate) const PIECE_CHANGES: usize = 300;

/// A piece of sorted keys of changes.
pub(crate) fn changes_to_bytes(keys: &[ChangeKey]) -> Vec<u8> {
    keys.concat()
}

/// The keys in a piece.
pub(crate) fn changes_in(bytes: &[u8]) -> &[ChangeKey] {
    bytes.as_chunks().0
}

/// Bytes of an account as a block left it: number of the owner, balance, nonce.
const STATE_BYTES: usize = 4 + 16;

/// This many states are kept together: a page of the database holds them.
pub(crate) const PIECE_STATES: usize = 192;

/// A piece of the accounts that a block changed, which are sorted by the numbers
/// of their owners.
pub(crate) fn states_to_bytes(states: &[(OwnerNumber, Account)]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(states.len() * STATE_BYTES);
    for (owner, account) in states {
        bytes.extend_from_slice(&owner.to_be_bytes());
        bytes.extend_from_slice(&account.balance.to_be_bytes());
        bytes.extend_from_slice(&account.nonce.to_be_bytes());
    }
    bytes
}

/// The accounts in a piece.
pub(crate) fn states_in(bytes: &[u8]) -> impl Iterator<Item = (OwnerNumber, Account)> {
    let (states, _) = bytes.as_chunks::<STATE_BYTES>();
    states
        .iter()
        .map(|state| (owner_of(state), account_of(state)))
}

/// The account of that owner, if the piece has it.
pub(crate) fn state_in(bytes: &[u8], owner: OwnerNumber) -> Option<Account> {
    let (states, _) = bytes.as_chunks::<STATE_BYTES>();
    let found = states.binary_search_by_key(&owner, owner_of);
    Some(account_of(&states[found.ok()?]))
}

fn owner_of(state: &[u8; STATE_BYTES]) -> OwnerNumber {
    u32::from_be_bytes(part(state, 0))
}

fn account_of(state: &[u8; STATE_BYTES]) -> Account {
    Account {
        balance: u64::from_be_bytes(part(state, 4)),
        nonce: u64::from_be_bytes(part(state, 12)),
    }
}

/// Bytes of a sender in a block: public key, nonce after the block.
const SENDER_BYTES: usize = 32 + 8;

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
    let sender = |bytes: &[u8]| (Address(part(bytes, 0)), u64::from_be_bytes(part(bytes, 32)));
    senders.map(sender).collect()
}

fn part<const LENGTH: usize>(bytes: &[u8], start: usize) -> [u8; LENGTH] {
    *bytes[start..]
        .first_chunk()
        .expect("the callers' offsets lie within their fixed lengths")
}
