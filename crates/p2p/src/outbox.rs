//! What is queued for a peer until its connection takes it. Nobody waits for a
//! peer: while much is queued, nothing more is read from it, so that it can't ask
//! for more; and one that does not read is dropped by who writes.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// While this much is queued for a peer, nothing is read from it.
pub const OUTBOX_PAUSE_BYTES: usize = 1024 * 1024;

/// For all peers together, at most this much is queued; beyond it, a peer for
/// which more than [`OUTBOX_PAUSE_BYTES`] are queued is dropped when something is
/// to be sent to it.
pub const OUTBOXES_LIMIT_BYTES: usize = 256 * 1024 * 1024;

/// How much is queued for all peers.
#[derive(Debug, Default)]
pub(crate) struct QueuedBytes(AtomicUsize);

/// Frames on their way to a peer, in order.
#[derive(Debug)]
pub(crate) struct Outbox {
    frames: Mutex<VecDeque<Vec<u8>>>,
    bytes: AtomicUsize,
    all: Arc<QueuedBytes>,
    is_closing: AtomicBool,
    /// There is a frame, or the last one was queued.
    more: Notify,
    /// Frames were taken.
    less: Notify,
}

impl QueuedBytes {
    /// How much it is now.
    pub(crate) fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Outbox {
    pub(crate) fn new(all: Arc<QueuedBytes>) -> Outbox {
        Outbox {
            frames: Mutex::default(),
            bytes: AtomicUsize::new(0),
            all,
            is_closing: AtomicBool::new(false),
            more: Notify::new(),
            less: Notify::new(),
        }
    }

    /// Queues a frame, if there is room: otherwise its peer is not to be kept.
    pub(crate) fn push(&self, frame: Vec<u8>) -> bool {
        if self.is_closing.load(Ordering::Relaxed) {
            return true;
        }
        let is_much = self.bytes() > OUTBOX_PAUSE_BYTES;
        if is_much && self.all.get() + frame.len() > OUTBOXES_LIMIT_BYTES {
            return false;
        }
        self.bytes.fetch_add(frame.len(), Ordering::Relaxed);
        self.all.0.fetch_add(frame.len(), Ordering::Relaxed);
        self.frames().push_back(frame);
        self.more.notify_one();
        true
    }

    /// What is queued is the last.
    pub(crate) fn close(&self) {
        self.is_closing.store(true, Ordering::Relaxed);
        self.more.notify_one();
    }

    /// The next frame; `None` behind the last one. One caller at a time.
    pub(crate) async fn next(&self) -> Option<Vec<u8>> {
        loop {
            if let Some(frame) = self.try_next() {
                return Some(frame);
            }
            if self.is_closing.load(Ordering::Relaxed) {
                return None;
            }
            self.more.notified().await;
        }
    }

    /// The next frame, if there is one.
    pub(crate) fn try_next(&self) -> Option<Vec<u8>> {
        self.frames().pop_front()
    }

    /// A frame that was taken has been written.
    pub(crate) fn written(&self, bytes: usize) {
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
        self.all.0.fetch_sub(bytes, Ordering::Relaxed);
        self.less.notify_one();
    }

    /// Waits until not much is queued. One caller at a time.
    pub(crate) async fn has_room(&self) {
        while self.bytes() > OUTBOX_PAUSE_BYTES {
            self.less.notified().await;
        }
    }

    /// How much is queued.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    fn frames(&self) -> MutexGuard<'_, VecDeque<Vec<u8>>> {
        self.frames.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        let left = *self.bytes.get_mut();
        self.all.0.fetch_sub(left, Ordering::Relaxed);
    }
}
