//! Opening a data folder, whatever the last process left of it: torn lines are
//! cut, leftovers deleted, and what does not fit together is rebuilt or
//! refused.

use std::path::Path;
use std::sync::Arc;

use adit_core::mempool::Pending;

use crate::database;
use crate::error::StoreError;
use crate::files::durable::{Durability, create_folder, delete_half_made};
use crate::files::lock::FolderLock;
use crate::files::peers::PeersFile;
use crate::files::staging;
use crate::index::account_overlay::AccountOverlay;
use crate::index::writer::Index;
use crate::log::pending::{PENDING_FOLDER, PendingLog};
use crate::log::replay::Replay;
use crate::log::segments::Segments;
use crate::log::tail::cut_torn_line;
use crate::log::writer::BlockLog;
use crate::store::{Growth, Limits, Store};

/// What a data folder holds.
#[derive(Debug)]
pub struct Opened {
    /// The store. Before it takes new blocks, those that its index does not
    /// cover are to be read again: see [`Store::next_unindexed`].
    pub store: Store,
    /// The transactions that waited for a block when the pending log was
    /// rewritten, and those accepted since.
    pub pending: Vec<Pending>,
    /// Those of them whose lines have no sum, as version 0.1.0 wrote them:
    /// their places in `pending`, and the errors to report if they turn out not
    /// to be what was accepted.
    pub without_sum: Vec<(usize, StoreError)>,
}

/// Throws the index away. The next [`Store::open`] rebuilds it from the block
/// log.
pub fn reindex(folder: &Path, label: &str) -> Result<(), StoreError> {
    let _lock = FolderLock::take(folder, label)?;
    database::delete(&folder.join("index.redb"))
}

impl Store {
    /// Opens a data folder, or makes it. `label` tells others who has it open,
    /// besides the process: "port 5000".
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
        let pending_folder = folder.join(PENDING_FOLDER);
        let (pending_log, kept) = PendingLog::open(pending_folder, durability, log.end())?;
        if covered > pending_log.position() {
            tracing::warn!("the index is ahead of the pending log and is rebuilt");
            let path = index.path().to_path_buf();
            drop(index);
            index = Index::create(&path, durability)?;
        }
        if is_new {
            durability.sync_folder(folder)?;
        }

        let (covered, overlay) = (index.view()?.covered(), index.view()?.overlay());
        let store = Store {
            replay: Some(Replay::open(Arc::clone(&segments), covered, log.end())?),
            peers: PeersFile::open(folder.join("peers.json"), durability)?,
            overlay,
            accounts: AccountOverlay::default(),
            limits,
            pending: pending_log,
            since_checkpoint: Growth::default(),
            stopped: None,
            lock,
            segments,
            log,
            index,
            covered,
        };
        Ok(Opened {
            store,
            pending: kept.pending,
            without_sum: kept.without_sum,
        })
    }
}
