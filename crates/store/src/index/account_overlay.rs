//! What the index does not know yet of accounts: what the blocks applied since
//! it was last written did to them. Reads look here first.

use std::collections::HashMap;

use adit_core::address::Address;
use adit_core::hash::Hash;
use adit_core::rules::AccountChange;
use adit_core::sealed::Account;

use crate::index::overlay::Overlay;
use crate::index::record::RowKey;

/// The newest changes, in memory.
#[derive(Debug, Default)]
pub(crate) struct AccountOverlay {
    /// The accounts at the tip of the main chain, where they differ from the
    /// index.
    accounts: HashMap<Address, Account>,
    /// What each new block did.
    changes: HashMap<Hash, Vec<AccountChange>>,
    /// How many accounts and changes it holds.
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

    /// Whether any new block did something.
    pub(crate) fn has_changes(&self) -> bool {
        !self.changes.is_empty()
    }

    /// What a new block did.
    pub(crate) fn changes(&self, hash: &Hash) -> Option<&[AccountChange]> {
        self.changes.get(hash).map(Vec::as_slice)
    }

    /// Takes in what a block did, wherever it stands.
    pub(crate) fn add(&mut self, block: Hash, changes: &[AccountChange]) {
        self.count += changes.len();
        if !changes.is_empty() {
            self.changes.insert(block, changes.to_vec());
        }
    }

    /// Sets an account as it is now at the tip of the main chain.
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

    /// What each block did, sorted by where the blocks stand.
    pub(crate) fn sorted_changes(&self, overlay: &Overlay) -> Vec<(RowKey, &[AccountChange])> {
        let changes = self.changes.iter();
        let mut changes: Vec<_> = changes
            .filter_map(|(hash, list)| Some((overlay.block(hash)?.key(), &list[..])))
            .collect();
        changes.sort_unstable_by_key(|(key, _)| *key);
        changes
    }
}
