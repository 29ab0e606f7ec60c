//! Why a block of another node is not valid here: the mistakes that people make
//! when they write the tutorial's node themselves, each tried on the block, and
//! named if it explains what came. A pure function of the blocks: where they came
//! from is not known here.

use adit_api::audit::Diagnosis;
use adit_core::block::{Block, BlockError};
use adit_core::hash::{Hash, sha256};
use adit_core::json;
use adit_core::puzzle::FOUR_HEX_ZEROS;
use adit_core::sync::{Misspelt, ReadError, Strict};

use super::value::Value;
use super::writing::{Writing, writing_of, writing_of_list};

/// A block of the peer's, with the bytes as they came.
#[derive(Debug, Clone, Copy)]
pub struct Received<'a> {
    /// The block as we read it.
    pub block: &'a Block,
    /// Its JSON as the peer wrote it.
    pub source: &'a [u8],
}

/// What is known when a block is refused.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'a> {
    /// The name of the rules that refuse it.
    pub rules: &'a str,
    /// Its place in the chain, the first being 1.
    pub place: u64,
    /// Why it is refused.
    pub error: &'a BlockError,
    /// Its JSON as the peer wrote it.
    pub source: &'a [u8],
    /// The block before it.
    pub before: Option<Received<'a>>,
    /// The hash and the proof of the block before that.
    pub before_that: Option<(Hash, u64)>,
    /// The hash of the chain's first block.
    pub first: Option<Hash>,
    /// Its own hash, if it has the form of a block.
    pub own_hash: Option<Hash>,
    /// What the block behind it names as its previous hash, if there is one.
    pub next_claim: Option<&'a str>,
}

const HASH_ADVICE: &str = "Hash json.dumps(block, sort_keys=True).encode() with SHA-256, with no \
                           other arguments, as the tutorial's Blockchain.hash does.";

/// For names in capitals.
pub(super) const CAPITALS_ADVICE: &str =
    "write the names in lower case: in Go, by tags such as `json:\"chain\"` at the fields";

const RULES_ADVICE: &str = "Start all nodes of a network under the same rules.";

/// Looks for the mistake behind a refused block.
pub fn diagnose(evidence: &Evidence<'_>) -> Option<Diagnosis> {
    match evidence.error {
        BlockError::WrongPreviousHash { .. } => link(evidence, evidence.before?),
        BlockError::WrongProof { proof, .. } => Some(proof_of(evidence, evidence.before?, *proof)),
        BlockError::WrongIndex { expected, found } => {
            Some(index(evidence.place, *expected, *found))
        }
        BlockError::NotAnObject { .. } | BlockError::WrongField { .. } => Some(fields(evidence)),
        BlockError::NotJson(_) | BlockError::Sealed(_) => None,
    }
}

/// What it means that all proofs have more zeros than needed.
pub(super) fn too_strict(strict: &Strict) -> Diagnosis {
    said(
        format!("In this valid chain, {strict}."),
        "Compare guess_hash[:4] == '0000', as the tutorial does.",
    )
}

/// Looks for the mistake behind an answer that holds no chain; `rest` is the
/// part of it that could not be read, `names` are those in it that are almost
/// right.
pub fn diagnose_unreadable(error: &ReadError, rest: &[u8], names: &Misspelt) -> Option<Diagnosis> {
    if let Some(name) = names.chain() {
        return Some(said(
            format!("The answer has no member named chain, but one named {name}."),
            format!("JSON has upper and lower case; {CAPITALS_ADVICE}."),
        ));
    }
    let rest = rest.trim_ascii_start();
    let (cause, advice) = match error {
        ReadError::NotAChain { .. } | ReadError::NotJson(..) if rest.starts_with(b"<") => (
            "The answer is an HTML page and not JSON: most likely an error page.",
            "Look at the log of the peer; GET /chain has to answer jsonify({'chain': ..., 'length': ...}).",
        ),
        ReadError::NotAChain { .. } if rest.starts_with(b"[") => (
            "The answer is a bare list of blocks.",
            "Answer {\"chain\": [...], \"length\": n}, as the tutorial's full_chain does.",
        ),
        ReadError::NotAChain { .. } if rest.starts_with(b"\"") => (
            "The answer is one JSON text: the chain was turned into JSON twice.",
            "Give the dictionary itself to jsonify, not what json.dumps made of it.",
        ),
        ReadError::NotAChain { .. } | ReadError::NotJson(..) if rest.starts_with(b"'") => (
            "The answer is written with single quotes, as Python prints a dictionary; that is no JSON.",
            "Answer jsonify(response), not str(response).",
        ),
        ReadError::NoChain => (
            "The answer has no member named chain.",
            "Answer {\"chain\": [...], \"length\": n}, as the tutorial's full_chain does.",
        ),
        ReadError::Cut(_) => (
            "The answer ends in the middle of the chain: the peer stopped, or wrote a wrong Content-Length.",
            "Ask again; if it stays so, look at the log of the peer.",
        ),
        _ => return None,
    };
    Some(said(cause, advice))
}

