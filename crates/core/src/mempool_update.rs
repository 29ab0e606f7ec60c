//! What a new tip means to the waiting transactions: those that it holds have
//! found their block, and those that a reorganisation dropped wait again, if
//! they could be submitted now. Which may wait, the mempool and the rules decide.

mod accounts;
mod dropped;
mod queue;

pub(crate) use accounts::DroppedBlocks;
pub use dropped::{DROPPED_READ_LIMIT_BYTES, LeftOut};
pub(crate) use queue::FollowedChain;

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use self::accounts::KnownAccounts;
use self::dropped::{DroppedReader, UPDATE_BLOCKS_LIMIT, read};
use self::queue::{give_back, take_out};
use crate::archive::{AccountsAt, Archive, ArchiveError, MainChange};
use crate::block::Block;
use crate::chain::{ChainError, Connected};
use crate::mempool::{AccountMempool, Mempool, QueueMempool};
use crate::rules::Rules;

/// Where a reorganisation drops and adopts more blocks than this, and the rules
/// know no accounts, the waiting transactions follow it in steps.
pub const UPDATE_AT_ONCE_LIMIT: u64 = 256;

/// The same under rules that know accounts, whose blocks are longer.
pub const ACCOUNTS_UPDATE_AT_ONCE_LIMIT: u64 = 16;

/// This many blocks are looked through in a step.
pub(crate) const UPDATE_STEP_BLOCKS: usize = 4_096;

/// A block that was connected, and what has to be known besides. The archive
/// shows the main chain as it was before.
pub(crate) struct MempoolUpdate<'a> {
    pub(crate) now: Duration,
    pub(crate) rules: &'a dyn Rules,
    /// Who is rewarded for the blocks that are made here.
    pub(crate) reward_to: &'a str,
    pub(crate) connected: &'a Connected,
    pub(crate) archive: &'a dyn Archive,
}

