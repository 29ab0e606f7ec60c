//! What the index does not know yet of accounts: how the blocks applied since it
//! was last written left them. Reads look here first: what a chain has here
//! stands above all that it has in the index.

use std::collections::{BTreeMap, HashMap};

use adit_core::address::Address;
use adit_core::rules::AccountChange;
use adit_core::sealed::Account;

use crate::index::account_record::{AccountKey, AccountRow, account_key, account_of, row_of};
use crate::index::record::RowKey;

/// The newest states of accounts, in memory.
#[derive(Debug, Default)]
pub(crate) struct AccountOverlay {
    /// How the blocks left each account, from the lowest block up.
    states: HashMap<Address, Vec<State>>,
    /// Those of them that the index does not have among its recent ones either.
    unwritten: Vec<(RowKey, Vec<(Address, Account)>)>,
    /// Who has sent something in each block that was not written, if anybody has.
    senders: BTreeMap<RowKey, Vec<(Address, u64)>>,
    /// How many states it holds,
    states_count: usize,
    /// and how many senders.
    senders_count: usize,
}

/// An account as a block left it.
#[derive(Debug, Clone, Copy)]
struct State {
    block: RowKey,
    row: AccountRow,
}

impl State {
    /// In the order of the index.
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
        let states = self
            .states
            .get(owner)
            .map(Vec::as_slice)
            .unwrap_or_default();
        for state in states.iter().rev() {
            if state.block.height <= height && is_wanted(state.block)? {
                return Ok(Some(account_of(state.row)));
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
        for (owner, account) in &accounts {
            self.put(*owner, block, *account);
        }
        if !accounts.is_empty() {
            self.unwritten.push((block, accounts));
        }
        if !senders.is_empty() {
            self.senders.insert(block, senders);
        }
    }

    /// What the index does not have at all yet.
    pub(crate) fn unwritten(&self) -> impl Iterator<Item = (RowKey, &[(Address, Account)])> {
        self.unwritten
            .iter()
            .map(|(block, accounts)| (*block, &accounts[..]))
    }

    /// The index has all of it among its recent ones.
    pub(crate) fn was_written(&mut self) {
        self.unwritten.clear();
        self.senders.clear();
        self.senders_count = 0;
    }

    /// The accounts that a block changed, as it left them.
    pub(crate) fn left_by(&self, block: RowKey) -> impl Iterator<Item = (Address, Account)> {
        self.states.iter().filter_map(move |(owner, states)| {
            let left = states.iter().find(|state| state.block == block)?;
            Some((*owner, account_of(left.row)))
        })
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

    /// All accounts, in the order of the index.
    pub(crate) fn rows(&self) -> Vec<(AccountKey, AccountRow)> {
        let mut owners: Vec<&Address> = self.states.keys().collect();
        owners.sort_unstable();
        let states = owners.into_iter().flat_map(|owner| {
            let states = self.states[owner].iter();
            states.map(|state| (account_key(owner, state.block), state.row))
        });
        states.collect()
    }

    fn put(&mut self, owner: Address, block: RowKey, account: Account) {
        let state = State {
            block,
            row: row_of(account),
        };
        let states = self.states.entry(owner).or_default();
        // Nearly always it is the highest so far.
        let behind = states.partition_point(|other| other.place() <= state.place());
        match behind.checked_sub(1).map(|at| &mut states[at]) {
            Some(same) if same.block == block => *same = state,
            _ => states.insert(behind, state),
        }
    }
}
