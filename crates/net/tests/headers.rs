//! What a header is without its block: 48 bytes, and what its ancestors say.

use std::time::Duration;

use adit_core::block::Block;
use adit_core::hash::sha256;
use adit_core::rules::{Rules, Sealed};
use adit_core::sealed::{CompactHeader, header_text};
use adit_net::branch::Place;
use serde_json::Value;

use crate::world::{START_MS, archive_of, next_header, rules_of, run_behind};

/// The chain that an independent implementation made.
fn vector_chain() -> (Sealed, Vec<Block>) {
    let text = include_str!("../../core/tests/vectors/sealed_chain.json");
    let vectors: Value = serde_json::from_str(text).unwrap();
    let list = vectors["blocks"].as_array().unwrap();
    let texts = list.iter().map(|block| block["block"].to_string());
    let texts: Vec<String> = texts.collect();
    let rules = Sealed::new(texts[0].as_bytes()).unwrap();
    let blocks = texts
        .iter()
        .map(|text| rules.read(text.as_bytes()).unwrap());
    let blocks = blocks.collect();
    (rules, blocks)
}

fn record_of(block: &Block) -> CompactHeader {
    let header = &block.sealed().unwrap().header;
    CompactHeader {
        merkle_root: header.merkle_root,
        timestamp_ms: header.timestamp_ms,
        proof: block.proof(),
    }
}

#[test]
fn every_header_of_the_vectors_follows_from_its_ancestors_and_48_bytes() {
    let (rules, blocks) = vector_chain();
    let mut place = Place::in_archive(&blocks[0].hash(), &archive_of(&rules))
        .unwrap()
        .unwrap();
    assert!(blocks.len() > 3);
    for block in &blocks[1..] {
        let bytes = record_of(block).to_bytes();
        let header = place
            .step(&rules, &CompactHeader::from_bytes(&bytes))
            .unwrap();
        assert_eq!(header.fields, *block.header());
    }
}

#[test]
fn a_header_is_written_as_it_stands_in_its_block() {
    let (_, blocks) = vector_chain();
    for block in &blocks {
        let view = block.sealed().unwrap();
        assert_eq!(view.header.to_text(), header_text(block.text()));
        assert_eq!(sha256(&view.header.to_text()), view.seal);
    }
}

#[test]
fn a_header_without_its_work_is_refused() {
    let rules = rules_of(4_000);
    let archive = archive_of(&rules);
    let mut place = Place::in_archive(&rules.genesis_hash(), &archive)
        .unwrap()
        .unwrap();
    let good = next_header(&rules, &mut place.clone(), 10_000, 1);
    let bad = CompactHeader {
        proof: good.record.proof.wrapping_sub(1),
        ..good.record
    };
    let error = place.step(&rules, &bad).unwrap_err();
    assert_eq!(error.rule(), "proof", "{error}");
    assert_eq!(place.step(&rules, &good.record), Ok(good));
}

#[test]
fn a_header_that_is_not_later_than_its_parent_is_refused() {
    let rules = rules_of(1);
    let mut place = Place::in_archive(&rules.genesis_hash(), &archive_of(&rules))
        .unwrap()
        .unwrap();
    for (timestamp_ms, rule) in [(START_MS, "timestamp"), (1 << 53, "fields")] {
        let record = CompactHeader {
            merkle_root: sha256(b""),
            timestamp_ms,
            proof: 0,
        };
        let error = place.step(&rules, &record).unwrap_err();
        assert_eq!(error.rule(), rule, "{error}");
    }
}

#[test]
fn the_work_of_a_run_is_summed_and_its_first_bad_header_named() {
    let rules = rules_of(16);
    let archive = archive_of(&rules);
    let start = Place::in_archive(&rules.genesis_hash(), &archive)
        .unwrap()
        .unwrap();
    let run = run_behind(&rules, start, 50, 9_000, 0);
    let mut work = start.total_weight;
    for header in &run {
        work += rules.weight(&header.fields);
        assert_eq!(header.total_weight, work);
    }
    let mut records: Vec<_> = run.iter().map(|header| header.record).collect();
    assert_eq!(start.check_run(&rules, &records), Ok(run));
    records[30].timestamp_ms += 1;
    let error = start.check_run(&rules, &records).unwrap_err();
    // Another time is another hash, which has its work in one of 16 cases.
    assert!([30, 31].contains(&error.position), "{error}");
    assert_eq!(error.count, 50);
}

#[test]
fn a_clock_is_asked_apart() {
    let rules = rules_of(1);
    let start = Place::in_archive(&rules.genesis_hash(), &archive_of(&rules))
        .unwrap()
        .unwrap();
    let header = next_header(&rules, &mut start.clone(), 100_000, 0);
    let limit_ms = rules.params().future_limit_ms;
    let from = Duration::from_millis(START_MS + 100_000 - limit_ms);
    assert_eq!(rules.valid_from(&header.fields), from);
}
