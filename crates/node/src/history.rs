//! The thread that keeps the history. The driver tells it which block is the
//! tip, and goes on; the thread follows through snapshots, gives way to
//! everything else, and publishes what it covers. If it fails, only those who
//! ask it go without an answer. Which chain is the main one, it does not decide.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use adit_core::address::Address;
use adit_core::archive::{AccountsAt, Archive, ArchiveError, Entry};
use adit_core::block::HeaderFields;
use adit_core::hash::Hash;
use adit_core::rules::Rules;
use adit_core::sealed::Account;
use adit_core::transaction::{recipient, sender};
use adit_store::{
    BranchTip, History, HistoryError, HistoryView, Listed, Reader, SIDE_BLOCKS_REMEMBERED_LIMIT,
    SideBlocks, Snapshot,
};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::clock::now_ms;
use crate::priority::give_way;

/// How nice the thread is to all others, from 0 to 19: less than the miner's.
const NICENESS: i32 = 10;

/// At most this many pieces of news wait for the thread. What comes then is not
/// lost: the thread looks for the newest tip itself.
const NEWS_LIMIT: usize = 64;

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
    news: Option<SyncSender<News>>,
    /// Blocks beside the main chain that the thread was not told of yet.
    aside: VecDeque<Hash>,
    told: Option<Hash>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// What happened between two syncs.
struct News {
    tip: Hash,
    time_ms: u64,
    aside: VecDeque<Hash>,
}

/// Starts the thread.
pub(crate) fn start(
    reader: Reader,
    rules: Arc<dyn Rules>,
) -> std::io::Result<(HistoryTeller, HistoryWatch)> {
    let (news, received) = sync_channel(NEWS_LIMIT);
    let (publish, progress) = watch::channel(Progress::Reading { done: 0, of: 0 });
    let stop = Arc::<AtomicBool>::default();
    let keeper = Keeper {
        reader,
        rules,
        publish,
        side: SideBlocks::new(SIDE_BLOCKS_REMEMBERED_LIMIT),
        branches: Arc::default(),
        length: 0,
        stop: Arc::clone(&stop),
    };
    let thread = thread::Builder::new()
        .name("history".into())
        .spawn(move || {
            give_way(NICENESS);
            keeper.run(&received);
        })?;
    let teller = HistoryTeller {
        news: Some(news),
        aside: VecDeque::new(),
        told: None,
        stop,
        thread: Some(thread),
    };
    Ok((teller, HistoryWatch(progress)))
}

impl HistoryTeller {
    /// A block was accepted beside the main chain.
    pub(crate) fn note_aside(&mut self, block: Hash) {
        if self.aside.len() == SIDE_BLOCKS_REMEMBERED_LIMIT {
            self.aside.pop_front();
        }
        self.aside.push_back(block);
    }

    /// Everything up to this tip is durable, and readers see it.
    pub(crate) fn tell(&mut self, tip: Hash) {
        if self.told == Some(tip) && self.aside.is_empty() {
            return;
        }
        let news = News {
            tip,
            time_ms: now_ms(),
            aside: std::mem::take(&mut self.aside),
        };
        self.told = Some(tip);
        let Some(sender) = &self.news else { return };
        if let Err(TrySendError::Full(news)) = sender.try_send(news) {
            self.aside = news.aside;
        }
    }
}

impl Drop for HistoryTeller {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.news = None;
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
    /// Of the main chain when it was last looked at.
    length: u64,
    stop: Arc<AtomicBool>,
}

