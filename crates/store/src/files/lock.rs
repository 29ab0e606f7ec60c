//! One process per data folder. The operating system holds the lock and drops
//! it with the process, so that a lock left by a crash can't exist; the file
//! only says who the holder is.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::Path;

use crate::error::StoreError;
use crate::files::durable::check_is_file;

/// At most this much of a lock file is read to say who holds it.
const HOLDER_LIMIT_BYTES: u64 = 200;

/// The exclusive right to a data folder, until it is dropped.
#[derive(Debug)]
pub(crate) struct FolderLock {
    /// Closing the file releases the lock. Where there is no such file, no
    /// process has ever had the folder.
    _file: Option<File>,
}

impl FolderLock {
    /// Takes the folder; the error says who has it.
    pub(crate) fn take(folder: &Path, label: &str) -> Result<FolderLock, StoreError> {
        let path = folder.join("lock");
        check_is_file(&path).map_err(StoreError::io("open", &path))?;
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(StoreError::io("open", &path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(StoreError::Locked {
                    folder: folder.to_path_buf(),
                    holder: holder(&file),
                });
            }
            Err(TryLockError::Error(error)) => return Err(StoreError::io("lock", &path)(error)),
        }
        let holder = format!("process {}, {label}\n", std::process::id());
        file.set_len(0)
            .and_then(|()| file.write_all(holder.as_bytes()))
            .map_err(StoreError::io("write", &path))?;
        Ok(FolderLock { _file: Some(file) })
    }

    /// Only makes sure that nobody changes the folder meanwhile; that works on
    /// a disk that can't be written too.
    pub(crate) fn share(folder: &Path) -> Result<FolderLock, StoreError> {
        let path = folder.join("lock");
        check_is_file(&path).map_err(StoreError::io("open", &path))?;
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(FolderLock { _file: None });
            }
            Err(error) => return Err(StoreError::io("open", &path)(error)),
        };
        match file.try_lock_shared() {
            Ok(()) => Ok(FolderLock { _file: Some(file) }),
            Err(TryLockError::WouldBlock) => Err(StoreError::Locked {
                folder: folder.to_path_buf(),
                holder: holder(&file),
            }),
            Err(TryLockError::Error(error)) => Err(StoreError::io("lock", &path)(error)),
        }
    }
}

/// The holder has locked the file and may not have written to it yet.
fn holder(file: &File) -> String {
    let mut text = String::new();
    let read = file.take(HOLDER_LIMIT_BYTES).read_to_string(&mut text);
    match text.trim() {
        holder if read.is_ok() && !holder.is_empty() => holder.to_owned(),
        _ => "another process".to_owned(),
    }
}
