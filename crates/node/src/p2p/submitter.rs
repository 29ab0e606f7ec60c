//! Hands what peers brought to the driver: blocks in order, those of a branch with
//! their signatures checked on all cores first, and transactions in batches. The
//! machine waits for none of it, and is told what became of each.

use std::collections::VecDeque;
use std::sync::Arc;

use adit_core::block::{Block, BlockError};
use adit_core::chain::BlockSource;
use adit_core::node::Answer;
use adit_core::transaction::Submitted;
use adit_net::machine::{Input, SUBMITTED_LIMIT_COUNT, Verdict};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::{JoinHandle, spawn_blocking};

use super::news::NewsSender;
use crate::handle::{Command, NodeHandle, Request};

/// So many bytes of blocks may wait for the driver, or one block: others wait
/// for it too.
pub(crate) const BLOCKS_WAITING_LIMIT_BYTES: usize = 4 * 1024 * 1024;

/// This many relayed transactions may wait to be read; further ones are dropped.
pub(crate) const RELAYED_WAITING_LIMIT: usize = 4_096;

/// This many of them are handed to the driver at a time.
const RELAYED_BATCH: usize = 256;

/// The ways to the driver.
pub(crate) struct Submitter {
    blocks: mpsc::Sender<(Arc<Block>, BlockSource)>,
    transactions: Option<mpsc::Sender<Arc<[u8]>>>,
    to_machine: NewsSender,
}

impl Submitter {
    pub(crate) fn start(node: &NodeHandle, to_machine: &NewsSender) -> Submitter {
        let runtime = node.peers_runtime();
        let (blocks, received) = mpsc::channel(SUBMITTED_LIMIT_COUNT);
        runtime.spawn(hand_in_blocks(node.clone(), received, to_machine.clone()));
        // Under the classics nothing tells a transaction from the same one again, and
        // it would be mined as often as it is relayed.
        let transactions = node.rules().keeps_accounts().then(|| {
            let (transactions, received) = mpsc::channel(RELAYED_WAITING_LIMIT);
            runtime.spawn(hand_in_transactions(
                node.clone(),
                received,
                to_machine.clone(),
            ));
            transactions
        });
        Submitter {
            blocks,
            transactions,
            to_machine: to_machine.clone(),
        }
    }

    /// Hands in a block. The machine has no more of them under way than there is
    /// room for.
    pub(crate) fn block(&self, block: Arc<Block>, source: BlockSource) {
        let hash = block.hash();
        if self.blocks.try_send((block, source)).is_err() {
            self.tell(Input::Decided(hash, Verdict::NotKept));
        }
    }

    /// Hands in a transaction.
    pub(crate) fn transaction(&self, text: Arc<[u8]>) {
        let transactions = self.transactions.as_ref();
        let handed_in = transactions.map(|to| to.try_send(Arc::clone(&text)));
        if !matches!(handed_in, Some(Ok(()))) {
            self.tell(Input::TransactionLeft(text));
        }
    }

    fn tell(&self, input: Input) {
        // If the machine has ended, nobody wants to know.
        let _ = self.to_machine.send(input);
    }
}

struct Checked {
    block: Arc<Block>,
    source: BlockSource,
    /// `None` where the driver checks what was not checked before.
    check: Option<JoinHandle<Result<(), BlockError>>>,
}

async fn hand_in_blocks(
    node: NodeHandle,
    mut blocks: mpsc::Receiver<(Arc<Block>, BlockSource)>,
    to_machine: NewsSender,
) {
    let ahead = std::thread::available_parallelism().map_or(2, |cores| cores.get() + 1);
    let room = Arc::new(Semaphore::new(BLOCKS_WAITING_LIMIT_BYTES));
    let mut under_way = VecDeque::new();
    loop {
        while under_way.len() < ahead {
            let next = match under_way.is_empty() {
                true => blocks.recv().await,
                false => blocks.try_recv().ok(),
            };
            match next {
                Some((block, source)) => under_way.push_back(begin(&node, block, source)),
                None if under_way.is_empty() => return,
                None => break,
            }
        }
        let Some(next) = under_way.pop_front() else {
            continue;
        };
        let Checked {
            block,
            source,
            check,
        } = next;
        if let Some(check) = check
            && let Ok(Err(error)) = check.await
        {
            let decided = Input::Decided(block.hash(), Verdict::Invalid(error));
            // If the machine has ended, nobody wants to know.
            let _ = to_machine.send(decided);
            continue;
        }
        let bytes = block.text().len().min(BLOCKS_WAITING_LIMIT_BYTES);
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let Ok(place) = Arc::clone(&room).acquire_many_owned(bytes).await else {
            return;
        };
        let command = Command::TakeBlock(block, source, place);
        if node.0.commands.send(command).await.is_err() {
            return;
        }
    }
}

/// A new block at the tip is mostly made of what waited here, which was checked
/// then: the driver checks the rest. Others are checked whole, several at a time.
fn begin(node: &NodeHandle, block: Arc<Block>, source: BlockSource) -> Checked {
    let is_of_branch = source == BlockSource::InBranch && node.rules().keeps_accounts();
    let check = is_of_branch.then(|| {
        let (rules, block) = (Arc::clone(node.rules()), Arc::clone(&block));
        spawn_blocking(move || rules.check_signatures(&block, &|_, _| false))
    });
    Checked {
        block,
        source,
        check,
    }
}

async fn hand_in_transactions(
    node: NodeHandle,
    mut transactions: mpsc::Receiver<Arc<[u8]>>,
    to_machine: NewsSender,
) {
    let mut texts = Vec::new();
    while transactions.recv_many(&mut texts, RELAYED_BATCH).await > 0 {
        let batch = std::mem::take(&mut texts);
        let rules = Arc::clone(node.rules());
        let read = spawn_blocking(move || {
            let read = batch.into_iter().map(|text| {
                let submitted: Option<Submitted> = rules.read_returned(&text);
                (text, submitted)
            });
            read.collect::<Vec<_>>()
        });
        let Ok(read) = read.await else {
            return;
        };
        let (mut requests, mut handed_in, mut left) = (Vec::new(), Vec::new(), Vec::new());
        for (text, submitted) in read {
            match submitted {
                Some(submitted) => {
                    requests.push(Request::RelayedTransaction(submitted));
                    handed_in.push(text);
                }
                None => left.push(text),
            }
        }
        let Ok(answers) = node.request_all(requests).await else {
            return;
        };
        let answered = handed_in.into_iter().zip(answers);
        let refused = answered.filter(|(_, answer)| !matches!(answer, Answer::Accepted { .. }));
        left.extend(refused.map(|(text, _)| text));
        for text in left {
            // If the machine has ended, nobody wants to know.
            let _ = to_machine.send(Input::TransactionLeft(text));
        }
    }
}
