//! What a block does to the accounts: its transactions in order, then the
//! reward. Where accounts are kept is not known here: they are looked up
//! through a function, and what changed is returned.

use std::collections::BTreeMap;

use crate::address::Address;
use crate::sealed::{Account, SealedBlock, SealedError, SealedTransaction, SealedTransactionError};

/// An account that a block changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccountChange {
    /// Whose.
    pub address: Address,
    /// Before the block.
    pub before: Account,
    /// After the block.
    pub after: Account,
}

impl AccountChange {
    /// Whose account it is and its nonce after the block, if it has sent a
    /// transaction there.
    pub fn sender(&self) -> Option<(Address, u64)> {
        let has_sent = self.after.nonce > self.before.nonce;
        has_sent.then_some((self.address, self.after.nonce))
    }
}

/// Whether an account can pay for a transaction: `account` is the sender's
/// before it.
///
/// "`nonce` is the sender's nonce, and the sender's balance at least `amount` +
/// `fee`."
pub fn check_spend(
    transaction: &SealedTransaction,
    account: Account,
) -> Result<(), SealedTransactionError> {
    let (sender, found) = (transaction.transfer.sender, transaction.transfer.nonce);
    if found != account.nonce {
        return Err(SealedTransactionError::WrongNonce {
            sender,
            expected: account.nonce,
            found,
        });
    }
    let needed = transaction.cost();
    if account.balance < needed {
        return Err(SealedTransactionError::BalanceTooLow {
            sender,
            balance: account.balance,
            needed,
        });
    }
    Ok(())
}

/// The accounts that a block has touched so far.
struct Accounts<'a> {
    lookup: &'a dyn Fn(&Address) -> Account,
    touched: BTreeMap<Address, AccountChange>,
}

impl Accounts<'_> {
    fn at(&mut self, address: Address) -> &mut Account {
        use std::collections::btree_map::Entry;
        let change = match self.touched.entry(address) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let before = (self.lookup)(&address);
                let after = before;
                entry.insert(AccountChange {
                    address,
                    before,
                    after,
                })
            }
        };
        &mut change.after
    }

    /// The sender pays first: in this order a payment to oneself works out too.
    fn transfer(
        &mut self,
        position: usize,
        transaction: &SealedTransaction,
    ) -> Result<(), SealedError> {
        let sender = self.at(transaction.transfer.sender);
        check_spend(transaction, *sender).map_err(|error| at(position, error))?;
        sender.balance -= transaction.cost();
        sender.nonce += 1;
        let (recipient, amount) = (transaction.transfer.recipient, transaction.transfer.amount);
        self.credit(position, recipient, amount)
    }

    fn credit(
        &mut self,
        position: usize,
        recipient: Address,
        amount: u64,
    ) -> Result<(), SealedError> {
        let account = self.at(recipient);
        let balance = account.balance;
        let credited = balance.checked_add(amount);
        account.balance = credited.ok_or(at(
            position,
            SealedTransactionError::BalanceTooHigh {
                recipient,
                balance,
                amount,
            },
        ))?;
        Ok(())
    }
}

fn at(position: usize, error: SealedTransactionError) -> SealedError {
    SealedError::Transaction { position, error }
}

/// What a block changes, in the order of the addresses; for a genesis block,
/// what it allocates. `lookup` returns an account as it is before the block.
pub(super) fn apply(
    block: &SealedBlock,
    lookup: &dyn Fn(&Address) -> Account,
) -> Result<Vec<AccountChange>, SealedError> {
    let mut accounts = Accounts {
        lookup,
        touched: BTreeMap::new(),
    };
    let allocations = block.header.params.iter().flat_map(|p| &p.allocations);
    for (address, amount) in allocations {
        accounts.credit(0, *address, *amount)?;
    }
    for (position, transaction) in (1..).zip(&block.transactions) {
        accounts.transfer(position, transaction)?;
    }
    // "Only after the last one the reward is paid."
    if let Some(reward) = &block.reward {
        accounts.credit(0, reward.recipient, reward.amount)?;
    }
    let changes = accounts.touched.into_values();
    Ok(changes
        .filter(|change| change.before != change.after)
        .collect())
}
