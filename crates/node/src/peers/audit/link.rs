//! Why a block names another hash than that of the block before it: the ways in
//! which that may have been written, or mistaken for another, each tried. Where
//! the text is found that the named hash comes from, it is shown.

use adit_api::audit::{Diagnosis, Fix};
use adit_core::block::Block;
use adit_core::hash::{Hash, sha256};
use adit_core::json;

use super::candidates::{writing_of, writing_of_list};
use super::evidence::{Evidence, RULES_ADVICE, Received, said};
use super::shown::cut;
use super::value::Value;
use super::writing::Writing;

const HASH_ADVICE: &str = "Hash json.dumps(block, sort_keys=True).encode() with SHA-256, with no \
                           other arguments, as the tutorial's Blockchain.hash does.";

/// The tutorial's line.
const RIGHT_CODE: &str = "block_string = json.dumps(block, sort_keys=True).encode()";

/// The block names another hash than that of the block before it.
pub(super) fn link(evidence: &Evidence<'_>, before: Received<'_>) -> Option<Diagnosis> {
    let (place, earlier) = (evidence.place, evidence.place.saturating_sub(1));
    if place == 2 && is_genesis_of_sealed(before.block) {
        return Some(said(
            format!(
                "Block 1 begins a chain of the rules sealed, and here the rules are {}.",
                evidence.rules
            ),
            format!("Name the file of that chain with --chain. {RULES_ADVICE}"),
        ));
    }
    let own = json::canonical(evidence.source, usize::MAX).ok()?;
    let Some(named) = json::member(&own, "previous_hash").and_then(json::string) else {
        return Some(said(
            format!("The previous_hash of block {place} is no text."),
            "previous_hash is the hash of the block before as 64 hex digits, in quotes.",
        ));
    };
    let Some(hash) = Hash::from_hex(named.as_bytes()) else {
        return Some(no_hash(place, &named, before.block.hash()));
    };
    if hash == sha256(b"") {
        let found = said(
            format!("The hash in block {place} is the SHA-256 of nothing at all, the empty text."),
            format!("What is hashed was lost on the way to SHA-256. {HASH_ADVICE}"),
        );
        return Some(hash_of(b"", found));
    }
    let known = known_hash(evidence, before, &own, &hash);
    if let Some((whose, advice)) = known {
        let cause = format!("Block {place} names {whose} as its previous_hash.");
        return Some(said(cause, advice));
    }
    let Some(value) = Value::read(before.source) else {
        return Some(said(
            format!(
                "The hash in block {place} is not that of block {earlier}, which is too long to \
                 try how else it may have been written."
            ),
            HASH_ADVICE,
        ));
    };
    // A first block has little in it that could be written in several ways.
    let next = Value::read(evidence.source).zip(
        evidence
            .next_claim
            .and_then(|claim| Hash::from_hex(claim.as_bytes())),
    );
    if let Some(writing) = writing_of(&value, &hash, next.as_ref()) {
        let cause = format!(
            "The hash in block {place} is that of block {earlier} written {}.",
            writing.difference(&value)
        );
        let mut found = hash_of(&writing.write(&value), said(cause, advice_on(&writing)));
        found.fix = writing.code().map(|wrong| Fix {
            wrong: format!("block_string = {wrong}"),
            right: RIGHT_CODE.to_owned(),
        });
        return Some(found);
    }
    if let Some((text, how)) = other_hash(before, &hash) {
        let cause = format!("The hash in block {place} is {how} (block {earlier}).");
        let found = said(cause, HASH_ADVICE);
        return Some(match std::str::from_utf8(&text) {
            Ok(_) => hash_of(&text, found),
            Err(_) => found,
        });
    }
    if let Some(writing) = writing_of_list(&value, &hash) {
        let cause = format!(
            "The hash in block {place} is that of a list with block {earlier} in it, and not of \
             the block alone, written {}.",
            writing.difference(&value)
        );
        let list = [b"[", &*writing.write(&value), b"]"].concat();
        return Some(hash_of(&list, said(cause, HASH_ADVICE)));
    }
    Some(unknown_hash(evidence))
}

/// The same, with the text that the named hash is of.
fn hash_of(text: &[u8], said: Diagnosis) -> Diagnosis {
    Diagnosis {
        hashed: Some(cut(text)),
        ..said
    }
}

/// Whether the block has what only the first one of a sealed chain has.
fn is_genesis_of_sealed(block: &Block) -> bool {
    ["params", "merkle_root"]
        .iter()
        .all(|name| json::member(block.text(), name).is_some())
}

