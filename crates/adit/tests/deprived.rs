//! Commands that may not do everything: because of a filter of system calls, as
//! on a file system that lacks them, or without the rights of root.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use rustix::process::geteuid;

use crate::support::wrapped;

/// Starts a program in which system calls fail: `NAMES ERRNO PROGRAM...`. A
/// name with a `+` fails only with flags (the fifth argument of renameat2).
const FILTER: &str = r"
import ctypes, os, platform, struct, sys
ARCHES = {
    'x86_64': (0xC000003E, {'link': 86, 'linkat': 265, 'rename': 82, 'renameat': 264, 'renameat2': 316, 'fsync': 74}),
    'aarch64': (0xC00000B7, {'linkat': 37, 'renameat': 38, 'renameat2': 276, 'fsync': 82}),
}
arch, numbers = ARCHES[platform.machine()]
program = [(0x20, 0, 0, 4), (0x15, 1, 0, arch), (0x06, 0, 0, 0x7FFF0000), (0x20, 0, 0, 0)]
for name in sys.argv[1].split(','):
    number = numbers.get(name.rstrip('+'))
    fails = (0x06, 0, 0, 0x00050000 | int(sys.argv[2]))
    if number is not None and name.endswith('+'):
        # Without flags it is allowed, and the number is looked at again.
        program += [(0x15, 0, 4, number), (0x20, 0, 0, 48), (0x15, 1, 0, 0), fails, (0x06, 0, 0, 0x7FFF0000)]
    elif number is not None:
        program += [(0x15, 0, 1, number), fails]
program.append((0x06, 0, 0, 0x7FFF0000))
code = b''.join(struct.pack('HBBI', *one) for one in program)
code = ctypes.create_string_buffer(code, len(code))
filter = ctypes.create_string_buffer(struct.pack('HxxxxxxP', len(program), ctypes.addressof(code)))
libc = ctypes.CDLL(None, use_errno=True)
if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, filter, 0, 0):
    sys.exit('no filter: ' + os.strerror(ctypes.get_errno()))
os.execv(sys.argv[3], sys.argv[3:])
";

/// No hard links, and no renaming that spares what is there: a share of another
/// machine, or exFAT by FUSE.
pub(crate) const NO_LINKS: [&str; 2] = ["link,linkat,renameat2+", "1"];

/// Nothing can be renamed.
pub(crate) const NO_RENAMING: [&str; 2] = ["link,linkat,rename,renameat,renameat2", "13"];

/// What is written may never be on the disk.
pub(crate) const NO_SYNCING: [&str; 2] = ["fsync", "5"];

/// The same command, in which these system calls fail. `None` where nobody can
/// make them.
pub(crate) fn filtered(command: &Command, [names, errno]: [&str; 2]) -> Option<Command> {
    let filter = || {
        let mut python = Command::new("python3");
        python.args(["-c", FILTER, names, errno]);
        python
    };
    let tried = filter().arg("/bin/true").output();
    if !tried.is_ok_and(|tried| tried.status.success()) {
        return skipped("python3 cannot filter system calls");
    }
    Some(wrapped(filter(), command))
}

/// The same command, for which the modes of files count, also of root's. `None`
/// where root can't be told so.
pub(crate) fn unprivileged(command: &Command) -> Option<Command> {
    if !geteuid().is_root() {
        return Some(wrapped(Command::new("env"), command));
    }
    let deprived = || {
        let mut setpriv = Command::new("setpriv");
        setpriv.args(["--bounding-set", "-dac_override,-dac_read_search,-fowner"]);
        setpriv
    };
    let folder = tempfile::tempdir().unwrap();
    lock_folder(folder.path());
    let file = folder.path().join("file");
    let touched = deprived().arg("touch").arg(&file).output();
    let works = touched.is_ok_and(|touched| !touched.status.success()) && !file.exists();
    if !works {
        return skipped("setpriv does not deprive root of its rights");
    }
    Some(wrapped(deprived(), command))
}

/// Nothing can be made in the folder from now on.
pub(crate) fn lock_folder(folder: &Path) {
    fs::set_permissions(folder, fs::Permissions::from_mode(0o555)).unwrap();
}

fn skipped<T>(missing: &str) -> Option<T> {
    assert!(std::env::var_os("CI").is_none(), "{missing}");
    eprintln!("skipped: {missing} here");
    None
}
