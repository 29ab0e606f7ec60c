//! Why a block of another node is not valid here: the mistakes that people make
//! when they write the tutorial's node themselves, each tried on the block, and
//! named if it explains what came. A pure function of the blocks: where they came
//! from is not known here.

use adit_api::audit::{Diagnosis, Fix};
use adit_core::block::BlockError;
use adit_core::hash::sha256;
use adit_core::json;
use adit_core::puzzle::FOUR_HEX_ZEROS;
use adit_core::sync::{Misspelt, ReadError, Strict};

use super::evidence::{Evidence, RULES_ADVICE, Received, said};
use super::link::link;
use super::value::Value;

/// For names in capitals.
pub(super) const CAPITALS_ADVICE: &str =
    "write the names in lower case: in Go, by tags such as `json:\"chain\"` at the fields";

/// The last line of the tutorial's `valid_proof`.
const FOUR_ZEROS_CODE: &str = "return guess_hash[:4] == '0000'";

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

/// The same, where one line of the tutorial's code says it.
fn mended(said: Diagnosis, wrong: impl Into<String>, right: &str) -> Diagnosis {
    let fix = Fix {
        wrong: wrong.into(),
        right: right.to_owned(),
    };
    Diagnosis {
        fix: Some(fix),
        ..said
    }
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
    for (guess, how, code) in other_guesses(evidence, before, proof) {
        if is_solved(&guess) {
            let found = said(
                format!("The proof of block {place} solves another puzzle: {how}."),
                "Guess f'{last_proof}{proof}' (later code: f'{last_proof}{proof}{last_hash}'), \
                 with the proof of the last block first.",
            );
            let right = match is_2018 {
                true => "guess = f'{last_proof}{proof}{last_hash}'.encode()",
                false => "guess = f'{last_proof}{proof}'.encode()",
            };
            return match code {
                "" => found,
                code => mended(found, format!("guess = {code}.encode()"), right),
            };
        }
    }
    let found = sha256(right.as_bytes()).to_string();
    if found.ends_with("0000") {
        return mended(
            said(
                format!(
                    "The hash of the guess of block {place} ends in 0000, and has to begin with it."
                ),
                "Compare guess_hash[:4], not guess_hash[-4:].",
            ),
            "return guess_hash[-4:] == '0000'",
            FOUR_ZEROS_CODE,
        );
    }
    let zeros = found.bytes().take_while(|digit| *digit == b'0').count();
    if zeros > 1 {
        let wrong = format!("return guess_hash[:{zeros}] == '{:0>zeros$}'", "");
        return mended(
            said(
                format!(
                    "The hash of the guess of block {place} begins with {zeros} zeros, and four \
                     are needed: the peer's difficulty is lower."
                ),
                "Compare guess_hash[:4] == '0000'.",
            ),
            wrong,
            FOUR_ZEROS_CODE,
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

/// Other texts than the right one that people hash for a proof, how they come
/// about, and the code that makes them where a line says it.
fn other_guesses(
    evidence: &Evidence<'_>,
    before: Received<'_>,
    proof: u64,
) -> Vec<(String, String, &'static str)> {
    let (last, hash) = (before.block.proof(), before.block.hash().to_string());
    let earlier = evidence.place.saturating_sub(1);
    let named = json::string(before.block.previous_hash()).unwrap_or_default();
    let (wide_last, wide) = (u128::from(last), u128::from(proof));
    let (product, sum) = (wide_last.wrapping_mul(wide), wide_last.wrapping_add(wide));
    let of = |guess: String, how: &str, code| (guess, how.to_owned(), code);
    let proof_first = "the new proof stands before the last one";
    let mut guesses = vec![
        of(
            format!("{proof}{last}"),
            proof_first,
            "f'{proof}{last_proof}'",
        ),
        of(
            format!("{proof}{last}{hash}"),
            proof_first,
            "f'{proof}{last_proof}{last_hash}'",
        ),
        of(
            format!("{last}{hash}{proof}"),
            "the last hash stands before the new proof",
            "f'{last_proof}{last_hash}{proof}'",
        ),
        of(
            format!("{hash}{proof}"),
            "the last hash takes the place of the last proof",
            "f'{last_hash}{proof}'",
        ),
        of(
            format!("{hash}{last}{proof}"),
            "the last hash stands in front",
            "f'{last_hash}{last_proof}{proof}'",
        ),
        of(
            format!("{last}{proof}{named}"),
            &format!("it takes the previous_hash that stands in block {earlier}, not its hash"),
            "f\"{last_proof}{proof}{last_block['previous_hash']}\"",
        ),
        of(
            format!("{last} {proof}"),
            "there is a space between the proofs",
            "f'{last_proof} {proof}'",
        ),
        of(proof.to_string(), "it is of the proof alone", "f'{proof}'"),
        of(
            product.to_string(),
            "it is of the product of both proofs",
            "f'{last_proof * proof}'",
        ),
        of(
            sum.to_string(),
            "it is of the sum of both proofs",
            "f'{last_proof + proof}'",
        ),
    ];
    if let Some((hash_before, proof_before)) = evidence.before_that {
        let how = format!(
            "it follows from block {}, and not from block {earlier}",
            earlier.saturating_sub(1)
        );
        guesses.push(of(format!("{proof_before}{proof}"), &how, ""));
        guesses.push(of(format!("{proof_before}{proof}{hash_before}"), &how, ""));
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
    let found_here = said(
        cause,
        "Make the index of a new block len(self.chain) + 1, before it is appended: the first \
         block's is 1.",
    );
    match found.checked_add(1) == Some(expected) {
        true => mended(
            found_here,
            "'index': len(self.chain),",
            "'index': len(self.chain) + 1,",
        ),
        false => found_here,
    }
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
