//! How many files and sockets this process may have open at a time. Clients
//! get half of them at most, and each of the things that speak to peers a part
//! of the rest: a store that can't open its files has to stop, and connections
//! that do nothing must not bring that about.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// This many open files are asked of the system, if it starts the node with
/// fewer; what it refuses is done without.
const WANTED_FILES: u64 = 4_096;

/// Returns how many files clients may take up.
pub fn for_clients() -> usize {
    allowed() / 2
}

/// Returns how many of something may speak to peers at a time: `limit`, but at
/// most one for each `files_for_one` open files.
pub fn for_peers(limit: usize, files_for_one: usize) -> usize {
    limit.min(allowed() / files_for_one).max(1)
}

/// Returns how many files may be open; asks the system for more if they are few.
fn allowed() -> usize {
    let allowed = getrlimit(Resource::Nofile);
    let is_more = |wanted: u64| allowed.current.is_some_and(|current| current < wanted);
    let wanted = allowed.maximum.unwrap_or(WANTED_FILES).min(WANTED_FILES);
    if is_more(wanted) {
        let more = Rlimit {
            current: Some(wanted),
            maximum: allowed.maximum,
        };
        if let Err(error) = setrlimit(Resource::Nofile, more) {
            tracing::debug!(%error, "no more files can be open at a time");
        }
    }
    let files = getrlimit(Resource::Nofile).current.unwrap_or(WANTED_FILES);
    usize::try_from(files).unwrap_or(usize::MAX)
}
