//! Reading accounts out of the index, as any block left them. Which blocks are in
//! a chain, the caller says.

use std::collections::HashMap;
use std::ops::Bound;

use adit_core::address::Address;
use adit_core::sealed::Account;
use redb::{ReadOnlyTable, ReadTransaction, ReadableTable};

use crate::database::health::Health;
use crate::index::account_record::{
    ChangeKey, OwnerNumber, blocks_of_changes, change_keys, changes_in, in_change_key,
    senders_from_bytes, state_in, states_in,
};
use crate::index::record::RowKey;
use crate::index::tables::{ACCOUNT_CHANGES, ACCOUNT_STATES, OWNERS, RECENT_CHANGES, SENDERS};

type OwnerTable = ReadOnlyTable<&'static [u8; 32], OwnerNumber>;
type ChangeTable = ReadOnlyTable<&'static ChangeKey, &'static [u8]>;
type RecentTable = ReadOnlyTable<(u32, &'static ChangeKey), &'static [u8]>;
type StateTable = ReadOnlyTable<(u32, u64, OwnerNumber), &'static [u8]>;
type SenderTable = ReadOnlyTable<(u32, u64), &'static [u8]>;

/// The accounts of the index as they were at one moment.
pub(crate) struct AccountView {
    owners: OwnerTable,
    changes: ChangeTable,
    recent: RecentTable,
    states: StateTable,
    senders: SenderTable,
    health: Health,
}

impl AccountView {
    /// As that transaction sees them.
    pub(crate) fn open(
        transaction: &ReadTransaction,
        health: &Health,
    ) -> Result<AccountView, redb::Error> {
        Ok(AccountView {
            owners: transaction.open_table(OWNERS)?,
            changes: transaction.open_table(ACCOUNT_CHANGES)?,
            recent: transaction.open_table(RECENT_CHANGES)?,
            states: transaction.open_table(ACCOUNT_STATES)?,
            senders: transaction.open_table(SENDERS)?,
            health: health.clone(),
        })
    }

    /// An account as it was left by the last block up to that height, of those
    /// that `is_wanted`: among the blocks since the last checkpoint, if those are
    /// looked through, and then among all others.
    pub(crate) fn newest(
        &self,
        owner: &Address,
        height: u64,
        looks_at_recent: bool,
        mut is_wanted: impl FnMut(RowKey) -> Result<bool, redb::Error>,
    ) -> Result<Option<Account>, redb::Error> {
        self.health.guard(|| {
            let Some(number) = self.number_of(owner)? else {
                return Ok(None);
            };
            let keys = change_keys(number, height);
            let recent = match looks_at_recent {
                true => self.last_recent_change(&keys, &mut is_wanted)?,
                false => None,
            };
            let block = match recent {
                Some(block) => Some(block),
                None => self.last_change(&keys, height, &mut is_wanted)?,
            };
            block.map(|block| self.state(number, block)).transpose()
        })
    }

    /// It passes over what other branches did to the account.
    fn last_change(
        &self,
        [first, last]: &[ChangeKey; 2],
        height: u64,
        is_wanted: &mut impl FnMut(RowKey) -> Result<bool, redb::Error>,
    ) -> Result<Option<RowKey>, redb::Error> {
        let mut changes = ReadableTable::upper_bound(&self.changes, Bound::Included(last))?;
        while let Some((key, heights)) = changes.prev()? {
            if key.value() < first {
                break;
            }
            let blocks = blocks_of_changes(key.value(), heights.value());
            for block in blocks.skip_while(|block| block.height > height) {
                if is_wanted(block)? {
                    return Ok(Some(block));
                }
            }
        }
        Ok(None)
    }

    fn last_recent_change(
        &self,
        [first, last]: &[ChangeKey; 2],
        is_wanted: &mut impl FnMut(RowKey) -> Result<bool, redb::Error>,
    ) -> Result<Option<RowKey>, redb::Error> {
        let runs = self.recent.last()?.map_or(0, |(key, _)| key.value().0 + 1);
        let start = ChangeKey::default();
        // A chain's later blocks came later.
        for run in (0..runs).rev() {
            let pieces = (run, &start)..=(run, last);
            for piece in ReadableTable::range(&self.recent, pieces)?.rev() {
                let (_, piece) = piece?;
                let keys = changes_in(piece.value());
                let keys = &keys[..keys.partition_point(|key| key <= last)];
                for key in keys.iter().rev().take_while(|key| *key >= first) {
                    let block = in_change_key(key);
                    if is_wanted(block)? {
                        return Ok(Some(block));
                    }
                }
                if keys.first().is_some_and(|key| key < first) {
                    break;
                }
            }
        }
        Ok(None)
    }

    fn number_of(&self, owner: &Address) -> Result<Option<OwnerNumber>, redb::Error> {
        let number = ReadableTable::get(&self.owners, &owner.0)?;
        Ok(number.map(|number| number.value()))
    }

    /// An account as a block left it that changed it.
    fn state(&self, owner: OwnerNumber, block: RowKey) -> Result<Account, redb::Error> {
        let RowKey { line, height } = block;
        let key = (line, height, owner);
        let piece = ReadableTable::range(&self.states, ..=key)?.next_back();
        let account = match piece.transpose()? {
            Some((at, piece)) if (at.value().0, at.value().1) == (line, height) => {
                state_in(piece.value(), owner)
            }
            _ => None,
        };
        account.ok_or_else(|| {
            redb::Error::Corrupted(format!(
                "the account of owner {owner} is missing as block {height} of line {line} left it"
            ))
        })
    }

    /// Who has sent something in the block at that place.
    pub(crate) fn senders(&self, block: RowKey) -> Result<Vec<(Address, u64)>, redb::Error> {
        self.health.guard(|| {
            let found = ReadableTable::get(&self.senders, (block.line, block.height))?;
            let senders = found.map(|bytes| senders_from_bytes(bytes.value()));
            Ok(senders.unwrap_or_default())
        })
    }

    /// The accounts that a block changed, as it left them. All owners are gone
    /// through for it.
    pub(crate) fn left_by(&self, block: RowKey) -> Result<Vec<(Address, Account)>, redb::Error> {
        self.health.guard(|| {
            let RowKey { line, height } = block;
            let mut states = HashMap::new();
            let pieces = (line, height, 0)..=(line, height, OwnerNumber::MAX);
            for item in ReadableTable::range(&self.states, pieces)? {
                states.extend(states_in(item?.1.value()));
            }
            let mut accounts = Vec::new();
            for item in ReadableTable::range::<&[u8; 32]>(&self.owners, ..)? {
                let (owner, number) = item?;
                if let Some(account) = states.get(&number.value()) {
                    accounts.push((Address(*owner.value()), *account));
                }
            }
            Ok(accounts)
        })
    }
}
