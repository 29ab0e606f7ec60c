//! What the other modules build on: chains on which any proof is one, runs of
//! headers behind them, and an archive that holds a genesis block.

use std::sync::Arc;
use std::time::Duration;

use adit_core::archive::{Change, Entry, MainChange, MemoryArchive};
use adit_core::hash::{Hash, sha256};
use adit_core::rules::{Rules, Sealed};
use adit_core::sealed::{CompactHeader, Params};
use adit_net::branch::{KnownHeader, Place};
use adit_net::header_tree::HeaderTree;
use proptest::prelude::ProptestConfig;
use proptest::test_runner::RngSeed;
use ruint::aliases::U256;

/// When the test chains start, in milliseconds since 1970.
pub(crate) const START_MS: u64 = 1_795_300_000_000;

/// Late enough for every block of the tests.
pub(crate) const LATER: Duration = Duration::from_millis(START_MS + 1_000_000_000_000);

/// The same cases in every run.
pub(crate) fn repeatable(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(20_171_024),
        ..ProptestConfig::default()
    }
}

/// Dice that fall the same way for the same seed (SplitMix64).
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}

/// A chain on which one guess in `guesses` is a proof.
pub(crate) fn rules_of(guesses: u64) -> Arc<Sealed> {
    let params = Params {
        initial_target: U256::MAX / U256::from(guesses),
        pow_limit: U256::MAX,
        ..Params::defaults("test")
    };
    Arc::new(Sealed::with_params(params, Duration::from_millis(START_MS)).unwrap())
}

/// An archive with the genesis block alone.
pub(crate) fn archive_of(rules: &Sealed) -> MemoryArchive {
    let genesis = Arc::new(rules.genesis(Duration::ZERO));
    let mut archive = MemoryArchive::default();
    archive.apply(&Change::Block {
        entry: Entry {
            height: 1,
            parent: None,
            total_weight: rules.weight(genesis.header()),
        },
        main: MainChange::Extend,
        accounts: rules
            .apply(&genesis, &|_| adit_core::sealed::Account::default())
            .unwrap(),
        block: genesis,
    });
    archive
}

/// A header behind a place, `wait_ms` later, whose block has the root that
/// `salt` gives.
pub(crate) fn next_header(
    rules: &Sealed,
    place: &mut Place,
    wait_ms: u64,
    salt: u64,
) -> KnownHeader {
    let parent_ms = place.parent.sealed.unwrap().timestamp_ms;
    let merkle_root = sha256(&salt.to_be_bytes());
    (0..)
        .find_map(|proof| {
            let record = CompactHeader {
                merkle_root,
                timestamp_ms: parent_ms + wait_ms,
                proof,
            };
            place.step(rules, &record).ok()
        })
        .unwrap()
}

/// This many headers behind a place.
pub(crate) fn run_behind(
    rules: &Sealed,
    mut place: Place,
    count: u64,
    wait_ms: u64,
    salt: u64,
) -> Vec<KnownHeader> {
    (0..count)
        .map(|number| next_header(rules, &mut place, wait_ms, salt + number))
        .collect()
}

pub(crate) fn records(run: &[KnownHeader]) -> Vec<CompactHeader> {
    run.iter().map(|header| header.record).collect()
}

/// A tree over an archive with a genesis block.
pub(crate) struct Grove {
    pub(crate) rules: Arc<Sealed>,
    pub(crate) archive: MemoryArchive,
    pub(crate) tree: HeaderTree,
}

impl Grove {
    pub(crate) fn new(guesses: u64) -> Grove {
        let rules = rules_of(guesses);
        Grove {
            archive: archive_of(&rules),
            tree: HeaderTree::new(rules.clone()),
            rules,
        }
    }

    pub(crate) fn genesis(&self) -> Hash {
        self.rules.genesis_hash()
    }

    /// The place behind a block or a header.
    pub(crate) fn place(&self, hash: Hash) -> Place {
        self.tree.place(&hash, &self.archive).unwrap().unwrap()
    }

    /// A run of headers as a peer sends it, checked and kept.
    pub(crate) fn take(
        &mut self,
        now: Duration,
        start: Hash,
        run: &[KnownHeader],
    ) -> adit_net::header_tree::Inserted {
        let checked = self.tree.check(start, &records(run), &self.archive);
        let checked = checked.unwrap();
        assert_eq!(checked, run);
        self.tree.insert(now, &checked, &self.archive).unwrap()
    }
}