fn said(cause: impl Into<String>, advice: impl Into<String>) -> Diagnosis {
    Diagnosis {
        cause: cause.into(),
        advice: advice.into(),
    }
}

/// The block names another hash than that of the block before it.
fn link(evidence: &Evidence<'_>, before: Received<'_>) -> Option<Diagnosis> {
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
        return Some(said(
            format!("The hash in block {place} is the SHA-256 of nothing at all, the empty text."),
            format!("What is hashed was lost on the way to SHA-256. {HASH_ADVICE}"),
        ));
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
        return Some(said(cause, advice_on(&writing)));
    }
    if let Some(how) = other_hash(before, &hash) {
        let cause = format!("The hash in block {place} is {how} (block {earlier}).");
        return Some(said(cause, HASH_ADVICE));
    }
    if let Some(writing) = writing_of_list(&value, &hash) {
        let cause = format!(
            "The hash in block {place} is that of a list with block {earlier} in it, and not of \
             the block alone, written {}.",
            writing.difference(&value)
        );
        return Some(said(cause, HASH_ADVICE));
    }
    Some(unknown_hash(evidence))
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

/// Other things than the block's text that people hash.
fn other_hash(before: Received<'_>, hash: &Hash) -> Option<&'static str> {
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
            sha256(before.source),
            "that of the text of the block before as it was sent",
        ),
        (sha256(&once.to_hex()), "the hash of the right hash's text"),
        (sha256(&once.0), "the hash of the right hash's bytes"),
        (
            sha256(&as_json_text),
            "that of the block before turned into JSON twice",
        ),
        (
            sha256(&[b"[", text, b"]"].concat()),
            "that of the whole chain, and not of its last block alone",
        ),
        (
            sha256(proof.to_string().as_bytes()),
            "that of the proof of the block before alone",
        ),
        (
            sha256(before.block.transactions_text()),
            "that of the transactions of the block before alone",
        ),
    ]
    .into_iter()
    .find(|(known, _)| known == hash)
    .map(|(_, how)| how)
}

/// The proof does not solve the puzzle.
fn proof_of(evidence: &Evidence<'_>, before: Received<'_>, proof: u64) -> Diagnosis {
    let (place, earlier) = (evidence.place, evidence.place.saturating_sub(1));
    let (last, hash) = (before.block.proof(), before.block.hash().to_string());
    let is_2018 = evidence.rules == "classic-2018";
    let (published, of_2018) = (format!("{last}{proof}"), format!("{last}{proof}{hash}"));
    let (right, others, other_rules) = match is_2018 {
        true => (of_2018, published, "classic"),
        false => (published, of_2018, "classic-2018"),
    };
    if is_solved(&others) {
        let which = match is_2018 {
            true => "the tutorial as published in 2017, without the last hash in the puzzle",
            false => "the tutorial's later code, with the last hash in the puzzle",
        };
        return said(
            format!(
                "The proof of block {place} is right under the rules {other_rules}, and here the \
                 rules are {}: the peer runs {which}.",
                evidence.rules
            ),
            format!("Run adit with --rules {other_rules}. {RULES_ADVICE}"),
        );
    }
    for (guess, how) in other_guesses(evidence, before, proof) {
        if is_solved(&guess) {
            return said(
                format!("The proof of block {place} solves another puzzle: {how}."),
                "Guess f'{last_proof}{proof}' (later code: f'{last_proof}{proof}{last_hash}'), \
                 with the proof of the last block first.",
            );
        }
    }
    let found = sha256(right.as_bytes()).to_string();
    if found.ends_with("0000") {
        return said(
            format!(
                "The hash of the guess of block {place} ends in 0000, and has to begin with it."
            ),
            "Compare guess_hash[:4], not guess_hash[-4:].",
        );
    }
    let zeros = found.bytes().take_while(|digit| *digit == b'0').count();
    if zeros > 1 {
        return said(
            format!(
                "The hash of the guess of block {place} begins with {zeros} zeros, and four are \
                 needed: the peer's difficulty is lower."
            ),
            "Compare guess_hash[:4] == '0000'.",
        );
    }
    said(
        format!(
            "The proof of block {place} was not found for what stands before it: block {earlier} \
             is another one than when it was mined, or no proof was searched."
        ),
        "Two requests to /mine at the same time do that to the tutorial's node, and so does a \
         chain that is replaced in the middle of mining: take one at a time, and compute the \
         proof and the previous hash from the same last block.",
    )
}

