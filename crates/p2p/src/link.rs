//! One connection with a peer: reads its messages one by one, each when the one
//! before has been decided on, and writes what is queued. What is in the messages
//! matters here only as far as it costs memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use adit_net::address::PeerAddress;
use adit_net::machine::{Direction, Input, PeerId};
use adit_net::message::Message;
use futures_util::io::{AsyncReadExt, ReadHalf, WriteHalf};
use tokio::sync::{Notify, OwnedSemaphorePermit, mpsc, oneshot};
use tokio::time::sleep;

use crate::frames::{Inbox, ReadEnd, ReadFrame, read_message, write_frame};
use crate::handshake::{Opened, Talk, beside, part};
use crate::outbox::Outbox;

/// A peer that is hung up on gets what is queued for it within this time.
const FAREWELL_LIMIT_MS: u64 = 2_000;

/// What the machine is to hear.
#[derive(Debug)]
pub struct EdgeEvent {
    /// What happened.
    pub input: Input,
    /// To be dropped when what followed from it is done.
    pub hold: Hold,
}

/// The room that a message takes, and that nothing more is read from its sender.
#[derive(Debug, Default)]
pub struct Hold {
    _room: Option<Arc<OwnedSemaphorePermit>>,
    _done: Option<oneshot::Sender<()>>,
}

/// How much was said, from when the connection was made.
#[derive(Debug)]
pub(crate) struct Traffic {
    /// When that was.
    pub(crate) connected: Instant,
    /// Bytes of messages that came.
    pub(crate) bytes_in: AtomicU64,
    /// Bytes of messages that were written.
    pub(crate) bytes_out: AtomicU64,
}

/// A connection, as the edge knows it.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) address: PeerAddress,
    pub(crate) direction: Direction,
    pub(crate) outbox: Outbox,
    pub(crate) traffic: Traffic,
    /// This many long answers were asked of it.
    long_due: AtomicUsize,
    is_over: AtomicBool,
    over: Notify,
}

impl EdgeEvent {
    /// Something that nobody waits for.
    pub(crate) fn of(input: Input) -> EdgeEvent {
        EdgeEvent {
            input,
            hold: Hold::default(),
        }
    }
}

impl Link {
    pub(crate) fn new(address: PeerAddress, direction: Direction, outbox: Outbox) -> Link {
        Link {
            address,
            direction,
            outbox,
            traffic: Traffic {
                connected: Instant::now(),
                bytes_in: AtomicU64::new(0),
                bytes_out: AtomicU64::new(0),
            },
            long_due: AtomicUsize::new(0),
            is_over: AtomicBool::new(false),
            over: Notify::new(),
        }
    }

    /// Something is sent that may have long answers.
    pub(crate) fn expect_answers_to(&self, message: &Message) {
        let answers = match message {
            Message::GetBlocks(hashes) => hashes.len(),
            Message::GetCompact(_) | Message::GetBlockTxs { .. } => 1,
            _ => return,
        };
        self.long_due.fetch_add(answers, Ordering::Relaxed);
    }

    /// Ends the connection at once. Returns whether nobody had ended it before.
    pub(crate) fn cut(&self) -> bool {
        let was_over = self.is_over.swap(true, Ordering::Relaxed);
        self.over.notify_one();
        !was_over
    }

    /// Ends the connection when what is queued has been taken, or soon after.
    pub(crate) async fn hang_up(&self) {
        self.outbox.close();
        sleep(Duration::from_millis(FAREWELL_LIMIT_MS)).await;
        self.cut();
    }

    async fn is_cut(&self) {
        while !self.is_over.load(Ordering::Relaxed) {
            self.over.notified().await;
        }
    }

    /// Carries messages until the connection ends, from whatever side.
    pub(crate) async fn run(
        &self,
        peer: PeerId,
        opened: Opened,
        inbox: &Inbox,
        inputs: &mpsc::Sender<EdgeEvent>,
        heard: impl Fn(&ReadFrame),
    ) {
        let Opened {
            mut streams, talk, ..
        } = opened;
        let (reader, writer) = talk.split();
        let talking = async {
            tokio::select! {
                () = self.read(peer, reader, inbox, inputs, heard) => {}
                () = self.write(writer) => {}
                () = self.is_cut() => {}
            }
        };
        beside(&mut streams, talking).await;
        part(&mut streams).await;
    }

    async fn read(
        &self,
        peer: PeerId,
        mut talk: ReadHalf<Talk>,
        inbox: &Inbox,
        inputs: &mpsc::Sender<EdgeEvent>,
        heard: impl Fn(&ReadFrame),
    ) {
        loop {
            let is_due = || self.long_due.load(Ordering::Relaxed) > 0;
            let next = match read_message(&mut talk, inbox, is_due).await {
                Ok(next) => next,
                Err(ReadEnd::Gone) => return,
                Err(ReadEnd::Malformed(error)) => {
                    let input = Input::Malformed(peer, error);
                    // If the machine is gone, nobody minds.
                    let _ = inputs.send(EdgeEvent::of(input)).await;
                    return;
                }
            };
            let bytes = next.bytes as u64;
            self.traffic.bytes_in.fetch_add(bytes, Ordering::Relaxed);
            heard(&next);
            let ReadFrame { message, room, .. } = next;
            if matches!(message, Message::Block(_) | Message::BlockTxs { .. }) {
                self.one_answer_came();
            }
            let room = room.map(Arc::new);
            for message in one_answer_each(message) {
                // It asks for nothing more while it does not take the answers.
                self.outbox.has_room().await;
                let (done, is_done) = oneshot::channel();
                let hold = Hold {
                    _room: room.clone(),
                    _done: Some(done),
                };
                let input = Input::Message(peer, message);
                let arrival = EdgeEvent { input, hold };
                if inputs.send(arrival).await.is_err() {
                    return;
                }
                // Dropped without a word, which is the word.
                let _ = is_done.await;
            }
        }
    }

    fn one_answer_came(&self) {
        let one_less = |due: usize| due.checked_sub(1);
        // Nobody waited for it, which is no offence if it is short.
        let _ = self
            .long_due
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less);
    }

    async fn write(&self, mut talk: WriteHalf<Talk>) {
        while let Some(mut frame) = self.outbox.next().await {
            loop {
                let next = self.outbox.try_next();
                let written = write_frame(&mut talk, &frame, next.is_none()).await;
                self.outbox.written(frame.len());
                if written.is_err() {
                    return;
                }
                let bytes = frame.len() as u64;
                self.traffic.bytes_out.fetch_add(bytes, Ordering::Relaxed);
                match next {
                    Some(next) => frame = next,
                    None => break,
                }
            }
        }
    }
}

/// The same, in questions that have one answer each: so many long answers are not
/// queued at once.
fn one_answer_each(message: Message) -> Vec<Message> {
    match message {
        Message::GetBlocks(hashes) if hashes.len() > 1 => {
            let each = hashes.into_iter().map(|hash| vec![hash]);
            each.map(Message::GetBlocks).collect()
        }
        message => vec![message],
    }
}
