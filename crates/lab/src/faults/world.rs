//! What a case consists of while it runs: nodes with their surroundings, a model, an
//! agenda, and what nodes say to each other. It decides nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use adit_core::address::Address;
use adit_core::mining::Job;
use adit_core::node::Timer;
use adit_core::peer::PeerAddress;
use adit_core::rules::{Rules, Sealed};
use adit_core::sealed::{Params, SealedTransaction};
use adit_core::sync::{Ask, Locator, RequestId};
use ruint::aliases::U256;
use sha2::{Digest, Sha256};

use super::mix::Case;
use super::model::Model;
use super::site::{Site, config};
use crate::agenda::Agenda;
use crate::chain::{CHAIN_START, Person};
use crate::draws::{Draws, Purpose};

/// What is wrong, in words.
pub(super) type Wrong = String;

/// A block should take this long.
pub(super) const INTERVAL_MS: u64 = 10_000;

/// A block takes about this many guesses at first.
pub(super) const GUESSES: u64 = 64;

/// What each person owns at first, in base units.
const ALLOCATION: u64 = 5_000_000;

/// No clock is as far ahead as this: twice what a block may be.
pub(super) const SKEW_MOST: Duration = Duration::from_secs(120);

/// Whose searches come to an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Finders {
    /// Everybody's.
    All,
    /// Those of one node.
    One(usize),
    /// Nobody's.
    Nobody,
}

/// What nodes tell each other.
#[derive(Clone)]
pub(super) enum Message {
    /// A block, as it stands in a chain.
    Block(Arc<[u8]>),
    /// There is something to look at.
    Nudge,
    /// A transaction.
    Payment(Arc<[u8]>),
    /// What follows these blocks?
    Request(Ask, Locator),
    /// That: a block a line.
    Answer {
        /// What was asked.
        ask: Ask,
        /// What it was asked with.
        locator: Locator,
        /// The blocks.
        lines: Arc<[u8]>,
        /// Whether it is what an honest node has.
        is_honest: bool,
    },
}

/// What will happen.
pub(super) enum Event {
    /// A user, a fault or a liar acts.
    Deed(u64),
    /// A timer of a node's life.
    Timer(usize, u64, Timer),
    /// A proof is found.
    Proof(usize, u64, Job),
    /// A message arrives.
    Arrival {
        /// From whom.
        from: usize,
        /// At whom.
        to: usize,
        /// What.
        message: Message,
    },
    /// The next block of a branch is taken.
    Take(usize, u64),
    /// A peer has had its time to answer.
    AskTimeout(usize, u64, Ask),
    /// The disk is safe.
    Synced(usize, u64),
    /// The power is back.
    Power(usize),
}

/// A case that runs.
pub(super) struct World {
    /// Which one.
    pub(super) case: Case,
    /// Its draws.
    pub(super) draws: Draws,
    /// What will happen.
    pub(super) agenda: Agenda<Event>,
    /// The rules of the chain.
    pub(super) rules: Arc<Sealed>,
    /// Who owns something.
    pub(super) people: Vec<Person>,
    /// What is valid.
    pub model: Model,
    /// The nodes.
    pub(super) sites: Vec<Site>,
    /// Who does not reach whom.
    pub(super) cuts: BTreeSet<(usize, usize)>,
    /// Whether faults still happen.
    pub(super) is_busy: bool,
    /// Who finds blocks.
    pub(super) finders: Finders,
    /// Transactions that nodes said they have.
    pub(super) acknowledged: Vec<Acknowledged>,
    /// What was submitted with which request.
    pub(super) requests: BTreeMap<u64, Arc<[u8]>>,
    last_request: u64,
    counts: BTreeMap<(u64, u64), u64>,
    /// The hash of all that happened.
    pub(super) trace: Sha256,
    /// How many blocks were taken, reorganisations seen, payments acknowledged.
    pub(super) blocks: u64,
    /// Of those, the ones that changed the branch.
    pub(super) reorganisations: u64,
}

/// A transaction that a node said it has.
pub(super) struct Acknowledged {
    /// The node.
    pub(super) at: usize,
    /// Its text.
    pub(super) text: String,
    /// Who pays.
    pub(super) sender: Address,
    /// Which one of theirs it is.
    pub(super) nonce: u64,
    /// What it costs them.
    pub(super) cost: u64,
    /// Whether its sender lacked the money for it at one time, or another one took its
    /// place: then it may be gone.
    pub(super) is_excused: bool,
}

impl Acknowledged {
    /// It was acknowledged by that node.
    pub(super) fn new(at: usize, text: &[u8]) -> Acknowledged {
        let read = SealedTransaction::read(text).expect("nodes accept only transactions");
        Acknowledged {
            at,
            text: String::from_utf8_lossy(text).into_owned(),
            sender: read.transfer.sender,
            nonce: read.transfer.nonce,
            cost: read.cost(),
            is_excused: false,
        }
    }
}

impl Acknowledged {
    /// Its text.
    pub(super) fn text(&self) -> &[u8] {
        self.text.as_bytes()
    }
}

impl World {
    /// The world of a case, in which nothing has happened.
    pub(super) fn new(case: Case) -> World {
        let people: Vec<Person> = (0..case.nodes.max(6) as u64).map(Person::new).collect();
        let rules = Arc::new(chain(&people));
        let genesis = rules.genesis(CHAIN_START);
        let sites = people[..case.nodes].iter();
        let sites = sites
            .map(|person| Site::new(config(person.address.to_string(), case.asks_by_itself())));
        World {
            draws: Draws::new(case.seed),
            agenda: Agenda::new(CHAIN_START),
            model: Model::new(genesis.text()),
            sites: sites.collect(),
            cuts: BTreeSet::new(),
            is_busy: true,
            finders: Finders::All,
            acknowledged: Vec::new(),
            requests: BTreeMap::new(),
            last_request: 0,
            counts: BTreeMap::new(),
            trace: Sha256::new(),
            blocks: 0,
            reorganisations: 0,
            case,
            rules,
            people,
        }
    }

    /// A number for a request, different from all before.
    pub(super) fn request(&mut self) -> RequestId {
        self.last_request += 1;
        RequestId(self.last_request)
    }

    /// A draw below `limit` about somebody, each time another.
    pub(super) fn drawn(&mut self, limit: u64, purpose: Purpose, who: u64) -> u64 {
        let count = self.counts.entry((purpose as u64, who)).or_default();
        *count += 1;
        self.draws.below(limit, purpose, who, *count)
    }
}

/// Where a node is found.
pub(super) fn address_of(at: usize) -> PeerAddress {
    format!("node-{at}:5000").parse().expect("it is an address")
}

/// Which node is found there.
pub(super) fn number_of(peer: &PeerAddress) -> usize {
    let text = peer.to_string();
    let number = text
        .strip_prefix("node-")
        .and_then(|rest| rest.split(':').next());
    let number = number.and_then(|number| number.parse().ok());
    number.expect("all peers are nodes of the case")
}

/// A chain whose target follows closely, so that blocks weigh differently, with
/// room for a few payments in a block.
fn chain(people: &[Person]) -> Sealed {
    let params = Params {
        block_interval_ms: INTERVAL_MS,
        half_life_ms: 6 * INTERVAL_MS,
        initial_target: U256::MAX / U256::from(GUESSES),
        pow_limit: U256::MAX / U256::from(8),
        max_block_bytes: 4_096,
        allocations: people
            .iter()
            .map(|person| (person.address, ALLOCATION))
            .collect(),
        ..Params::defaults("faults")
    };
    Sealed::with_params(params, CHAIN_START).expect("the parameters are in bounds")
}
