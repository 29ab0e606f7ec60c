//! What it takes to get a file onto the disk so that it survives a power cut.
//! Whether that is wanted at all is decided once, when a store is opened.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use crate::error::StoreError;

/// Whether what was written must survive the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Every sync waits for the disk.
    Full,
    /// No sync calls at all: for data that is thrown away with the process.
    None,
}

impl Durability {
    /// Waits until the file's content is on the disk.
    pub(crate) fn sync_file(self, file: &File, path: &Path) -> Result<(), StoreError> {
        match self {
            Durability::Full => file.sync_data().map_err(StoreError::io("sync", path)),
            Durability::None => Ok(()),
        }
    }

    /// Waits until the folder's list of names is on the disk.
    pub(crate) fn sync_folder(self, folder: &Path) -> Result<(), StoreError> {
        match self {
            Durability::Full => File::open(folder)
                .and_then(|folder| folder.sync_all())
                .map_err(StoreError::io("sync the folder", folder)),
            Durability::None => Ok(()),
        }
    }

    /// Puts a file with new content in the place of `path`, all or nothing.
    pub fn replace_file(
        self,
        path: &Path,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<(), StoreError> {
        let fresh = path.with_added_extension("tmp");
        let write_error = StoreError::io("write", &fresh);
        let written = File::create(&fresh).and_then(|file| {
            let mut buffered = BufWriter::with_capacity(1 << 16, file);
            write(&mut buffered)?;
            Ok(buffered.into_inner()?)
        });
        self.sync_file(&written.map_err(write_error)?, &fresh)?;
        fs::rename(&fresh, path).map_err(StoreError::io("rename a new file to", path))?;
        match path.parent() {
            Some(folder) => self.sync_folder(folder),
            None => Ok(()),
        }
    }
}

/// Reads a file whole.
pub fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    check_is_file(path)?;
    fs::read(path)
}

/// Makes sure that there is a file, or nothing: opening a named pipe would
/// wait, maybe for ever, for somebody at its other end.
pub(crate) fn check_is_file(path: &Path) -> io::Result<()> {
    let kind = match fs::metadata(path) {
        Ok(metadata) => metadata.file_type(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let found = match kind {
        kind if kind.is_file() => return Ok(()),
        kind if kind.is_dir() => "a folder",
        kind if kind.is_fifo() => "a named pipe",
        kind if kind.is_socket() => "a socket",
        // A device returns at once, whatever it returns.
        _ => return Ok(()),
    };
    let what = format!("expected a file, found {found}: move it away");
    Err(io::Error::other(what))
}

/// Makes a folder, and its parents.
pub(crate) fn create_folder(folder: &Path) -> Result<(), StoreError> {
    fs::create_dir_all(folder).map_err(StoreError::io("create the folder", folder))
}

/// Deletes what was about to replace a file when the process ended.
pub(crate) fn delete_half_made(folder: &Path) -> Result<(), StoreError> {
    for path in files_in(folder)? {
        if path.extension().is_some_and(|extension| extension == "tmp") {
            fs::remove_file(&path).map_err(StoreError::io("delete", &path))?;
        }
    }
    Ok(())
}

/// The paths of everything in a folder.
pub(crate) fn files_in(folder: &Path) -> Result<Vec<PathBuf>, StoreError> {
    fs::read_dir(folder)
        .and_then(|files| files.map(|file| Ok(file?.path())).collect())
        .map_err(StoreError::io("list the folder", folder))
}
