//! What the room sees, made of what is seen at the nodes: lanes of blocks, who is on
//! which tip, the tree, payments on their way. How that looks is not known here.

use std::collections::BTreeMap;

use adit_core::hash::Hash;
use serde::Serialize;

use super::facts::{BlockFacts, Facts, Payment};
use super::pupils::{PupilNames, Pupils};
use super::settings::{Cheat, Pace};

/// So many blocks of a lane are shown,
const LANE_BLOCKS: usize = 4;

/// so many levels of the tree,
const TREE_LEVELS: u64 = 7;

/// more where a branch is behind, up to this many,
const TREE_LEVELS_LIMIT: u64 = 16;

/// and so many payments.
const PAYMENTS_SHOWN: usize = 24;

/// What a class's pages are made of.
#[derive(Debug, Default, Serialize)]
pub(crate) struct ClassView {
    pub(crate) ticker: Ticker,
    pub(crate) lanes: Vec<Lane>,
    /// Who takes part.
    pub(crate) people: Vec<Person>,
    pub(crate) guesses_per_s: u64,
    #[serde(skip)]
    pub(crate) joined: usize,
    #[serde(skip)]
    pub(crate) mining: usize,
    #[serde(skip)]
    pub(crate) tree: Vec<TreeCell>,
    #[serde(skip)]
    pub(crate) payments: Vec<PaymentRow>,
    #[serde(skip)]
    pub(crate) pace: Option<Pace>,
    #[serde(skip)]
    pub(crate) cheat: Cheat,
}

/// What happened last.
#[derive(Debug, Default, Clone, Serialize)]
pub(crate) struct Ticker {
    pub(crate) text: String,
    pub(crate) node: Option<usize>,
    pub(crate) age_s: u64,
}

/// A node, as a row of its blocks.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Lane {
    pub(crate) name: String,
    pub(crate) is_cut: bool,
    pub(crate) pupils: usize,
    pub(crate) height: u64,
    pub(crate) tip: String,
    /// Whether others are on the same tip.
    #[serde(skip)]
    pub(crate) shares_tip: bool,
    /// Whether all are.
    #[serde(skip)]
    pub(crate) is_everybodys: bool,
    /// How many blocks it has that the first other branch has not.
    #[serde(skip)]
    pub(crate) since_split: u64,
    #[serde(skip)]
    pub(crate) blocks: Vec<LaneBlock>,
    /// Its blocks that fell aside a moment ago.
    #[serde(skip)]
    pub(crate) fallen: Vec<LaneBlock>,
}

/// A block of a lane.
#[derive(Debug, Clone)]
pub(crate) struct LaneBlock {
    pub(crate) height: u64,
    pub(crate) hash: String,
    pub(crate) finder: String,
}

/// Somebody who takes part.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Person {
    pub(crate) name: String,
    pub(crate) address: String,
    pub(crate) node: usize,
}

/// A block of the tree.
#[derive(Debug, Clone)]
pub(crate) struct TreeCell {
    pub(crate) height: u64,
    pub(crate) finder: String,
    pub(crate) column: u64,
    pub(crate) row: usize,
    /// The row of the block that it stands on, if that is shown.
    pub(crate) parent_row: Option<usize>,
    pub(crate) is_dropped: bool,
}

/// A payment on its way.
#[derive(Debug, Clone)]
pub(crate) struct PaymentRow {
    pub(crate) id: String,
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) amount: u64,
    /// Which nodes have heard of it.
    pub(crate) heard: Vec<bool>,
    pub(crate) words: String,
    /// It was in a block that fell aside, and is in none of its payee's now.
    pub(crate) is_returned: bool,
    /// No node knows it any more.
    pub(crate) is_gone: bool,
}

/// What a view is made of.
pub(super) struct Scene<'a> {
    pub(super) node_names: &'a [String],
    pub(super) facts: &'a Facts,
    pub(super) pupils: &'a mut Pupils,
    pub(super) names: &'a PupilNames,
    pub(super) is_cut: &'a [bool],
    pub(super) pace: Pace,
    pub(super) cheat: Cheat,
    pub(super) share_guesses_per_s: u64,
}

pub(super) fn view(scene: Scene<'_>) -> ClassView {
    let Scene { facts, names, .. } = scene;
    let mining = scene.pupils.mining_count();
    let people = scene.pupils.iter().map(|one| Person {
        name: one.name.clone(),
        address: one.address.to_string(),
        node: one.node,
    });
    let people: Vec<Person> = people.collect();
    let lanes = (0..scene.is_cut.len()).map(|node| lane(&scene, node));
    let payments = facts.payments.iter().rev();
    let payments = payments.filter(|one| names.knows(&one.from) && names.knows(&one.to));
    ClassView {
        ticker: Ticker {
            text: facts.told.text.clone(),
            node: facts.told.node,
            age_s: facts.told.at.elapsed().as_secs(),
        },
        lanes: lanes.collect(),
        joined: people.len(),
        people,
        guesses_per_s: scene.share_guesses_per_s,
        mining,
        tree: tree(facts, names),
        payments: payments
            .take(PAYMENTS_SHOWN)
            .map(|one| payment(&scene, one))
            .collect(),
        pace: Some(scene.pace),
        cheat: scene.cheat,
    }
}

