//! The file under a database. The database would make what it holds in memory
//! durable when it is closed, at a moment of its own choosing; but the index
//! must never be ahead of the pending log. So this file takes no more writes
//! once it is told so, as if the process had been killed.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::durable::Durability;

/// Storage for the database.
#[derive(Debug)]
pub(crate) struct DatabaseFile {
    file: File,
    durability: Durability,
    closed: CloseSwitch,
}

/// Opens a database. Over some damage the database's code panics instead of
/// saying so: that is damage like any other.
pub(crate) fn or_damage<T>(
    open: impl FnOnce() -> Result<T, redb::Error>,
) -> Result<T, redb::Error> {
    // What was being opened is dropped on the way, and nobody else has it.
    catch_unwind(AssertUnwindSafe(open)).unwrap_or_else(|_| {
        let what = "it is in no state that the database can be in";
        Err(redb::Error::Corrupted(what.to_owned()))
    })
}

/// Tells the file to take no more writes.
#[derive(Debug, Clone, Default)]
pub(crate) struct CloseSwitch(Arc<AtomicBool>);

impl CloseSwitch {
    /// From now on, writes fail.
    pub(crate) fn close(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl DatabaseFile {
    /// Opens the file or makes it.
    pub(crate) fn open(
        path: &Path,
        durability: Durability,
        closed: CloseSwitch,
    ) -> io::Result<DatabaseFile> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)?;
        Ok(DatabaseFile {
            file,
            durability,
            closed,
        })
    }

    /// Whether nothing was ever written to it.
    pub(crate) fn is_new(&self) -> io::Result<bool> {
        Ok(self.file.metadata()?.len() == 0)
    }

    fn check_open(&self) -> io::Result<()> {
        match self.closed.0.load(Ordering::Relaxed) {
            true => Err(io::Error::other("the database was closed")),
            false => Ok(()),
        }
    }
}

impl redb::StorageBackend for DatabaseFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(out, offset)
    }

    fn set_len(&self, length_bytes: u64) -> io::Result<()> {
        self.check_open()?;
        self.file.set_len(length_bytes)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.check_open()?;
        match self.durability {
            Durability::Full => self.file.sync_data(),
            Durability::None => Ok(()),
        }
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.check_open()?;
        self.file.write_all_at(data, offset)
    }
}
