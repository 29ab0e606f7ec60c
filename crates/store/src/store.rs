//! The store's one writer. It takes changes in order, makes them durable when
//! asked, and shows every change at once to the core, which decides on the
//! next. The logs are the truth: they are written before the index.
//!
//! 1. The index names no block that the disk may lose: what it covers of the block
//!    log was synced before it is written.
//! 2. After a sync everything that was applied is on the disk, and readers see it:
//!    what follows from it may leave the node.
//! 3. On the disk, the index covers no more of the block log than the pending log
//!    knows of, or nobody would know which transactions blocks have taken. So a
//!    checkpoint rewrites the pending log first.
//! 4. What is covered lies in the block log, and grows in its order.
//! 5. Once a step has failed, nothing more is written.

use std::sync::Arc;

use adit_core::address::Address;
use adit_core::archive::{AccountsAt, Archive, ArchiveError, Change, Entry, MainChange};
use adit_core::block::HeaderFields;
use adit_core::hash::Hash;
use adit_core::mempool::Origin;
use adit_core::sealed::Account;

use crate::database::Commit;
use crate::error::StoreError;
use crate::files::lock::FolderLock;
use crate::files::peers::PeersFile;
use crate::index::account_overlay::AccountOverlay;
use crate::index::account_writer::ChangesTo;
use crate::index::lines::{ChainLines, Lines, RecentAccounts};
use crate::index::overlay::{Overlay, Stretch};
use crate::index::record::{BlockRecord, Line, RowKey};
use crate::index::writer::{Index, index_error};
use crate::log::pending::PendingLog;
use crate::log::position::{Location, Position};
use crate::log::replay::{REPLAY_COMMIT_BLOCKS, Replay, Replayed};
use crate::log::segments::Segments;
use crate::log::writer::{BlockLog, SEGMENT_LIMIT_BYTES};
use crate::reader::{Reader, archive_error};

/// The overlay holds at most this many blocks, some 4 MB; then everything is
/// synced and the index written, asked for or not. The more blocks at once, the
/// more of them share a page of the index that has to be copied.
pub const OVERLAY_LIMIT: usize = 16_384;

/// The overlay holds at most this many changes of accounts, some 30 MB, plus
/// those of one block.
pub const ACCOUNT_OVERLAY_LIMIT: usize = 262_144;

/// After this many blocks, a checkpoint is due: the next start has to read all
/// blocks since the last one again.
pub const CHECKPOINT_BLOCKS: u64 = 1_024;

/// After this many bytes of blocks, or of transactions that blocks may have
/// taken, a checkpoint is due.
pub const CHECKPOINT_BYTES: u64 = 4 * 1024 * 1024;

/// The same while a long branch comes in. What the database holds in memory until
/// then is bounded by this too.
const BRANCH_CHECKPOINT_BLOCKS: u64 = 16_384;

/// The same in bytes.
const BRANCH_CHECKPOINT_BYTES: u64 = 16 * 1024 * 1024;

/// Limits that tests make smaller, so as not to write gigabytes.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// A segment of the block log that has reached this length is followed by
    /// a new one.
    pub segment_bytes: u64,
    /// This many new blocks are held in memory,
    pub overlay_blocks: usize,
    /// and of changes of accounts.
    pub overlay_accounts: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            segment_bytes: SEGMENT_LIMIT_BYTES,
            overlay_blocks: OVERLAY_LIMIT,
            overlay_accounts: ACCOUNT_OVERLAY_LIMIT,
        }
    }
}

/// Everything that a node accepted, and the only way to add to it.
pub struct Store {
    pub(crate) lock: Arc<FolderLock>,
    pub(crate) segments: Arc<Segments>,
    pub(crate) log: BlockLog,
    pub(crate) pending: PendingLog,
    pub(crate) peers: PeersFile,
    pub(crate) index: Index,
    pub(crate) overlay: Overlay,
    pub(crate) accounts: AccountOverlay,
    pub(crate) limits: Limits,
    /// How far of the block log the overlay and the index cover together.
    pub(crate) covered: Position,
    /// The rest of the log, until it has been read again.
    pub(crate) replay: Option<Replay>,
    pub(crate) since_checkpoint: Growth,
    /// The first error of a write.
    pub(crate) stopped: Option<String>,
}

/// How much the block log has grown.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Growth {
    blocks: u64,
    bytes: u64,
}

