//! Carries payments between the nodes of a class that hear each other: nodes pass blocks
//! on, but not what waits. Which nodes hear each other, the engine says.

use std::collections::BTreeSet;

use adit_core::hash::Hash;
use adit_core::mempool::Mempool;
use adit_http::ClassNode;
use adit_node::commands::submit::submit;

/// Of what waits at a node, this much is carried on at a time.
const RELAYED_LIMIT: usize = 200;

/// What was carried to a node, or refused there, since its tip was that one.
#[derive(Default)]
pub(super) struct Relay {
    tried: Vec<(Option<Hash>, BTreeSet<Hash>)>,
}

impl Relay {
    /// Carries what waits at each of these nodes to all others of them.
    pub(super) async fn carry(&mut self, nodes: &[ClassNode], hears: &[bool]) {
        self.tried.resize_with(nodes.len(), Default::default);
        let mut waiting = Vec::new();
        for (node, _) in nodes.iter().zip(hears).filter(|(_, hears)| **hears) {
            let texts = node.node.inspect(|node| match node.mempool() {
                Mempool::Accounts(mempool) => {
                    let some = mempool.iter().take(RELAYED_LIMIT);
                    some.map(|one| (one.id, one.text.clone(), one.sender, one.nonce))
                        .collect()
                }
                Mempool::Queue(_) => Vec::new(),
            });
            waiting.extend(texts.await.unwrap_or_default());
        }
        // Those of one sender in their order.
        waiting.sort_by_key(|(_, _, sender, nonce)| (*sender, *nonce));
        for (number, node) in nodes
            .iter()
            .enumerate()
            .filter(|(number, _)| hears[*number])
        {
            let tip = node.node.status().tip;
            let (seen_at, tried) = &mut self.tried[number];
            if *seen_at != tip {
                (*seen_at, *tried) = (tip, BTreeSet::new());
            }
            for (id, text, _, _) in &waiting {
                if tried.insert(*id) {
                    // What is known or refused there stays where it is.
                    let _ = submit(&node.node, text).await;
                }
            }
        }
    }

    /// Something was refused while a node heard nobody: it is tried again.
    pub(super) fn forget(&mut self) {
        self.tried.clear();
    }
}
