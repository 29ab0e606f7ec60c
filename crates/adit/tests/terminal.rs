//! Commands whose standard output is a terminal: a pseudo-terminal of a given
//! width that a test reads.

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::process::Command;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

/// Runs it to its end on a terminal with so many columns; answers what the
/// terminal was sent.
pub(crate) fn on_terminal(command: &mut Command, columns: u16) -> String {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&ours).unwrap();
    unlockpt(&ours).unwrap();
    let name = ptsname(&ours, Vec::new()).unwrap();
    let theirs = OpenOptions::new()
        .read(true)
        .write(true)
        .open(name.to_str().unwrap())
        .unwrap();
    let size = Winsize {
        ws_row: 24,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    tcsetwinsize(&theirs, size).unwrap();
    command.env("TERM", "xterm").env_remove("COLUMNS");
    let mut child = command.stdout(theirs.try_clone().unwrap()).spawn().unwrap();
    // The command holds a copy of its own, which would keep the terminal open.
    command.stdout(std::process::Stdio::null());
    drop(theirs);
    let (mut ours, mut said, mut piece) = (File::from(ours), Vec::new(), [0; 4096]);
    // Reading a terminal that nobody has open any more is an error.
    while let Ok(length @ 1..) = ours.read(&mut piece) {
        said.extend_from_slice(&piece[..length]);
    }
    assert!(child.wait().unwrap().success(), "{command:?}");
    String::from_utf8(said).unwrap().replace("\r\n", "\n")
}
