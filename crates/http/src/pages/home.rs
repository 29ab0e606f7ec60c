//! `/`: the chain at a glance: what waits, the block that would take it, and
//! the latest blocks.

use std::sync::Arc;

use adit_api::page::Page;
use adit_core::mempool::{FEE_RATE_BYTES, FeeRate, MINED_TRANSACTIONS_LIMIT_BYTES, Mempool};
use adit_node::handle::NodeHandle;
use adit_node::queries::block;
use adit_node::queries::mempool::lookup::id_of;
use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::components::{BlockCard, TransactionRow};
use super::format;
use super::layout::{Frame, shown};
use crate::problem::Problem;

/// This many of the newest blocks are shown.
const NEWEST_BLOCKS: u64 = 8;

/// This many of those that wait are shown,
const WAITING_SHOWN: usize = 8;

/// and this many are looked at to say what the next block would hold.
const WAITING_COUNTED: usize = 1_000;

#[derive(Template)]
#[template(path = "home.html")]
struct Home {
    frame: Frame,
    keeps_accounts: bool,
    blocks: Vec<BlockCard>,
    has_older: bool,
    waiting: Vec<TransactionRow>,
    more_waiting: usize,
    more_waiting_text: String,
    next_index: String,
    next_facts: String,
    next_bytes: usize,
    room_bytes: usize,
    /// What this node asks for, where it asks for a fee.
    lowest_fee: Option<String>,
    next_room: String,
}

pub(super) async fn home(State(node): State<NodeHandle>) -> Response {
    shown(&node, page(&node).await)
}

async fn page(node: &NodeHandle) -> Result<Home, Problem> {
    // What no longer waits is in a block by then.
    let first = first_waiting(node).await?;
    let frame = Frame::of(node);
    let snapshot = node.reader().snapshot().map_err(Problem::unreadable)?;
    let newest = Page {
        limit: Some(NEWEST_BLOCKS),
        cursor: None,
    };
    let blocks = block::list(node, &snapshot, &newest).await?;
    let keeps_accounts = node.rules().keeps_accounts();
    let room_bytes = match keeps_accounts {
        true => node.rules().room_bytes(),
        false => MINED_TRANSACTIONS_LIMIT_BYTES,
    };
    let bytes: usize = first.iter().map(|text| text.len()).sum();
    let is_counted = first.len() < WAITING_COUNTED;
    let count = format::count(first.len() as u64, "transaction", "transactions");
    let more_waiting = frame.pending_count.saturating_sub(WAITING_SHOWN);
    let next_facts = match (first.len(), is_counted) {
        (0, _) => "would hold the reward alone".to_owned(),
        (_, true) => format!("would hold {count}, {}", format::bytes(bytes as u64)),
        (_, false) => format!("would hold {count} or more"),
    };
    Ok(Home {
        keeps_accounts,
        has_older: blocks.next.is_some(),
        blocks: blocks.blocks.iter().map(BlockCard::of).collect(),
        waiting: first
            .iter()
            .take(WAITING_SHOWN)
            .map(|text| row(node, text))
            .collect(),
        more_waiting,
        more_waiting_text: format::grouped(more_waiting),
        next_index: format::grouped(frame.length + 1),
        next_facts,
        next_bytes: bytes.min(room_bytes),
        room_bytes,
        lowest_fee: node.min_fee_rate().and_then(lowest_fee),
        next_room: format!("{} fit into a block", format::bytes(room_bytes as u64)),
        frame,
    })
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
