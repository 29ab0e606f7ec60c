//! The tutorial's two rule sets: the bytes of a block and its hash as Python
//! makes them, the public sequence of proofs, what is accepted from a peer,
//! what is refused, and in which words.
//!
//! The literals come from Python 3.11:
//!
//! ```text
//! text = lambda block: json.dumps(block, sort_keys=True)
//! hash = lambda block: hashlib.sha256(text(block).encode()).hexdigest()
//! first = {'index': 1, 'timestamp': 1508195432.123456, 'transactions': [],
//!          'proof': 100, 'previous_hash': '1'}
//! ```

use std::sync::Arc;
use std::time::Duration;

use adit_core::block::{Block, BlockError};
use adit_core::puzzle::{FOUR_HEX_ZEROS, Puzzle};
use adit_core::rules::{Classic, Context, Rules, TemplateContent, Weight, by_name};

use crate::world::{block_with_proof, classic_proofs, first_block, utf8};

const FIRST: &str = r#"{"index": 1, "previous_hash": "1", "proof": 100, "timestamp": 1508195432.123456, "transactions": []}"#;
const FIRST_HASH: &str = "b81ae6fd69e979b9364ac5eb482dd658e325a6af2ac7eed5b85ed0354002e841";

/// The whole check of a block after another, as a chain does it.
fn check(rules: Classic, parent: &Block, block: &Block) -> Result<(), BlockError> {
    rules.check_stateless_and_signed(block)?;
    rules.check_contextual(after(parent), block)
}

/// The classics look at no other block than the last one, and at no clock.
fn after(parent: &Block) -> Context<'_> {
    Context {
        parent: parent.header(),
        grandparent: None,
        now: Duration::from_secs(1_700_000_000),
    }
}

fn read(text: &str) -> Result<Block, BlockError> {
    Classic::Published.read(text.as_bytes())
}

fn first() -> Block {
    read(FIRST).unwrap()
}

/// A second block after `FIRST`, with one field written otherwise.
fn second_with(field: &str, value: &str) -> Result<(), BlockError> {
    let parent = first();
    let previous_hash = format!("\"{FIRST_HASH}\"");
    let fields = [
        ("index", "2"),
        ("previous_hash", &previous_hash),
        ("proof", "35293"),
        ("timestamp", "1508195433.5"),
        ("transactions", "[]"),
    ];
    let fields = fields.map(|(name, usual)| match name == field {
        true => format!("\"{name}\": {value}"),
        false => format!("\"{name}\": {usual}"),
    });
    let text = format!("{{{}}}", fields.join(", "));
    check(Classic::Published, &parent, &read(&text)?)
}

#[track_caller]
fn assert_refused(field: &str, value: &str, message: &str) {
    let error = second_with(field, value).expect_err(value);
    assert_eq!(error.to_string(), message, "{field}: {value}");
}

#[test]
fn a_first_block_has_the_bytes_and_the_hash_that_python_gives_it() {
    let block = Classic::Published.genesis(Duration::new(1_508_195_432, 123_456_000));
    assert_eq!(utf8(block.text()), FIRST);
    assert_eq!(block.hash().to_string(), FIRST_HASH);
    assert_eq!(block.parent(), None);
}

/// Python: `second = {'index': 2, 'timestamp': 1508195433.5, 'transactions':
/// [{'sender': 'Zoë', 'recipient': 'b', 'amount': 0.1}, {'sender': '0',
/// 'recipient': 'node', 'amount': 1}], 'proof': 35293, 'previous_hash':
/// hash(first)}`, then `text(second)` and `hash(second)`.
#[test]
fn a_block_made_here_has_the_bytes_and_the_hash_that_python_gives_it() {
    let rules = Classic::Published;
    let body = r#"{"sender":"Zoë","recipient":"b","amount":1e-1}"#;
    let transaction = rules.read_transaction(body.as_bytes()).unwrap();
    let content = TemplateContent {
        now: Duration::from_millis(1_508_195_433_500),
        transactions: vec![transaction],
        reward_to: "node".to_owned(),
    };
    let block = rules.complete(after(&first()), &content, 35_293);
    assert_eq!(
        utf8(block.text()),
        r#"{"index": 2, "previous_hash": "b81ae6fd69e979b9364ac5eb482dd658e325a6af2ac7eed5b85ed0354002e841", "proof": 35293, "timestamp": 1508195433.5, "transactions": [{"amount": 0.1, "recipient": "b", "sender": "Zo\u00eb"}, {"amount": 1, "recipient": "node", "sender": "0"}]}"#
    );
    assert_eq!(
        block.hash().to_string(),
        "25d2fb658c05984e8955ce8bfb7e9c723f291e5719d0717f777a7980cfce71ed"
    );
    assert_eq!(check(rules, &first(), &block), Ok(()));
}

