//! The thread that keeps the history. The driver tells it which block is the
//! tip and which reorganisations led there, and goes on; the thread follows
//! through snapshots, gives way to everything else, and publishes what it covers.
//! If it fails, only those who ask it go without an answer. Which chain is the
//! main one, it does not decide; of reorganisations it finds itself only what
//! happened while no node was running.

mod news;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use adit_core::address::Address;
use adit_core::archive::{AccountsAt, Archive, ArchiveError, Entry};
use adit_core::block::HeaderFields;
use adit_core::hash::Hash;
use adit_core::reorganisation::Reorganisation;
use adit_core::rules::Rules;
use adit_core::sealed::Account;
use adit_core::transaction::{recipient, sender};
use adit_store::{
    BranchTip, History, HistoryError, HistoryView, Listed, Reader, SIDE_BLOCKS_REMEMBERED_LIMIT,
    SideBlocks, Snapshot,
};
use tokio::sync::watch;
use tokio::time::timeout;

use self::news::{News, Slot, Wakeup};
use crate::clock::now_ms;
use crate::priority::give_way;

/// How nice the thread is to all others, from 0 to 19: less than the miner's.
const NICENESS: i32 = 10;

/// Of the branches beside the main chain, this many are known by their tips.
const BRANCH_TIPS_LIMIT: usize = 100;

/// A snapshot of the index is held for others for at most about this long: while
/// one is held, the index frees no page.
const SNAPSHOT_AGE_LIMIT_MS: u64 = 500;

/// A snapshot of the index is held until the history has followed to its tip, if
/// that is so near: some steps of the driver.
const NEAR_LIMIT_BLOCKS: u64 = 32_768;
/// A damaged history is rebuilt this many times while a node runs: beyond that,
/// the disk is to blame.
const REBUILDS_LIMIT: usize = 3;

/// A block that can't be read may have been mended by then.
const MEND_WAIT_MS: u64 = 1_000;

/// A caller that wants to know what the newest tip means waits at most this long.
const HISTORY_TIMEOUT_MS: u64 = 2_000;

/// The chain at one tip, and all that is known of it.
pub(crate) struct HistoryAt {
    /// The chain,
    pub(crate) snapshot: Snapshot,
    /// its history, up to the same tip,
    pub(crate) view: HistoryView,
    /// and the ends of the branches beside it, the heaviest first.
    pub(crate) branches: Arc<[BranchTip]>,
    taken: Instant,
}

/// How far the history is.
enum Progress {
    /// It is being read.
    Reading { done: u64, of: u64 },
    /// It was at the newest tip a moment ago.
    Covered(Arc<HistoryAt>),
    /// It has failed.
    Failed,
}

/// The history can't be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoHistory {
    #[error("the history is being read: {done} of {of} blocks")]
    Reading { done: u64, of: u64 },
    #[error("the history is behind; try again")]
    Behind,
    #[error("the history failed; the node's log says why")]
    Failed,
}

/// Sees what the history covers.
#[derive(Clone)]
pub(crate) struct HistoryWatch(watch::Receiver<Progress>);

