//! Which ways of writing a block are tried, and in which order: the plainest
//! first, so that the first one that fits is the best explanation. How each of
//! them writes it, `writing.rs` knows.

use adit_core::hash::{Hash, sha256};

use super::value::Value;
use super::writing::{BLOCK_ORDER, Change, Form, Order, Separators, Without, Writing, is_known};

/// No more than this is written in the search for one hash.
const WRITINGS_LIMIT_BYTES: usize = 64 * 1024 * 1024;

/// Beyond this many fields, only the orders that have a reason are tried.
const PERMUTED_FIELDS_LIMIT: usize = 5;

/// At most this many of a block's first transactions are tried as all that was
/// hashed.
const FIRST_TRANSACTIONS_LIMIT: usize = 64;

/// Returns the plainest way to write the block of which this is the SHA-256, if
/// one is known; the tutorial's own is not tried. A way that gives the hash of a
/// second block too goes before others.
pub(super) fn writing_of(
    block: &Value,
    hash: &Hash,
    second: Option<&(Value, Hash)>,
) -> Option<Writing> {
    let mut written_bytes = 0;
    let mut of_first = None;
    for writing in candidates(block) {
        let text = writing.write(block);
        written_bytes += text.len();
        if sha256(&text) == *hash {
            if second.is_none_or(|(block, hash)| sha256(&writing.write(block)) == *hash) {
                return Some(writing);
            }
            of_first.get_or_insert(writing);
        }
        if written_bytes > WRITINGS_LIMIT_BYTES {
            break;
        }
    }
    of_first
}

/// Returns the compact way to write a list with the whole block in it of which
/// this is the SHA-256.
pub(super) fn writing_of_list(block: &Value, hash: &Hash) -> Option<Writing> {
    let is_plain = |writing: &Writing| {
        let is_compact = matches!(
            writing.form,
            Form::Json {
                separators: Separators::Compact,
                ..
            }
        );
        is_compact
            && writing.without == Without::Nothing
            && writing.change == Change::Nothing
            && !matches!(writing.order, Order::Fields(..))
    };
    let mut plain = candidates(block).into_iter().filter(is_plain);
    plain.find(|writing| sha256(&[b"[", &*writing.write(block), b"]"].concat()) == *hash)
}

/// All that are tried, the plainest first.
fn candidates(block: &Value) -> Vec<Writing> {
    let mut found: Vec<(usize, Writing)> = Vec::new();
    for (without_cost, without) in withouts(block) {
        for (order_cost, order) in orders(block, &without) {
            let is_permuted = matches!(order, Order::Fields(..));
            for (change_cost, change) in changes(block) {
                if is_permuted && change != Change::Nothing {
                    continue;
                }
                for (form_cost, form) in forms() {
                    let cost = without_cost + order_cost + change_cost + form_cost;
                    let writing = Writing {
                        form,
                        order: order.clone(),
                        change,
                        without: without.clone(),
                    };
                    if cost > 0 {
                        found.push((cost, writing));
                    }
                }
            }
        }
    }
    found.sort_by_key(|(cost, _)| *cost);
    found.into_iter().map(|(_, writing)| writing).collect()
}

fn forms() -> [(usize, Form); 9] {
    let json = |separators, ascii| Form::Json { separators, ascii };
    [
        (0, json(Separators::Python, true)),
        (2, json(Separators::Python, false)),
        (2, json(Separators::Compact, true)),
        (3, json(Separators::Compact, false)),
        (2, json(Separators::Indent(4), true)),
        (2, json(Separators::Indent(2), true)),
        (3, json(Separators::Indent(4), false)),
        (2, Form::Repr),
        (4, Form::Joined),
    ]
}

fn withouts(block: &Value) -> Vec<(usize, Without)> {
    let mut all = vec![(0, Without::Nothing)];
    let Value::Object(members) = block else {
        return all;
    };
    let others = members.iter().filter(|(key, _)| !is_known(key)).count();
    if others > 1 {
        all.push((2, Without::OtherFields));
    }
    for (key, _) in members.iter().take(2 * BLOCK_ORDER.len()) {
        let cost = if is_known(key) { 3 } else { 2 };
        let key = String::from_utf8_lossy(key).into_owned();
        all.push((cost, Without::Field(key)));
    }
    all
}

fn orders(block: &Value, without: &Without) -> Vec<(usize, Order)> {
    let mut all = vec![
        (0, Order::Sorted),
        (1, Order::Tutorial),
        (1, Order::AsItCame),
    ];
    let count = without.kept(block).len();
    if count > PERMUTED_FIELDS_LIMIT {
        return all;
    }
    for permutation in permutations(count) {
        all.push((5, Order::Fields(permutation.clone(), false)));
        all.push((5, Order::Fields(permutation, true)));
    }
    all
}

fn changes(block: &Value) -> Vec<(usize, Change)> {
    let mut all = vec![
        (0, Change::Nothing),
        (2, Change::TimestampCut),
        (2, Change::TimestampRounded),
        (2, Change::TimestampAsFloat),
        (2, Change::TimestampAsText),
        (2, Change::TimestampAsNumber),
        (2, Change::WholeNumbers),
        (2, Change::PreviousHashAsText),
    ];
    if let Some(Value::List(transactions)) = block.member("transactions") {
        let counts = 0..transactions.len().min(FIRST_TRANSACTIONS_LIMIT);
        all.extend(counts.map(|count| (4, Change::FirstTransactions(count))));
    }
    all
}

fn permutations(count: usize) -> Vec<Vec<usize>> {
    if count == 0 {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for shorter in permutations(count - 1) {
        for place in 0..count {
            let mut longer = shorter.clone();
            longer.insert(place, count - 1);
            all.push(longer);
        }
    }
    all
}