impl Store {
    /// Takes in a change. Reads show it at once; it is durable, and readers
    /// see it, after the next [`Store::sync`].
    pub fn apply(&mut self, change: &Change) -> Result<(), StoreError> {
        self.guarded(|store| store.try_apply(change))
    }

    /// Whether everything applied is durable, and readers see it.
    pub fn is_synced(&self) -> bool {
        let logs = self.peers.is_synced() && self.pending.is_synced();
        logs && self.log.synced() == self.log.end() && self.overlay.len() == 0
    }

    /// Waits until everything applied is durable, then lets the readers see
    /// it.
    pub fn sync(&mut self) -> Result<(), StoreError> {
        self.guarded(Store::try_sync)
    }

    /// Whether enough has come since the last checkpoint to make the next start
    /// slow.
    pub fn needs_checkpoint(&self) -> bool {
        let Growth { blocks, bytes } = self.since_checkpoint;
        let pending_limit_bytes = CHECKPOINT_BYTES.max(self.pending.compacted_bytes());
        // Without blocks, nothing in the pending log can be superfluous.
        let pending_is_long = blocks > 0 && self.pending.grown_bytes() > pending_limit_bytes;
        blocks > CHECKPOINT_BLOCKS || bytes > CHECKPOINT_BYTES || pending_is_long
    }

    /// Whether enough has come since the last checkpoint to make one due even
    /// while a long branch comes in, when each is expensive: it changes pages
    /// all over the index.
    pub fn is_checkpoint_overdue(&self) -> bool {
        let Growth { blocks, bytes } = self.since_checkpoint;
        blocks > BRANCH_CHECKPOINT_BLOCKS || bytes > BRANCH_CHECKPOINT_BYTES
    }

    /// Makes the next start fast. `pending` are the transactions that wait once
    /// everything applied is considered.
    pub fn checkpoint<'a>(
        &mut self,
        pending: impl Iterator<Item = (&'a [u8], Origin)>,
    ) -> Result<(), StoreError> {
        self.guarded(|store| store.try_checkpoint(pending))
    }

    /// The next block of the log that the index does not cover, in order of
    /// arrival; `None` when all have been handed out. Each one that the core
    /// takes goes to [`Store::index`] before the next is asked for.
    pub fn next_unindexed(&mut self) -> Result<Option<Replayed>, StoreError> {
        self.guarded(Store::try_next_unindexed)
    }

    /// Takes in what the core says of the block that was handed out last.
    /// Nothing is written to the logs.
    pub fn index(&mut self, change: &Change) -> Result<(), StoreError> {
        self.guarded(|store| store.try_index(change))
    }

    /// Whether no block was ever stored.
    pub fn is_empty(&self) -> bool {
        self.log.end() == Position::START
    }

    /// The error when the core refuses the block that was handed out last: the
    /// log is not what was written.
    pub fn refused(&self, why: &str) -> StoreError {
        let refused = self.replay.as_ref().and_then(|replay| replay.refused(why));
        refused.unwrap_or_else(|| StoreError::OutOfOrder {
            what: format!("no block was handed out that could be refused: {why}"),
        })
    }

    /// The length of the main chain.
    pub fn length(&self) -> u64 {
        self.overlay.main_length()
    }

    /// The registered peers, as of the last change.
    pub fn peers(&self) -> &[String] {
        self.peers.list()
    }

    /// For threads that read the main chain while this one writes.
    pub fn reader(&self) -> Reader {
        Reader::new(
            Arc::clone(&self.segments),
            self.index.database(),
            self.index.health(),
            Arc::clone(&self.lock),
            self.log.durability(),
        )
    }

    /// Where the block log ends.
    pub fn log_end(&self) -> Position {
        self.log.end()
    }

    /// Runs a step that writes. Once one has failed, the files may hold any
    /// part of what was to be written, and a second sync that succeeds says
    /// nothing about what the first one lost: so nothing more is done.
    fn guarded<T>(
        &mut self,
        step: impl FnOnce(&mut Store) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        if let Some(cause) = &self.stopped {
            let cause = cause.clone();
            return Err(StoreError::Stopped { cause });
        }
        let result = step(self);
        if let Err(error) = &result {
            self.stopped = Some(error.to_string());
        }
        result
    }

