//! What a new tip means to the waiting transactions: those that it holds have
//! found their block, and those that a reorganisation dropped wait again, if
//! they could be submitted now. Which may wait, the mempool and the rules decide.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use crate::address::Address;
use crate::archive::{AccountsAt, Archive, ArchiveError, MainChange};
use crate::block::Block;
use crate::chain::{ChainError, Connected};
use crate::hash::Hash;
use crate::mempool::{AccountMempool, Mempool, QueueMempool, check_recipient};
use crate::rules::Rules;
use crate::sealed::Account;
use crate::transaction;

/// Under rules with accounts, at most this many of the blocks that a
/// reorganisation drops are looked through, the newest: more would keep
/// everybody waiting.
const UPDATE_BLOCKS_LIMIT: u64 = 65_536;

/// Where a reorganisation drops and adopts more blocks than this, and the rules
/// know no accounts, the waiting transactions follow it in steps.
pub const UPDATE_AT_ONCE_LIMIT: u64 = 256;

/// This many blocks are looked through in a step,
pub(crate) const UPDATE_STEP_BLOCKS: usize = 4_096;

/// and no further one once they are this long in total.
const UPDATE_STEP_BYTES: usize = 4 * 1024 * 1024;

/// Of the dropped ones, no more than are this long in total: what waits can be
/// no longer.
pub const DROPPED_READ_LIMIT_BYTES: usize = 64 * 1024 * 1024;

/// While dropped blocks are looked through, at most this many accounts are kept
/// at hand, some 10 MB; then they are forgotten, and looked up again.
const KNOWN_ACCOUNTS_LIMIT: usize = 131_072;

/// What dropped blocks held that does not wait again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LeftOut {
    /// The number of transactions that may not wait here, or found no room.
    pub transactions: usize,
    /// The number of blocks that were not looked through.
    pub blocks: u64,
}

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

/// Accounts that are looked up again and again.
struct KnownAccounts<'a> {
    accounts: AccountsAt<'a>,
    known: RefCell<BTreeMap<Address, Account>>,
}

