//! One line for people of what came with an event.

use serde::de::DeserializeOwned;

use super::MISSED;
use super::event::{ChangedBranch, ChangedPeer, Mining, NewTip, NewTransactions};
use super::stream::Event;
use crate::escape::visible;
use crate::output::{Output, Style, counted, now_ms, utc};
use crate::table::without_middle;
use crate::transactions::{Unit, line_of};

/// On a terminal narrower than this, hashes lose their middle,
const NARROW_COLUMNS: usize = 130;

/// and have this width.
const SHORT_HASH_COLUMNS: usize = 17;

/// Writes events down.
pub(crate) struct Lines {
    unit: Unit,
    /// What was said last of the search for proofs.
    mining: Option<String>,
}

impl Lines {
    pub(crate) fn new(unit: Unit) -> Lines {
        Lines { unit, mining: None }
    }

    /// When it came, what it is, and what came with it, harmless for a terminal.
    /// Nothing if it says to people what was said last.
    pub(crate) fn of(&mut self, output: &Output, event: &Event) -> Option<String> {
        let words = match event.name.as_str() {
            "block" => read(event).map(|new| self.block(output, new)),
            "reorg" => read(event).map(|new| self.reorganisation(output, new)),
            "tx" => read(event).map(|new| self.transactions(new)),
            "peer" => read(event).map(peer),
            "mining" => read(event).map(mining),
            MISSED => Some("events were lost; `adit blocks` shows what is".to_owned()),
            _ => None,
        };
        // What is not known is shown as it came.
        let words = words.unwrap_or_else(|| event.data.clone());
        if event.name == "mining" && self.mining.replace(words.clone()).as_ref() == Some(&words) {
            return None;
        }
        let name = format!("{:<7}", visible(&event.name));
        let style = match event.name.as_str() {
            "block" => Style::Good,
            "reorg" | MISSED => Style::Bad,
            _ => Style::Label,
        };
        let (time, name) = (utc(now_ms()), output.styled(style, &name));
        Some(format!("{time}  {name} {}", visible(&words)))
    }

    fn block(&self, output: &Output, new: NewTip) -> String {
        let block = new.block;
        let hash = short(output, &block.hash);
        let transactions = counted(block.transaction_count as u64, "transaction");
        let origin = match new.origin.as_str() {
            "made" => "made here".to_owned(),
            "peer" => "from a peer".to_owned(),
            "offered" => "handed in".to_owned(),
            _ => "from elsewhere".to_owned(),
        };
        let added = match new.added {
            0 | 1 => String::new(),
            added => format!(", the last of {added}"),
        };
        format!("{} {hash}, {transactions}, {origin}{added}", block.index)
    }

    fn reorganisation(&self, output: &Output, new: ChangedBranch) -> String {
        let [left, taken] = [new.old_tip, new.new_tip]
            .map(|tip| format!("{} {}", tip.index, short(output, &tip.hash)));
        format!("the chain left {left} for {taken}")
    }

    fn transactions(&self, new: NewTransactions) -> String {
        let count = format!("{} new, {} waiting", new.count, new.pending);
        let Some(first) = new.transactions.first() else {
            return count;
        };
        let first = line_of(&first.transaction, self.unit);
        let others = if new.count > 1 { ", ..." } else { "" };
        format!("{count}: {first}{others}")
    }
}

fn peer(new: ChangedPeer) -> String {
    let peer = new.peer;
    let length = peer
        .length
        .map(|length| format!(", {}", counted(length, "block")));
    let problem = peer.problem.map(|problem| format!(": {problem}"));
    format!(
        "{} {}{}{}",
        peer.id,
        peer.agreement,
        length.unwrap_or_default(),
        problem.unwrap_or_default()
    )
}

fn mining(new: Mining) -> String {
    match new.searching {
        true => format!(
            "searching on {}, {:.1} million guesses/s",
            counted(new.threads, "core"),
            new.guesses_per_s / 1e6
        ),
        false => "not searching".to_owned(),
    }
}

fn read<T: DeserializeOwned>(event: &Event) -> Option<T> {
    serde_json::from_str(&event.data).ok()
}

fn short(output: &Output, hash: &str) -> String {
    match output.columns() {
        Some(columns) if columns < NARROW_COLUMNS => without_middle(hash, SHORT_HASH_COLUMNS),
        _ => hash.to_owned(),
    }
}
