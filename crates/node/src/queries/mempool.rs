//! The transactions that wait for a block, in the order in which blocks take
//! them along. Which may wait, and in which order, the core decides.

pub mod lookup;

use std::cmp::Reverse;
use std::sync::Arc;

use adit_api::mempool::MempoolPage;
use adit_api::page::Page;
use adit_core::address::Address;
use adit_core::hash::{Hash, sha256};
use adit_core::mempool::{Mempool, Turn};

use super::error::QueryError;
use super::paging::{cursor_of, number_cursor};
use super::reading::beside;
use super::transaction::waiting_state;
use crate::handle::NodeHandle;

/// A transaction that waits, its identity if it has one, and the cursor that
/// stands behind it.
struct Entry {
    text: Arc<[u8]>,
    id: Option<Hash>,
    cursor: String,
}

/// Returns a page of the transactions that wait.
pub async fn mempool(node: &NodeHandle, page: &Page) -> Result<MempoolPage, QueryError> {
    let place = PageStart::of(node, page)?;
    // One more than are shown says whether there is a next page.
    let wanted = page.limit() as usize + 1;
    let (count, mut waiting) = node
        .inspect(move |node| (node.mempool().len(), waiting(node.mempool(), place, wanted)))
        .await?;
    let has_more = waiting.len() == wanted;
    waiting.truncate(wanted - 1);
    let last = waiting.last().filter(|_| has_more);
    let next = last.map(|last| last.cursor.clone());
    let state = |one: Entry| {
        // A classic transaction differs from others by its text alone.
        let id = one.id.unwrap_or_else(|| sha256(&one.text));
        waiting_state(id, &one.text)
    };
    let transactions = beside(|| waiting.into_iter().map(state).collect()).await?;
    Ok(MempoolPage {
        count,
        transactions,
        next,
    })
}

/// Where a page begins.
#[derive(Clone, Copy)]
enum PageStart {
    Front,
    BehindNumber(u64),
    BehindTurn(Turn),
}

impl PageStart {
    fn of(node: &NodeHandle, page: &Page) -> Result<PageStart, QueryError> {
        if !node.rules().keeps_accounts() {
            let number = number_cursor(page)?;
            return Ok(number.map_or(PageStart::Front, PageStart::BehindNumber));
        }
        let Some(cursor) = &page.cursor else {
            return Ok(PageStart::Front);
        };
        turn_of(cursor)
            .map(PageStart::BehindTurn)
            .ok_or_else(QueryError::wrong_cursor)
    }
}

fn waiting(mempool: &Mempool, place: PageStart, wanted: usize) -> Vec<Entry> {
    match mempool {
        Mempool::Queue(mempool) => {
            let number = match place {
                PageStart::BehindNumber(number) => Some(number),
                _ => None,
            };
            let found = mempool.behind(number).take(wanted);
            found
                .map(|(number, one)| Entry {
                    text: Arc::clone(&one.text),
                    id: None,
                    cursor: cursor_of(number),
                })
                .collect()
        }
        Mempool::Accounts(mempool) => {
            let turn = match place {
                PageStart::BehindTurn(turn) => Some(turn),
                _ => None,
            };
            let found = mempool.in_turn(turn, wanted).into_iter();
            found
                .map(|(turn, one)| Entry {
                    text: Arc::clone(&one.text),
                    id: Some(one.id),
                    cursor: cursor_of_turn(&turn),
                })
                .collect()
        }
    }
}

fn cursor_of_turn(turn: &Turn) -> String {
    let ready = u8::from(turn.is_ready);
    let sender = Hash(turn.sender.0);
    format!("{ready}-{:x}-{sender}-{:x}", turn.rate, turn.nonce.0)
}

fn turn_of(cursor: &str) -> Option<Turn> {
    let mut parts = cursor.split('-');
    let turn = Turn {
        is_ready: parts.next()? == "1",
        rate: u128::from_str_radix(parts.next()?, 16).ok()?,
        sender: Address(parts.next()?.parse::<Hash>().ok()?.0),
        nonce: Reverse(u64::from_str_radix(parts.next()?, 16).ok()?),
    };
    parts.next().is_none().then_some(turn)
}
