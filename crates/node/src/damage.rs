//! What happens when stored files turn out not to be as they were written: a
//! damaged block is taken from a peer that has it, and the driver is told of a
//! damaged index, so that the node starts again and rebuilds it. It does not
//! look for damage itself: readers meet it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use adit_core::peer::PeerAddress;
use adit_core::rules::Rules;
use adit_store::{DamagedBlock, StoreError};
use tokio::time::sleep;

use crate::handle::NodeHandle;
use crate::repeated;

mod peers;

use peers::Menders;

/// How often it is looked whether anybody met damage.
const LOOK_INTERVAL_MS: u64 = 1_000;

/// The peers are asked for a damaged block again this much later.
const RETRY_MS: u64 = 30_000;

/// Looks after what is damaged, for as long as the node runs.
pub(crate) async fn watch(node: NodeHandle) {
    tokio::select! {
        () = index_damage(&node) => node.tell_of_damaged_index().await,
        () = mend_blocks(&node) => {}
    }
}

/// Waits until the index is found to be damaged.
async fn index_damage(node: &NodeHandle) {
    while !node.reader().is_index_damaged() {
        sleep(Duration::from_millis(LOOK_INTERVAL_MS)).await;
    }
}

/// Mends damaged blocks as they are met.
async fn mend_blocks(node: &NodeHandle) {
    let rules = node.rules();
    let mut menders = Menders::new(Arc::clone(rules), Some(node.reader().clone()));
    let mut told = BTreeSet::new();
    loop {
        sleep(Duration::from_millis(LOOK_INTERVAL_MS)).await;
        let damaged = node.reader().damaged_blocks();
        if damaged.is_empty() {
            continue;
        }
        let peers = addresses(&node.status().peers);
        let mend = |block: &DamagedBlock, text: &[u8]| is_mended(node.reader().mend(block, text));
        tokio::select! {
            () = take_blocks(&mut menders, &**rules, &peers, &damaged, mend) => {}
            () = new_peer(node, &peers) => continue,
        }
        let damaged_still = node.reader().damaged_blocks();
        let mut is_left = false;
        for block in damaged.iter().filter(|block| damaged_still.contains(block)) {
            is_left = true;
            if told.insert(block.hash) {
                tracing::warn!(
                    index = block.height,
                    hash = %block.hash,
                    "no peer has the damaged block; register one that has it, \
                     or stop the node and put the file back from a backup"
                );
            }
        }
        if is_left {
            sleep(Duration::from_millis(RETRY_MS)).await;
        }
    }
}

/// Waits until there is a peer besides these, and those have had some time: a
/// slow one does not keep a new one waiting.
async fn new_peer(node: &NodeHandle, peers: &[PeerAddress]) {
    sleep(Duration::from_millis(RETRY_MS)).await;
    let known: BTreeSet<String> = peers.iter().map(ToString::to_string).collect();
    while node.status().peers.iter().all(|peer| known.contains(peer)) {
        sleep(Duration::from_millis(LOOK_INTERVAL_MS)).await;
    }
}

/// Mends a block of a folder that no node runs on, if one of these peers
/// (`host:port`) has it.
pub async fn mend(rules: &Arc<dyn Rules>, peers: &[String], block: &DamagedBlock) -> bool {
    let mut menders = Menders::new(Arc::clone(rules), None);
    let (peers, mut mended) = (addresses(peers), false);
    let mend = |block: &DamagedBlock, text: &[u8]| {
        mended |= is_mended(block.mend(text));
        mended
    };
    let blocks = std::slice::from_ref(block);
    take_blocks(&mut menders, &**rules, &peers, blocks, mend).await;
    mended
}

/// Takes damaged blocks from the rules themselves, and otherwise from the peers.
async fn take_blocks(
    menders: &mut Menders,
    rules: &dyn Rules,
    peers: &[PeerAddress],
    blocks: &[DamagedBlock],
    mut mend: impl FnMut(&DamagedBlock, &[u8]) -> bool,
) {
    let mut left = blocks.to_vec();
    // The first block of a sealed chain is kept apart from the log too.
    let genesis = rules.genesis_text().map(<[u8]>::to_vec);
    let genesis = genesis.and_then(|text| rules.read_canonical(text).ok());
    if let Some(genesis) = genesis {
        left.retain(|block| genesis.hash() != block.hash || !mend(block, genesis.text()));
    }
    if !left.is_empty() {
        menders.ask(peers, &left, mend).await;
    }
}

fn addresses(peers: &[String]) -> Vec<PeerAddress> {
    peers.iter().filter_map(|peer| peer.parse().ok()).collect()
}

fn is_mended(mended: Result<bool, StoreError>) -> bool {
    mended.unwrap_or_else(|error| {
        if let Some(left_out) = repeated::turn("not-mended") {
            tracing::error!(%error, left_out, "a damaged block could not be mended");
        }
        false
    })
}