/// Tells the thread what is new. When this is dropped, the thread makes durable
/// what it has, and ends.
pub(crate) struct HistoryTeller {
    slot: Arc<Slot>,
    /// Blocks and reorganisations that the thread was not told of yet.
    untold: News,
    told: Option<Hash>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// Starts the thread. `tip` is the main chain's, and durable; of reorganisations
/// from then on, the thread is told.
pub(crate) fn start(
    reader: Reader,
    rules: Arc<dyn Rules>,
    tip: Option<Hash>,
) -> std::io::Result<(HistoryTeller, HistoryWatch)> {
    let slot = Slot::new();
    let (publish, progress) = watch::channel(Progress::Reading { done: 0, of: 0 });
    let stop = Arc::<AtomicBool>::default();
    let keeper = Keeper {
        reader,
        rules,
        publish,
        side: SideBlocks::new(SIDE_BLOCKS_REMEMBERED_LIMIT),
        branches: Arc::default(),
        are_branches_stale: true,
        length: 0,
        first_tip: tip,
        told: News {
            tip,
            ..News::default()
        },
        slot: Arc::clone(&slot),
        stop: Arc::clone(&stop),
    };
    let thread = thread::Builder::new()
        .name("history".into())
        .spawn(move || {
            give_way(NICENESS);
            keeper.run();
        })?;
    let teller = HistoryTeller {
        slot,
        untold: News::default(),
        told: tip,
        stop,
        thread: Some(thread),
    };
    Ok((teller, HistoryWatch(progress)))
}

impl HistoryTeller {
    /// A block was accepted beside the main chain.
    pub(crate) fn note_aside(&mut self, block: Hash) {
        self.untold.add_aside([block]);
    }

    /// The main chain went over to another branch.
    pub(crate) fn note_reorganisation(&mut self, reorganisation: Reorganisation) {
        self.untold.reorganisations.push_back(reorganisation);
    }

    /// Everything up to this tip is durable, and readers see it.
    pub(crate) fn tell(&mut self, tip: Hash) {
        let is_known = self.told == Some(tip) && self.untold.is_empty();
        if !is_known {
            self.told = Some(tip);
            self.untold.tip = Some(tip);
            self.slot.tell(std::mem::take(&mut self.untold));
        }
    }
}

impl Drop for HistoryTeller {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.slot.close();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::warn!("the history did not end in good order");
        }
    }
}

impl HistoryWatch {
    /// Returns the history at this tip, or at one that was the newest since this
    /// was called.
    pub(crate) async fn at(&self, tip: Option<Hash>) -> Result<Arc<HistoryAt>, NoHistory> {
        let called = Instant::now();
        let mut progress = self.0.clone();
        let is_there = |progress: &Progress| match progress {
            Progress::Reading { .. } => false,
            Progress::Covered(at) => at.snapshot.tip() == tip || at.taken >= called,
            Progress::Failed => true,
        };
        let limit = Duration::from_millis(HISTORY_TIMEOUT_MS);
        match timeout(limit, progress.wait_for(is_there)).await {
            Ok(Ok(there)) => match &*there {
                Progress::Covered(at) => return Ok(Arc::clone(at)),
                _ => return Err(NoHistory::Failed),
            },
            Ok(Err(_)) => return Err(NoHistory::Failed),
            Err(_) => {}
        }
        match *self.0.borrow() {
            Progress::Reading { done, of } => Err(NoHistory::Reading { done, of }),
            Progress::Covered(_) => Err(NoHistory::Behind),
            Progress::Failed => Err(NoHistory::Failed),
        }
    }

    /// Whether it makes sense to wait.
    pub(crate) fn is_covered(&self) -> bool {
        matches!(*self.0.borrow(), Progress::Covered(_))
    }
}

/// What the thread holds.
struct Keeper {
    reader: Reader,
    rules: Arc<dyn Rules>,
    publish: watch::Sender<Progress>,
    side: SideBlocks,
    branches: Arc<[BranchTip]>,
    /// Whether the branches may be others by now.
    are_branches_stale: bool,
    /// Of the main chain when it was last looked at.
    length: u64,
    /// The tip at the start, until it is known which reorganisation the history
    /// has missed.
    first_tip: Option<Hash>,
    /// What it was told of and has not gone along with yet.
    told: News,
    slot: Arc<Slot>,
    stop: Arc<AtomicBool>,
}

