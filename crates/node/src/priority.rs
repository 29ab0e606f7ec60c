//! How background threads give way to those that answer. What they do is not
//! known here.

use rustix::process::setpriority_process;
use rustix::thread::gettid;

/// Makes the calling thread as nice as that, from 0 to 19: one that works all the
/// time must not slow down those that answer.
pub fn give_way(niceness: i32) {
    if let Err(error) = setpriority_process(Some(gettid()), niceness) {
        tracing::debug!(%error, "a thread of the background runs at the priority of everything else");
    }
}
