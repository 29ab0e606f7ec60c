//! Valid blocks that may come to be adopted, until that is decided elsewhere: in
//! memory as they are, and beyond a bound on disk. Their signatures are not
//! looked at before the caller says that they matter; from then on they are
//! checked while further blocks come.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SendError, SyncSender, channel, sync_channel};
use std::thread::{self, JoinHandle};

use adit_core::block::{Block, BlockError};
use adit_core::rules::Rules;
use adit_store::{StagedTexts, Staging, StoreError};

use crate::memory::Reservation;
use crate::peers::signatures::{SignatureCheck, WrongSignature};

/// A branch is held in memory up to this length.
const BRANCH_MEMORY_LIMIT_BYTES: usize = 16 * 1024 * 1024;

/// All branches together are held in memory up to this length.
pub(crate) const BRANCHES_MEMORY_LIMIT_BYTES: usize = 64 * 1024 * 1024;

/// This many blocks are read again from the disk while those before are taken in.
const READ_AHEAD_LIMIT: usize = 4;

/// A branch on its way in.
pub(crate) struct Branch {
    blocks: CheckedBranch,
    /// Once they matter.
    signatures: Option<SignatureCheck>,
}

/// A whole branch, all signatures of which are valid: a queue of blocks, first
/// in, first out.
pub(crate) struct CheckedBranch {
    rules: Arc<dyn Rules>,
    in_memory: Vec<Arc<Block>>,
    on_disk: Staging,
    /// What the blocks in memory take, while they are there.
    memory: Reservation,
}

/// Why staged blocks could not be read again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BranchError {
    #[error("cannot read a staged block: {0}")]
    File(#[from] std::io::Error),
    #[error("a staged block has changed: {0}")]
    Block(#[from] BlockError),
}

impl Branch {
    /// Returns an empty one that puts into `on_disk` what is too long for memory.
    pub(crate) fn new(rules: Arc<dyn Rules>, on_disk: Staging, memory: Reservation) -> Branch {
        Branch {
            signatures: None,
            blocks: CheckedBranch {
                rules,
                in_memory: Vec::new(),
                memory,
                on_disk,
            },
        }
    }

    /// Appends a block that is valid but for its signatures.
    pub(crate) fn push(&mut self, block: Arc<Block>) -> Result<(), StoreError> {
        if let Some(signatures) = &mut self.signatures {
            signatures.check(&block);
        }
        self.blocks.push(block)
    }

    /// Whether signatures are looked at.
    pub(crate) fn is_checked(&self) -> bool {
        self.signatures.is_some()
    }

    /// The branch is worth it: signatures are checked, of the blocks so far and
    /// of those that come.
    pub(crate) fn check_signatures(&mut self) -> Result<(), BranchError> {
        if self.is_checked() {
            return Ok(());
        }
        let mut signatures = SignatureCheck::start(&self.blocks.rules);
        if self.blocks.rules.keeps_accounts() {
            for block in self.blocks.so_far()? {
                signatures.check(&block?);
                if signatures.has_failed() {
                    break;
                }
            }
        }
        self.signatures = Some(signatures);
        Ok(())
    }

    /// Whether a signature is known to be wrong: `finish` returns whose.
    pub(crate) fn has_failed(&self) -> bool {
        let signatures = self.signatures.as_ref();
        signatures.is_some_and(SignatureCheck::has_failed)
    }

    /// Waits until all signatures are checked.
    pub(crate) fn finish(mut self) -> Result<Result<CheckedBranch, WrongSignature>, BranchError> {
        self.check_signatures()?;
        let checked = self.signatures.map_or(Ok(()), SignatureCheck::finish);
        Ok(checked.map(|()| self.blocks))
    }
}

impl CheckedBranch {
    fn push(&mut self, block: Arc<Block>) -> Result<(), StoreError> {
        let bytes = block.text().len();
        let fits = self.memory.bytes() + bytes <= BRANCH_MEMORY_LIMIT_BYTES;
        if self.on_disk.count() == 0 && fits && self.memory.take(bytes) {
            self.in_memory.push(block);
            return Ok(());
        }
        self.on_disk.push(block.text())
    }

    /// Returns the blocks so far. They stay.
    fn so_far(
        &mut self,
    ) -> Result<impl Iterator<Item = Result<Arc<Block>, BranchError>>, BranchError> {
        let in_memory = self.in_memory.iter().cloned().map(Ok);
        let rules = &self.rules;
        let on_disk = self.on_disk.texts()?.map(|text| {
            let block = rules.read_canonical(text?)?;
            Ok(Arc::new(block))
        });
        Ok(in_memory.chain(on_disk))
    }

    /// Takes the blocks out again. Those on disk are read on a thread of their
    /// own, since that takes as long as to take them in.
    pub(crate) fn into_blocks(self) -> CheckedBlocks {
        let in_memory = self.in_memory.into_iter().map(Ok);
        let blocks: BoxedBlocks = match self.on_disk.count() {
            0 => Box::new(in_memory),
            _ => match self.on_disk.into_texts() {
                Ok(texts) => Box::new(in_memory.chain(OnDisk::start(self.rules, texts))),
                Err(error) => Box::new(in_memory.chain([Err(error.into())])),
            },
        };
        CheckedBlocks {
            blocks,
            _memory: self.memory,
        }
    }
}

type BoxedBlocks = Box<dyn Iterator<Item = Result<Arc<Block>, BranchError>> + Send>;

/// The blocks of a branch, in order.
pub(crate) struct CheckedBlocks {
    blocks: BoxedBlocks,
    /// What they took when the first one was taken out.
    _memory: Reservation,
}

impl Iterator for CheckedBlocks {
    type Item = Result<Arc<Block>, BranchError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.blocks.next()
    }
}

