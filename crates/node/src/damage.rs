//! What happens when stored files turn out not to be as they were written: a
//! damaged block is taken from a peer that has it, and the driver is told of a
//! damaged index, so that the node begins anew and builds another. It does not
//! look for damage itself: whoever reads meets it.

use std::collections::BTreeSet;
use std::time::Duration;

use adit_core::rules::Rules;
use adit_store::DamagedBlock;
use reqwest::Client;
use tokio::time::{sleep, timeout};

use crate::handle::NodeHandle;
use crate::peers::fetch::client;
use crate::repeated;

/// How often it is looked whether anybody met damage.
const LOOK_INTERVAL_MS: u64 = 1_000;

/// The peers are asked for a damaged block again this much later.
const RETRY_MS: u64 = 30_000;

/// A peer must have sent the block within this time.
const BLOCK_ANSWER_TIMEOUT_MS: u64 = 30_000;

/// Looks after what is damaged, for as long as the node runs.
pub(crate) async fn watch(node: NodeHandle) {
    let client = client();
    let mut told = BTreeSet::new();
    loop {
        sleep(Duration::from_millis(LOOK_INTERVAL_MS)).await;
        if node.reader().is_index_damaged() {
            node.tell_of_damaged_index().await;
            return;
        }
        let mut left = false;
        for block in node.reader().damaged_blocks() {
            let peers = node.view().peers.clone();
            let text = find(&client, &peers, &**node.rules(), &block).await;
            let mended = match text {
                Some(text) => node.reader().mend(&block, &text),
                None => Ok(false),
            };
            left |= !matches!(mended, Ok(true));
            match mended {
                Ok(true) => {}
                Ok(false) if told.insert(block.hash) => tracing::warn!(
                    index = block.index,
                    hash = %block.hash,
                    "no peer has the damaged block; register one that has it, \
                     or stop the node and put the file back from a backup"
                ),
                Ok(false) => {}
                Err(error) => {
                    if let Some(left_out) = repeated::turn("not-mended") {
                        tracing::error!(%error, left_out, "a damaged block could not be mended");
                    }
                }
            }
        }
        if left {
            sleep(Duration::from_millis(RETRY_MS)).await;
        }
    }
}

/// Mends a block of a folder that no node runs on, if one of these peers
/// (`host:port`) has it.
pub async fn mend(rules: &dyn Rules, peers: &[String], block: &DamagedBlock) -> bool {
    let Some(text) = find(&client(), peers, rules, block).await else {
        return false;
    };
    match block.mend(&text) {
        Ok(mended) => mended,
        Err(error) => {
            tracing::error!(%error, "a damaged block could not be mended");
            false
        }
    }
}

/// The block, of the rules themselves or of the first peer that has it.
async fn find(
    client: &Client,
    peers: &[String],
    rules: &dyn Rules,
    block: &DamagedBlock,
) -> Option<Vec<u8>> {
    // The first block of a sealed chain is kept apart from the log too.
    let genesis = rules.genesis_text().map(<[u8]>::to_vec);
    let genesis = genesis.and_then(|text| rules.read_canonical(text).ok());
    if let Some(genesis) = genesis.filter(|genesis| genesis.hash() == block.hash) {
        return Some(genesis.text().to_vec());
    }
    for peer in peers {
        let limit = Duration::from_millis(BLOCK_ANSWER_TIMEOUT_MS);
        let Ok(Some(text)) = timeout(limit, ask(client, peer, block)).await else {
            tracing::debug!(%peer, hash = %block.hash, "the peer does not send the block");
            continue;
        };
        let read = rules.read_canonical(text);
        if let Ok(read) = read
            && read.hash() == block.hash
        {
            return Some(read.text().to_vec());
        }
        if let Some(left_out) = repeated::turn_of_news("another-block") {
            tracing::warn!(%peer, hash = %block.hash, left_out,
                "the peer sent another block than was asked for");
        }
    }
    None
}

/// What a peer sends for it: no more than the block is long.
async fn ask(client: &Client, peer: &str, block: &DamagedBlock) -> Option<Vec<u8>> {
    let url = format!("http://{peer}/api/v1/block/{}/raw", block.hash);
    let answer = client.get(url).send().await.ok()?;
    let mut answer = answer.error_for_status().ok()?;
    let mut text = Vec::new();
    while let Some(piece) = answer.chunk().await.ok()? {
        text.extend_from_slice(&piece);
        if text.len() > block.length_bytes as usize {
            return None;
        }
    }
    Some(text)
}
