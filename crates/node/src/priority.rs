//! How background threads give way to those that answer. What they do is not
//! known here.

use rustix::process::setpriority_process;
use rustix::thread::gettid;

/// A thread that works all the time must not slow down those that answer.
pub(crate) fn give_way(niceness: i32) {
    if let Err(error) = setpriority_process(Some(gettid()), niceness) {
        tracing::debug!(%error, "a thread of the background runs at the priority of everything else");
    }
}