impl Keeper {
    fn run(mut self) {
        let mut rebuilds = 0;
        while let Err(error) = self.keep() {
            let nothing = Progress::Reading { done: 0, of: 0 };
            if error.is_damage() && rebuilds < REBUILDS_LIMIT {
                tracing::warn!(%error, "the history is damaged and is rebuilt");
                rebuilds += 1;
                self.publish.send_replace(nothing);
                if let Err(error) = self.reader.delete_history() {
                    tracing::error!(%error, "the damaged history can't be deleted");
                    break;
                }
            } else if error.is_damaged_block() && !self.is_stopped() {
                // It goes on when the block is mended.
                self.publish.send_replace(nothing);
                thread::sleep(Duration::from_millis(MEND_WAIT_MS));
            } else if self.reader.is_index_damaged() {
                // The node starts again with another index, and so does this.
                return;
            } else {
                tracing::error!(%error, "the history can't be kept any more; nothing else is affected");
                self.publish.send_replace(Progress::Failed);
                return;
            }
        }
    }

    fn keep(&mut self) -> Result<(), HistoryError> {
        let mut history = self.reader.open_history()?;
        self.side.read(&self.reader.snapshot()?)?;
        self.are_branches_stale = true;
        self.find_missed(&history)?;
        while !self.is_stopped() {
            let at = self.take_in(&mut history)?;
            if history.is_damaged() {
                return Err(history.damage());
            }
            if let Some(at) = at {
                self.publish.send_replace(Progress::Covered(Arc::new(at)));
            }
            let age = Duration::from_millis(SNAPSHOT_AGE_LIMIT_MS);
            let covered = history.covered().map(|block| block.hash);
            let next = match self.slot.wait(Some(age)) {
                // Blocks are being taken in, and there will be news of them.
                Wakeup::TimedOut if self.reader.snapshot()?.tip() != covered => {
                    self.publish_progress(&history, &self.reader.snapshot()?);
                    self.slot.wait(None)
                }
                next => next,
            };
            if next == Wakeup::Closed {
                break;
            }
        }
        history.sync()
    }

    /// Finds what happened while no node was running: the driver tells of
    /// everything that has happened since.
    fn find_missed(&mut self, history: &History) -> Result<(), HistoryError> {
        if let Some(tip) = self.first_tip {
            let snapshot = self.reader.snapshot()?;
            let missed = history.missed(&tip, now_ms(), &snapshot)?;
            self.told.reorganisations.extend(missed);
            self.first_tip = None;
        }
        Ok(())
    }

    /// Follows to the tip that it was told of, and returns what is to be shown
    /// there; `None` if the main chain has gone on, and there will be news of
    /// that.
    fn take_in(&mut self, history: &mut History) -> Result<Option<HistoryAt>, HistoryError> {
        let taken = Instant::now();
        self.listen();
        let snapshot = self.reader.snapshot()?;
        for hash in std::mem::take(&mut self.told.aside) {
            self.side.add(hash, &snapshot)?;
            self.are_branches_stale = true;
        }
        // While a branch is taken in, the tip moves all the time: what was the tip
        // when this started is then shown all the same. If it is far, the snapshot
        // can't be held until it is reached.
        let covered_length = history.covered().map_or(0, |block| block.height);
        let is_near = snapshot.length().abs_diff(covered_length) <= NEAR_LIMIT_BLOCKS;
        let held = is_near.then_some(snapshot);
        self.follow(history, is_near)?;
        let snapshot = match held {
            Some(held) => held,
            None => self.reader.snapshot()?,
        };
        let covered = history.covered().map(|block| block.hash);
        if self.is_stopped() || covered != snapshot.tip() {
            return Ok(None);
        }
        let is_shorter = snapshot.length() < self.length;
        self.length = snapshot.length();
        if self.are_branches_stale || is_shorter || self.branches.is_empty() {
            self.side.main_chain_has_changed(&snapshot)?;
            self.branches = self.side.tips(BRANCH_TIPS_LIMIT, &snapshot)?.into();
            self.are_branches_stale = false;
        }
        Ok(Some(HistoryAt {
            view: history.view()?,
            branches: Arc::clone(&self.branches),
            snapshot,
            taken,
        }))
    }

