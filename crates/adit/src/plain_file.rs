//! Files that are read whole, and end. A pipe or a device in the place of one must
//! not make a command wait, or read for ever. What is in them is not known here.

use std::fs::File;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;

/// Opens it to be read; what is no file is an error.
pub(crate) fn open_plain(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    let options = options.read(true);
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    let file = options.custom_flags(flags).open(path)?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::Error::other("it is no file")),
    }
}
