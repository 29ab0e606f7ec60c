//! How many files and sockets this process may have open at a time. Clients
//! get half of them at most: a store that can't open its files has to stop,
//! and connections that do nothing must not bring that about.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// So many open files are asked of the system, if it starts the node with
/// less; what it refuses is done without.
const WANTED_FILES: u64 = 4_096;

/// How many files clients may take up.
pub(crate) fn for_clients() -> usize {
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
    usize::try_from(files / 2).unwrap_or(usize::MAX)
}
