//! The list of registered peers, as one small JSON file that is replaced whole.
//! What a peer's address may look like is not known here.

use std::io;
use std::path::{Path, PathBuf};

use crate::error::StoreError;
use crate::files::durable::{Durability, read_file};

/// The file of registered peers.
#[derive(Debug)]
pub(crate) struct PeersFile {
    path: PathBuf,
    durability: Durability,
    list: Vec<String>,
    unsynced: bool,
}

/// The peers registered in a data folder, as of the last change.
pub fn registered_peers(folder: &Path) -> Result<Vec<String>, StoreError> {
    Ok(PeersFile::frozen(folder.join("peers.json"))?.list)
}

impl PeersFile {
    /// Reads the file, and nothing more.
    pub(crate) fn frozen(path: PathBuf) -> Result<PeersFile, StoreError> {
        PeersFile::open(path, Durability::None)
    }

    /// Reads the file; where there is none, no peer is registered.
    pub(crate) fn open(path: PathBuf, durability: Durability) -> Result<PeersFile, StoreError> {
        let list = match read_file(&path) {
            Ok(text) => serde_json::from_slice(&text).map_err(|source| StoreError::Peers {
                path: path.clone(),
                source,
            })?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(StoreError::io("read", &path)(error)),
        };
        Ok(PeersFile {
            path,
            durability,
            list,
            unsynced: false,
        })
    }

    /// The list as it was last set.
    pub(crate) fn list(&self) -> &[String] {
        &self.list
    }

    /// Sets the list.
    pub(crate) fn set(&mut self, list: &[String]) {
        self.list = list.to_vec();
        self.unsynced = true;
    }

    /// Whether the list is durable as it was last set.
    pub(crate) fn is_synced(&self) -> bool {
        !self.unsynced
    }

    /// Waits until the list is durable.
    pub(crate) fn sync(&mut self) -> Result<(), StoreError> {
        if !self.unsynced {
            return Ok(());
        }
        self.durability.replace_file(&self.path, |out| {
            serde_json::to_writer_pretty(&mut *out, &self.list)?;
            out.write_all(b"\n")
        })?;
        self.unsynced = false;
        Ok(())
    }
}