fn is_solved(guess: &str) -> bool {
    sha256(guess.as_bytes()).0 <= FOUR_HEX_ZEROS
}

/// Other texts than the right one that people hash for a proof.
fn other_guesses(
    evidence: &Evidence<'_>,
    before: Received<'_>,
    proof: u64,
) -> Vec<(String, String)> {
    let (last, hash) = (before.block.proof(), before.block.hash().to_string());
    let earlier = evidence.place.saturating_sub(1);
    let named = json::string(before.block.previous_hash()).unwrap_or_default();
    let mut guesses = vec![
        (
            format!("{proof}{last}"),
            "the new proof stands before the last one".to_owned(),
        ),
        (
            format!("{proof}{last}{hash}"),
            "the new proof stands before the last one".to_owned(),
        ),
        (
            format!("{last}{hash}{proof}"),
            "the last hash stands before the new proof".to_owned(),
        ),
        (
            format!("{hash}{proof}"),
            "the last hash takes the place of the last proof".to_owned(),
        ),
        (
            format!("{hash}{last}{proof}"),
            "the last hash stands in front".to_owned(),
        ),
        (
            format!("{last}{proof}{named}"),
            format!("it takes the previous_hash that stands in block {earlier}, not its hash"),
        ),
        (
            format!("{last} {proof}"),
            "there is a space between the proofs".to_owned(),
        ),
        (proof.to_string(), "it is of the proof alone".to_owned()),
        (
            u128::from(last).wrapping_mul(u128::from(proof)).to_string(),
            "it is of the product of both proofs".to_owned(),
        ),
        (
            u128::from(last).wrapping_add(u128::from(proof)).to_string(),
            "it is of the sum of both proofs".to_owned(),
        ),
    ];
    if let Some((hash_before, proof_before)) = evidence.before_that {
        let how = format!(
            "it follows from block {}, and not from block {earlier}",
            earlier.saturating_sub(1)
        );
        guesses.push((format!("{proof_before}{proof}"), how.clone()));
        guesses.push((format!("{proof_before}{proof}{hash_before}"), how));
    }
    guesses
}

/// The index is not the one of the block's place.
fn index(place: u64, expected: u64, found: u64) -> Diagnosis {
    let cause = match (place, found.checked_add(1), found) {
        (1, _, 0) => "The chain's first block has the index 0; the tutorial counts from 1.".into(),
        (1, ..) => format!(
            "The chain begins with index {found}, and not with 1: its first blocks are missing."
        ),
        (_, Some(next), _) if next == expected => format!(
            "The index of block {place} is {found}, one too small: it repeats that of the block \
             before."
        ),
        _ if expected.checked_add(1) == Some(found) => format!(
            "The index of block {place} is {found}, one too great: a block is missing before it, \
             or the index is counted after the block was appended."
        ),
        _ => format!("The index of block {place} is {found}, and its place says {expected}."),
    };
    said(
        cause,
        "Make the index of a new block len(self.chain) + 1, before it is appended: the first \
         block's is 1.",
    )
}

/// What should be a block lacks something.
fn fields(evidence: &Evidence<'_>) -> Diagnosis {
    let place = evidence.place;
    let keys = Value::read(evidence.source).map(|value| value.keys());
    let cause = match (evidence.error, keys) {
        (BlockError::WrongField { field, found, .. }, Some(keys))
            if *found == "nothing" && is_misspelt(field, &keys) =>
        {
            let cause = format!(
                "Block {place} has no {field}, but its fields are in capitals: {}.",
                keys.join(", ")
            );
            return said(
                cause,
                format!("JSON has upper and lower case; {CAPITALS_ADVICE}."),
            );
        }
        (BlockError::WrongField { field, found, .. }, Some(keys)) if *found == "nothing" => {
            format!(
                "Block {place} has no {field}; its fields are {}.",
                keys.join(", ")
            )
        }
        (
            BlockError::WrongField {
                field,
                expected,
                found,
            },
            _,
        ) => format!("The {field} of block {place} is {found}, and has to be {expected}."),
        (error, _) => format!("What stands in place {place} is no block: {error}."),
    };
    said(
        cause,
        "A block has at least the fields index, timestamp, transactions, proof and previous_hash, \
         as the tutorial's new_block makes them; others may stand beside them.",
    )
}

/// Whether there is such a field but for its case and its underscores, as Go
/// names them.
fn is_misspelt(field: &str, keys: &[String]) -> bool {
    let plain = field.replace('_', "");
    keys.iter()
        .any(|key| key.eq_ignore_ascii_case(&plain) || key.eq_ignore_ascii_case(field))
}