    fn try_apply(&mut self, change: &Change) -> Result<(), StoreError> {
        assert!(self.stopped.is_none(), "invariant 5");
        match change {
            Change::Transaction(transaction) => self.pending.append(transaction.text()),
            Change::Peers(list) => {
                self.peers.set(list);
                Ok(())
            }
            Change::Rewind => {
                self.check_replayed()?;
                self.rewind()
            }
            Change::MainTip { block, .. } => {
                self.check_replayed()?;
                self.go_to(&block.hash())
            }
            Change::Block { block, .. } => {
                self.check_replayed()?;
                let location = self.log.append(block.text())?;
                self.place(change, location)
            }
        }
    }

    fn try_sync(&mut self) -> Result<(), StoreError> {
        self.peers.sync()?;
        self.pending.sync()?;
        self.log.sync()?;
        if self.overlay.len() > 0 {
            self.write_index(Commit::Visible)?;
        }
        assert!(self.is_synced(), "invariant 2");
        Ok(())
    }

    fn try_checkpoint<'a>(
        &mut self,
        pending: impl Iterator<Item = (&'a [u8], Origin)>,
    ) -> Result<(), StoreError> {
        self.check_replayed()?;
        self.try_sync()?;
        // In this order: where the index covers more of the block log than the
        // pending log, nobody would know which transactions blocks have taken.
        self.pending.rewrite(self.log.end(), pending)?;
        self.covered = self.log.end();
        self.write_index(Commit::Durable)
    }

    fn try_next_unindexed(&mut self) -> Result<Option<Replayed>, StoreError> {
        let Some(replay) = &mut self.replay else {
            return Ok(None);
        };
        if let Some(passed_over) = replay.take_in_hand() {
            self.covered = passed_over.end();
        }
        let next = replay.next(self.pending.position())?;
        // Everything before the first block that the pending log has not seen
        // may be durable, and nothing behind it before the next checkpoint.
        let is_last_chance = next.as_ref().is_none_or(|next| next.after_pending);
        let is_due = is_last_chance && replay.since_durable > 0;
        if is_due {
            self.make_replayed_durable()?;
        }
        if next.is_none() {
            self.replay = None;
            self.try_sync()?;
        }
        Ok(next)
    }

    fn try_index(&mut self, change: &Change) -> Result<(), StoreError> {
        let in_hand = self.replay.as_mut().and_then(Replay::take_in_hand);
        match (change, in_hand) {
            (Change::Block { block, .. }, Some(location))
                if block.text().len() == location.length_bytes as usize =>
            {
                self.place(change, location)?;
            }
            _ => {
                return Err(StoreError::OutOfOrder {
                    what: "expected the block that next_unindexed handed out".to_owned(),
                });
            }
        }
        let may_be_durable = self.covered <= self.pending.position();
        let replay = self.replay.as_mut().filter(|_| may_be_durable);
        match replay.map_or(0, Replay::count) {
            REPLAY_COMMIT_BLOCKS.. => self.make_replayed_durable(),
            _ => Ok(()),
        }
    }

    fn make_replayed_durable(&mut self) -> Result<(), StoreError> {
        if let Some(replay) = &mut self.replay {
            replay.since_durable = 0;
        }
        self.write_index(Commit::Durable)
    }

    /// Takes a block that lies in the log into the overlays.
    fn place(&mut self, change: &Change, location: Location) -> Result<(), StoreError> {
        let Change::Block {
            block,
            entry,
            main,
            accounts,
        } = change
        else {
            return Ok(());
        };
        let (hash, entry, main) = (block.hash(), *entry, *main);
        self.check_follows(entry, main)?;
        self.since_checkpoint.blocks += 1;
        self.since_checkpoint.bytes += u64::from(location.length_bytes) + 1;
        assert!(self.covered <= location.start, "invariant 4");
        self.covered = location.end();
        assert!(self.covered <= self.log.end(), "invariant 4");
        let place = self.lines()?.place(entry, location);
        let place = place.map_err(self.index_error())?;
        let line = place.number;
        let fork = match main {
            MainChange::Side => None,
            MainChange::Extend => Some(entry.height - 1),
            MainChange::Reorganise { fork } => Some(fork),
        };
        let record = BlockRecord::of(block, entry, location, line);
        self.overlay
            .add(hash, record, place.line, place.chain_bytes);
        self.accounts.add(record.key(), accounts);
        if let Some(fork) = fork {
            let stretches = self.lines()?.stretches(fork, line);
            let stretches = stretches.map_err(self.index_error())?;
            self.overlay.switch(fork, &stretches, entry.height);
        }
        let is_full = self.overlay.len() >= self.limits.overlay_blocks
            || self.accounts.len() >= self.limits.overlay_accounts;
        match is_full {
            true => self.try_sync(),
            false => Ok(()),
        }
    }

