//! `adit doctor` names the mistakes that people make when they build the
//! tutorial's node: each is a real node in Python with that mistake.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use crate::doctor::{audit_of, doctor};
use crate::interop::Python;
use crate::peer::{Forger, Peer, chain_body};
use crate::sending::Network;

/// The mistakes, by name, with what the tutorial's code has instead of its own;
/// `b` is the block to be hashed.
const MISTAKES: &str = r"
import hashlib, json, sys
import tutorial_node
from tutorial_node import Blockchain

def sha(text):
    return hashlib.sha256(text.encode()).hexdigest()

def chain_with(hash=None, proof=None, index=None, after=None, shown=None, rules='classic'):
    Blockchain.hash = staticmethod(hash or right_hash)
    blockchain = Blockchain(rules)
    if proof:
        blockchain.valid_proof = proof
    for number in range(3):
        last = blockchain.last_block
        found = blockchain.proof_of_work(last)
        blockchain.new_transaction('Zoë', 'b', 1.0 + number)
        blockchain.new_transaction('0', 'miner', 1)
        block = blockchain.new_block(found, blockchain.hash(last))
        if index:
            block['index'] = index(block['index'])
    if after:
        after(blockchain)
    return [shown(block) if shown else block for block in blockchain.chain]

def right_hash(b):
    return sha(json.dumps(b, sort_keys=True))

def four_zeros(guess):
    return sha(guess)[:4] == '0000'

def pay_more(blockchain):
    blockchain.chain[1]['transactions'][0]['amount'] = 1000

def append_later(blockchain):
    blockchain.chain[1]['transactions'].append({'sender': 'late', 'recipient': 'b', 'amount': 2})

def in_capitals(b):
    return {k.title().replace('_', ''): b[k] for k in b}

def shared_fields(b):
    return {**b, 'hash': right_hash(b)}

mistakes = {
    'no sort_keys': chain_with(lambda b: sha(json.dumps(b))),
    'separators': chain_with(lambda b: sha(json.dumps(b, sort_keys=True, separators=(',', ':')))),
    'ensure_ascii': chain_with(lambda b: sha(json.dumps(b, sort_keys=True, ensure_ascii=False))),
    'all three': chain_with(lambda b: sha(json.dumps(b, separators=(',', ':'), ensure_ascii=False))),
    'indent': chain_with(lambda b: sha(json.dumps(b, sort_keys=True, indent=4))),
    'str': chain_with(lambda b: sha(str(b))),
    'int timestamp': chain_with(lambda b: sha(json.dumps({**b, 'timestamp': int(b['timestamp'])}, sort_keys=True))),
    'int in answer': chain_with(shown=lambda b: {**b, 'timestamp': str(b['timestamp'])}),
    'without previous_hash': chain_with(lambda b: sha(json.dumps({k: b[k] for k in b if k != 'previous_hash'}, sort_keys=True))),
    'hash stored in block': chain_with(shown=shared_fields),
    'whole chain': chain_with(lambda b: sha(json.dumps([b], sort_keys=True))),
    'compact list': chain_with(lambda b: sha(json.dumps([b], sort_keys=True, separators=(',', ':')))),
    'empty text': chain_with(lambda b: sha('')),
    'unknown hash': chain_with(lambda b: sha('salt' + json.dumps(b, sort_keys=True))),
    'capitals': chain_with(shown=in_capitals),
    'twice': chain_with(lambda b: sha(right_hash(b))),
    'md5': chain_with(lambda b: hashlib.md5(json.dumps(b, sort_keys=True).encode()).hexdigest()),
    'upper case': chain_with(lambda b: right_hash(b).upper()),
    'changed later': chain_with(after=pay_more),
    'appended later': chain_with(after=append_later),
    'first hash always': None,
    'index from 0': chain_with(shown=lambda b: {**b, 'index': b['index'] - 1}),
    'index not counted': chain_with(index=lambda index: index - 1),
    'other rules': chain_with(rules='classic-2018'),
    'proof first': chain_with(proof=lambda last, proof, hash: four_zeros(f'{proof}{last}')),
    'three zeros': chain_with(proof=lambda last, proof, hash: sha(f'{last}{proof}')[:3] == '000'),
    'zeros at the end': chain_with(proof=lambda last, proof, hash: sha(f'{last}{proof}')[-4:] == '0000'),
    'no proof': chain_with(proof=lambda last, proof, hash: proof == 7),
    'data': chain_with(shown=lambda b: {('data' if k == 'transactions' else k): b[k] for k in b}),
}
first = {}
def hash_of_first(b):
    return first.setdefault('hash', right_hash(b))
mistakes['first hash always'] = chain_with(hash_of_first)
json.dump({name: {'chain': chain, 'length': len(chain)} for name, chain in mistakes.items()}, sys.stdout, sort_keys=True)
";

