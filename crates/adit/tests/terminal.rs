//! Commands on a terminal: a pseudo-terminal of a given width that a test reads,
//! and types on.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::process::Command;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::support::wrapped;

/// So that opening a terminal does not make it the tests' own (O_NOCTTY).
const NO_TERMINAL_OF_OURS: i32 = 0o400;

/// Runs it to its end on a terminal with this many columns; returns what the
/// terminal was sent.
pub(crate) fn on_terminal(command: &mut Command, columns: u16) -> String {
    let (ours, theirs) = pair();
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

/// Runs it to its end with all of it on a terminal of its own, and types an
/// answer behind each of these texts; returns what the terminal was sent.
pub(crate) fn answering(command: &mut Command, answers: &[(&str, &str)]) -> String {
    let (ours, theirs) = pair();
    // A prompt is read from the terminal that the process belongs to.
    let mut seated = Command::new("setsid");
    seated.args(["--ctty", "--wait", "timeout", "--foreground", "60"]);
    let mut seated = wrapped(seated, command);
    let [stdin, stdout, stderr] = [(); 3].map(|()| theirs.try_clone().unwrap());
    let mut child = seated
        .stdin(stdin)
        .stdout(stdout)
        .stderr(stderr)
        .spawn()
        .unwrap();
    drop((seated, theirs));
    let (mut ours, mut said, mut piece) = (File::from(ours), Vec::new(), [0; 4096]);
    let (mut seen, mut answers) = (0, answers.iter());
    let mut next = answers.next();
    while let Ok(length @ 1..) = ours.read(&mut piece) {
        said.extend_from_slice(&piece[..length]);
        while let Some((text, answer)) = next {
            let new = &said[seen..];
            let Some(at) = new
                .windows(text.len())
                .position(|one| one == text.as_bytes())
            else {
                break;
            };
            seen += at + text.len();
            ours.write_all(answer.as_bytes()).unwrap();
            next = answers.next();
        }
    }
    child.wait().unwrap();
    let said = String::from_utf8(said).unwrap().replace("\r\n", "\n");
    assert!(next.is_none(), "nobody asked {next:?} in {said}");
    said
}

fn pair() -> (OwnedFd, File) {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&ours).unwrap();
    unlockpt(&ours).unwrap();
    let name = ptsname(&ours, Vec::new()).unwrap();
    let mut theirs = OpenOptions::new();
    // It must not become the terminal of the tests.
    theirs
        .read(true)
        .write(true)
        .custom_flags(NO_TERMINAL_OF_OURS);
    (ours, theirs.open(name.to_str().unwrap()).unwrap())
}
