//! Tells peers that there is a new chain to look at: the tutorial's nodes
//! never push, but `GET /nodes/resolve` makes them pull. Which block is new is said
//! along with it, for those that have it already, and who says so; and that no answer is
//! wanted. What
//! they find, and whether they look at all, is theirs to decide.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use adit_api::headers::{INSTANCE_HEADER, TIP_HEADER};
use adit_core::peer::PeerAddress;
use reqwest::Client;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};

use crate::handle::NodeHandle;
use crate::open_files;
use crate::peers::fetch::client;

/// The answer of a peer that was told to look is waited for this long. It goes
/// on looking when nobody waits any longer; all that we learn from the answer is
/// that the peer can be told the next news.
const LOOK_TIMEOUT_MS: u64 = 2_000;

/// The same peer is told at most once in this time.
const LOOK_INTERVAL_MS: u64 = 250;

/// At most this many peers are told at the same time.
const TOLD_AT_ONCE_LIMIT: usize = 64;

/// One of this many open files may be such a call's.
const TOLD_SHARE: usize = 16;

/// This much of a peer's answer is read; it holds its chain, which was not asked
/// for.
const LOOK_ANSWER_LIMIT_BYTES: usize = 64 * 1024;

/// Says that the answer may be empty (RFC 7240): a node that understands it does not
/// send its chain along.
const PREFER: &str = "prefer";

const MINIMAL: &str = "return=minimal";

/// Tells peers to look, in the background, one call at a time for each.
#[derive(Clone)]
pub(crate) struct Announcer {
    node: NodeHandle,
    client: Client,
    telling: Arc<Mutex<BTreeMap<PeerAddress, Telling>>>,
    at_once: Arc<Semaphore>,
}

/// A peer that is being told.
struct Telling {
    /// Whether it has to be told once more after the call under way.
    again: bool,
    /// Cuts the call off.
    call: AbortHandle,
}

impl Announcer {
    pub(crate) fn new(node: NodeHandle) -> Announcer {
        let at_once = open_files::for_peers(TOLD_AT_ONCE_LIMIT, TOLD_SHARE);
        Announcer {
            node,
            client: client(),
            telling: Arc::default(),
            at_once: Arc::new(Semaphore::new(at_once)),
        }
    }

    /// Tells these peers that there is a new chain.
    pub(crate) fn announce(&self, runtime: &Handle, peers: Vec<PeerAddress>) {
        for peer in peers {
            let mut telling = self.telling();
            if let Some(telling) = telling.get_mut(&peer) {
                telling.again = true;
                continue;
            }
            // It can't end before it stands there: that takes the lock as well.
            let call = runtime.spawn(self.clone().tell(peer.clone()));
            let call = call.abort_handle();
            telling.insert(peer, Telling { again: false, call });
        }
    }

    /// Stops telling one that is no longer a peer.
    pub(crate) fn forget(&self, peer: &PeerAddress) {
        if let Some(telling) = self.telling().remove(peer) {
            telling.call.abort();
        }
    }

    fn telling(&self) -> MutexGuard<'_, BTreeMap<PeerAddress, Telling>> {
        self.telling.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn tell(self, peer: PeerAddress) {
        loop {
            let place = self.at_once.acquire().await;
            let look = Duration::from_millis(LOOK_TIMEOUT_MS);
            match timeout(look, self.get_resolve(&peer)).await {
                Ok(Ok(())) => tracing::debug!(%peer, "told to look"),
                Ok(Err(error)) => tracing::debug!(%peer, %error, "could not be told to look"),
                Err(_) => tracing::debug!(%peer, "looks for too long"),
            }
            drop(place);
            sleep(Duration::from_millis(LOOK_INTERVAL_MS)).await;
            if !self.is_wanted_again(&peer) {
                return;
            }
        }
    }

    async fn get_resolve(&self, peer: &PeerAddress) -> reqwest::Result<()> {
        let url = peer.url("/nodes/resolve");
        let request = self.client.get(url).header(PREFER, MINIMAL);
        let request = request.header(INSTANCE_HEADER, self.node.instance_id());
        let request = match self.node.status().tip {
            Some(tip) => request.header(TIP_HEADER, tip.to_string()),
            None => request,
        };
        let mut response = request.send().await?;
        let mut read_bytes = 0;
        while let Some(piece) = response.chunk().await? {
            read_bytes += piece.len();
            if read_bytes > LOOK_ANSWER_LIMIT_BYTES {
                break;
            }
        }
        Ok(())
    }

    fn is_wanted_again(&self, peer: &PeerAddress) -> bool {
        let mut telling = self.telling();
        // Registered again, it may be told by another call than this one.
        let is_own = |call: &AbortHandle| Some(call.id()) == tokio::task::try_id();
        let Some(own) = telling.get_mut(peer).filter(|one| is_own(&one.call)) else {
            return false;
        };
        let again = std::mem::take(&mut own.again);
        if !again {
            telling.remove(peer);
        }
        again
    }
}