#[test]
fn the_public_sequence_of_proofs_is_accepted_and_one_off_is_refused() {
    let proofs = classic_proofs();
    assert_eq!(proofs.len(), 109);
    let mut parent = first_block(7);
    for proof in &proofs[1..] {
        let wrong = block_with_proof(&parent, proof + 1, 7, &[]);
        let index = wrong.height();
        let expected = BlockError::WrongProof {
            height: index,
            proof: proof + 1,
        };
        let found = check(Classic::Published, &parent, &wrong);
        assert_eq!(found, Err(expected));
        let right = block_with_proof(&parent, *proof, 7, &[]);
        assert_eq!(check(Classic::Published, &parent, &right), Ok(()));
        parent = right;
    }
    assert_eq!(parent.height(), 109);
}

/// `classic_proofs.json` was made by Python, counting from 0.
#[test]
fn counting_from_zero_finds_the_public_sequence() {
    let mut parent = first_block(7);
    for expected in &classic_proofs()[1..5] {
        let puzzle = Classic::Published.puzzle(after(&parent), &empty_content());
        let found = (0..).find(|proof| puzzle.is_solved_by(*proof));
        assert_eq!(found, Some(*expected));
        parent = block_with_proof(&parent, *expected, 7, &[]);
    }
}

fn empty_content() -> TemplateContent {
    TemplateContent {
        now: Duration::ZERO,
        transactions: Vec::new(),
        reward_to: String::new(),
    }
}

/// Python counted 51546 and 9631 as the smallest `proof` for which
/// `sha256(f'{last_proof}{proof}{last_hash}'.encode())` starts with 0000; the
/// second block is as above but for its proof.
#[test]
fn the_later_rules_put_the_last_blocks_hash_into_the_puzzle() {
    let rules = Classic::Of2018;
    let puzzle = rules.puzzle(after(&first()), &empty_content());
    let expected = Puzzle {
        prefix: b"100".to_vec(),
        suffix: FIRST_HASH.as_bytes().to_vec(),
        target: FOUR_HEX_ZEROS,
    };
    assert_eq!(puzzle, expected);
    assert_eq!(
        (0..).find(|proof| puzzle.is_solved_by(*proof)),
        Some(51_546)
    );
    let body = r#"{"sender":"Zoë","recipient":"b","amount":0.1}"#;
    let content = TemplateContent {
        now: Duration::from_millis(1_508_195_433_500),
        transactions: vec![rules.read_transaction(body.as_bytes()).unwrap()],
        reward_to: "node".to_owned(),
    };
    let second = rules.complete(after(&first()), &content, 51_546);
    let hash = "dd558d6f71f80834d6c0a446c4b00d04a5ccbc956b016be190ddbec15a28cb05";
    assert_eq!(second.hash().to_string(), hash);
    assert_eq!(check(rules, &first(), &second), Ok(()));
    let third = block_with_proof(&second, 9_631, 7, &[]);
    assert_eq!(check(rules, &second, &third), Ok(()));
}

#[test]
fn neither_rule_set_accepts_the_others_proofs() {
    let published = block_with_proof(&first(), 35_293, 7, &[]);
    let of_2018 = block_with_proof(&first(), 51_546, 7, &[]);
    let refused = |proof| Err(BlockError::WrongProof { height: 2, proof });
    let (old, new) = (Classic::Published, Classic::Of2018);
    assert_eq!(check(old, &first(), &published), Ok(()));
    assert_eq!(check(new, &first(), &published), refused(35_293));
    assert_eq!(check(new, &first(), &of_2018), Ok(()));
    assert_eq!(check(old, &first(), &of_2018), refused(51_546));
}

