//! The fixed bytes that stand for accounts, for what blocks did to them, and
//! for the places of transactions in the index. All numbers are big-endian.

use adit_core::address::Address;
use adit_core::hash::Hash;
use adit_core::rules::AccountChange;
use adit_core::sealed::Account;

/// Bytes of an account: balance, nonce.
pub(crate) const ACCOUNT_BYTES: usize = 16;

/// Bytes of a change: owner, the account before, the account after.
const CHANGE_BYTES: usize = 32 + 2 * ACCOUNT_BYTES;

/// Bytes of a transaction's place: the first of its identity, the index of its
/// block, its position in the block, the last of the block's hash.
pub(crate) const PLACE_BYTES: usize = ID_BYTES + 8 + 4 + BLOCK_TAG_BYTES;

/// So many bytes of an identity are kept: what is found is looked at anyway.
const ID_BYTES: usize = 16;

/// So many bytes of a block's hash are kept: the last ones, since work makes the
/// first ones alike. Blocks of several branches may hold the same transaction
/// at the same place.
const BLOCK_TAG_BYTES: usize = 8;

/// A place where a transaction stands, if its block is on the main chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TransactionPlace(pub(crate) [u8; PLACE_BYTES]);

impl TransactionPlace {
    /// `index` is the block's, `position` counts from 0.
    pub(crate) fn new(id: &Hash, index: u64, position: u32, block: &Hash) -> TransactionPlace {
        let tag = &block.0[block.0.len() - BLOCK_TAG_BYTES..];
        let parts: [&[u8]; 4] = [
            &id.0[..ID_BYTES],
            &index.to_be_bytes(),
            &position.to_be_bytes(),
            tag,
        ];
        let mut bytes = [0; PLACE_BYTES];
        bytes.copy_from_slice(&parts.concat());
        TransactionPlace(bytes)
    }

    /// Lies before and behind all places of a transaction.
    pub(crate) fn bounds(id: &Hash) -> [TransactionPlace; 2] {
        let first = TransactionPlace::new(id, 0, 0, &Hash([0; 32]));
        [
            first,
            TransactionPlace::new(id, u64::MAX, u32::MAX, &Hash([0xff; 32])),
        ]
    }

    /// The index of the block.
    pub(crate) fn index(&self) -> u64 {
        u64::from_be_bytes(part(&self.0, ID_BYTES))
    }

    /// The position in the block.
    pub(crate) fn position(&self) -> u32 {
        u32::from_be_bytes(part(&self.0, ID_BYTES + 8))
    }

    /// Whether it may be that block in which it stands.
    pub(crate) fn is_in(&self, block: &Hash) -> bool {
        block.0.ends_with(&self.0[ID_BYTES + 8 + 4..])
    }
}

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
