//! Checks the signatures of blocks on all cores, while further blocks are being
//! read; on fewer, or on the caller's own thread, where the system makes no more
//! threads. Whose signatures they have to be, the rules say.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use adit_core::block::{Block, BlockError};
use adit_core::rules::Rules;
use adit_core::sync::Refusal;

/// This many blocks may wait for the check of their signatures.
const BLOCKS_WAITING_LIMIT: usize = 8;

/// A block whose signatures are not those that it needs.
#[derive(Debug, thiserror::Error)]
#[error("the block in place {height} is not valid: {error}")]
pub(crate) struct WrongSignature {
    height: u64,
    error: BlockError,
}

impl WrongSignature {
    /// Returns the same, as what is said of a peer's chain.
    pub(crate) fn refusal(&self) -> Refusal {
        Refusal {
            height: Some(self.height),
            rule: self.error.rule(),
            problem: self.to_string(),
        }
    }
}

/// The threads that check. If it is dropped, they end.
pub(crate) struct SignatureCheck {
    rules: Arc<dyn Rules>,
    blocks: Option<SyncSender<Arc<Block>>>,
    workers: Vec<JoinHandle<Result<(), WrongSignature>>>,
    failed: Arc<AtomicBool>,
    /// What was found wrong without a thread.
    wrong_here: Option<WrongSignature>,
}

impl SignatureCheck {
    /// Under rules without signatures there is nothing to start.
    pub(crate) fn start(rules: &Arc<dyn Rules>) -> SignatureCheck {
        let (blocks, received) = sync_channel(BLOCKS_WAITING_LIMIT);
        let (received, failed) = (Arc::new(Mutex::new(received)), Arc::default());
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let count = if rules.keeps_accounts() { cores } else { 0 };
        let worker = |_| {
            let (rules, received) = (Arc::clone(rules), Arc::clone(&received));
            let failed = Arc::clone(&failed);
            thread::Builder::new()
                .name("signatures".into())
                .spawn(move || check(&*rules, &received, &failed))
                .ok()
        };
        let workers: Vec<_> = (0..count).map_while(worker).collect();
        SignatureCheck {
            rules: Arc::clone(rules),
            blocks: (!workers.is_empty()).then_some(blocks),
            workers,
            failed,
            wrong_here: None,
        }
    }

    /// Hands a block over; waits while too many are waiting. Once one has failed,
    /// further ones are of no use.
    pub(crate) fn check(&mut self, block: &Arc<Block>) {
        if self.has_failed() {
            return;
        }
        match &self.blocks {
            Some(blocks) => {
                // If all threads have ended, `finish` returns why.
                let _ = blocks.send(Arc::clone(block));
            }
            None if self.rules.keeps_accounts() => {
                self.wrong_here = check_one(&*self.rules, block, &self.failed).err();
            }
            None => {}
        }
    }

    /// Whether a block has failed.
    pub(crate) fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }

    /// Waits until all are checked. Of errors, the first in the chain counts.
    pub(crate) fn finish(mut self) -> Result<(), WrongSignature> {
        self.blocks = None;
        let workers = std::mem::take(&mut self.workers);
        let results = workers.into_iter().map(|worker| {
            let result = worker.join();
            result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        });
        let errors = results.filter_map(Result::err).chain(self.wrong_here);
        errors.min_by_key(|wrong| wrong.height).map_or(Ok(()), Err)
    }
}

fn check(
    rules: &dyn Rules,
    received: &Mutex<Receiver<Arc<Block>>>,
    failed: &AtomicBool,
) -> Result<(), WrongSignature> {
    loop {
        let next = received
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .recv();
        let Ok(block) = next else {
            return Ok(());
        };
        check_one(rules, &block, failed)?;
    }
}

fn check_one(rules: &dyn Rules, block: &Block, failed: &AtomicBool) -> Result<(), WrongSignature> {
    rules
        .check_signatures(block, &|_, _| false)
        .map_err(|error| {
            failed.store(true, Ordering::Relaxed);
            let height = block.height();
            WrongSignature { height, error }
        })
}
