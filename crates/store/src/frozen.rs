//! Opening a data folder that stays as it is: on a read-only disk, of another
//! user, out of a backup. Nothing is cut, nothing written, and no lock taken
//! that others would wait for; what the index does not cover, or all of it if
//! it can't be used, is rebuilt in memory and in a file without a name.

use std::path::Path;
use std::sync::Arc;

use crate::error::StoreError;
use crate::files::lock::FolderLock;
use crate::files::peers::PeersFile;
use crate::index::account_overlay::AccountOverlay;
use crate::index::writer::Index;
use crate::log::pending::{PENDING_FOLDER, PendingLog};
use crate::log::replay::Replay;
use crate::log::segments::Segments;
use crate::log::tail::whole_end;
use crate::log::writer::BlockLog;
use crate::open::Opened;
use crate::store::{Growth, Limits, Store};

/// Whether the index that is there is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrozenIndex {
    /// As far as it can be.
    Used,
    /// It is damaged: everything is read from the logs.
    Ignored,
}

impl Store {
    /// Opens a data folder without changing it. The store can be read, and
    /// nothing can be stored; what waits for a block is not read.
    pub fn open_frozen(folder: &Path, index: FrozenIndex) -> Result<Opened, StoreError> {
        let lock = Arc::new(FolderLock::share(folder)?);
        let segments = Arc::new(Segments::new(folder.join("blocks")));
        let path = folder.join("index.redb");
        let index = match index {
            FrozenIndex::Used => Index::open_frozen(&path)?,
            FrozenIndex::Ignored => Index::in_scratch(&path)?,
        };
        let (covered, overlay) = (index.view()?.covered(), index.view()?.overlay());
        let end = whole_end(&segments, covered)?;
        let store = Store {
            replay: Some(Replay::open(Arc::clone(&segments), covered, end)?),
            peers: PeersFile::frozen(folder.join("peers.json"))?,
            overlay,
            accounts: AccountOverlay::default(),
            limits: Limits::default(),
            pending: PendingLog::frozen(folder.join(PENDING_FOLDER), end)?,
            since_checkpoint: Growth::default(),
            stopped: None,
            lock,
            log: BlockLog::frozen(Arc::clone(&segments), end)?,
            segments,
            index,
            covered,
        };
        Ok(Opened {
            store,
            pending: Vec::new(),
            without_sum: Vec::new(),
        })
    }
}
