//! What several pages show: a transaction, somebody's name, made
//! ready for the templates. Which page shows it is not known here.

use adit_api::transaction::TransactionState;
use adit_core::block::Block;
use adit_core::hash::sha256;
use adit_core::json::{self, member};
use adit_node::handle::NodeHandle;

use super::format::{self, short_hash};

/// This much of a name is shown in a list.
const NAME_CHARACTERS: usize = 40;

/// This much of a text that somebody put into a transaction is shown in a list.
const DATA_CHARACTERS: usize = 80;

/// Somebody, or what stands in their place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Party {
    pub(super) text: String,
    pub(super) path: Option<String>,
}

/// A transaction in a list.
#[derive(Debug, Clone)]
pub(super) struct TransactionRow {
    pub(super) id: String,
    pub(super) short_id: String,
    /// None in a reward: nobody pays it.
    pub(super) sender: Option<Party>,
    pub(super) recipient: Party,
    pub(super) amount: String,
    pub(super) fee: Option<String>,
    pub(super) data: Option<String>,
    /// Whether it has a page of its own: what stands in a dropped block alone has none.
    pub(super) has_page: bool,
    /// The index and the hash of its block, in a list that says them.
    pub(super) block: Option<(String, String)>,
}

impl Party {
    /// Returns somebody by the name, or the address, that a transaction says.
    pub(super) fn named(name: &str) -> Party {
        let is_address = name.len() == 63 && name.starts_with("adit1");
        let is_node = name.len() == 32 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
        let text = match name {
            "" => "(empty name)".to_owned(),
            _ if is_address => format::middle_out(name, 10, 6),
            _ if is_node => format::middle_out(name, 8, 4),
            _ => format::visible(name, NAME_CHARACTERS),
        };
        Party {
            text,
            path: format::path_to("/address", name),
        }
    }
}

impl TransactionRow {
    /// Returns a transaction by its canonical text.
    pub(super) fn of(id: String, text: &[u8], keeps_accounts: bool) -> TransactionRow {
        let field = |name| member(text, name);
        let party = |name| Party::named(&field(name).and_then(json::string).unwrap_or_default());
        let units = |name| field(name).and_then(json::integer).map(format::coins);
        let amount = match keeps_accounts {
            true => units("amount").unwrap_or_default(),
            false => format::visible(
                &String::from_utf8_lossy(field("amount").unwrap_or_default()),
                NAME_CHARACTERS,
            ),
        };
        let data = field("data").and_then(json::string);
        TransactionRow {
            short_id: short_hash(&id),
            id,
            sender: (!adit_core::transaction::is_reward(text)).then(|| party("sender")),
            recipient: party("recipient"),
            amount,
            fee: units("fee"),
            data: data.map(|data| format::visible(&data, DATA_CHARACTERS)),
            has_page: true,
            block: None,
        }
    }

    /// Returns a transaction that waits or stands in a block.
    pub(super) fn listed(one: TransactionState, keeps_accounts: bool) -> TransactionRow {
        let block = one.block_index.map(format::grouped).zip(one.block_hash);
        let text = one.transaction.get().as_bytes();
        TransactionRow {
            block,
            ..TransactionRow::of(one.id, text, keeps_accounts)
        }
    }
}

/// Returns the first transactions of a block, from that position on.
pub(super) fn rows_of_block(
    node: &NodeHandle,
    block: &Block,
    from: usize,
    limit: usize,
) -> Vec<TransactionRow> {
    let ids = node.rules().transaction_ids(block);
    let keeps_accounts = node.rules().keeps_accounts();
    let texts = block.transactions().enumerate().skip(from).take(limit);
    texts
        .map(|(at, text)| {
            let id = ids.get(at).copied().unwrap_or_else(|| sha256(text));
            TransactionRow::of(id.to_string(), text, keeps_accounts)
        })
        .collect()
}
