//! What the accounts own at any block of the tree. The archive knows them at
//! the tip of the main chain; everywhere else they are that and a difference.
//! What a transaction does to them, the rules decide.

use std::cell::RefCell;
use std::collections::BTreeMap;

use crate::address::Address;
use crate::archive::{Archive, ArchiveError};
use crate::hash::Hash;
use crate::rules::AccountChange;
use crate::sealed::Account;

/// Two branches differ in at most this many accounts, some 300 MB: one that
/// differs from the main chain in more is not looked at any further.
pub const STATE_DIFF_LIMIT_ACCOUNTS: usize = 4_000_000;

/// The branches differ in more accounts than can be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the branch differs from the main chain in more than {limit_accounts} accounts")]
pub struct StateDiffTooLarge {
    /// How many can be.
    pub limit_accounts: usize,
}

/// The accounts that are not as they are at the main chain's tip.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StateDiff(BTreeMap<Address, Account>);

impl StateDiff {
    /// The accounts as they are at `block`, compared with the main chain of
    /// that many blocks. What the branch did down to the fork counts, and what
    /// the main chain did behind the fork is taken back.
    pub fn at(
        block: Hash,
        main_length: u64,
        limit_accounts: usize,
        archive: &dyn Archive,
    ) -> Result<Result<StateDiff, StateDiffTooLarge>, ArchiveError> {
        let mut difference = StateDiff::default();
        let mut next = Some(block);
        let mut fork = 0;
        while let Some(hash) = next {
            let Some(entry) = archive.entry(&hash)? else {
                break;
            };
            if archive.main_hash(entry.height)? == Some(hash) {
                fork = entry.height;
                break;
            }
            for change in archive.account_changes(&hash)? {
                // From the newest block down: the first value seen holds.
                difference.0.entry(change.address).or_insert(change.after);
            }
            if let Err(error) = difference.check(limit_accounts) {
                return Ok(Err(error));
            }
            next = entry.parent;
        }
        for height in fork + 1..=main_length {
            let Some(hash) = archive.main_hash(height)? else {
                break;
            };
            for change in archive.account_changes(&hash)? {
                // From the oldest block up: what was there before all of them.
                difference.0.entry(change.address).or_insert(change.before);
            }
            if let Err(error) = difference.check(limit_accounts) {
                return Ok(Err(error));
            }
        }
        Ok(Ok(difference))
    }

    /// One block further.
    pub fn add(
        &mut self,
        changes: &[AccountChange],
        limit_accounts: usize,
    ) -> Result<(), StateDiffTooLarge> {
        let after = changes.iter().map(|change| (change.address, change.after));
        self.0.extend(after);
        self.check(limit_accounts)
    }

    fn check(&self, limit_accounts: usize) -> Result<(), StateDiffTooLarge> {
        match self.0.len() <= limit_accounts {
            true => Ok(()),
            false => Err(StateDiffTooLarge { limit_accounts }),
        }
    }

    /// The accounts and what they are.
    pub fn accounts(&self) -> impl Iterator<Item = (&Address, &Account)> {
        self.0.iter()
    }

    /// The accounts there, for rules that can't deal with a broken archive:
    /// `look` gets a function to look them up with, and its result counts only
    /// if all of them could be read.
    pub fn read<T>(
        &self,
        archive: &dyn Archive,
        look: impl FnOnce(&dyn Fn(&Address) -> Account) -> T,
    ) -> Result<T, ArchiveError> {
        let failed = RefCell::new(None);
        let result = look(&|owner| match self.0.get(owner) {
            Some(account) => *account,
            None => archive.account(owner).unwrap_or_else(|error| {
                failed.borrow_mut().get_or_insert(error);
                Account::default()
            }),
        });
        match failed.into_inner() {
            None => Ok(result),
            Some(error) => Err(error),
        }
    }
}
