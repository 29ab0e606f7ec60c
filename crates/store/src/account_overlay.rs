//! What the index does not know yet of accounts and transactions: what the
//! blocks applied since it was last written did to them. Reads look here first.

use std::collections::HashMap;

use adit_core::address::Address;
use adit_core::hash::Hash;
use adit_core::rules::AccountChange;
use adit_core::sealed::Account;

use crate::account_record::TransactionPlace;

/// The newest changes, in memory.
#[derive(Debug, Default)]
pub(crate) struct AccountOverlay {
    /// The accounts at the tip of the main chain, where the index has others.
    accounts: HashMap<Address, Account>,
    /// What each new block did.
    changes: HashMap<Hash, Vec<AccountChange>>,
    /// Where each transaction of the new blocks stands.
    transactions: Vec<TransactionPlace>,
    /// How many changes and transactions it holds.
    count: usize,
}

impl AccountOverlay {
    /// How much it holds.
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// An account that is not as the index has it.
    pub(crate) fn account(&self, owner: &Address) -> Option<Account> {
        self.accounts.get(owner).copied()
    }

    /// What a new block did.
    pub(crate) fn changes(&self, hash: &Hash) -> Option<&[AccountChange]> {
        self.changes.get(hash).map(Vec::as_slice)
    }

    /// Takes in what a block did and what it holds, wherever it stands.
    pub(crate) fn add(&mut self, block: Hash, index: u64, changes: &[AccountChange], ids: &[Hash]) {
        self.count += changes.len() + ids.len();
        if !changes.is_empty() {
            self.changes.insert(block, changes.to_vec());
        }
        let places = (0..).zip(ids);
        let places = places.map(|(at, id)| TransactionPlace::new(id, index, at, &block));
        self.transactions.extend(places);
    }

    /// An account is like this now at the tip of the main chain.
    pub(crate) fn set(&mut self, owner: Address, account: Account) {
        self.count += usize::from(self.accounts.insert(owner, account).is_none());
    }

    /// The accounts, sorted by owner.
    pub(crate) fn sorted_accounts(&self) -> Vec<(Address, Account)> {
        let accounts = self.accounts.iter();
        let mut accounts: Vec<_> = accounts
            .map(|(owner, account)| (*owner, *account))
            .collect();
        accounts.sort_unstable_by_key(|(owner, _)| *owner);
        accounts
    }

    /// What each block did, sorted by hash.
    pub(crate) fn sorted_changes(&self) -> Vec<(&Hash, &[AccountChange])> {
        let changes = self.changes.iter();
        let mut changes: Vec<_> = changes.map(|(hash, list)| (hash, &list[..])).collect();
        changes.sort_unstable_by_key(|(hash, _)| **hash);
        changes
    }

    /// Where each transaction stands, sorted.
    pub(crate) fn sorted_transactions(&self) -> Vec<TransactionPlace> {
        let mut places = self.transactions.clone();
        places.sort_unstable();
        places
    }
}