/// No way to write the block before gives the hash that is named.
fn unknown_hash(evidence: &Evidence<'_>) -> Diagnosis {
    const PRINT: &str = "Print what is hashed, byte for byte, and compare it with the canonical \
                         text here.";
    let (place, earlier) = (evidence.place, evidence.place.saturating_sub(1));
    // The second block's link is the first that there is. Where later ones hold,
    // the node hashes as we do.
    let next = match (evidence.own_hash, evidence.next_claim) {
        _ if place > 2 => Some(true),
        (Some(own), Some(claim)) => Some(claim == own.to_string()),
        _ => None,
    };
    match next {
        Some(true) => said(
            format!(
                "No way to write block {earlier} that we know gives the hash in block {place}: \
                 block {earlier} was most likely changed after block {place} was made."
            ),
            format!(
                "Compare what the peer answers now with what it had then: a block in the chain \
                 must never be changed, nor its list of transactions appended to. If it was not \
                 changed: {PRINT}"
            ),
        ),
        Some(false) => said(
            format!(
                "No way to write a block that we know gives the hash in block {place}, nor that in \
                 block {}: this node hashes in a way that we do not know.",
                place + 1
            ),
            format!("{HASH_ADVICE} {PRINT}"),
        ),
        None => said(
            format!(
                "No way to write block {earlier} that we know gives the hash in block {place}, and \
                 there is no further one to compare with: the node hashes in a way that we do not \
                 know, or block {earlier} was changed afterwards."
            ),
            format!("{HASH_ADVICE} {PRINT}"),
        ),
    }
}

fn advice_on(writing: &Writing) -> String {
    if writing.is_of_other_content() {
        return "Hash the whole block as it is sent, with all of its fields, and change nothing in \
                it afterwards."
            .to_owned();
    }
    if writing.is_of_other_numbers() {
        return "Hash the block exactly as it stands in the chain: do not convert its values for \
                the hash, nor for the answer."
            .to_owned();
    }
    HASH_ADVICE.to_owned()
}

/// A previous hash that is not 64 lower-case hex digits.
fn no_hash(place: u64, named: &str, expected: Hash) -> Diagnosis {
    let digits = named.strip_prefix("0x").unwrap_or(named);
    let is_hex = !named.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_right = digits.to_ascii_lowercase() == expected.to_string();
    let cause = match digits.len() {
        _ if is_right => format!(
            "Block {place} names the right hash, but not as 64 lower-case hex digits alone."
        ),
        32 if is_hex => format!(
            "The previous_hash of block {place} has 32 hex digits: that looks like MD5, not SHA-256."
        ),
        40 if is_hex => format!(
            "The previous_hash of block {place} has 40 hex digits: that looks like SHA-1, not SHA-256."
        ),
        128 if is_hex => format!(
            "The previous_hash of block {place} has 128 hex digits: that looks like SHA-512, not SHA-256."
        ),
        _ => format!("The previous_hash of block {place} is no SHA-256 in hex."),
    };
    said(
        cause,
        "Use hashlib.sha256(...).hexdigest(): 64 lower-case hex digits and nothing else.",
    )
}

/// Whether it is the hash of another block, or of the right one in another
/// place.
fn known_hash(
    evidence: &Evidence<'_>,
    before: Received<'_>,
    own: &[u8],
    hash: &Hash,
) -> Option<(String, &'static str)> {
    let earlier = evidence.place.saturating_sub(1);
    if evidence
        .before_that
        .is_some_and(|(known, _)| known == *hash)
    {
        let whose = format!("the block before the one before it (block {})", earlier - 1);
        return Some((
            whose,
            "Take the hash of the last block, chain[-1], when the new block is made.",
        ));
    }
    if evidence.first == Some(*hash) {
        return Some((
            "the chain's first block".to_owned(),
            "Take the hash of the last block, chain[-1], when the new block is made.",
        ));
    }
    if own_hash(own) == *hash {
        return Some((
            "its own hash".to_owned(),
            "previous_hash is the hash of the block before.",
        ));
    }
    let repeated = before.block.previous_hash();
    (repeated == format!("\"{hash}\"").as_bytes()).then(|| {
        (
            format!("the same block as block {earlier} does"),
            "Take the hash of the last block, chain[-1], when the new block is made.",
        )
    })
}

/// The hash of the block itself, before it had the field for another's.
fn own_hash(own: &[u8]) -> Hash {
    let mut text = vec![b'{'];
    let others = json::members(own).into_iter().flatten();
    for (key, value) in others.filter(|(key, _)| *key != b"previous_hash") {
        if text.len() > 1 {
            text.extend_from_slice(b", ");
        }
        for part in [b"\"", key, b"\": ", value] {
            text.extend_from_slice(part);
        }
    }
    text.push(b'}');
    sha256(&text)
}

/// Other things than the block's text that people hash: the one whose hash this
/// is, and what it is.
fn other_hash(before: Received<'_>, hash: &Hash) -> Option<(Vec<u8>, &'static str)> {
    let text = before.block.text();
    let once = sha256(text);
    let as_json_text = {
        let mut quoted = Vec::new();
        json::write_string(std::str::from_utf8(text).ok()?, &mut quoted);
        quoted
    };
    let proof = before.block.proof();
    [
        (
            before.source.to_vec(),
            "that of the text of the block before as it was sent",
        ),
        (once.to_hex().to_vec(), "the hash of the right hash's text"),
        (once.0.to_vec(), "the hash of the right hash's bytes"),
        (
            as_json_text,
            "that of the block before turned into JSON twice",
        ),
        (
            [b"[", text, b"]"].concat(),
            "that of the whole chain, and not of its last block alone",
        ),
        (
            proof.to_string().into_bytes(),
            "that of the proof of the block before alone",
        ),
        (
            before.block.transactions_text().to_vec(),
            "that of the transactions of the block before alone",
        ),
    ]
    .into_iter()
    .find(|(text, _)| sha256(text) == *hash)
}
