//! Keeps a thread in reserve for work that blocks. The system may stop making
//! threads at any time (a limit of the user, of the container); a runtime that
//! has none to spare then gives up what it was asked for. With one, everything
//! is done, one thing after another. What is done, it does not know.

use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

/// A runtime's thread that has nothing to do ends after this time.
pub const IDLE_THREAD_KEPT_MS: u64 = 60_000;

/// Some thread gets something to do this often: the last one never ends.
const SPARE_THREAD_INTERVAL_MS: u64 = 10_000;

/// Makes a thread for this runtime soon, and keeps it as long as the runtime
/// lasts.
pub(crate) fn keep(runtime: &Handle) {
    runtime.spawn(keep_one());
}

async fn keep_one() {
    loop {
        // A task of its own: where no thread can be made, it is given up.
        let _ = tokio::spawn(use_one()).await;
        sleep(Duration::from_millis(SPARE_THREAD_INTERVAL_MS)).await;
    }
}

async fn use_one() {
    // Nothing depends on it.
    let _ = spawn_blocking(|| {}).await;
}