impl Keeper {
    fn run(mut self, news: &Receiver<News>) {
        let mut rebuilds = 0;
        while let Err(error) = self.keep(news) {
            let nothing = Progress::Reading { done: 0, of: 0 };
            if error.is_damage() && rebuilds < REBUILDS_LIMIT {
                tracing::warn!(%error, "the history is damaged and is made anew");
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

    fn keep(&mut self, news: &Receiver<News>) -> Result<(), HistoryError> {
        let mut history = self.reader.open_history()?;
        self.side.read(&self.reader.snapshot()?)?;
        let mut heard = Vec::new();
        while let Some(at) = self.take_in(&mut history, &heard)? {
            if history.is_damaged() {
                return Err(history.damage());
            }
            let tip = at.snapshot.tip();
            self.publish.send_replace(Progress::Covered(Arc::new(at)));
            let age = Duration::from_millis(SNAPSHOT_AGE_LIMIT_MS);
            let next = match news.recv_timeout(age) {
                // Blocks are being taken in, and there will be news of them.
                Err(RecvTimeoutError::Timeout) if self.reader.snapshot()?.tip() != tip => {
                    self.publish_progress(&history, &self.reader.snapshot()?);
                    news.recv().map_err(RecvTimeoutError::from)
                }
                next => next,
            };
            heard = match next {
                Ok(first) => [first].into_iter().chain(news.try_iter()).collect(),
                Err(RecvTimeoutError::Timeout) => Vec::new(),
                Err(RecvTimeoutError::Disconnected) => break,
            };
        }
        history.sync()
    }

    /// Follows the tips that it was told of, one after another, so that each
    /// reorganisation is seen; then to the newest one. Returns `None` if it is
    /// told to stop.
    fn take_in(
        &mut self,
        history: &mut History,
        heard: &[News],
    ) -> Result<Option<HistoryAt>, HistoryError> {
        let mut is_other = self.branches.is_empty();
        let snapshot = self.reader.snapshot()?;
        for hash in heard.iter().flat_map(|news| &news.aside) {
            self.side.add(*hash, &snapshot)?;
            is_other = true;
        }
        drop(snapshot);
        for news in heard {
            is_other |= self.follow(history, news.tip, news.time_ms)?;
        }
        while !self.is_stopped() {
            let taken = Instant::now();
            let mut snapshot = self.reader.snapshot()?;
            let covered = history.covered().map(|block| block.hash);
            if let Some(tip) = snapshot.tip().filter(|tip| covered != Some(*tip)) {
                // While a branch is taken in, the tip moves all the time: what
                // was the tip when this started is then shown all the same. If it
                // is far, the snapshot can't be held until it is reached.
                let covered_length = history.covered().map_or(0, |block| block.height);
                let is_near = snapshot.length().abs_diff(covered_length) <= NEAR_LIMIT_BLOCKS;
                let held = is_near.then_some(snapshot);
                is_other |= self.follow(history, tip, now_ms())?;
                let covered = history.covered().map(|block| block.hash);
                match held.filter(|_| covered == Some(tip)) {
                    Some(held) => snapshot = held,
                    None => continue,
                }
            }
            is_other |= snapshot.length() < self.length;
            self.length = snapshot.length();
            if is_other {
                self.side.main_chain_has_changed(&snapshot)?;
                self.branches = self.side.tips(BRANCH_TIPS_LIMIT, &snapshot)?.into();
            }
            return Ok(Some(HistoryAt {
                view: history.view()?,
                branches: Arc::clone(&self.branches),
                snapshot,
                taken,
            }));
        }
        Ok(None)
    }

    /// Returns whether blocks were dropped.
    fn follow(
        &mut self,
        history: &mut History,
        tip: Hash,
        time_ms: u64,
    ) -> Result<bool, HistoryError> {
        let rules = Arc::clone(&self.rules);
        let list = |text, each: &mut dyn FnMut(Listed)| list(&*rules, text, each);
        let mut dropped_any = false;
        while !self.is_stopped() {
            // A new one for each step: while one is held, the index frees no
            // page.
            let snapshot = self.reader.snapshot()?;
            let archive = UntilStopped {
                snapshot: &snapshot,
                stop: &self.stop,
            };
            let followed = match history.follow(&tip, time_ms, &archive, &list) {
                // What a step has begun is undone, and starts over next time.
                Err(_) if self.is_stopped() => break,
                followed => followed?,
            };
            if let Some(left) = followed.reorganisation {
                self.side
                    .main_chain_has_left(left.old_tip.block.hash, left.fork);
            }
            // From the tip down: those below would be forgotten again.
            for hash in &followed.dropped {
                self.side.add(*hash, &snapshot)?;
                dropped_any = true;
            }
            if !followed.is_behind {
                break;
            }
            self.publish_progress(history, &snapshot);
        }
        Ok(dropped_any)
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
