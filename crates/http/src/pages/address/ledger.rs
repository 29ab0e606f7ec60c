//! Somebody's transactions as a ledger: what came in and what went out, with what they
//! had after each where the rules keep accounts; rewards that follow each other are one
//! line. What somebody has now, others say.

use adit_api::transaction::TransactionState;
use adit_core::json::{self, integer, member};
use adit_core::transaction::is_reward;

use crate::pages::components::{Party, TransactionRow};
use crate::pages::format;

/// This many rewards in a row and more are one line.
const FOLDED_REWARDS: usize = 3;

/// A line of the ledger.
pub(super) enum Line {
    One(Box<Entry>),
    Rewards(Rewards),
}

/// A transaction, as the one sees it whose ledger this is.
pub(super) struct Entry {
    pub(super) row: TransactionRow,
    /// `+`, `−`, or nothing where it goes to oneself.
    pub(super) sign: &'static str,
    /// `in`, `out` or `self`.
    pub(super) class: &'static str,
    /// From whom it came, or to whom it went; none is new coins.
    pub(super) other: Option<Party>,
    /// What they had after it, if that is known.
    pub(super) balance: Option<String>,
    is_reward: bool,
    amount: Option<u64>,
}

/// Rewards that follow each other, the newest first.
pub(super) struct Rewards {
    pub(super) count: String,
    /// What they are together, if each is a number that can be added.
    pub(super) sum: Option<String>,
    /// The oldest and the newest block.
    pub(super) blocks: Option<(String, String)>,
    pub(super) balance: Option<String>,
    pub(super) entries: Vec<Entry>,
}

/// Returns the lines of what was found of `name`, the newest first; `balance` is what
/// they have after the newest block, where it is known.
pub(super) fn lines(
    found: Vec<TransactionState>,
    name: &str,
    keeps_accounts: bool,
    balance: Option<u64>,
) -> Vec<Line> {
    let mut balance = balance.map(i128::from);
    let entries = found.into_iter().map(|one| {
        let (entry, change) = entry(one, name, keeps_accounts, balance);
        balance = balance.zip(change).map(|(after, change)| after - change);
        entry
    });
    folded(entries.collect(), keeps_accounts)
}

/// Returns a transaction, and by how much it has changed what they have, if it is known.
fn entry(
    one: TransactionState,
    name: &str,
    keeps_accounts: bool,
    balance: Option<i128>,
) -> (Entry, Option<i128>) {
    let text = one.transaction.get().as_bytes();
    let field = |field| {
        member(text, field)
            .and_then(json::string)
            .unwrap_or_default()
    };
    let units = |field| member(text, field).and_then(integer);
    let is_reward = is_reward(text);
    let is_in = field("recipient") == name;
    let is_out = !is_reward && field("sender") == name;
    let (amount, fee) = (units("amount"), units("fee").unwrap_or_default());
    let is_confirmed = one.block_index.is_some();
    let change = match (is_confirmed, amount) {
        // What waits has not changed anything yet.
        (false, _) => Some(0),
        (true, Some(amount)) => {
            let came = if is_in { i128::from(amount) } else { 0 };
            let went = if is_out {
                i128::from(amount) + i128::from(fee)
            } else {
                0
            };
            Some(came - went)
        }
        (true, None) => None,
    };
    let row = TransactionRow::listed(one, keeps_accounts);
    let (sign, class, other) = match (is_in, is_out) {
        (true, true) => ("", "self", Some(row.recipient.clone())),
        (false, true) => ("−", "out", Some(row.recipient.clone())),
        _ => ("+", "in", row.sender.clone()),
    };
    let shown = balance.filter(|_| is_confirmed);
    let entry = Entry {
        sign,
        class,
        other,
        balance: shown.and_then(|units| u64::try_from(units).ok().map(format::coins)),
        is_reward: is_reward && is_confirmed,
        amount,
        row,
    };
    (entry, change)
}

