//! `/glossary`: every word of the pages, once explained. A template links a word
//! to it with `term(name, text)` of `terms.html`; the link carries the
//! explanation, which `terms.js` shows as a tooltip.

use adit_node::handle::NodeHandle;
use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse, Response};

use super::layout::{Frame, Html};

/// A word, and what it means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Term {
    /// The anchor on the page.
    pub(super) name: &'static str,
    pub(super) word: &'static str,
    pub(super) says: &'static str,
    /// The lesson that shows it, by its anchor on `/learn`.
    pub(super) lesson: Option<&'static str>,
}

/// Returns the explanation of a word by its anchor; nothing if there is none.
pub(super) fn said(name: &str) -> &'static str {
    let term = TERMS.iter().find(|term| term.name == name);
    term.map_or("", |term| term.says)
}

#[derive(Template)]
#[template(path = "glossary.html")]
struct Glossary {
    frame: Frame,
    terms: &'static [Term],
}

pub(super) async fn glossary(State(node): State<NodeHandle>) -> Response {
    let frame = Frame::of(&node).here("learn");
    let terms = TERMS;
    Html(Glossary { frame, terms }).into_response()
}

const fn term(
    name: &'static str,
    word: &'static str,
    lesson: Option<&'static str>,
    says: &'static str,
) -> Term {
    Term {
        name,
        word,
        says,
        lesson,
    }
}

/// From a to z.
#[rustfmt::skip]
const TERMS: &[Term] = &[
    term("address", "Address", Some("signature"), "A short name for a public key: coins are paid to it. Only who has the key can spend them."),
    term("amount", "Amount", None, "How many coins a payment moves."),
    term("attack", "Attack", Some("attack"), "Paying, and then making a longer chain without that payment. With more than half of all computing power it always works."),
    term("balance", "Balance", None, "What an address has received less what it has paid. The classic rules keep none."),
    term("block", "Block", Some("block"), "Some payments, the hash of the block before, and a proof, written down as one text. Its hash stands for all of it."),
    term("branch", "Branch", Some("fork"), "Blocks that stand beside the main chain: they were right, but another branch had more work."),
    term("broken", "Broken block", Some("tamper"), "A block that does not keep the rules, or that stands on one that does not. No node takes it."),
    term("canonical-json", "Canonical JSON", Some("block"), "The one way in which a block is written before it is hashed: keys from a to z, a space behind each colon and comma."),
    term("chain", "Chain", Some("chain"), "Blocks each of which names the hash of the one before. So nobody can change one without all that follow."),
    term("classic", "Classic rules", None, "The rules of the tutorial: anybody may write any payment, and the longest chain counts."),
    term("confirmation", "Confirmation", Some("attack"), "A block that holds a payment, or that stands on one that does. Each further one makes the payment harder to undo."),
    term("double-spend", "Double spend", Some("attack"), "Paying the same coins to two people, of whom only one keeps them."),
    term("dropped", "Dropped block", Some("reorganisation"), "A block that was in the main chain and no longer is. Its payments wait again; its reward is gone."),
    term("fee", "Fee", Some("fees"), "What a payment offers to the miner who takes it into a block. Miners take the highest per byte first."),
    term("fork", "Fork", Some("fork"), "Two blocks that name the same block before them. The chain has two ends until one branch gets more work."),
    term("genesis", "Genesis block", Some("chain"), "The first block. It names no block before it."),
    term("hash", "Hash", Some("hash"), "64 digits computed from a text (SHA-256). The same text always has the same hash; any other text has quite another one."),
    term("height", "Height", Some("chain"), "A block’s number in its chain. The first has 1."),
    term("key", "Key", Some("signature"), "A secret number that signs payments, and a public one by which everybody can check the signature."),
    term("main-chain", "Main chain", Some("fork"), "The branch with the most work: the one that counts."),
    term("merkle-tree", "Merkle tree", None, "Hashes of hashes, up to one that stands for all payments of a block. A short path in it proves that one payment is among them."),
    term("miner", "Miner", Some("proof"), "Who searches for the proof of the next block, and is paid for finding it."),
    term("mining", "Mining", Some("proof"), "Trying one number after the other until the hash begins with enough zeros."),
    term("node", "Node", None, "A computer that keeps the chain, checks what others send, and answers questions about it."),
    term("nonce", "Nonce", None, "The number of payments that an address has made before: so none of them counts twice."),
    term("payment", "Payment", Some("block"), "A line that says who pays whom how much. It waits until a block takes it. Also called a transaction."),
    term("peer", "Peer", None, "Another node that this one asks for its chain."),
    term("previous", "Previous hash", Some("chain"), "The hash of the block before, written in a block. It is what makes blocks a chain."),
    term("proof", "Proof", Some("proof"), "The number that a miner has found: with it, a hash begins with the zeros that are asked for. Finding it is work, checking it is not."),
    term("reorganisation", "Reorganisation", Some("reorganisation"), "Another branch gets more work, so a node goes over to it: some blocks are dropped, others take their place."),
    term("reward", "Reward", Some("proof"), "New coins for who has made a block."),
    term("sealed", "Sealed rules", None, "The rules of this node’s own: payments are signed, nobody spends what they do not have, and the work of a block covers its content."),
    term("signature", "Signature", Some("signature"), "A number that only the owner of a key can make, for one text alone. Everybody can check it."),
    term("target", "Target", Some("proof"), "What a hash may be at most. The lower it is, the more zeros a hash needs, and the more guesses that takes."),
    term("tip", "Tip", Some("fork"), "The last block of a chain."),
    term("waiting", "Waiting", Some("reorganisation"), "A payment that is in no block yet. The place where it waits is called the mempool."),
    term("work", "Work", Some("proof"), "How many guesses a block takes on average. The chain with the most work counts."),
];

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_words_are_in_order_and_each_is_there_once() {
        let names: Vec<_> = TERMS.iter().map(|term| term.name).collect();
        let mut sorted = names.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(names, sorted);
    }

    #[test]
    fn every_word_that_a_template_links_to_is_explained() {
        let templates = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates");
        let mut count = 0;
        let mut folders = vec![templates];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).expect("the templates are there") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let text = std::fs::read_to_string(&path).expect("a template is text");
                for part in text.split("::term(\"").skip(1) {
                    let name = part.split('"').next().unwrap_or_default();
                    assert_ne!(said(name), "", "{}: {name}", path.display());
                    count += 1;
                }
            }
        }
        assert!(count > 0);
    }
}