impl<'a> KnownAccounts<'a> {
    fn of(accounts: AccountsAt<'a>) -> KnownAccounts<'a> {
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

impl LeftOut {
    /// Whether everything waits again.
    pub fn is_nothing(&self) -> bool {
        *self == LeftOut::default()
    }
}

impl MempoolUpdate<'_> {
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
        let is_overtaken = |_: &Hash| Ok(false);
        let left_out =
            self.look_through(fork, self.dropped(fork).rev(), is_overtaken, |block| {
                Ok(give_back(mempool, self.rules, block))
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
            return Ok(LeftOut::default());
        };
        let accounts = KnownAccounts::of(self.accounts_at_tip()?);
        let waiting = mempool.accounts().map(|(owner, _)| *owner);
        let waiting: Result<Vec<_>, _> = waiting
            .map(|owner| Ok((owner, accounts.account(&owner)?)))
            .collect();
        let waiting: Vec<_> = waiting.map_err(ChainError::Archive)?;
        mempool.update(waiting.iter().map(|(owner, account)| (owner, account)));
        // From the oldest on, so that none waits for one that comes later.
        let is_overtaken = |dropped: &Hash| self.is_overtaken(dropped, &accounts);
        self.look_through(fork, self.dropped(fork), is_overtaken, |block| {
            let mut left_out = 0;
            for payment in self.rules.payments(block) {
                let account = accounts.account(&payment.sender)?;
                if account.nonce <= payment.nonce {
                    let recipient = accounts.account(&payment.recipient)?;
                    let waits = check_recipient(&payment, recipient)
                        .and_then(|()| mempool.give_back(self.now, payment, account));
                    left_out += usize::from(waits.is_err());
                }
            }
            Ok(left_out)
        })
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
    /// the limit goes. Of those that are overtaken none can wait again.
    /// `give_back` returns how many it left out.
    fn look_through(
        &self,
        fork: u64,
        dropped: impl Iterator<Item = u64>,
        is_overtaken: impl Fn(&Hash) -> Result<bool, ChainError>,
        mut give_back: impl FnMut(&Block) -> Result<usize, ChainError>,
    ) -> Result<LeftOut, ChainError> {
        let mut left_out = LeftOut {
            transactions: 0,
            blocks: self.dropped(fork).start() - (fork + 1),
        };
        let mut read_bytes = 0;
        for height in dropped {
            if read_bytes > DROPPED_READ_LIMIT_BYTES {
                left_out.blocks += 1;
                continue;
            }
            let Some(hash) = self.archive.main_hash(height)? else {
                continue;
            };
            if is_overtaken(&hash)? {
                continue;
            }
            match read_dropped(self.rules, self.archive, &hash)? {
                Dropped::Read(block) => {
                    read_bytes += block.text().len();
                    left_out.transactions += give_back(&block)?;
                }
                Dropped::Unreadable => left_out.blocks += 1,
                Dropped::Unknown => {}
            }
        }
        Ok(left_out)
    }

    /// Whether the new main chain has as many transactions of everybody who has
    /// sent one by the end of a dropped block: then none of it can wait again,
    /// and it need not be read.
    fn is_overtaken(&self, dropped: &Hash, accounts: &KnownAccounts) -> Result<bool, ChainError> {
        for (sender, nonce) in self.archive.senders(dropped)? {
            if accounts.account(&sender)?.nonce < nonce {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The indices of the blocks that the main chain has dropped, as far as they
    /// are looked through.
    fn dropped(&self, fork: u64) -> RangeInclusive<u64> {
        let old_tip = self.connected.old_tip.as_ref();
        let last = old_tip.map_or(0, |tip| tip.height());
        fork.max(last.saturating_sub(UPDATE_BLOCKS_LIMIT)) + 1..=last
    }
}

/// How far the waiting transactions have followed a long reorganisation: they are
/// as they would be if the main chain ended there. From there they go on to the
/// tip, whatever it is by then: down by giving back what a dropped block holds,
/// and up by taking out what an adopted one does.
#[derive(Debug)]
pub(crate) struct SteppedUpdate {
    /// Index and hash of the block; none before the first one.
    at: Option<(u64, Hash)>,
    /// The total length of the dropped blocks that were read.
    read_bytes: usize,
    left_out: LeftOut,
}

impl SteppedUpdate {
    /// They have followed the chain that ended in this block.
    pub(crate) fn at(tip: &Block) -> SteppedUpdate {
        SteppedUpdate {
            at: Some((tip.height(), tip.hash())),
            read_bytes: 0,
            left_out: LeftOut::default(),
        }
    }

    /// Goes on for this many blocks. At the tip, returns what dropped blocks
    /// held that does not wait again.
    pub(crate) fn go_on(
        &mut self,
        blocks: usize,
        mempool: &mut QueueMempool,
        rules: &dyn Rules,
        reward_to: &str,
        archive: &dyn Archive,
    ) -> Result<Option<LeftOut>, ChainError> {
        let mut step_bytes = 0;
        for _ in 0..blocks {
            if step_bytes > UPDATE_STEP_BYTES {
                break;
            }
            let on_main = match self.at {
                Some((height, hash)) => archive.main_hash(height)? == Some(hash),
                None => true,
            };
            if on_main {
                let next = self.at.map_or(1, |(height, _)| height + 1);
                let hash = archive
                    .main_hash(next)?
                    .filter(|_| mempool.can_remove_for_block(true));
                let Some(hash) = hash else {
                    // At the tip, or none of the blocks left would find
                    // anything.
                    return Ok(Some(self.left_out));
                };
                if let Some(block) = read(rules, archive, &hash)? {
                    step_bytes += block.text().len();
                    take_out(mempool, reward_to, &block);
                }
                self.at = Some((next, hash));
            } else if let Some((height, hash)) = self.at {
                if self.read_bytes > DROPPED_READ_LIMIT_BYTES {
                    self.left_out.blocks += 1;
                } else {
                    match read_dropped(rules, archive, &hash)? {
                        Dropped::Read(block) => {
                            step_bytes += block.text().len();
                            self.read_bytes += block.text().len();
                            self.left_out.transactions += give_back(mempool, rules, &block);
                        }
                        Dropped::Unreadable => self.left_out.blocks += 1,
                        Dropped::Unknown => {}
                    }
                }
                let parent = archive.entry(&hash)?.and_then(|entry| entry.parent);
                self.at = parent.map(|hash| (height.saturating_sub(1), hash));
            }
        }
        Ok(None)
    }
}

/// Lets the transactions of a dropped block wait again, in front of all others.
/// Returns how many do not.
fn give_back(mempool: &mut QueueMempool, rules: &dyn Rules, block: &Block) -> usize {
    let paid = paid(block);
    let returned = paid.iter().filter_map(|text| rules.read_returned(text));
    let returned: Vec<_> = returned.map(|one| Arc::clone(one.text())).collect();
    let refused = paid.len() - returned.len();
    refused + mempool.give_back(returned.into_iter())
}

/// What a block of the main chain holds waits no longer. The block itself says
/// whose it is, so the result is the same when the log is read again, and when
/// our own blocks come back from a peer.
fn take_out(mempool: &mut QueueMempool, reward_to: &str, block: &Block) {
    // Most blocks of a long branch find nothing to take out: they are not even
    // looked through.
    if mempool.is_empty() {
        return;
    }
    let reward = transaction::reward(reward_to);
    let is_ours = block.transactions().last() == Some(&*reward);
    if mempool.can_remove_for_block(is_ours) {
        mempool.remove_for_block(&paid(block), is_ours);
    }
}

/// A block that the main chain has dropped.
enum Dropped {
    Read(Arc<Block>),
    /// It is not what was written to the disk. No chain needs it: what stands in it
    /// does not wait again, and that is all.
    Unreadable,
    Unknown,
}

fn read_dropped(
    rules: &dyn Rules,
    archive: &dyn Archive,
    hash: &Hash,
) -> Result<Dropped, ChainError> {
    match read(rules, archive, hash) {
        Ok(Some(block)) => Ok(Dropped::Read(block)),
        Ok(None) => Ok(Dropped::Unknown),
        Err(ChainError::Archive(_) | ChainError::Invalid(_)) => Ok(Dropped::Unreadable),
        Err(error) => Err(error),
    }
}

fn read(
    rules: &dyn Rules,
    archive: &dyn Archive,
    hash: &Hash,
) -> Result<Option<Arc<Block>>, ChainError> {
    if let Some(block) = archive.block(hash)? {
        return Ok(Some(block));
    }
    let text = archive.text(hash)?;
    let block = text.map(|text| rules.read_canonical(text));
    Ok(block.transpose()?.map(Arc::new))
}

/// The transactions that a block took from those that waited: all but the
/// reward, which belongs to the block.
fn paid(block: &Block) -> Vec<&[u8]> {
    let mut transactions: Vec<&[u8]> = block.transactions().collect();
    if transactions
        .last()
        .is_some_and(|last| transaction::is_reward(last))
    {
        transactions.pop();
    }
    transactions.retain(|transaction| transaction.starts_with(b"{"));
    transactions
}