    /// Writes the overlay to the index, and starts a new one. The index never
    /// names a block that the disk may lose.
    fn write_index(&mut self, commit: Commit) -> Result<(), StoreError> {
        assert!(self.stopped.is_none(), "invariant 5");
        self.log.sync()?;
        assert!(self.covered <= self.log.synced(), "invariant 1");
        if commit == Commit::Durable {
            assert!(self.covered <= self.pending.position(), "invariant 3");
        }
        let is_full = self.accounts.len() >= self.limits.overlay_accounts;
        let to = match commit {
            // Each account's change is a change of another page of the table.
            Commit::Visible if !is_full => ChangesTo::Recent,
            _ => ChangesTo::Table,
        };
        let (overlay, accounts) = (&self.overlay, &mut self.accounts);
        self.index
            .write(overlay, accounts, self.covered, to, commit)?;
        self.overlay = self.index.view()?.overlay();
        match to {
            ChangesTo::Recent => self.accounts.was_written(),
            ChangesTo::Table => self.accounts = AccountOverlay::default(),
        }
        if commit == Commit::Durable {
            self.since_checkpoint = Growth::default();
        }
        Ok(())
    }

    /// Leaves only the genesis block, as on the first day: the same blocks may
    /// come once more. The log keeps all of them, so that this does not outlive
    /// the process.
    fn rewind(&mut self) -> Result<(), StoreError> {
        let Some(hash) = self.main_hash_at(1)? else {
            return Ok(());
        };
        let record = self.record(&hash)?.ok_or_else(|| StoreError::OutOfOrder {
            what: format!("the main chain's first block {hash} is not known"),
        })?;
        let accounts = self.accounts_left_by(record.key())?;
        let senders = self.senders_in(record.key())?;
        (self.overlay, self.accounts) = (Overlay::default(), AccountOverlay::default());
        let line = Line {
            first: 1,
            last: 1,
            parent: None,
        };
        let length_bytes = u64::from(record.location.length_bytes);
        let record = BlockRecord { line: 0, ..record };
        self.overlay.add(hash, record, line, length_bytes);
        self.overlay.switch(0, &[Stretch { first: 1, line: 0 }], 1);
        self.accounts.add_again(record.key(), accounts, senders);
        self.log.sync()?;
        assert!(self.covered <= self.log.synced(), "invariant 1");
        let (overlay, accounts) = (&self.overlay, &mut self.accounts);
        self.index.replace(overlay, accounts, self.covered)?;
        self.overlay = self.index.view()?.overlay();
        self.accounts = AccountOverlay::default();
        Ok(())
    }

    /// The main chain ends in a block that is there already. Nothing is written
    /// to the log, so that this does not outlive the process either.
    fn go_to(&mut self, tip: &Hash) -> Result<(), StoreError> {
        let (Some(record), Some(chain)) = (self.record(tip)?, self.chain_of(tip)?) else {
            return Err(StoreError::OutOfOrder {
                what: format!("block {tip} is to be the tip, and is not known"),
            });
        };
        let stretches = self.lines()?.stretches(chain.fork(), record.line);
        let stretches = stretches.map_err(self.index_error())?;
        let height = record.entry.height;
        self.overlay.switch(chain.fork(), &stretches, height);
        self.write_index(Commit::Visible)
    }

    fn check_follows(&self, entry: Entry, main: MainChange) -> Result<(), StoreError> {
        let length = self.length();
        let follows = match main {
            MainChange::Side => true,
            MainChange::Extend => entry.height == length + 1,
            MainChange::Reorganise { fork } => fork <= length && fork < entry.height,
        };
        match follows {
            true => Ok(()),
            false => Err(StoreError::OutOfOrder {
                what: format!("block {} as {main:?} of {length} blocks", entry.height),
            }),
        }
    }

    fn check_replayed(&self) -> Result<(), StoreError> {
        match self.replay {
            None => Ok(()),
            Some(_) => Err(StoreError::OutOfOrder {
                what: "the block log has not been read again to its end".to_owned(),
            }),
        }
    }

