//! How the waiting transactions of rules that know accounts follow a
//! reorganisation: those of the dropped blocks wait again, if the accounts at the
//! tip still allow it. Which blocks were dropped, the caller says.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::dropped::{DroppedReader, LeftOut, UPDATE_BLOCKS_LIMIT, UPDATE_STEP_BYTES};
use crate::address::Address;
use crate::archive::{AccountsAt, Archive, ArchiveError};
use crate::chain::ChainError;
use crate::hash::Hash;
use crate::mempool::{AccountMempool, check_recipient};
use crate::rules::Rules;
use crate::sealed::Account;

/// In a step, no further block is looked at once this many accounts were looked
/// up.
const UPDATE_STEP_ACCOUNTS: usize = 16_384;

/// While dropped blocks are looked through, at most this many accounts are kept
/// at hand, some 10 MB; then they are forgotten, and looked up again.
const KNOWN_ACCOUNTS_LIMIT: usize = 131_072;

/// The blocks that a reorganisation dropped, under rules that know accounts, as
/// far as their transactions are still to be given back. Whatever the main chain
/// does meanwhile, each is judged by the accounts as they are when its turn comes.
#[derive(Debug, Default)]
pub(crate) struct DroppedBlocks {
    /// The oldest last, since its turn is first: none waits for one that comes
    /// later.
    hashes: Vec<Hash>,
    reader: DroppedReader,
}

impl DroppedBlocks {
    /// The blocks of the main chain at these heights, which it is about to drop
    /// with all that are above `fork`.
    pub(super) fn of(
        archive: &dyn Archive,
        fork: u64,
        heights: RangeInclusive<u64>,
    ) -> Result<DroppedBlocks, ChainError> {
        let reader = DroppedReader::without(heights.start() - (fork + 1));
        let mut hashes = Vec::new();
        for height in heights.rev() {
            hashes.extend(archive.main_hash(height)?);
        }
        Ok(DroppedBlocks { hashes, reader })
    }

    /// What does not wait again, of those that had their turn.
    pub(super) fn left_out(&self) -> LeftOut {
        self.reader.left_out
    }

    /// Whether all had their turn.
    pub(super) fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }

    /// Others were dropped too: their turn comes behind these. No more are kept
    /// than one reorganisation may have.
    pub(super) fn append(&mut self, mut others: DroppedBlocks) {
        let limit = usize::try_from(UPDATE_BLOCKS_LIMIT).unwrap_or(usize::MAX);
        others.hashes.append(&mut self.hashes);
        self.hashes = others.hashes;
        // Of the oldest, as where one reorganisation drops that many.
        let beyond = self.hashes.len().saturating_sub(limit);
        self.hashes.truncate(limit);
        let left_out = &mut self.reader.left_out;
        left_out.transactions += others.reader.left_out.transactions;
        left_out.blocks += others.reader.left_out.blocks + beyond as u64;
    }

    /// Goes on for a step of this many blocks. At the end, returns what does not
    /// wait again.
    pub(super) fn go_on(
        &mut self,
        now: Duration,
        blocks: usize,
        mempool: &mut AccountMempool,
        rules: &dyn Rules,
        archive: &dyn Archive,
    ) -> Result<Option<LeftOut>, ChainError> {
        let accounts = KnownAccounts::of(AccountsAt::new(|owner| archive.account(owner)));
        let read_before = self.reader.read_bytes;
        for _ in 0..blocks {
            if !self.go_on_once(now, mempool, rules, &accounts, archive)? {
                return Ok(Some(self.left_out()));
            }
            let looked_up = accounts.known.borrow().len();
            let step_bytes = self.reader.read_bytes - read_before;
            if step_bytes > UPDATE_STEP_BYTES || looked_up > UPDATE_STEP_ACCOUNTS {
                break;
            }
        }
        Ok(None)
    }

    /// Gives the transactions of one block back. Returns whether there was one.
    pub(super) fn go_on_once(
        &mut self,
        now: Duration,
        mempool: &mut AccountMempool,
        rules: &dyn Rules,
        accounts: &KnownAccounts,
        archive: &dyn Archive,
    ) -> Result<bool, ChainError> {
        let Some(hash) = self.hashes.pop() else {
            return Ok(false);
        };
        if !self.reader.is_full() && is_overtaken(&hash, accounts, archive)? {
            return Ok(true);
        }
        let Some(block) = self.reader.read(rules, archive, &hash)? else {
            return Ok(true);
        };
        for payment in rules.payments(&block) {
            let account = accounts.account(&payment.sender)?;
            if account.nonce <= payment.nonce {
                let recipient = accounts.account(&payment.recipient)?;
                let waits = check_recipient(&payment, recipient)
                    .and_then(|()| mempool.give_back(now, payment, account));
                self.reader.left_out.transactions += usize::from(waits.is_err());
            }
        }
        Ok(true)
    }
}

/// Accounts that are looked up again and again.
pub(super) struct KnownAccounts<'a> {
    accounts: AccountsAt<'a>,
    known: RefCell<BTreeMap<Address, Account>>,
}

impl<'a> KnownAccounts<'a> {
    pub(super) fn of(accounts: AccountsAt<'a>) -> KnownAccounts<'a> {
        KnownAccounts {
            accounts,
            known: RefCell::default(),
        }
    }

    fn account(&self, owner: &Address) -> Result<Account, ArchiveError> {
        let mut known = self.known.borrow_mut();
        if let Some(account) = known.get(owner) {
            return Ok(*account);
        }
        let account = self.accounts.account(owner)?;
        if known.len() >= KNOWN_ACCOUNTS_LIMIT {
            known.clear();
        }
        known.insert(*owner, account);
        Ok(account)
    }
}

/// Whether the main chain has as many transactions of everybody who has sent one
/// by the end of a dropped block: then none of it can wait again, and it need
/// not be read.
fn is_overtaken(
    dropped: &Hash,
    accounts: &KnownAccounts,
    archive: &dyn Archive,
) -> Result<bool, ChainError> {
    for (sender, nonce) in archive.senders(dropped)? {
        if accounts.account(&sender)?.nonce < nonce {
            return Ok(false);
        }
    }
    Ok(true)
}
