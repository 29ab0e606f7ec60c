//! The file under a database. On closing, the database would make what it holds
//! in memory durable, at a moment of its own choosing; but the index must never
//! be ahead of the pending log. So this file takes no more writes once it is
//! told so, as if the process had been killed. A file that may not be changed
//! at all takes them in memory. What the pages hold is not known here.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::database::health::Health;
use crate::database::pages::{PAGE_BYTES, Pages};
use crate::files::durable::{Durability, check_is_file};

/// Storage for the database.
#[derive(Debug)]
pub(crate) struct DatabaseFile {
    pages: Pages,
    durability: Durability,
    closed: WriteFence,
    health: Health,
}

/// Tells the file to take no more writes.
#[derive(Debug, Clone, Default)]
pub(crate) struct WriteFence(Arc<AtomicBool>);

impl WriteFence {
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
        closed: WriteFence,
        health: Health,
    ) -> io::Result<DatabaseFile> {
        check_is_file(path)?;
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)?;
        Ok(DatabaseFile::of(file, durability, closed, health))
    }

    /// A file that is open.
    pub(crate) fn of(
        file: File,
        durability: Durability,
        closed: WriteFence,
        health: Health,
    ) -> DatabaseFile {
        DatabaseFile {
            pages: Pages::new(file),
            durability,
            closed,
            health,
        }
    }

    /// Whether nothing was ever written to it.
    pub(crate) fn is_new(&self) -> io::Result<bool> {
        Ok(self.pages.file().metadata()?.len() == 0)
    }

    /// Whether it is a database as version 0.1.0 wrote it, without sums.
    pub(crate) fn is_of_earlier_layout(&self) -> io::Result<bool> {
        self.pages.is_of_earlier_layout()
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
        self.pages.length_bytes()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.health.note(self.pages.read(offset, out))
    }

    fn set_len(&self, length_bytes: u64) -> io::Result<()> {
        self.check_open()?;
        self.pages.set_length(length_bytes)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.check_open()?;
        match self.durability {
            Durability::Full => self.pages.file().sync_data(),
            Durability::None => Ok(()),
        }
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.check_open()?;
        self.pages.write(offset, data)
    }
}

/// Storage for a database whose file stays as it is: what is written over it
/// is kept in memory, and nobody else sees it.
#[derive(Debug)]
pub(crate) struct FrozenFile {
    pages: Pages,
    written: Mutex<Written>,
    health: Health,
}

#[derive(Debug)]
struct Written {
    length_bytes: u64,
    /// Pages that are not as in the file.
    pages: BTreeMap<u64, Vec<u8>>,
}

impl FrozenFile {
    /// Opens the file.
    pub(crate) fn open(path: &Path, health: Health) -> io::Result<FrozenFile> {
        check_is_file(path)?;
        let pages = Pages::new(File::open(path)?);
        Ok(FrozenFile {
            written: Mutex::new(Written {
                length_bytes: pages.length_bytes()?,
                pages: BTreeMap::new(),
            }),
            pages,
            health,
        })
    }

    /// Like [`DatabaseFile::is_of_earlier_layout`].
    pub(crate) fn is_of_earlier_layout(&self) -> io::Result<bool> {
        self.pages.is_of_earlier_layout()
    }

    /// Hands out the pages that a range touches: what lies in them, and where.
    fn each_page(
        offset: u64,
        length: usize,
        mut each: impl FnMut(u64, usize, std::ops::Range<usize>) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut done = 0;
        while done < length {
            let at = offset + done as u64;
            let start = (at % PAGE_BYTES as u64) as usize;
            let bytes = (length - done).min(PAGE_BYTES - start);
            each(at / PAGE_BYTES as u64, start, done..done + bytes)?;
            done += bytes;
        }
        Ok(())
    }

    fn page(&self, written: &Written, page: u64) -> io::Result<Vec<u8>> {
        if let Some(page) = written.pages.get(&page) {
            return Ok(page.clone());
        }
        let mut whole = vec![0; PAGE_BYTES];
        let offset = page * PAGE_BYTES as u64;
        if offset < self.pages.length_bytes()? {
            self.health.note(self.pages.read(offset, &mut whole))?;
        }
        Ok(whole)
    }
}

impl redb::StorageBackend for FrozenFile {
    fn len(&self) -> io::Result<u64> {
        let written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(written.length_bytes)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        FrozenFile::each_page(offset, out.len(), |page, start, range| {
            let whole = self.page(&written, page)?;
            let bytes = range.len();
            out[range].copy_from_slice(&whole[start..start + bytes]);
            Ok(())
        })
    }

    fn set_len(&self, length_bytes: u64) -> io::Result<()> {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        written.length_bytes = length_bytes;
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        FrozenFile::each_page(offset, data.len(), |page, start, range| {
            let mut whole = self.page(&written, page)?;
            let bytes = range.len();
            whole[start..start + bytes].copy_from_slice(&data[range]);
            written.pages.insert(page, whole);
            Ok(())
        })
    }
}
