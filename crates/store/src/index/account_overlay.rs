//! The accounts as the blocks since the last checkpoint left them, in memory, for
//! the one that writes. The core asks for most of them again soon. What a chain
//! has here stands above all that it has in the index's table of changes.

use std::collections::{BTreeMap, HashMap};

use adit_core::address::Address;
use adit_core::rules::AccountChange;
use adit_core::sealed::Account;

use crate::index::account_record::OwnerNumber;
use crate::index::recent_changes::RecentChanges;
use crate::index::record::RowKey;

/// The newest states of accounts.
#[derive(Debug, Default)]
pub(crate) struct AccountOverlay {
    /// Where in `owners` each of them is.
    places: HashMap<Address, usize>,
    owners: Vec<Owner>,
    /// This many of them have a number.
    numbered_count: usize,
    /// The blocks that the index does not have at all yet, with the owners
    /// whose accounts they changed.
    unwritten: Vec<(RowKey, Vec<(usize, Account)>)>,
    /// Who has sent something in each of them, if anybody has.
    senders: BTreeMap<RowKey, Vec<(Address, u64)>>,
    /// What of it the index has among its recent changes.
    pub(crate) recent: RecentChanges,
    /// How many states it holds,
    states_count: usize,
    /// and how many senders.
    senders_count: usize,
}

/// Whose account was changed.
#[derive(Debug)]
struct Owner {
    address: Address,
    /// Its number in the index, once that was asked for.
    number: Option<OwnerNumber>,
    /// How the blocks left the account, from the lowest one up.
    states: Vec<State>,
}

/// An account as a block left it.
#[derive(Debug, Clone, Copy)]
struct State {
    block: RowKey,
    account: Account,
}

impl State {
    fn place(&self) -> (u64, u32) {
        (self.block.height, self.block.line)
    }
}

impl AccountOverlay {
    /// How many it holds.
    pub(crate) fn len(&self) -> usize {
        self.states_count + self.senders_count
    }

    /// An account as it was left by the last block up to that height, of those
    /// that `is_wanted`.
    pub(crate) fn newest(
        &self,
        owner: &Address,
        height: u64,
        mut is_wanted: impl FnMut(RowKey) -> Result<bool, redb::Error>,
    ) -> Result<Option<Account>, redb::Error> {
        let Some(place) = self.places.get(owner) else {
            return Ok(None);
        };
        for state in self.owners[*place].states.iter().rev() {
            if state.block.height <= height && is_wanted(state.block)? {
                return Ok(Some(state.account));
            }
        }
        Ok(None)
    }

    /// Takes in what a block did, wherever it stands.
    pub(crate) fn add(&mut self, block: RowKey, changes: &[AccountChange]) {
        let accounts = changes.iter().map(|change| (change.address, change.after));
        let senders = changes.iter().filter_map(AccountChange::sender);
        self.add_again(block, accounts.collect(), senders.collect());
    }

    /// Takes in what a block did that stood elsewhere.
    pub(crate) fn add_again(
        &mut self,
        block: RowKey,
        accounts: Vec<(Address, Account)>,
        senders: Vec<(Address, u64)>,
    ) {
        self.states_count += accounts.len();
        self.senders_count += senders.len();
        let mut of_block = Vec::with_capacity(accounts.len());
        for (address, account) in accounts {
            let next = self.owners.len();
            let place = *self.places.entry(address).or_insert(next);
            if place == next {
                self.owners.push(Owner {
                    address,
                    number: None,
                    states: Vec::new(),
                });
            }
            let state = State { block, account };
            let states = &mut self.owners[place].states;
            // Nearly always it is the highest so far.
            let behind = states.partition_point(|other| other.place() < state.place());
            states.insert(behind, state);
            of_block.push((place, account));
        }
        if !of_block.is_empty() {
            self.unwritten.push((block, of_block));
        }
        if !senders.is_empty() {
            self.senders.insert(block, senders);
        }
    }

    /// Has each owner numbered that has no number yet; they come sorted.
    pub(crate) fn number_owners(
        &mut self,
        number: impl FnOnce(&[Address]) -> Result<Vec<OwnerNumber>, redb::Error>,
    ) -> Result<(), redb::Error> {
        let mut without: Vec<_> = self.owners[self.numbered_count..].iter_mut().collect();
        without.sort_unstable_by_key(|owner| owner.address);
        let addresses: Vec<_> = without.iter().map(|owner| owner.address).collect();
        for (owner, number) in without.into_iter().zip(number(&addresses)?) {
            owner.number = Some(number);
        }
        self.numbered_count = self.owners.len();
        Ok(())
    }

    /// The unwritten blocks, and the accounts that each of them changed, sorted by
    /// the numbers of their owners.
    pub(crate) fn unwritten(&self) -> impl Iterator<Item = (RowKey, Vec<(OwnerNumber, Account)>)> {
        self.unwritten.iter().map(|(block, accounts)| {
            let numbered = accounts.iter().map(|(place, account)| {
                let number = self.owners[*place].number;
                let number = number.expect("owners are numbered before their accounts are written");
                (number, *account)
            });
            let mut numbered: Vec<_> = numbered.collect();
            numbered.sort_unstable_by_key(|(number, _)| *number);
            (*block, numbered)
        })
    }

    /// The index has all of it.
    pub(crate) fn was_written(&mut self) {
        self.unwritten.clear();
        self.senders.clear();
        self.senders_count = 0;
    }

    /// The accounts that a block changed, as it left them.
    pub(crate) fn left_by(&self, block: RowKey) -> Option<Vec<(Address, Account)>> {
        let mut blocks = self.unwritten.iter();
        let (_, accounts) = blocks.find(|(other, _)| *other == block)?;
        let accounts = accounts.iter();
        let accounts = accounts.map(|(place, account)| (self.owners[*place].address, *account));
        Some(accounts.collect())
    }

    /// Who has sent something in an unwritten block.
    pub(crate) fn senders(&self, block: RowKey) -> Option<&[(Address, u64)]> {
        self.senders.get(&block).map(Vec::as_slice)
    }

    /// The same of all unwritten blocks in which somebody has, sorted.
    pub(crate) fn all_senders(&self) -> impl Iterator<Item = (RowKey, &[(Address, u64)])> {
        self.senders
            .iter()
            .map(|(block, senders)| (*block, &senders[..]))
    }
}