    /// The accounts that a block changed, as it left them.
    fn accounts_left_by(&self, block: RowKey) -> Result<Vec<(Address, Account)>, StoreError> {
        if let Some(accounts) = self.accounts.left_by(block) {
            return Ok(accounts);
        }
        let written = self.index.view()?.accounts().left_by(block);
        written.map_err(self.index_error())
    }

    fn senders_in(&self, block: RowKey) -> Result<Vec<(Address, u64)>, StoreError> {
        if let Some(senders) = self.accounts.senders(block) {
            return Ok(senders.to_vec());
        }
        let found = self.index.view()?.accounts().senders(block);
        found.map_err(self.index_error())
    }

    fn account_of(&self, owner: &Address, chain: &ChainLines) -> Result<Account, StoreError> {
        let account = self
            .lines()?
            .account(owner, chain, RecentAccounts::Overlay(&self.accounts));
        account.map_err(self.index_error())
    }

    pub(crate) fn main_hash_at(&self, index: u64) -> Result<Option<Hash>, StoreError> {
        let record = self.lines()?.main_at(index);
        let record = record.map_err(self.index_error())?;
        Ok(record.map(|record| record.hash))
    }

    pub(crate) fn record(&self, hash: &Hash) -> Result<Option<BlockRecord>, StoreError> {
        let record = self.lines()?.block(hash);
        record.map_err(self.index_error())
    }

    /// The lines that the chain of a block goes along.
    fn chain_of(&self, hash: &Hash) -> Result<Option<ChainLines>, StoreError> {
        let Some(record) = self.record(hash)? else {
            return Ok(None);
        };
        let chain = self.lines()?.chain_of(record.key());
        chain.map(Some).map_err(self.index_error())
    }

    fn lines(&self) -> Result<Lines<'_>, StoreError> {
        Ok(Lines {
            overlay: &self.overlay,
            view: self.index.view()?,
        })
    }

    fn index_error<E: Into<redb::Error>>(&self) -> impl FnOnce(E) -> StoreError + use<E> {
        index_error(self.index.path())
    }
}

impl Archive for Store {
    fn entry(&self, hash: &Hash) -> Result<Option<Entry>, ArchiveError> {
        let record = self.record(hash).map_err(archive_error)?;
        Ok(record.map(|record| record.entry))
    }

    fn main_hash(&self, index: u64) -> Result<Option<Hash>, ArchiveError> {
        self.main_hash_at(index).map_err(archive_error)
    }

    fn fork(&self, hash: &Hash) -> Result<Option<u64>, ArchiveError> {
        let chain = self.chain_of(hash).map_err(archive_error)?;
        Ok(chain.map(|chain| chain.fork()))
    }

    fn header(&self, hash: &Hash) -> Result<Option<HeaderFields>, ArchiveError> {
        let record = self.record(hash).map_err(archive_error)?;
        Ok(record.map(|record| record.header(*hash)))
    }

    fn text(&self, hash: &Hash) -> Result<Option<Vec<u8>>, ArchiveError> {
        let record = self.record(hash).map_err(archive_error)?;
        record
            .map(|record| self.log.read(hash, &record))
            .transpose()
            .map_err(archive_error)
    }

    fn account(&self, owner: &Address) -> Result<Account, ArchiveError> {
        let lines = self.lines().map_err(archive_error)?;
        self.account_of(owner, &lines.main_chain())
            .map_err(archive_error)
    }

    fn accounts_at(&self, hash: &Hash) -> Result<AccountsAt<'_>, ArchiveError> {
        let chain = self.chain_of(hash).map_err(archive_error)?;
        let chain = chain.ok_or_else(|| ArchiveError::unknown_block(hash))?;
        Ok(AccountsAt::new(move |owner| {
            self.account_of(owner, &chain).map_err(archive_error)
        }))
    }

    fn senders(&self, hash: &Hash) -> Result<Vec<(Address, u64)>, ArchiveError> {
        let Some(record) = self.record(hash).map_err(archive_error)? else {
            return Ok(Vec::new());
        };
        self.senders_in(record.key()).map_err(archive_error)
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let folder = self.segments.folder();
        write!(f, "Store of {} blocks in {folder:?}", self.length())
    }
}
