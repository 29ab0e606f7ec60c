//! What can be done to a chain to develop on, and to no other: it starts over, goes
//! back to a snapshot, its clock is set, and blocks are made of nothing. Who may ask
//! for that is not known here.

use adit_core::node::BlockMaking;
use tokio::sync::oneshot;

use crate::development::{
    Act, BlocksMade, BlocksToMake, Development, DevelopmentRequest, Done, NotDone, Reverted,
    SnapshotTaken, Time, TimeChange,
};
use crate::handle::{NodeHandle, Stopping};

/// Why it was not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotDeveloped {
    /// It is no development chain.
    #[error(
        "only a chain to develop on can do that (`adit dev` makes one); this one keeps what it has"
    )]
    NotDevelopment,
    /// It can't be done to the chain as it is.
    #[error(transparent)]
    NotDone(#[from] NotDone),
    /// The node is stopping.
    #[error(transparent)]
    Stopping(#[from] Stopping),
}

/// How the chain is set.
pub async fn look(node: &NodeHandle) -> Result<Development, NotDeveloped> {
    match develop(node, Act::Look).await? {
        Done::Looked(development) => Ok(development),
        done => unexpected(&done),
    }
}

/// Makes the chain its genesis block again. Returns its length.
pub async fn reset(node: &NodeHandle) -> Result<u64, NotDeveloped> {
    match develop(node, Act::Reset).await? {
        Done::Reset { length } => Ok(length),
        done => unexpected(&done),
    }
}

/// Keeps in mind where the chain is.
pub async fn take_snapshot(node: &NodeHandle) -> Result<SnapshotTaken, NotDeveloped> {
    match develop(node, Act::TakeSnapshot).await? {
        Done::SnapshotTaken(snapshot) => Ok(snapshot),
        done => unexpected(&done),
    }
}

/// Makes the chain what it was at that snapshot, or at the newest.
pub async fn revert(node: &NodeHandle, id: Option<u64>) -> Result<Reverted, NotDeveloped> {
    match develop(node, Act::Revert(id)).await? {
        Done::Reverted(reverted) => Ok(reverted),
        done => unexpected(&done),
    }
}

/// Sets the clock.
pub async fn set_time(node: &NodeHandle, change: TimeChange) -> Result<Time, NotDeveloped> {
    match develop(node, Act::SetTime(change)).await? {
        Done::TimeSet(time) => Ok(time),
        done => unexpected(&done),
    }
}

/// Makes blocks, the first of what waits.
pub async fn mine(node: &NodeHandle, blocks: BlocksToMake) -> Result<BlocksMade, NotDeveloped> {
    match develop(node, Act::Mine(blocks)).await? {
        Done::Mined(blocks) => Ok(blocks),
        done => unexpected(&done),
    }
}

/// Says when blocks are made.
pub async fn set_block_making(
    node: &NodeHandle,
    making: BlockMaking,
) -> Result<BlockMaking, NotDeveloped> {
    match develop(node, Act::SetBlockMaking(making)).await? {
        Done::BlockMakingSet(making) => Ok(making),
        done => unexpected(&done),
    }
}

fn unexpected(done: &Done) -> ! {
    unreachable!("the driver answers what it was asked: {done:?}")
}

pub(super) async fn develop(node: &NodeHandle, act: Act) -> Result<Done, NotDeveloped> {
    if !node.is_development() {
        return Err(NotDeveloped::NotDevelopment);
    }
    let (reply, done) = oneshot::channel();
    node.develop(DevelopmentRequest { act, reply }).await?;
    Ok(done.await.map_err(|_| Stopping)??)
}
