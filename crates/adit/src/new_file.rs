//! Files that are there whole or not at all, and replace none: the name is
//! taken first, by an empty file, and filled later. That needs no hard links,
//! which not every file system has. What is written is not known here.

use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// For the eyes of the owner only.
pub(crate) const SECRET: u32 = 0o600;

/// For everybody whom the user's umask lets read.
pub(crate) const PUBLIC: u32 = 0o666;

/// What the name of a file starts with until it is whole.
const UNFINISHED_PREFIX: &str = ".new-";

/// A name that is taken by an empty file. The file goes when this is dropped,
/// unless it was filled.
pub(crate) struct NewFile {
    file: PathBuf,
    mode: u32,
    /// What stands there, and is ours.
    place: File,
    is_filled: bool,
}

/// Whether something is there that a new file may not replace. An empty file
/// was left by an interrupted run, unless somebody holds it.
pub(crate) fn is_there(file: &Path) -> bool {
    fs::symlink_metadata(file).is_ok_and(|found| !found.is_file() || found.len() > 0)
}

impl NewFile {
    /// Takes the name. Whatever could be in the way of a file there is found now.
    pub(crate) fn take(file: &Path, mode: u32) -> io::Result<NewFile> {
        remove_left_over(file);
        let place = File::options()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(file)?;
        let taken = NewFile {
            file: file.to_owned(),
            mode,
            place,
            is_filled: false,
        };
        // From here on nobody takes it for a leftover. Where there are no
        // locks, nobody does anyway.
        let is_held = matches!(taken.place.try_lock(), Err(fs::TryLockError::WouldBlock));
        match is_held || !taken.is_ours() {
            true => Err(io::ErrorKind::AlreadyExists.into()),
            false => Ok(taken),
        }
    }

    /// Fills it, and returns when it is durable.
    pub(crate) fn fill(mut self, text: &[u8]) -> io::Result<()> {
        if !self.is_ours() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        match put(&self.file, text, self.mode) {
            Ok(written) => self.place = written,
            // Some shares replace no file that somebody has open.
            Err(_) => {
                self.place.write_all(text)?;
                self.place.sync_all()?;
            }
        }
        sync_folder_of(&self.file)?;
        self.is_filled = true;
        Ok(())
    }

    /// Whether the name still stands for the file that was made here.
    fn is_ours(&self) -> bool {
        is_same(&self.place, &self.file)
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if !self.is_filled && self.is_ours() {
            // An empty file that stays is in nobody's way.
            let _ = fs::remove_file(&self.file);
        }
    }
}

/// Puts another text in the place of a file: until it is durable, the old one
/// is there.
pub(crate) fn replace(file: &Path, text: &[u8], mode: u32) -> io::Result<()> {
    // A link goes on to lead to the file.
    let file = fs::canonicalize(file)?;
    put(&file, text, mode)?;
    sync_folder_of(&file)
}

/// The same for a text that comes in pieces, whether there was a file or not.
pub(crate) fn put_whole<E: From<io::Error>>(
    file: &Path,
    mode: u32,
    write: impl FnOnce(&mut File) -> Result<(), E>,
) -> Result<(), E> {
    let file = match fs::canonicalize(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => file.to_owned(),
        found => found?,
    };
    put_by(&file, mode, write)?;
    Ok(sync_folder_of(&file)?)
}

/// Writes a file beside its place, and renames it into that.
fn put(file: &Path, text: &[u8], mode: u32) -> io::Result<File> {
    put_by(file, mode, |written| written.write_all(text))
}

fn put_by<E: From<io::Error>>(
    file: &Path,
    mode: u32,
    write: impl FnOnce(&mut File) -> Result<(), E>,
) -> Result<File, E> {
    let mut written = tempfile::Builder::new()
        .prefix(UNFINISHED_PREFIX)
        .permissions(Permissions::from_mode(mode))
        .tempfile_in(folder_of(file))?;
    write(written.as_file_mut())?;
    written.as_file().sync_all()?;
    Ok(written.persist(file).map_err(io::Error::from)?)
}

fn sync_folder_of(file: &Path) -> io::Result<()> {
    match File::open(folder_of(file)).and_then(|folder| folder.sync_all()) {
        // Where folders can't be synced, they need not be.
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
        done => done,
    }
}

/// Removes an empty file that nobody holds. One that can't be removed is in the
/// way, and a caller that wants its place is told so.
fn remove_left_over(file: &Path) {
    let is_empty =
        fs::symlink_metadata(file).is_ok_and(|found| found.is_file() && found.len() == 0);
    if !is_empty {
        return;
    }
    let Ok(left_over) = File::options().write(true).open(file) else {
        return;
    };
    let is_empty = || left_over.metadata().is_ok_and(|found| found.len() == 0);
    if left_over.try_lock().is_ok() && is_same(&left_over, file) && is_empty() {
        let _ = fs::remove_file(file);
    }
}

fn is_same(opened: &File, file: &Path) -> bool {
    let (Ok(opened), Ok(found)) = (opened.metadata(), fs::symlink_metadata(file)) else {
        return false;
    };
    (opened.dev(), opened.ino()) == (found.dev(), found.ino())
}

fn folder_of(file: &Path) -> &Path {
    let folder = file.parent();
    folder
        .filter(|folder| *folder != Path::new(""))
        .unwrap_or(Path::new("."))
}
