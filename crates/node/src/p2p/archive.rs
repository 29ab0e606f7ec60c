//! The chain as the machine sees it: as of the last sync. A block of the log that
//! can't be read is not there for peers, and is mended as any other; what the index
//! can't say ends the node.

use std::sync::Arc;

use adit_core::address::Address;
use adit_core::archive::{AccountsAt, Archive, ArchiveError, Entry};
use adit_core::block::{Block, HeaderFields};
use adit_core::hash::Hash;
use adit_core::sealed::Account;
use adit_store::{Reader, Snapshot};

use crate::repeated;

/// One moment of the chain.
pub(crate) struct SyncedArchive(Snapshot);

impl SyncedArchive {
    /// The moment of the last sync.
    pub(crate) fn now(reader: &Reader) -> Result<SyncedArchive, ArchiveError> {
        let snapshot = reader.snapshot();
        let snapshot = snapshot.map_err(|error| ArchiveError(Box::new(error)))?;
        Ok(SyncedArchive(snapshot))
    }
}

impl Archive for SyncedArchive {
    fn entry(&self, hash: &Hash) -> Result<Option<Entry>, ArchiveError> {
        self.0.entry(hash)
    }

    fn main_hash(&self, height: u64) -> Result<Option<Hash>, ArchiveError> {
        self.0.main_hash(height)
    }

    fn fork(&self, hash: &Hash) -> Result<Option<u64>, ArchiveError> {
        self.0.fork(hash)
    }

    fn header(&self, hash: &Hash) -> Result<Option<HeaderFields>, ArchiveError> {
        self.0.header(hash)
    }

    fn text(&self, hash: &Hash) -> Result<Option<Vec<u8>>, ArchiveError> {
        match self.0.text(hash) {
            Ok(text) => Ok(text),
            Err(error) => {
                if let Some(left_out) = repeated::turn("unreadable-for-peers") {
                    tracing::warn!(%error, left_out, "a block could not be read for a peer");
                }
                Ok(None)
            }
        }
    }

    fn block(&self, hash: &Hash) -> Result<Option<Arc<Block>>, ArchiveError> {
        self.0.block(hash)
    }

    fn account(&self, owner: &Address) -> Result<Account, ArchiveError> {
        self.0.account(owner)
    }

    fn accounts_at(&self, hash: &Hash) -> Result<AccountsAt<'_>, ArchiveError> {
        self.0.accounts_at(hash)
    }

    fn senders(&self, hash: &Hash) -> Result<Vec<(Address, u64)>, ArchiveError> {
        self.0.senders(hash)
    }
}