fn lane(scene: &Scene<'_>, node: usize) -> Lane {
    let Scene { facts, names, .. } = scene;
    let shown = |hash: &Hash| {
        let block = facts.blocks.get(hash)?;
        Some(LaneBlock {
            height: block.height,
            hash: hash.to_string(),
            finder: finder(block, names),
        })
    };
    let chain = &facts.chains[node];
    let start = chain.len().saturating_sub(LANE_BLOCKS);
    let tips = facts.chains.iter().map(|chain| chain.last());
    let alike = tips.filter(|tip| *tip == chain.last()).count();
    let mut fallen: Vec<LaneBlock> = match &facts.fallen_row {
        Some((told, hashes)) if *told == node => hashes.iter().filter_map(shown).collect(),
        _ => Vec::new(),
    };
    fallen.sort_by_key(|one| one.height);
    let others = facts
        .chains
        .iter()
        .filter(|other| other.last() != chain.last());
    let split = others.filter_map(|other| {
        let own = chain.iter().filter(|hash| !other.contains(hash));
        u64::try_from(own.count()).ok()
    });
    Lane {
        name: scene.node_names[node].clone(),
        is_cut: scene.is_cut[node],
        pupils: scene.pupils.count_at(node),
        height: chain
            .last()
            .and_then(|hash| facts.blocks.get(hash))
            .map_or(0, |tip| tip.height),
        tip: chain.last().map(ToString::to_string).unwrap_or_default(),
        shares_tip: alike > 1,
        is_everybodys: alike == facts.chains.len(),
        since_split: split.max().unwrap_or_default(),
        blocks: chain[start..].iter().filter_map(shown).collect(),
        fallen,
    }
}

fn finder(block: &BlockFacts, names: &PupilNames) -> String {
    let finder = block.reward_to.as_deref();
    finder.map_or_else(|| "the beginning".to_owned(), |finder| names.of(finder))
}

/// The last levels of all branches; the longest is the first row.
fn tree(facts: &Facts, names: &PupilNames) -> Vec<TreeCell> {
    let height = |hash: &Hash| facts.blocks.get(hash).map_or(0, |block| block.height);
    let mut tips: Vec<Hash> = facts
        .chains
        .iter()
        .filter_map(|chain| chain.last().copied())
        .collect();
    tips.extend(facts.fallen.keys());
    tips.sort_by_key(|hash| {
        (
            facts.fallen.contains_key(hash),
            u64::MAX - height(hash),
            *hash,
        )
    });
    tips.dedup();
    let highest = tips.iter().map(height).max().unwrap_or_default();
    let chains = facts.chains.iter().filter_map(|chain| chain.last());
    let shortest = chains.map(height).min().unwrap_or_default();
    // A branch that is behind is shown with the block that it leaves.
    let lowest = (highest.saturating_sub(TREE_LEVELS - 1))
        .min(shortest.saturating_sub(2))
        .max(highest.saturating_sub(TREE_LEVELS_LIMIT - 1))
        .max(1);
    let is_on_main = |hash: &Hash| facts.chains.iter().any(|chain| chain.contains(hash));
    let mut placed: BTreeMap<Hash, (usize, &BlockFacts)> = BTreeMap::new();
    let mut rows = 0;
    for tip in tips {
        let mut at = facts.blocks.get(&tip);
        let mut has_own = false;
        while let Some(block) = at.filter(|block| block.height >= lowest) {
            if placed.contains_key(&block.hash) {
                break;
            }
            placed.insert(block.hash, (rows, block));
            has_own = true;
            at = block.parent.and_then(|parent| facts.blocks.get(&parent));
        }
        rows += usize::from(has_own);
    }
    let row_of = |hash: &Hash| placed.get(hash).map(|(row, _)| *row);
    let cells = placed.values().map(|(row, block)| TreeCell {
        height: block.height,
        finder: finder(block, names),
        column: block.height - lowest,
        row: *row,
        parent_row: block.parent.as_ref().and_then(row_of),
        is_dropped: !is_on_main(&block.hash),
    });
    let mut cells: Vec<TreeCell> = cells.collect();
    cells.sort_by_key(|cell| (cell.row, cell.height));
    cells
}

fn payment(scene: &Scene<'_>, payment: &Payment) -> PaymentRow {
    let Scene { facts, names, .. } = scene;
    let nodes = 0..facts.chains.len();
    let places: Vec<Option<u64>> = nodes
        .clone()
        .map(|node| facts.place(node, &payment.id))
        .collect();
    let waits: Vec<bool> = facts
        .waiting
        .iter()
        .map(|waiting| waiting.contains(&payment.id))
        .collect();
    let heard: Vec<bool> = nodes
        .map(|node| places[node].is_some() || waits[node])
        .collect();
    let is_returned = facts.returned.contains(&payment.id) && places.contains(&None);
    let held: Vec<(usize, u64)> = places
        .iter()
        .enumerate()
        .filter_map(|(node, place)| Some((node, (*place)?)))
        .collect();
    let is_gone = !heard.contains(&true);
    let words = match held.as_slice() {
        // Older than what is looked at.
        [] if is_gone && !is_returned => "in the chain".to_owned(),
        [] if is_gone => "✗ gone".to_owned(),
        [] if is_returned => "↩ waits again".to_owned(),
        [] => "waits".to_owned(),
        [(node, height), rest @ ..] => match rest.is_empty() && places.len() > 1 {
            true => format!("in {}’s {height}", scene.node_names[*node]),
            false => format!("in block {height}"),
        },
    };
    PaymentRow {
        id: payment.id.to_string(),
        from: names.of(&payment.from),
        to: names.of(&payment.to),
        amount: payment.amount,
        heard,
        words,
        is_returned,
        is_gone: is_gone && is_returned,
    }
}
