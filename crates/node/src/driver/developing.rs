//! What a driver has besides where its chain is one to develop on: snapshots, what is
//! being done, and what waits for that. What is done is not known here.

use std::collections::VecDeque;

use adit_core::reorganisation::BlockPlace;
use tokio::sync::oneshot;

use super::snapshots::Snapshots;
use crate::development::{BlocksToMake, DevelopmentRequest, Done, NotDone};

pub(super) type Reply = oneshot::Sender<Result<Done, NotDone>>;

/// What a chain to develop on has besides.
#[derive(Debug, Default)]
pub(super) struct Developing {
    pub(super) snapshots: Snapshots,
    /// The blocks that are being made,
    pub(super) making: Option<Making>,
    /// and what waits until they are there.
    pub(super) waiting: VecDeque<DevelopmentRequest>,
    /// To be answered when everything is durable.
    pub(super) done: Vec<(Reply, Result<Done, NotDone>)>,
}

/// Blocks that are being made.
#[derive(Debug)]
pub(super) struct Making {
    pub(super) wanted: BlocksToMake,
    pub(super) first: Option<BlockPlace>,
    pub(super) made_count: u64,
    /// The time of the last of them, if they are to be apart.
    pub(super) last_ms: Option<u64>,
    pub(super) reply: Reply,
}

impl Developing {
    /// Everything is durable: those who asked hear what was done.
    pub(super) fn answer(&mut self) {
        for (reply, done) in self.done.drain(..) {
            // If it was dropped, the caller has gone.
            let _ = reply.send(done);
        }
    }
}