#[test]
fn rule_sets_are_chosen_by_the_names_that_they_state() {
    for name in ["classic", "classic-2018"] {
        assert_eq!(by_name(name).unwrap().name(), name);
    }
    assert!(by_name("Classic").is_none());
    assert!(by_name("").is_none());
}

/// `hash` is SHA-256 of the text, so a solved puzzle is one whose hash is at
/// most the target: 65,536 guesses on average, by definition of four digits.
#[test]
fn a_puzzle_is_solved_by_a_hash_up_to_the_target_and_not_beyond() {
    // Python: sha256(b'10035293').hexdigest()
    let hash = "0000c415de5ceea33c02daa85a1c218ecca1b1c9e9864ed34d183597844de8e2";
    let hash: adit_core::hash::Hash = hash.parse().unwrap();
    let puzzle = |target| Puzzle {
        prefix: b"100".to_vec(),
        suffix: Vec::new(),
        target,
    };
    assert!(puzzle(hash.0).is_solved_by(35_293));
    let mut below = hash.0;
    below[31] -= 1;
    assert!(!puzzle(below).is_solved_by(35_293));
    assert!(puzzle(FOUR_HEX_ZEROS).is_solved_by(35_293));
}

#[test]
fn every_block_weighs_the_same() {
    for rules in [Classic::Published, Classic::Of2018] {
        assert_eq!(rules.weight(first().header()), Weight::from(1));
        assert_eq!(rules.weight(first_block(7).header()), Weight::from(1));
    }
}

#[test]
fn what_is_no_object_is_no_block() {
    for (text, message) in [
        ("[]", "expected a block, found a list"),
        ("null", "expected a block, found null"),
        ("\"block\"", "expected a block, found a string"),
        ("7", "expected a block, found a number"),
        ("NaN", "expected a block, found a number that is not finite"),
        ("true", "expected a block, found true or false"),
        (
            "{\"index\": 1",
            "not a block: the text ends inside an object",
        ),
        (
            "{} {}",
            "not a block: expected the end of the text at byte 3, found `{`",
        ),
    ] {
        assert_eq!(read(text).unwrap_err().to_string(), message, "{text}");
    }
}

#[test]
fn a_proof_is_an_integer_of_64_bits() {
    for (value, found) in [
        ("true", "true or false"),
        ("1.0", "a number"),
        ("-1", "a number"),
        ("18446744073709551616", "a number"),
        ("1e3", "a number"),
        ("NaN", "a number that is not finite"),
        ("-Infinity", "a number that is not finite"),
        ("\"100\"", "a string"),
        ("null", "null"),
        ("[35293]", "a list"),
        ("{}", "an object"),
    ] {
        let message = format!("proof: expected an integer in 0..2^64-1, found {found}");
        assert_refused("proof", value, &message);
    }
    let message = "block 2: proof 18446744073709551615 does not solve the puzzle";
    assert_refused("proof", "18446744073709551615", message);
    assert_eq!(second_with("proof", "35293"), Ok(()));
}

#[test]
fn an_index_is_the_position_in_the_chain() {
    assert_refused("index", "3", "index: expected 2, found 3");
    assert_refused("index", "1", "index: expected 2, found 1");
    assert_refused("index", "0", "index: expected 2, found 0");
    let message = "index: expected 2, found 18446744073709551615";
    assert_refused("index", "18446744073709551615", message);
    let message = "index: expected an integer in 0..2^64-1, found a number";
    assert_refused("index", "2.0", message);
}

#[test]
fn the_previous_hash_is_the_hash_of_the_block_before() {
    let expected = format!("block 2: previous_hash: expected {FIRST_HASH}, found ");
    let zeros = format!("\"{}\"", "0".repeat(64));
    let upper = format!("\"{}\"", FIRST_HASH.to_uppercase());
    let short = format!("\"{}\"", &FIRST_HASH[1..]);
    for value in [&*zeros, &*upper, &*short, "\"1\"", "1", "null", "[]"] {
        assert_refused("previous_hash", value, &format!("{expected}{value}"));
    }
    // Of something long, the start is shown.
    let long = "\"".to_owned() + &"x".repeat(1_000) + "\"";
    assert_refused(
        "previous_hash",
        &long,
        &format!("{expected}{}", &long[..80]),
    );
}