    /// Hears what is new.
    fn listen(&mut self) {
        self.told.add(self.slot.take());
    }

    /// Goes to the tip that it was told of. A near one stays what it is meanwhile.
    fn follow(&mut self, history: &mut History, is_near: bool) -> Result<(), HistoryError> {
        let rules = Arc::clone(&self.rules);
        let list = |text, each: &mut dyn FnMut(Listed)| list(&*rules, text, each);
        while !self.is_stopped()
            && let Some(tip) = self.told.tip
        {
            // A new one for each step: while one is held, the index frees no
            // page.
            let snapshot = self.reader.snapshot()?;
            let archive = UntilStopped {
                snapshot: &snapshot,
                stop: &self.stop,
            };
            let seen = self.told.reorganisations.make_contiguous();
            let followed = match history.follow(&tip, seen, &archive, &list) {
                // An unfinished step is undone, and starts over next time.
                Err(_) if self.is_stopped() => break,
                followed => followed?,
            };
            self.told.reorganisations.clear();
            if let Some(left) = followed.left {
                self.side.main_chain_has_left(left.tip.hash, left.fork);
            }
            // From the tip down: those below would be forgotten again.
            for hash in &followed.dropped {
                self.side.add(*hash, &snapshot)?;
                self.are_branches_stale = true;
            }
            if !followed.is_behind {
                break;
            }
            self.publish_progress(history, &snapshot);
            if !is_near {
                self.listen();
            }
        }
        Ok(())
    }

    fn publish_progress(&self, history: &History, snapshot: &Snapshot) {
        self.publish.send_replace(Progress::Reading {
            done: history.covered().map_or(0, |block| block.height),
            of: snapshot.length(),
        });
    }

    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// A snapshot that can no longer be read when the thread is to end: it does not
/// first go a way of a million blocks to its end.
struct UntilStopped<'a> {
    snapshot: &'a Snapshot,
    stop: &'a AtomicBool,
}

#[derive(Debug, thiserror::Error)]
#[error("the history is to end")]
struct Stopped;

impl Archive for UntilStopped<'_> {
    fn entry(&self, hash: &Hash) -> Result<Option<Entry>, ArchiveError> {
        match self.stop.load(Ordering::Relaxed) {
            true => Err(ArchiveError(Box::new(Stopped))),
            false => self.snapshot.entry(hash),
        }
    }

    fn main_hash(&self, height: u64) -> Result<Option<Hash>, ArchiveError> {
        self.snapshot.main_hash(height)
    }

    fn fork(&self, hash: &Hash) -> Result<Option<u64>, ArchiveError> {
        self.snapshot.fork(hash)
    }

    fn header(&self, hash: &Hash) -> Result<Option<HeaderFields>, ArchiveError> {
        self.snapshot.header(hash)
    }

    fn text(&self, hash: &Hash) -> Result<Option<Vec<u8>>, ArchiveError> {
        self.snapshot.text(hash)
    }

    fn account(&self, owner: &Address) -> Result<Account, ArchiveError> {
        self.snapshot.account(owner)
    }

    fn accounts_at(&self, hash: &Hash) -> Result<AccountsAt<'_>, ArchiveError> {
        self.snapshot.accounts_at(hash)
    }

    fn senders(&self, hash: &Hash) -> Result<Vec<(Address, u64)>, ArchiveError> {
        self.snapshot.senders(hash)
    }
}

/// Returns what the transactions of a block can be found by.
fn list(
    rules: &dyn Rules,
    text: Vec<u8>,
    each: &mut dyn FnMut(Listed),
) -> Result<(), ArchiveError> {
    let block = rules.read_canonical(text);
    let block = block.map_err(|error| ArchiveError(Box::new(error)))?;
    let ids = rules.transaction_ids(&block);
    for (id, text) in ids.into_iter().zip(block.transactions()) {
        each(Listed {
            id,
            sender: sender(text),
            recipient: recipient(text),
        });
    }
    Ok(())
}
