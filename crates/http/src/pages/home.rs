//! `/`: the chain at a glance: what this is, what waits, the latest blocks, and the
//! one that would follow them; and what has just happened to the chain, where that is
//! something.

use std::sync::Arc;

use adit_api::branch::Reorganisation;
use adit_api::page::Page;
use adit_core::mempool::{FEE_RATE_BYTES, FeeRate, MINED_TRANSACTIONS_LIMIT_BYTES, Mempool};
use adit_node::clock::now_ms;
use adit_node::handle::NodeHandle;
use adit_node::queries::block;
use adit_node::queries::branches::reorganisation;
use adit_node::queries::mempool::lookup::id_of;
use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::block_figure::{BlockFigure, BlockState, HashStrip, Link};
use super::components::TransactionRow;
use super::figures::{figure, linked};
use super::format::{self, Moment, moment};
use super::layout::{Frame, shown};
use crate::caller::Caller;
use crate::problem::Problem;

/// This many of the newest blocks are shown where there is room.
const NEWEST_BLOCKS: u64 = 8;

/// This many of those that wait are shown,
const WAITING_SHOWN: usize = 5;

/// and this many are looked at to say what the next block would hold.
const WAITING_COUNTED: usize = 1_000;

/// A reorganisation is told of here for so long.
const REORGANISATION_TOLD_MS: u64 = 10 * 60 * 1_000;

#[derive(Template)]
#[template(path = "home.html")]
struct Home {
    frame: Frame,
    keeps_accounts: bool,
    is_operator: bool,
    /// Only the first block is there.
    is_new: bool,
    reorganisation: Option<Reorganised>,
    blocks: Vec<Keyed>,
    waiting: Vec<TransactionRow>,
    more_waiting: bool,
    pending: String,
    next_index: String,
    next_facts: String,
    next_previous: Option<HashStrip>,
    next_bytes: usize,
    room_bytes: usize,
    /// What this node asks for, where it asks for a fee.
    lowest_fee: Option<String>,
    next_room: String,
}

/// A block, told apart from others by its hash.
struct Keyed {
    hash: String,
    figure: BlockFigure,
}

/// The latest reorganisation.
struct Reorganised {
    id: String,
    time: Option<Moment>,
    fork: Option<String>,
    dropped: String,
    adopted: String,
}

pub(super) async fn home(State(node): State<NodeHandle>, caller: Caller) -> Response {
    shown(&node, page(&node, caller == Caller::Operator).await)
}

async fn page(node: &NodeHandle, is_operator: bool) -> Result<Home, Problem> {
    // What no longer waits is in a block by then.
    let first = first_waiting(node).await?;
    let frame = Frame::of(node);
    let snapshot = node.reader().snapshot().map_err(Problem::unreadable)?;
    let length = snapshot.length();
    let drawn = block::newest(node, &snapshot, NEWEST_BLOCKS, |block, summary| {
        let state = match summary.index == length {
            true => BlockState::Tip,
            false => BlockState::Plain,
        };
        (summary.hash.clone(), figure(node, block, summary, state))
    });
    let (hashes, mut blocks): (Vec<_>, Vec<_>) = drawn.await?.into_iter().unzip();
    linked(&mut blocks, Link::Whole);
    let keeps_accounts = node.rules().keeps_accounts();
    let room_bytes = match keeps_accounts {
        true => node.rules().room_bytes(),
        false => MINED_TRANSACTIONS_LIMIT_BYTES,
    };
    let bytes: usize = first.iter().map(|text| text.len()).sum();
    let is_counted = first.len() < WAITING_COUNTED;
    let count = format::count(first.len() as u64, "payment", "payments");
    let next_facts = match (first.len(), is_counted) {
        (0, _) => "Nothing waits: it would hold the reward alone.".to_owned(),
        (1, _) => format!(
            "1 payment waits to get in: {}.",
            format::bytes(bytes as u64)
        ),
        (_, true) => format!("{count} wait to get in: {}.", format::bytes(bytes as u64)),
        (_, false) => format!("{count} or more wait to get in."),
    };
    Ok(Home {
        keeps_accounts,
        is_operator,
        is_new: length <= 1,
        reorganisation: latest_reorganisation(node).await?,
        next_previous: blocks.last().and_then(|last| last.hash.clone()),
        blocks: Keyed::all(hashes, blocks),
        waiting: first
            .iter()
            .take(WAITING_SHOWN)
            .map(|text| row(node, text))
            .collect(),
        more_waiting: frame.pending_count > WAITING_SHOWN,
        pending: format::grouped(frame.pending_count),
        next_index: format::grouped(length + 1),
        next_facts,
        next_bytes: bytes.min(room_bytes),
        room_bytes,
        lowest_fee: node.min_fee_rate().and_then(lowest_fee),
        next_room: format!("{} fit into a block", format::bytes(room_bytes as u64)),
        frame,
    })
}

/// Returns the newest reorganisation, if it is not long ago. None is told of while the
/// history is being read.
async fn latest_reorganisation(node: &NodeHandle) -> Result<Option<Reorganised>, Problem> {
    if !node.has_history() {
        return Ok(None);
    }
    let newest = Page {
        limit: Some(1),
        cursor: None,
    };
    let seen = reorganisation::list(node, &newest).await?.reorganisations;
    let oldest_ms = now_ms().saturating_sub(REORGANISATION_TOLD_MS);
    let latest = seen.first().filter(|seen| seen.time_ms >= oldest_ms);
    Ok(latest.map(Reorganised::of))
}

impl Keyed {
    fn all(hashes: Vec<String>, figures: Vec<BlockFigure>) -> Vec<Keyed> {
        let all = hashes.into_iter().zip(figures);
        all.map(|(hash, figure)| Keyed { hash, figure }).collect()
    }
}

impl Reorganised {
    fn of(seen: &Reorganisation) -> Reorganised {
        let blocks = |count| format::count(count, "block", "blocks");
        Reorganised {
            id: seen.id.clone(),
            time: moment(seen.time_ms),
            fork: seen.fork.as_ref().map(|fork| format::grouped(fork.index)),
            dropped: blocks(seen.dropped_count),
            adopted: format::grouped(seen.adopted_count),
        }
    }
}

/// Returns what this node asks for, if that is more than nothing.
fn lowest_fee(rate: FeeRate) -> Option<String> {
    let (coins, bytes) = (
        format::coins(rate.0),
        format::grouped(FEE_RATE_BYTES as usize),
    );
    let said = format!("This node takes nothing below {coins} coins for {bytes} bytes.");
    (rate.0 > 0).then_some(said)
}

/// Returns the first of those that wait, in the order in which a block takes them.
async fn first_waiting(node: &NodeHandle) -> Result<Vec<Arc<[u8]>>, Problem> {
    let first = node.inspect(move |node| match node.mempool() {
        Mempool::Queue(mempool) => {
            let first = mempool.iter().take(WAITING_COUNTED);
            first.map(|one| Arc::clone(&one.text)).collect()
        }
        Mempool::Accounts(mempool) => {
            let first = mempool.in_turn(None, WAITING_COUNTED).into_iter();
            let ready = first.filter(|(turn, _)| turn.is_ready);
            ready.map(|(_, one)| Arc::clone(&one.text)).collect()
        }
    });
    Ok(first.await?)
}

fn row(node: &NodeHandle, text: &[u8]) -> TransactionRow {
    let id = id_of(&**node.rules(), text);
    TransactionRow::of(id.to_string(), text, node.rules().keeps_accounts())
}
