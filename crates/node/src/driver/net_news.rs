//! What the machine that talks with others hears of the chain. It hears of nothing
//! that readers do not see yet: all waits for the sync.

use std::sync::Arc;
use std::time::{Duration, Instant};

use adit_core::archive::{Change, MainChange};
use adit_core::transaction::Submitted;
use adit_net::RelayTransaction;
use adit_net::machine::Input as NetInput;
use tokio::sync::mpsc;

use super::adoptions::ADOPTION_STEP_MS;

/// What is to be told after the next sync.
pub(super) struct NetNews {
    to_machine: Option<mpsc::UnboundedSender<NetInput>>,
    news: Vec<NetInput>,
    /// When the first block was taken since the last sync.
    pub(super) first_block: Option<Instant>,
    /// Whether one of a longer branch was among them.
    pub(super) took_of_branch: bool,
}

impl NetNews {
    pub(super) fn new(to_machine: Option<mpsc::UnboundedSender<NetInput>>) -> NetNews {
        NetNews {
            to_machine,
            news: Vec::new(),
            first_block: None,
            took_of_branch: false,
        }
    }

    /// Notes a change; `is_own` says whether a block of it was made here.
    pub(super) fn note(&mut self, change: &Change, is_own: bool) {
        match change {
            Change::Block { block, main, .. } if *main != MainChange::Side => {
                let block = Arc::clone(block);
                self.push(NetInput::NewTip { block, is_own });
            }
            Change::Transaction(transaction) => self.note_waiting(transaction),
            _ => {}
        }
    }

    /// Notes that a transaction waits. Under the classics none is relayed: nothing
    /// tells it from the same one again.
    pub(super) fn note_waiting(&mut self, transaction: &Submitted) {
        if let Submitted::Payment(payment) = transaction {
            let one = RelayTransaction::of_payment(payment);
            self.push(NetInput::TransactionWaits(one));
        }
    }

    pub(super) fn push(&mut self, news: NetInput) {
        if self.to_machine.is_some() {
            self.news.push(news);
        }
    }

    /// Whether blocks have been taken for so long that it is the others' turn.
    pub(super) fn is_long_enough(&self) -> bool {
        let step = Duration::from_millis(ADOPTION_STEP_MS);
        self.first_block
            .is_some_and(|first| first.elapsed() >= step)
    }

    /// Everything is durable, and readers see it.
    pub(super) fn tell(&mut self) {
        if let Some(to_machine) = &self.to_machine {
            for news in self.news.drain(..) {
                // If the machine has ended, nobody wants to know.
                let _ = to_machine.send(news);
            }
        }
    }
}
