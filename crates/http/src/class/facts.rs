//! What is seen at the nodes of a class, and what follows for the room: who found a
//! block, which blocks fell aside, which payments wait again. How it is shown is not
//! known here.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use adit_core::archive::Archive;
use adit_core::hash::Hash;
use adit_core::mempool::Mempool;
use adit_core::rules::Rules;
use adit_node::handle::NodeHandle;
use adit_node::queries::error::QueryError;
use tokio::task::block_in_place;

use super::pupils::PupilNames;

/// This many of the last blocks of each node are looked at.
pub(super) const SEEN_BLOCKS_LIMIT: u64 = 24;

/// Of what waits at a node, this much is looked at.
const SEEN_WAITING_LIMIT: usize = 200;

/// This many payments are remembered.
const SEEN_PAYMENTS_LIMIT: usize = 128;

/// Blocks that fell aside are shown for this long.
const FALLEN_SHOWN_MS: u64 = 20_000;

/// Blocks by their hash.
pub(super) type KnownBlocks = BTreeMap<Hash, Arc<BlockFacts>>;

/// A payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Payment {
    pub(crate) id: Hash,
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) amount: u64,
}

/// What the room sees of a block.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BlockFacts {
    pub(super) height: u64,
    pub(super) hash: Hash,
    pub(super) parent: Option<Hash>,
    /// Nobody, for a first block.
    pub(super) reward_to: Option<String>,
    pub(super) payments: Vec<Payment>,
}

/// What is at one node.
pub(super) struct Seen {
    /// Its last blocks, the oldest first.
    chain: Vec<Arc<BlockFacts>>,
    waiting: Vec<Payment>,
}

/// What happened last.
#[derive(Debug, Clone)]
pub(super) struct Told {
    pub(super) text: String,
    pub(super) node: Option<usize>,
    pub(super) at: Instant,
}

/// All that is seen.
pub(super) struct Facts {
    pub(super) blocks: KnownBlocks,
    /// The last blocks of each node, the oldest first.
    pub(super) chains: Vec<Vec<Hash>>,
    /// What waits at each node.
    pub(super) waiting: Vec<BTreeSet<Hash>>,
    /// The newest last.
    pub(super) payments: VecDeque<Payment>,
    /// What was in a block that fell aside.
    pub(super) returned: BTreeSet<Hash>,
    /// Blocks that fell aside, and when.
    pub(super) fallen: BTreeMap<Hash, Instant>,
    /// Those of the last time, beside the node that had them.
    pub(super) fallen_row: Option<(usize, BTreeSet<Hash>)>,
    pub(super) told: Told,
}

/// Looks at a node.
pub(super) async fn look(node: &NodeHandle, known: &KnownBlocks) -> Result<Seen, QueryError> {
    let waiting = node.inspect(|node| match node.mempool() {
        Mempool::Accounts(mempool) => {
            let some = mempool.iter().take(SEEN_WAITING_LIMIT);
            some.map(|one| Payment {
                id: one.id,
                from: one.sender.to_string(),
                to: one.recipient.to_string(),
                amount: one.amount,
            })
            .collect()
        }
        Mempool::Queue(_) => Vec::new(),
    });
    let waiting = waiting.await?;
    let chain = block_in_place(|| last_blocks(node, known))?;
    Ok(Seen { chain, waiting })
}

fn last_blocks(node: &NodeHandle, known: &KnownBlocks) -> Result<Vec<Arc<BlockFacts>>, QueryError> {
    let snapshot = node.reader().snapshot().map_err(QueryError::unreadable)?;
    let length = snapshot.length();
    let first = length.saturating_sub(SEEN_BLOCKS_LIMIT - 1).max(1);
    let mut chain = Vec::new();
    for height in first..=length {
        let hash = snapshot.main_hash(height).map_err(QueryError::unreadable)?;
        let Some(hash) = hash else { break };
        if let Some(known) = known.get(&hash) {
            chain.push(Arc::clone(known));
            continue;
        }
        let text = snapshot.block_at(height).map_err(QueryError::unreadable)?;
        let Some(block) = text.and_then(|text| read(&**node.rules(), text)) else {
            break;
        };
        chain.push(Arc::new(block));
    }
    Ok(chain)
}

fn read(rules: &dyn Rules, text: Vec<u8>) -> Option<BlockFacts> {
    let block = rules.read_canonical(text).ok()?;
    let reward = block.sealed().and_then(|sealed| sealed.reward);
    let payments = rules.payments(&block).into_iter().map(|one| Payment {
        id: one.id,
        from: one.sender.to_string(),
        to: one.recipient.to_string(),
        amount: one.amount,
    });
    Some(BlockFacts {
        height: block.height(),
        hash: block.hash(),
        parent: block.parent(),
        reward_to: reward.map(|reward| reward.recipient.to_string()),
        payments: payments.collect(),
    })
}

impl Facts {
    pub(super) fn new(nodes: usize) -> Facts {
        Facts {
            blocks: KnownBlocks::new(),
            chains: vec![Vec::new(); nodes],
            waiting: vec![BTreeSet::new(); nodes],
            payments: VecDeque::new(),
            returned: BTreeSet::new(),
            fallen: BTreeMap::new(),
            fallen_row: None,
            told: Told {
                text: "The chain begins. Who is here?".to_owned(),
                node: None,
                at: Instant::now(),
            },
        }
    }

    /// Tells the room something.
    pub(super) fn say(&mut self, text: String, node: Option<usize>) {
        self.told = Told {
            text,
            node,
            at: Instant::now(),
        };
    }