impl MempoolUpdate<'_> {
    /// Whether so much is dropped and adopted that the waiting transactions have
    /// to follow in steps: more than `at_once` blocks.
    pub(crate) fn is_long(&self, at_once: u64) -> bool {
        let (MainChange::Reorganise { fork }, Some(old_tip)) =
            (self.connected.main, &self.connected.old_tip)
        else {
            return false;
        };
        let dropped = old_tip.height().saturating_sub(fork);
        let adopted = self.connected.entry.height.saturating_sub(fork);
        dropped.saturating_add(adopted) > at_once
    }

    /// Returns what dropped blocks held that does not wait again.
    pub(crate) fn apply(&self, mempool: &mut Mempool) -> Result<LeftOut, ChainError> {
        match mempool {
            Mempool::Queue(mempool) => self.update_queue(mempool),
            Mempool::Accounts(mempool) => self.update_accounts(mempool),
        }
    }

    fn update_queue(&self, mempool: &mut QueueMempool) -> Result<LeftOut, ChainError> {
        let block = &self.connected.block;
        let fork = match self.connected.main {
            MainChange::Side => return Ok(LeftOut::default()),
            MainChange::Extend => {
                take_out(mempool, self.reward_to, block);
                return Ok(LeftOut::default());
            }
            MainChange::Reorganise { fork } => fork,
        };
        // From the newest on, so that each goes in front of those behind it.
        let left_out = self.look_through(fork, self.dropped(fork).rev(), |block| {
            give_back(mempool, self.rules, block)
        })?;
        let mut adopted = Some(Arc::clone(block));
        while let Some(block) = adopted.take().filter(|block| block.height() > fork) {
            if mempool.is_empty() {
                break;
            }
            take_out(mempool, self.reward_to, &block);
            if let Some(parent) = block.parent() {
                adopted = read(self.rules, self.archive, &parent)?;
            }
        }
        Ok(left_out)
    }

    fn update_accounts(&self, mempool: &mut AccountMempool) -> Result<LeftOut, ChainError> {
        let mut dropped = self.follow_accounts(mempool)?;
        if dropped.is_empty() {
            return Ok(dropped.left_out());
        }
        let accounts = KnownAccounts::of(self.accounts_at_tip()?);
        while dropped.go_on_once(self.now, mempool, self.rules, &accounts, self.archive)? {}
        Ok(dropped.left_out())
    }

    /// What waits is judged by the accounts at the new tip from now on. Returns
    /// the blocks that were dropped, whose transactions do not wait yet.
    pub(crate) fn follow_accounts(
        &self,
        mempool: &mut AccountMempool,
    ) -> Result<DroppedBlocks, ChainError> {
        let fork = match self.connected.main {
            MainChange::Side => None,
            MainChange::Extend => {
                let changes = self.connected.changes.iter();
                mempool.update(changes.map(|change| (&change.address, &change.after)));
                None
            }
            MainChange::Reorganise { fork } => Some(fork),
        };
        mempool.expire(self.now);
        let Some(fork) = fork else {
            return Ok(DroppedBlocks::default());
        };
        let accounts = self.accounts_at_tip()?;
        let waiting = mempool.accounts().map(|(owner, _)| *owner);
        let waiting: Result<Vec<_>, _> = waiting
            .map(|owner| Ok((owner, accounts.account(&owner)?)))
            .collect();
        let waiting: Vec<_> = waiting.map_err(ChainError::Archive)?;
        mempool.update(waiting.iter().map(|(owner, account)| (owner, account)));
        DroppedBlocks::of(self.archive, fork, self.dropped(fork))
    }

    /// The accounts as the new tip leaves them, which the archive does not show
    /// yet.
    fn accounts_at_tip(&self) -> Result<AccountsAt<'_>, ArchiveError> {
        let Connected { changes, entry, .. } = self.connected;
        let before = match entry.parent {
            Some(parent) => self.archive.accounts_at(&parent)?,
            None => AccountsAt::before_genesis(),
        };
        // They are in the order of the addresses.
        Ok(AccountsAt::new(move |owner| {
            match changes.binary_search_by_key(owner, |change| change.address) {
                Ok(at) => Ok(changes[at].after),
                Err(_) => before.account(owner),
            }
        }))
    }

    /// Gives the transactions of dropped blocks back, block by block, as far as
    /// the limit goes. `give_back` returns how many it left out.
    fn look_through(
        &self,
        fork: u64,
        dropped: impl Iterator<Item = u64>,
        mut give_back: impl FnMut(&Block) -> usize,
    ) -> Result<LeftOut, ChainError> {
        let mut reader = DroppedReader::without(self.dropped(fork).start() - (fork + 1));
        for height in dropped {
            let Some(hash) = self.archive.main_hash(height)? else {
                continue;
            };
            if let Some(block) = reader.read(self.rules, self.archive, &hash)? {
                reader.left_out.transactions += give_back(&block);
            }
        }
        Ok(reader.left_out)
    }

    /// The indices of the blocks that the main chain has dropped, as far as they
    /// are looked through.
    fn dropped(&self, fork: u64) -> RangeInclusive<u64> {
        let old_tip = self.connected.old_tip.as_ref();
        let last = old_tip.map_or(0, |tip| tip.height());
        fork.max(last.saturating_sub(UPDATE_BLOCKS_LIMIT)) + 1..=last
    }
}

/// How far the waiting transactions have followed a long reorganisation.
#[derive(Debug)]
pub(crate) enum SteppedUpdate {
    Queue(FollowedChain),
    Accounts(DroppedBlocks),
}

impl SteppedUpdate {
    /// Goes on for this many blocks. At its end, returns what dropped blocks
    /// held that does not wait again.
    pub(crate) fn go_on(
        &mut self,
        step: Step<'_>,
        mempool: &mut Mempool,
    ) -> Result<Option<LeftOut>, ChainError> {
        let Step {
            now,
            blocks,
            rules,
            reward_to,
            archive,
        } = step;
        match (self, mempool) {
            (SteppedUpdate::Queue(followed), Mempool::Queue(mempool)) => {
                followed.go_on(blocks, mempool, rules, reward_to, archive)
            }
            (SteppedUpdate::Accounts(dropped), Mempool::Accounts(mempool)) => {
                dropped.go_on(now, blocks, mempool, rules, archive)
            }
            _ => unreachable!("an update is started for the mempool that there is"),
        }
    }

    /// More blocks were dropped before these had their turn.
    pub(crate) fn append(&mut self, more: DroppedBlocks) {
        if let SteppedUpdate::Accounts(dropped) = self {
            dropped.append(more);
        }
    }
}

/// What a step has to know.
pub(crate) struct Step<'a> {
    pub(crate) now: Duration,
    pub(crate) blocks: usize,
    pub(crate) rules: &'a dyn Rules,
    pub(crate) reward_to: &'a str,
    pub(crate) archive: &'a dyn Archive,
}
