//! One line for people about what came with an event. Where the event came
//! from, and where the line goes, is not known here.

use adit_api::branch::Reorganisation;
use adit_api::event::{
    BlockEvent, MISSED, MiningEvent, Origin, PeerEvent, Topic, TransactionsEvent,
};
use serde::de::DeserializeOwned;

use super::stream::Event;
use crate::commands::transactions::{Unit, line_of};
use crate::terminal::escape::visible;
use crate::terminal::output::{Output, Style, counted, now_ms, utc};
use crate::terminal::table::without_middle;

/// On a terminal narrower than this, hashes lose their middle,
const NARROW_COLUMNS: usize = 130;

/// and have this width.
const SHORT_HASH_COLUMNS: usize = 17;

/// Turns events into lines.
pub(crate) struct Lines {
    unit: Unit,
    /// What was said last of the search for proofs.
    mining: Option<String>,
}

impl Lines {
    pub(crate) fn new(unit: Unit) -> Lines {
        Lines { unit, mining: None }
    }

    /// When it came, what it is, and what came with it, harmless for a
    /// terminal. `None` if it tells people nothing new.
    pub(crate) fn of(&mut self, output: &Output, event: &Event) -> Option<String> {
        let (topic, is_missed) = (Topic::of_name(&event.name), event.name == MISSED);
        let words = match topic {
            Some(Topic::Block) => read(event).map(|new| block(output, new)),
            Some(Topic::Reorganisation) => read(event).map(|new| reorganisation(output, new)),
            Some(Topic::Transaction) => read(event).map(|new| self.transactions(new)),
            Some(Topic::Peer) => read(event).map(peer),
            Some(Topic::Mining) => read(event).map(mining),
            None => is_missed.then(|| "events were lost; `adit blocks` shows what is".to_owned()),
        };
        // What is not known is shown as it came.
        let words = words.unwrap_or_else(|| event.data.clone());
        if topic == Some(Topic::Mining)
            && self.mining.replace(words.clone()).as_ref() == Some(&words)
        {
            return None;
        }
        let name = format!("{:<7}", visible(&event.name));
        let style = match topic {
            Some(Topic::Block) => Style::Good,
            Some(Topic::Reorganisation) => Style::Bad,
            None if is_missed => Style::Bad,
            _ => Style::Label,
        };
        let (time, name) = (utc(now_ms()), output.styled(style, &name));
        Some(format!("{time}  {name} {}", visible(&words)))
    }

    fn transactions(&self, new: TransactionsEvent) -> String {
        let count = format!("{} new, {} waiting", new.count, new.pending);
        let Some(first) = new.transactions.first() else {
            return count;
        };
        let first = line_of(&first.transaction, self.unit);
        let others = if new.count > 1 { ", ..." } else { "" };
        format!("{count}: {first}{others}")
    }
}

fn block(output: &Output, new: BlockEvent) -> String {
    let block = new.block;
    let hash = short(output, &block.hash);
    let transactions = counted(block.transaction_count as u64, "transaction");
    let origin = match new.origin {
        Origin::Made => "made here",
        Origin::Elsewhere => "from elsewhere",
    };
    let added = match new.added {
        0 | 1 => String::new(),
        added => format!(", the last of {added}"),
    };
    format!("{} {hash}, {transactions}, {origin}{added}", block.index)
}

fn reorganisation(output: &Output, new: Reorganisation) -> String {
    let [left, taken] =
        [new.old_tip, new.new_tip].map(|tip| format!("{} {}", tip.index, short(output, &tip.hash)));
    format!("the chain left {left} for {taken}")
}

fn peer(new: PeerEvent) -> String {
    let peer = new.peer;
    let length = peer
        .length
        .map(|length| format!(", {}", counted(length, "block")));
    let problem = peer.problem.map(|problem| format!(": {problem}"));
    format!(
        "{} {}{}{}",
        peer.id,
        peer.agreement.name(),
        length.unwrap_or_default(),
        problem.unwrap_or_default()
    )
}

fn mining(new: MiningEvent) -> String {
    match new.searching {
        true => format!(
            "searching on {}, {:.1} million guesses/s",
            counted(new.threads as u64, "core"),
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