#[test]
fn transactions_are_a_list() {
    for (value, found) in [
        ("{}", "an object"),
        ("null", "null"),
        ("\"[]\"", "a string"),
    ] {
        let message = format!("transactions: expected a list, found {found}");
        assert_refused("transactions", value, &message);
    }
}

#[test]
fn what_no_block_lacks_must_be_there() {
    for (field, expected) in [
        ("index", "an integer in 0..2^64-1"),
        ("proof", "an integer in 0..2^64-1"),
        ("previous_hash", "a hash"),
        ("transactions", "a list"),
    ] {
        let text = FIRST.replace(&format!("\"{field}\""), &format!("\"no {field}\""));
        let message = format!("{field}: expected {expected}, found nothing");
        assert_eq!(read(&text).unwrap_err().to_string(), message);
    }
}

/// Python: `odd = {'index': 2, 'timestamp': 'yesterday', 'transactions':
/// [{'sender': 'Zoë', 'recipient': '名', 'amount': 10**30, 'memo': None},
/// {'amount': True}, 'no object', [1e400, float('nan'), 1e22, 1.5e-7]],
/// 'proof': 35293, 'previous_hash': hash(first), 'miner': {'name': '☃',
/// 'since': 2017.0}}`; its hash stands in the third block, whose own is
/// `hash({'index': 3, 'timestamp': 1, 'transactions': [], 'proof': 35089,
/// 'previous_hash': hash(odd)})`.
#[test]
fn a_valid_block_may_carry_whatever_else_it_likes() {
    let odd = read(
        r#" {"timestamp":"yesterday", "index":2,"transactions":[{"sender":"Zoë","recipient":"名",
        "amount":1000000000000000000000000000000,"memo":null},{"amount":true},"no object",
        [1e400,NaN,1E22,0.00000015]],"proof":35293, "previous_hash":
        "b81ae6fd69e979b9364ac5eb482dd658e325a6af2ac7eed5b85ed0354002e841",
        "miner":{"since":2017.0,"name":"☃"}} "#,
    )
    .unwrap();
    let hash = "427c19cbcbda1d60caf0d056408e14b9f0f28300ee40cbdfae220260f413ef58";
    assert_eq!(odd.hash().to_string(), hash);
    assert_eq!(check(Classic::Published, &first(), &odd), Ok(()));
    assert_eq!(odd.transactions().count(), 4);
    let third = format!(
        r#"{{"index": 3, "previous_hash": "{hash}", "proof": 35089, "timestamp": 1, "transactions": []}}"#
    );
    let third = read(&third).unwrap();
    let hash = "15351ec51a60315896539fd61c9bb3bdb0c6f5a3a0880c22fde38b143cf23238";
    assert_eq!(third.hash().to_string(), hash);
    assert_eq!(check(Classic::Published, &odd, &third), Ok(()));
}

#[test]
fn a_first_block_may_name_any_predecessor_and_any_proof() {
    for value in ["1", "null", "\"abc\"", "[1]", "1.5", "\"\\ud800\""] {
        let text = FIRST.replace(
            "\"previous_hash\": \"1\"",
            &format!("\"previous_hash\": {value}"),
        );
        let block = read(&text).unwrap();
        assert_eq!(utf8(block.previous_hash()), value);
        assert_eq!(block.parent(), None);
        let next = block_with_proof(&block, 35_293, 7, &[]);
        assert_eq!(check(Classic::Published, &block, &next), Ok(()));
    }
}

#[test]
fn a_change_anywhere_in_a_block_breaks_the_link_to_it() {
    let parent = Arc::new(first());
    let block = block_with_proof(&parent, 35_293, 7, &[]);
    let tampered = read(&FIRST.replace("1508195432.123456", "1508195432.123457")).unwrap();
    let error = check(Classic::Published, &tampered, &block).unwrap_err();
    let message = format!(
        "block 2: previous_hash: expected {}, found \"{FIRST_HASH}\"",
        tampered.hash()
    );
    assert_eq!(error.to_string(), message);
}
