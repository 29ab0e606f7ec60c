//! Says in the log which blocks were made here: the first at once, and those that come
//! soon after it together in one line. Why they are made is not known here.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use adit_core::block::Block;
use tokio::runtime::Handle;
use tokio::time::sleep;

/// Blocks that are made within this time after a line of the log share the next one.
const MADE_GATHERED_MS: u64 = 2_000;

/// The blocks since the last line; `None` where that was longer ago.
#[derive(Debug, Clone, Default)]
pub(super) struct MadeLog(Arc<Mutex<Option<Gathered>>>);

#[derive(Debug, Default)]
struct Gathered {
    count: u64,
    last: Option<Arc<Block>>,
}

impl MadeLog {
    /// Says that this block was made, now or soon.
    pub(super) fn note(&self, runtime: &Handle, block: &Arc<Block>) {
        let mut gathered = self.gathered();
        match &mut *gathered {
            Some(gathered) => {
                gathered.count += 1;
                gathered.last = Some(Arc::clone(block));
            }
            None => {
                say_one(block);
                *gathered = Some(Gathered::default());
                runtime.spawn(self.clone().go_on());
            }
        }
    }

    /// Says what was not said yet: the node ends.
    pub(super) fn end(&self) {
        if let Some(gathered) = self.gathered().take() {
            gathered.say();
        }
    }

    async fn go_on(self) {
        loop {
            sleep(Duration::from_millis(MADE_GATHERED_MS)).await;
            let mut gathered = self.gathered();
            match gathered.take() {
                Some(some) if some.count > 0 => {
                    some.say();
                    *gathered = Some(Gathered::default());
                }
                // The next one is said at once.
                _ => return,
            }
        }
    }

    fn gathered(&self) -> MutexGuard<'_, Option<Gathered>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Gathered {
    fn say(&self) {
        match (self.count, &self.last) {
            (_, None) => {}
            (1, Some(block)) => say_one(block),
            (count, Some(tip)) => {
                let (index, tip) = (tip.height(), tip.hash());
                tracing::info!(index, %tip, "{count} blocks made");
            }
        }
    }
}

fn say_one(block: &Block) {
    tracing::info!(
        index = block.height(),
        hash = %block.hash(),
        proof = block.proof(),
        transactions = block.transactions().count(),
        "block made"
    );
}