/// Blocks on their way back from the disk.
enum OnDisk {
    Ahead(ReadAhead),
    /// Where the system makes no thread for it.
    Here(Arc<dyn Rules>, StagedTexts<'static>),
}

/// Blocks as another thread reads them.
struct ReadAhead {
    received: Receiver<Result<Arc<Block>, BranchError>>,
    reader: Option<JoinHandle<()>>,
}

impl OnDisk {
    fn start(rules: Arc<dyn Rules>, texts: StagedTexts<'static>) -> OnDisk {
        let (blocks, received) = sync_channel(READ_AHEAD_LIMIT);
        // Handed over only once there is a thread: what it was made with is
        // lost with a thread that is not.
        let (hand_over, work) = channel::<(Arc<dyn Rules>, StagedTexts<'static>)>();
        let reader = thread::Builder::new()
            .name("read-ahead".into())
            .spawn(move || {
                if let Ok((rules, texts)) = work.recv() {
                    read_again(&*rules, texts, &blocks);
                }
            });
        let Ok(reader) = reader else {
            return OnDisk::Here(rules, texts);
        };
        match hand_over.send((rules, texts)) {
            Ok(()) => OnDisk::Ahead(ReadAhead {
                received,
                reader: Some(reader),
            }),
            Err(SendError((rules, texts))) => OnDisk::Here(rules, texts),
        }
    }
}

impl Iterator for OnDisk {
    type Item = Result<Arc<Block>, BranchError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            OnDisk::Ahead(blocks) => blocks.next(),
            OnDisk::Here(rules, texts) => texts.next().map(|text| read_one(&**rules, text)),
        }
    }
}

impl Iterator for ReadAhead {
    type Item = Result<Arc<Block>, BranchError>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.received.recv().ok();
        if next.is_none()
            && let Some(Err(panic)) = self.reader.take().map(JoinHandle::join)
        {
            std::panic::resume_unwind(panic);
        }
        next
    }
}

fn read_again(
    rules: &dyn Rules,
    texts: StagedTexts<'static>,
    blocks: &SyncSender<Result<Arc<Block>, BranchError>>,
) {
    for text in texts {
        let block = read_one(rules, text);
        let is_last = block.is_err();
        // If nobody takes it, an earlier block was refused.
        if blocks.send(block).is_err() || is_last {
            break;
        }
    }
}

fn read_one(rules: &dyn Rules, text: std::io::Result<Vec<u8>>) -> Result<Arc<Block>, BranchError> {
    let block = rules.read_canonical(text?)?;
    // They were checked before it was staged whole.
    block.signatures_are_valid();
    Ok(Arc::new(block))
}
