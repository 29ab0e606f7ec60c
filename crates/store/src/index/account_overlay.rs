//! What the index does not know yet of accounts: how the blocks applied since it
//! was last written left them. Reads look here first: what a chain has here
//! stands above all that it has in the index.

use std::collections::BTreeMap;

use adit_core::address::Address;
use adit_core::rules::AccountChange;
use adit_core::sealed::Account;

use crate::index::account_record::{
    AccountKey, AccountRow, account_key, account_keys, account_of, in_account_key, row_of,
};
use crate::index::record::RowKey;

/// The newest states of accounts, in memory, in the order of the index.
#[derive(Debug, Default)]
pub(crate) struct AccountOverlay {
    rows: BTreeMap<AccountKey, AccountRow>,
    /// Who has sent something in each new block, if anybody has.
    senders: BTreeMap<RowKey, Vec<(Address, u64)>>,
    /// How many rows and senders it holds.
    count: usize,
}

impl AccountOverlay {
    /// How many it holds.
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// An account as it was left by the last block up to that height, of those
    /// that `is_wanted`.
    pub(crate) fn newest(
        &self,
        owner: &Address,
        height: u64,
        mut is_wanted: impl FnMut(RowKey) -> Result<bool, redb::Error>,
    ) -> Result<Option<Account>, redb::Error> {
        let [first, last] = account_keys(owner, height);
        for (key, row) in self.rows.range(first..=last).rev() {
            if is_wanted(in_account_key(key).1)? {
                return Ok(Some(account_of(*row)));
            }
        }
        Ok(None)
    }

    /// Takes in what a block did, wherever it stands.
    pub(crate) fn add(&mut self, block: RowKey, changes: &[AccountChange]) {
        let rows = changes.iter().map(|change| {
            let key = account_key(&change.address, block);
            (key, row_of(change.after))
        });
        self.rows.extend(rows);
        let senders: Vec<_> = changes.iter().filter_map(AccountChange::sender).collect();
        self.count += changes.len() + senders.len();
        if !senders.is_empty() {
            self.senders.insert(block, senders);
        }
    }

    /// Takes in what a block did that stood elsewhere.
    pub(crate) fn add_again(
        &mut self,
        block: RowKey,
        accounts: &[(Address, Account)],
        senders: Vec<(Address, u64)>,
    ) {
        self.count += accounts.len() + senders.len();
        let rows = accounts.iter();
        self.rows
            .extend(rows.map(|(owner, account)| (account_key(owner, block), row_of(*account))));
        if !senders.is_empty() {
            self.senders.insert(block, senders);
        }
    }

    /// The accounts that a block changed, as it left them.
    pub(crate) fn left_by(&self, block: RowKey) -> impl Iterator<Item = (Address, Account)> {
        let rows = self
            .rows
            .iter()
            .map(|(key, row)| (in_account_key(key), *row));
        rows.filter(move |((_, key), _)| *key == block)
            .map(|((owner, _), row)| (owner, account_of(row)))
    }

    /// Who has sent something in a new block.
    pub(crate) fn senders(&self, block: RowKey) -> Option<&[(Address, u64)]> {
        self.senders.get(&block).map(Vec::as_slice)
    }

    /// The same of all new blocks in which somebody has, sorted.
    pub(crate) fn all_senders(&self) -> impl Iterator<Item = (RowKey, &[(Address, u64)])> {
        self.senders
            .iter()
            .map(|(block, senders)| (*block, &senders[..]))
    }

    /// All accounts, sorted.
    pub(crate) fn rows(&self) -> Vec<(AccountKey, AccountRow)> {
        self.rows.iter().map(|(key, row)| (*key, *row)).collect()
    }
}
