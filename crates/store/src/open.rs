//! Opening a data folder, whatever the last process left of it: torn lines are
//! cut, leftovers deleted, and the blocks that the index does not cover are
//! handed out once more, so that the core can say what they did.

use std::path::Path;
use std::sync::Arc;

use adit_core::archive::Change;
use adit_core::pool::Pending;

use crate::durable::{Durability, create_folder, delete_half_made};
use crate::error::StoreError;
use crate::index::{self, Commit, Index};
use crate::lock::FolderLock;
use crate::log::{BlockLog, SEGMENT_LIMIT_BYTES};
use crate::overlay::Overlay;
use crate::peers::PeersFile;
use crate::pending::PendingLog;
use crate::position::Location;
use crate::scan::Scan;
use crate::segments::Segments;
use crate::staging;
use crate::store::{Growth, OVERLAY_LIMIT, REPLAY_COMMIT_BLOCKS, Store};
use crate::tail::cut_torn_line;

/// What a data folder holds.
#[derive(Debug)]
pub struct Opened {
    /// The store. Before it takes new blocks, those that its index does not
    /// cover are to be read again: see [`Store::next_unindexed`].
    pub store: Store,
    /// The transactions that waited for a block when the pending log was
    /// written anew, and those accepted since.
    pub pending: Vec<Pending>,
}

/// A block of the log that the index does not cover.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replayed {
    /// Its canonical text.
    pub text: Vec<u8>,
    /// Whether it came after the pending log was written anew, so that the
    /// waiting transactions have not seen it yet.
    pub after_pending: bool,
}

/// Limits that tests make smaller, so as not to write gigabytes.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// A segment of the block log that has reached this length is followed by
    /// a new one.
    pub segment_bytes: u64,
    /// So many new blocks are held in memory.
    pub overlay_blocks: usize,
}

/// The rest of the log, while it is read again.
#[derive(Debug)]
pub(crate) struct Replay {
    scan: Scan,
    /// The block that was handed out last.
    in_hand: Option<Location>,
    since_durable: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            segment_bytes: SEGMENT_LIMIT_BYTES,
            overlay_blocks: OVERLAY_LIMIT,
        }
    }
}

/// Throws the index away. The next [`Store::open`] builds it anew from the
/// block log.
pub fn reindex(folder: &Path, label: &str) -> Result<(), StoreError> {
    let _lock = FolderLock::take(folder, label)?;
    index::delete(&folder.join("index.redb"))
}

impl Store {
    /// Opens a data folder, or makes it. `label` says to others who has it
    /// open, besides the process: "port 5000".
    pub fn open(folder: &Path, label: &str, durability: Durability) -> Result<Opened, StoreError> {
        Store::open_with_limits(folder, label, durability, Limits::default())
    }

    /// As `open`, with other limits.
    pub fn open_with_limits(
        folder: &Path,
        label: &str,
        durability: Durability,
        limits: Limits,
    ) -> Result<Opened, StoreError> {
        let is_new = !folder.join("blocks").exists();
        create_folder(folder)?;
        let lock = Arc::new(FolderLock::take(folder, label)?);
        let segments = Arc::new(Segments::new(folder.join("blocks")));
        create_folder(segments.folder())?;
        delete_half_made(folder)?;
        delete_half_made(segments.folder())?;
        staging::delete_leftovers(folder)?;

        let mut index = Index::open(&folder.join("index.redb"), durability)?;
        let covered = index.view()?.covered();
        cut_torn_line(&segments, covered, durability)?;
        let segment_bytes = limits.segment_bytes;
        let log = BlockLog::open(Arc::clone(&segments), durability, segment_bytes, covered)?;
        let pending_folder = folder.join("pending");
        let (pending_log, pending) = PendingLog::open(pending_folder, durability, log.end())?;
        if covered > pending_log.position() {
            tracing::warn!("the index is ahead of the pending log and is built anew");
            let path = index.path().to_path_buf();
            drop(index);
            index = Index::create(&path, durability)?;
        }
        if is_new {
            durability.sync_folder(folder)?;
        }

        let (covered, length) = (index.view()?.covered(), index.view()?.length());
        let store = Store {
            replay: Some(Replay {
                scan: Scan::open(Arc::clone(&segments), covered, log.end())?,
                in_hand: None,
                since_durable: 0,
            }),
            peers: PeersFile::open(folder.join("peers.json"), durability)?,
            overlay: Overlay::on(length),
            overlay_limit: limits.overlay_blocks,
            pending: pending_log,
            since_checkpoint: Growth::default(),
            stopped: None,
            lock,
            segments,
            log,
            index,
            covered,
        };
        Ok(Opened { store, pending })
    }

    /// The next block of the log that the index does not cover, in order of
    /// arrival; none when all have been handed out. Each one that the core
    /// takes goes to [`Store::index`] before the next is asked for.
    pub fn next_unindexed(&mut self) -> Result<Option<Replayed>, StoreError> {
        self.guarded(|store| {
            let Some(replay) = &mut store.replay else {
                return Ok(None);
            };
            if let Some(skipped) = replay.in_hand.take() {
                store.covered = skipped.end();
            }
            let Some((location, text)) = replay.scan.next()? else {
                store.finish_replay()?;
                return Ok(None);
            };
            replay.in_hand = Some(location);
            let after_pending = location.start >= store.pending.position();
            if after_pending && replay.since_durable > 0 {
                // From here on, the index must not be durable.
                store.commit_replayed()?;
            }
            Ok(Some(Replayed {
                text,
                after_pending,
            }))
        })
    }

    /// Takes in what the core says of the block that was handed out last.
    /// Nothing is written to the logs.
    pub fn index(&mut self, change: &Change) -> Result<(), StoreError> {
        self.guarded(|store| {
            let in_hand = store
                .replay
                .as_mut()
                .and_then(|replay| replay.in_hand.take());
            match (change, in_hand) {
                (Change::Block { block, entry, main }, Some(location))
                    if block.text().len() == location.length_bytes as usize =>
                {
                    store.place(block.hash(), *entry, *main, location)?;
                    store.count_replayed()
                }
                _ => Err(StoreError::OutOfOrder {
                    what: "expected the block that next_unindexed handed out".to_owned(),
                }),
            }
        })
    }

    /// Only what the pending log has seen may be durable.
    fn count_replayed(&mut self) -> Result<(), StoreError> {
        match &mut self.replay {
            Some(replay) if self.covered <= self.pending.position() => {
                replay.since_durable += 1;
                match replay.since_durable < REPLAY_COMMIT_BLOCKS {
                    true => Ok(()),
                    false => self.commit_replayed(),
                }
            }
            _ => Ok(()),
        }
    }

    fn commit_replayed(&mut self) -> Result<(), StoreError> {
        if let Some(replay) = &mut self.replay {
            replay.since_durable = 0;
        }
        self.write_index(None, Commit::Durable)
    }

    fn finish_replay(&mut self) -> Result<(), StoreError> {
        let replay = self.replay.take();
        match replay.is_some_and(|replay| replay.since_durable > 0) {
            true => self.write_index(None, Commit::Durable),
            false => self.try_sync(),
        }
    }
}
