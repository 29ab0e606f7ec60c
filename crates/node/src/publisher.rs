//! What happens at the node, told to all who listen. The driver notes what it
//! did and goes on; a task makes events of that, a few times a second, and puts
//! them on a log that all listeners read. Nothing is kept for a listener: one
//! that is slower than the log has lost events, and is told so.

use std::collections::BTreeMap;
use std::time::Duration;

use adit_api::event::{BlockEvent, MiningEvent, PeerEvent, Topic, TransactionsEvent};
use adit_api::peer::Peer;
use adit_api::stats::PoolSample;
use adit_core::transaction::Submitted;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::clock::now_ms;
use crate::events::batch::EventBatch;
use crate::events::log::EventLog;
use crate::handle::NodeHandle;
use crate::queries::block;
use crate::queries::branches::reorganisation;
use crate::queries::error::QueryError;
use crate::queries::transaction::waiting_state;
use crate::repeated;

/// At most this many batches wait to be made into events; what comes then is
/// lost, and the listeners hear that something is.
pub(crate) const EVENT_BATCHES_LIMIT: usize = 256;

/// Events come at most this often: what happens in between is told together.
const EVENTS_PAUSE_MS: u64 = 50;

/// While proofs are searched for, an event says this often how fast.
const MINING_EVENTS_MS: u64 = 1_000;

/// What the listeners were last told of what is only told when it changes.
#[derive(Default)]
struct Published {
    mining: Option<MiningEvent>,
    /// By the peer's id.
    peers: BTreeMap<String, Peer>,
}

/// Makes events of what the driver did, until the driver is gone.
pub(crate) async fn publish(node: NodeHandle, mut batches: mpsc::Receiver<EventBatch>) {
    let mut looks = interval(Duration::from_millis(MINING_EVENTS_MS));
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut published = Published::default();
    loop {
        tokio::select! {
            next = batches.recv() => {
                let Some(mut all) = next else { break };
                while let Ok(more) = batches.try_recv() {
                    all.merge(more);
                }
                if let Err(error) = publish_batch(&node, all, &mut published) {
                    if let Some(left_out) = repeated::turn("events-lost") {
                        let detail = error.to_string();
                        tracing::warn!(detail, left_out, "events were lost");
                    }
                    node.events().lose();
                }
                sleep(Duration::from_millis(EVENTS_PAUSE_MS)).await;
            }
            _ = looks.tick() => {
                publish_mining(&node, &mut published.mining);
                note_mempool(&node);
            }
        }
    }
    node.events().close();
}

fn publish_batch(
    node: &NodeHandle,
    batch: EventBatch,
    published: &mut Published,
) -> Result<(), QueryError> {
    let (log, view) = (node.events(), node.status());
    if batch.is_incomplete {
        log.lose();
    }
    let snapshot = node.reader().snapshot().map_err(QueryError::unreadable)?;
    for seen in &batch.reorganisations {
        log.push(Topic::Reorganisation, &reorganisation::described(seen));
    }
    if let Some(tip) = &batch.tip {
        let event = BlockEvent {
            block: block::summary(node, &snapshot, tip)?,
            added: batch.added,
            length: snapshot.length(),
            pending: view.pending_count,
            origin: batch.origin,
        };
        log.push(Topic::Block, &event);
    }
    if batch.transaction_count > 0 {
        let waiting = |one: &Submitted| waiting_state(one.id_or_hash(), one.text());
        let transactions: Result<_, _> = batch.transactions.iter().map(waiting).collect();
        let event = TransactionsEvent {
            count: batch.transaction_count,
            pending: view.pending_count,
            transactions: transactions?,
        };
        log.push(Topic::Transaction, &event);
    }
    published.peers.retain(|id, _| view.peers.contains(id));
    for peer in batch.peers {
        // That it was asked again is no news.
        if published
            .peers
            .get(&peer.id)
            .is_none_or(|published| !published.is_like(&peer))
        {
            publish_peer(log, published.peers.get(&peer.id), &peer);
        }
        published.peers.insert(peer.id.clone(), peer);
    }
    Ok(())
}

/// Everybody but the operator hears of it only if it is news in what they may
/// see.
fn publish_peer(log: &EventLog, before: Option<&Peer>, peer: &Peer) {
    let before = before.map(Peer::for_anybody);
    let now = peer.for_anybody();
    let is_news = before.is_none_or(|before| !before.is_like(&now));
    let to_all = is_news.then_some(PeerEvent { peer: now });
    let peer = peer.clone();
    log.push_guarded(Topic::Peer, &PeerEvent { peer }, to_all.as_ref());
}

fn note_mempool(node: &NodeHandle) {
    node.mempool_record().note(PoolSample {
        time_ms: now_ms(),
        count: node.status().pending_count,
    });
}

/// Publishes how mining goes, if somebody listens and it is not as it was.
fn publish_mining(node: &NodeHandle, published: &mut Option<MiningEvent>) {
    let report = node.mining();
    let event = MiningEvent {
        searching: report.is_searching,
        threads: report.threads,
        guesses_per_s: report.guesses_per_s,
    };
    if node.events().has_listeners() && published.as_ref() != Some(&event) {
        node.events().push(Topic::Mining, &event);
        *published = Some(event);
    }
}