/// For each mistake: the rule, the index of the refused block, and what the
/// cause says.
const NAMED: [(&str, &str, u64, &str); 29] = [
    (
        "compact list",
        "previous-hash",
        2,
        "is that of a list with block 1 in it, and not of the block alone, written without spaces",
    ),
    (
        "empty text",
        "previous-hash",
        2,
        "is the SHA-256 of nothing at all",
    ),
    (
        "unknown hash",
        "previous-hash",
        2,
        "nor that in block 3: this node hashes in a way that we do not know",
    ),
    (
        "capitals",
        "fields",
        1,
        "its fields are in capitals: Index, PreviousHash, Proof, Timestamp, Transactions",
    ),
    (
        "no sort_keys",
        "previous-hash",
        2,
        "written without sort_keys=True (in the order index, timestamp, transactions, proof, previous_hash).",
    ),
    (
        "separators",
        "previous-hash",
        2,
        "written without spaces behind `,` and `:` (separators=(',', ':')).",
    ),
    (
        "ensure_ascii",
        "previous-hash",
        3,
        "written with letters such as é as they are (ensure_ascii=False).",
    ),
    (
        "all three",
        "previous-hash",
        2,
        "(separators=(',', ':')) and with letters such as é as they are (ensure_ascii=False) and without sort_keys=True",
    ),
    (
        "indent",
        "previous-hash",
        2,
        "written over several lines (indent=4).",
    ),
    (
        "str",
        "previous-hash",
        2,
        "written with str() and not as JSON and without sort_keys=True",
    ),
    (
        "int timestamp",
        "previous-hash",
        2,
        "written with its timestamp cut to an integer.",
    ),
    (
        "int in answer",
        "previous-hash",
        2,
        "written with its timestamp as a number.",
    ),
    (
        "without previous_hash",
        "previous-hash",
        2,
        "written without its field previous_hash.",
    ),
    (
        "hash stored in block",
        "previous-hash",
        2,
        "written without its field hash.",
    ),
    (
        "whole chain",
        "previous-hash",
        2,
        "is that of the whole chain, and not of its last block alone",
    ),
    (
        "twice",
        "previous-hash",
        2,
        "is the hash of the right hash's text",
    ),
    ("md5", "previous-hash", 2, "looks like MD5"),
    (
        "upper case",
        "previous-hash",
        2,
        "the right hash, but not as 64 lower-case hex digits",
    ),
    (
        "changed later",
        "previous-hash",
        3,
        "block 2 was most likely changed after block 3 was made.",
    ),
    (
        "appended later",
        "previous-hash",
        3,
        "written with only its first 2 transactions.",
    ),
    (
        "first hash always",
        "previous-hash",
        3,
        "names the block before the one before it (block 1)",
    ),
    (
        "index from 0",
        "index",
        1,
        "The chain's first block has the index 0; the tutorial counts from 1.",
    ),
    (
        "index not counted",
        "index",
        2,
        "The index of block 2 is 1, one too small",
    ),
    (
        "other rules",
        "proof",
        2,
        "is right under the rules classic-2018, and here the rules are classic",
    ),
    (
        "proof first",
        "proof",
        2,
        "the new proof stands before the last one",
    ),
    (
        "three zeros",
        "proof",
        2,
        "begins with 3 zeros, and four are needed",
    ),
    (
        "zeros at the end",
        "proof",
        2,
        "ends in 0000, and has to begin with it",
    ),
    (
        "no proof",
        "proof",
        2,
        "was not found for what stands before it",
    ),
    (
        "data",
        "fields",
        1,
        "Block 1 has no transactions; its fields are data, index, previous_hash, proof, timestamp.",
    ),
];

#[test]
fn the_mistakes_that_people_make_are_named() {
    let Some(python) = Python::find() else { return };
    // Byte for byte: read as values, the timestamps could change in the last place.
    let said = python.script(MISTAKES, &[]);
    let bodies: BTreeMap<String, &RawValue> = serde_json::from_str(&said).unwrap();
    assert_eq!(bodies.len(), NAMED.len());
    for (name, rule, index, cause) in NAMED {
        let peer = Peer::serving(bodies[name].get());
        let audit = audit_of(&peer, &[]);
        assert_eq!(audit["verdict"], "refused", "{name}: {audit:#}");
        assert_eq!(audit["rule"], rule, "{name}: {audit:#}");
        assert_eq!(audit["block"]["index"], index, "{name}: {audit:#}");
        let found = audit["diagnosis"]["cause"].as_str().unwrap();
        assert!(found.contains(cause), "{name}: {found}");
        if let Some(hashed) = audit["diagnosis"]["hashed"].as_str() {
            let hash = adit_core::hash::sha256(hashed.as_bytes()).to_string();
            assert_eq!(audit["before"]["claimed_previous_hash"], *hash, "{name}");
        }
        assert!(
            audit["diagnosis"]["advice"]
                .as_str()
                .unwrap()
                .ends_with('.')
        );
    }
}

#[test]
fn the_rules_that_would_take_a_proof_are_named_the_other_way_too() {
    let peer = Peer::serving(chain_body(&Forger::chain(3)));
    let audit = audit_of(&peer, &["--rules", "classic-2018"]);
    assert_eq!(audit["rule"], "proof");
    let cause = audit["diagnosis"]["cause"].as_str().unwrap();
    let expected = "is right under the rules classic, and here the rules are classic-2018";
    assert!(cause.contains(expected), "{cause}");
    let advice = audit["diagnosis"]["advice"].as_str().unwrap();
    assert!(
        advice.starts_with("Run adit with --rules classic."),
        "{advice}"
    );
}

#[test]
fn a_sealed_chain_is_named_where_a_classic_one_was_expected() {
    let network = Network::start(&[]);
    let node = &network.node;
    node.mine();
    let said = doctor(&node.address, &["--rules", "classic"]).expect_code(1);
    let said = said.stdout;
    assert!(
        said.contains("a chain of the rules sealed") && said.contains("--chain"),
        "{said}"
    );
    assert!(!said.contains("json.dumps"), "{said}");
}