    /// Takes what is at the nodes now, and tells what is new.
    pub(super) fn take(&mut self, seen: Vec<Seen>, names: &PupilNames, is_cut: &[bool]) {
        let mut found = None;
        let mut dropped: Option<(usize, BTreeSet<Hash>)> = None;
        for (node, seen) in seen.into_iter().enumerate() {
            let chain: Vec<Hash> = seen.chain.iter().map(|block| block.hash).collect();
            let old = std::mem::replace(&mut self.chains[node], chain);
            let fell = self.fallen_from(&old, node);
            if !fell.is_empty()
                && dropped
                    .as_ref()
                    .is_none_or(|(_, most)| most.len() < fell.len())
            {
                dropped = Some((node, fell));
            }
            for block in &seen.chain {
                for payment in &block.payments {
                    self.remember(payment);
                }
                if !self.blocks.contains_key(&block.hash) && !old.is_empty() {
                    found = Some(Arc::clone(block));
                }
                self.blocks.insert(block.hash, Arc::clone(block));
            }
            for payment in &seen.waiting {
                self.remember(payment);
            }
            self.waiting[node] = seen.waiting.iter().map(|one| one.id).collect();
        }
        match (dropped, found) {
            (Some((node, fell)), _) => self.tell_of_fallen(node, fell, names),
            (None, Some(block)) => self.tell_of_block(&block, names, is_cut),
            (None, None) => {}
        }
        self.forget();
    }

    /// The blocks of a node's chain that it has no more.
    fn fallen_from(&self, old: &[Hash], node: usize) -> BTreeSet<Hash> {
        let chain = &self.chains[node];
        let first = chain.first().and_then(|hash| self.height(hash));
        let is_gone = |hash: &&Hash| {
            !chain.contains(hash) && first.is_none_or(|first| self.height(hash) >= Some(first))
        };
        old.iter().filter(is_gone).copied().collect()
    }

    fn height(&self, hash: &Hash) -> Option<u64> {
        self.blocks.get(hash).map(|block| block.height)
    }

    fn remember(&mut self, payment: &Payment) {
        if self.payments.iter().all(|one| one.id != payment.id) {
            self.payments.push_back(payment.clone());
        }
        while self.payments.len() > SEEN_PAYMENTS_LIMIT {
            self.payments.pop_front();
        }
    }

    fn tell_of_fallen(&mut self, node: usize, fell: BTreeSet<Hash>, names: &PupilNames) {
        let blocks = fell.iter().filter_map(|hash| self.blocks.get(hash));
        let held: Vec<Hash> = blocks
            .flat_map(|block| block.payments.iter().map(|one| one.id))
            .collect();
        let waits_again = held.iter().filter(|id| self.waiting[node].contains(*id));
        let waiting_count = waits_again.count();
        let gone_count = held
            .iter()
            .filter(|id| self.place(node, id).is_none())
            .count();
        let owner = fell
            .iter()
            .find_map(|hash| self.blocks.get(hash)?.reward_to.clone());
        let owner = owner.map_or_else(String::new, |owner| format!("{}’s ", names.of(&owner)));
        let is_one = fell.len() == 1;
        let mut text = match is_one {
            true => format!("{owner}block falls aside"),
            false => format!("{owner}{} blocks fall aside", fell.len()),
        };
        text += &match waiting_count {
            0 => String::new(),
            1 => "; 1 payment waits again".to_owned(),
            count => format!("; {count} payments wait again"),
        };
        text += &match gone_count - waiting_count.min(gone_count) {
            0 => ".".to_owned(),
            1 => "; 1 payment is gone.".to_owned(),
            count => format!("; {count} payments are gone."),
        };
        let now = Instant::now();
        self.fallen.extend(fell.iter().map(|hash| (*hash, now)));
        self.fallen_row = Some((node, fell));
        self.returned.extend(held);
        self.say(text, Some(node));
    }

    fn tell_of_block(&mut self, block: &BlockFacts, names: &PupilNames, is_cut: &[bool]) {
        let finder = block.reward_to.as_deref().unwrap_or_default();
        let finder = names.of(finder);
        let has = |chain: &Vec<Hash>| chain.contains(&block.hash);
        let node = self.chains.iter().position(has);
        let text = match is_cut.contains(&true) {
            true => format!("{finder} found block {}. Two chains grow.", block.height),
            false => format!("{finder} found block {}.", block.height),
        };
        // What fell aside is read to its end.
        let is_fresh = self.told.at.elapsed() < Duration::from_secs(6);
        if !(is_fresh && self.told.text.contains("aside")) {
            self.say(text, node);
        }
    }

    /// In which block of its main chain a node has that payment.
    pub(super) fn place(&self, node: usize, id: &Hash) -> Option<u64> {
        let blocks = self.chains[node]
            .iter()
            .filter_map(|hash| self.blocks.get(hash));
        let mut blocks = blocks.filter(|block| block.payments.iter().any(|one| one.id == *id));
        blocks.next().map(|block| block.height)
    }

    fn forget(&mut self) {
        let shown = Duration::from_millis(FALLEN_SHOWN_MS);
        self.fallen.retain(|_, at| at.elapsed() < shown);
        let fallen = &self.fallen;
        let is_shown =
            |row: &(usize, BTreeSet<Hash>)| row.1.iter().any(|hash| fallen.contains_key(hash));
        self.fallen_row = self.fallen_row.take().filter(is_shown);
        let highest = self.blocks.values().map(|block| block.height).max();
        let lowest = highest
            .unwrap_or_default()
            .saturating_sub(2 * SEEN_BLOCKS_LIMIT);
        self.blocks.retain(|_, block| block.height >= lowest);
        let payments: BTreeSet<Hash> = self.payments.iter().map(|one| one.id).collect();
        self.returned.retain(|id| payments.contains(id));
    }
}
