//! Writes a chain to develop on down, and makes it what was written. One of these is
//! under way at a time: either may hold much. What a file looks like is not known
//! here.

use std::collections::VecDeque;
use std::io::Read;
use std::sync::Arc;

use adit_core::mempool::Mempool;
use adit_core::node::Node;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::spawn_blocking;

use super::development::{NotDeveloped, develop};
use crate::development::{Act, Done, Loaded};
use crate::handle::{NodeHandle, Stopping};
use crate::saved_state::{SavedState, StateError, read_state};

static PLACE: Semaphore = Semaphore::const_new(1);

/// Holds the one place for a chain that is written or read.
pub type StatePlace = SemaphorePermit<'static>;

/// Why it was not done.
#[derive(Debug, thiserror::Error)]
pub enum StateNotDone {
    /// The file is of no use.
    #[error(transparent)]
    State(#[from] StateError),
    /// It can't be done to this chain.
    #[error(transparent)]
    NotDeveloped(#[from] NotDeveloped),
    /// Another is under way.
    #[error("another state is being saved or loaded; try again")]
    Busy,
    /// The reading broke; this is a defect.
    #[error("the state could not be read")]
    Panicked,
}

impl From<Stopping> for StateNotDone {
    fn from(stopping: Stopping) -> StateNotDone {
        NotDeveloped::from(stopping).into()
    }
}

fn place() -> Result<StatePlace, StateNotDone> {
    PLACE.try_acquire().map_err(|_| StateNotDone::Busy)
}

/// The chain as it is now, to be written, and the place that is held until it is.
pub async fn save(node: &NodeHandle) -> Result<(SavedState, StatePlace), StateNotDone> {
    if !node.is_development() {
        return Err(NotDeveloped::NotDevelopment.into());
    }
    let place = place()?;
    let looking = node.clone();
    let state = node.inspect(move |core| {
        // All of one moment: nothing goes on while this is looked at.
        let snapshot = looking.reader().snapshot()?;
        let clock = looking.clock_setting();
        let rules = &**looking.rules();
        let saved = SavedState::of(rules, snapshot, waiting(core), clock);
        saved.ok_or_else(|| StateError::NoState("and there is no chain".to_owned()))
    });
    Ok((state.await??, place))
}

fn waiting(core: &Node) -> VecDeque<Arc<[u8]>> {
    match core.mempool() {
        Mempool::Accounts(mempool) => mempool.iter().map(|one| Arc::clone(&one.text)).collect(),
        Mempool::Queue(mempool) => mempool.iter().map(|one| Arc::clone(&one.text)).collect(),
    }
}

/// Makes the chain what the file says, all of it or nothing. Its snapshots are gone
/// then.
pub async fn load(
    node: &NodeHandle,
    input: impl Read + Send + 'static,
) -> Result<Loaded, StateNotDone> {
    if !node.is_development() {
        return Err(NotDeveloped::NotDevelopment.into());
    }
    let _place = place()?;
    let (rules, branch) = (Arc::clone(node.rules()), node.new_branch());
    let read = spawn_blocking(move || read_state(&rules, branch, input));
    let state = read.await.map_err(|_| StateNotDone::Panicked)??;
    match develop(node, Act::Load(Box::new(state))).await? {
        Done::Loaded(loaded) => Ok(loaded),
        done => unreachable!("the driver answers what it was asked: {done:?}"),
    }
}