fn folded(entries: Vec<Entry>, keeps_accounts: bool) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut rewards: Vec<Entry> = Vec::new();
    for entry in entries {
        if entry.is_reward {
            rewards.push(entry);
            continue;
        }
        lines.extend(together(std::mem::take(&mut rewards), keeps_accounts));
        lines.push(Line::One(Box::new(entry)));
    }
    lines.extend(together(rewards, keeps_accounts));
    lines
}

fn together(entries: Vec<Entry>, keeps_accounts: bool) -> Vec<Line> {
    if entries.len() < FOLDED_REWARDS {
        return entries
            .into_iter()
            .map(|one| Line::One(Box::new(one)))
            .collect();
    }
    let sum = entries.iter().try_fold(0_u64, |sum, entry| {
        entry.amount.and_then(|amount| sum.checked_add(amount))
    });
    let block = |entry: Option<&Entry>| entry?.row.block.clone().map(|(index, _)| index);
    let (newest, oldest) = (block(entries.first()), block(entries.last()));
    vec![Line::Rewards(Rewards {
        count: format::count(entries.len() as u64, "reward", "rewards"),
        sum: sum.map(|sum| match keeps_accounts {
            true => format::coins(sum),
            false => format::grouped(sum),
        }),
        blocks: oldest.zip(newest),
        balance: entries.first().and_then(|entry| entry.balance.clone()),
        entries,
    })]
}

#[cfg(test)]
mod tests {
    use adit_api::transaction::TransactionStage;
    use serde_json::value::RawValue;

    use super::*;

    fn state(text: &str, block_index: Option<u64>) -> TransactionState {
        let transaction = RawValue::from_string(text.to_owned());
        TransactionState {
            id: "0".repeat(64),
            status: TransactionStage::Confirmed,
            transaction: transaction.unwrap_or_else(|error| panic!("{text}: {error}")),
            block_index,
            block_hash: block_index.map(|_| "1".repeat(64)),
            position: Some(0),
            confirmations: 1,
        }
    }

    fn paid(sender: &str, recipient: &str, amount: u64, block: Option<u64>) -> TransactionState {
        let text = format!(
            r#"{{"amount": {amount}, "fee": 1, "recipient": "{recipient}", "sender": "{sender}"}}"#
        );
        state(&text, block)
    }

    #[test]
    fn each_line_says_what_they_had_after_it() {
        let found = vec![
            paid("ann", "bob", 7, None),
            paid("ann", "bob", 2_000_000, Some(3)),
            paid("bob", "ann", 1_000_000, Some(2)),
            paid("ann", "ann", 5, Some(1)),
        ];
        let lines = lines(found, "ann", true, Some(8_999_999));
        let said: Vec<_> = lines
            .iter()
            .map(|line| match line {
                Line::One(one) => (one.sign, one.class, one.balance.as_deref()),
                Line::Rewards(_) => panic!("there are none"),
            })
            .collect();
        assert_eq!(
            said,
            [
                ("−", "out", None),
                ("−", "out", Some("8.999999")),
                ("+", "in", Some("11")),
                ("", "self", Some("10")),
            ]
        );
    }

    #[test]
    fn rewards_that_follow_each_other_are_one_line() {
        let reward = |block| {
            state(
                r#"{"sender": "0", "recipient": "ann", "amount": 1}"#,
                Some(block),
            )
        };
        let found = vec![
            reward(9),
            reward(8),
            reward(7),
            paid("bob", "ann", 1, Some(6)),
            reward(5),
        ];
        let lines = lines(found, "ann", false, None);
        assert_eq!(lines.len(), 3);
        let Line::Rewards(rewards) = &lines[0] else {
            panic!("they are one line");
        };
        assert_eq!(rewards.count, "3 rewards");
        assert_eq!(rewards.sum.as_deref(), Some("3"));
        let blocks = rewards.blocks.clone();
        assert_eq!(blocks, Some(("7".to_owned(), "9".to_owned())));
    }
}
