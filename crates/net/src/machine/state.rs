//! What the machine consists of, and what it knows of each peer.
//!
//! 1. What is asked of a peer has an entry here, and is cleared with the peer.
//! 2. Every set and queue has a limit.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use adit_core::block::Block;
use adit_core::hash::Hash;
use adit_core::recent::Recent;
use adit_core::rules::Weight;

use super::messages::{Config, Direction, PeerId};
use crate::address::{Identity, PeerAddress};
use crate::address_book::AddressBook;
use crate::compact::Partial;
use crate::dice::Dice;
use crate::header_tree::HeaderTree;
use crate::inventory::Inventory;
use crate::message::Hello;
use crate::presync::Presync;

/// Of what a peer has, this many blocks are remembered, the last ones.
pub const PEER_BLOCKS_LIMIT: usize = 64;

/// Of the transactions that a peer has, this many are remembered, the last ones.
pub const PEER_TRANSACTIONS_LIMIT: usize = 5_000;

/// This many blocks that came last are at hand, decided or not.
pub const RECENT_BLOCKS_LIMIT: usize = 8;

/// This many blocks are remembered that others were told of.
pub const RELAYED_BLOCKS_LIMIT: usize = 64;

/// This many blocks are asked of a new peer at a time, and never more of long ones.
pub const PEER_FLIGHTS: usize = 16;

/// This many short blocks are asked of a peer at a time that has delivered as
/// many.
pub const PEER_FLIGHTS_LIMIT: usize = 128;

/// A peer of which a block was asked, and which sends none for so long, has
/// stalled; each time it does, it gets twice as long.
pub const STALL_TIMEOUT_MS: u64 = 2_000;

/// A peer from which nothing is heard is asked for a sign of life so often.
pub const PING_INTERVAL_MS: u64 = 120_000;

/// Where the core's chain stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tip {
    pub(crate) hash: Hash,
    pub(crate) height: u64,
    pub(crate) total_weight: Weight,
    /// What the last block alone weighs.
    pub(crate) weight: Weight,
}

/// A block that was asked of a peer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Flight {
    pub(crate) peer: PeerId,
    pub(crate) deadline: Duration,
}

/// A block whose body is here, on its way to the core.
#[derive(Debug, Clone)]
pub(crate) struct Body {
    pub(crate) block: Arc<Block>,
    /// Who answered a request with the whole of it, and answers for it.
    pub(crate) liable: Option<PeerId>,
}

/// A compact block of which transactions were asked for.
#[derive(Debug)]
pub(crate) struct Pending {
    pub(crate) peer: PeerId,
    pub(crate) partial: Partial,
    pub(crate) deadline: Duration,
}

/// A transaction that was asked of a peer.
#[derive(Debug)]
pub(crate) struct TxRequest {
    pub(crate) peer: PeerId,
    pub(crate) deadline: Duration,
    /// Who has it too.
    pub(crate) others: VecDeque<PeerId>,
}

/// A branch of a classic chain that one peer tells of.
#[derive(Debug)]
pub(crate) struct ClassicBranch {
    pub(crate) peer: PeerId,
    /// The height of the first of `hashes`.
    pub(crate) first_height: u64,
    pub(crate) hashes: VecDeque<Hash>,
    pub(crate) bodies: BTreeMap<Hash, Arc<Block>>,
    pub(crate) bodies_bytes: usize,
    pub(crate) asked: BTreeSet<Hash>,
    pub(crate) deadline: Duration,
    /// Whether the peer has more hashes behind these.
    pub(crate) has_more: bool,
    /// Whether it is longer than the main chain, so that its blocks are taken as
    /// they come.
    pub(crate) is_longer: bool,
}

/// An address that was dialled, and has not answered yet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dial {
    pub(crate) direction: Direction,
    pub(crate) deadline: Duration,
}

/// A peer.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) direction: Direction,
    pub(crate) address: PeerAddress,
    pub(crate) connected: Duration,
    /// The shortest time in which it has answered a `Ping`.
    pub(crate) latency: Option<Duration>,
    /// When it last brought a transaction that was asked for.
    pub(crate) last_transaction: Duration,
    /// When it was told addresses that it had asked for.
    pub(crate) addresses_told: Option<Duration>,
    /// When it was asked for addresses.
    pub(crate) addresses_asked: Option<Duration>,
    /// It was asked for addresses, and this many are taken of it.
    pub(crate) addresses_due: usize,
    pub(crate) last_address: Duration,
    pub(crate) hello: Option<Hello>,
    /// When it said that.
    pub(crate) said_hello: Duration,
    /// What this node called its tip when it said hello.
    pub(crate) told_tip: Hash,
    /// The best block that it is known to have, and its height.
    pub(crate) best: Option<(Hash, u64)>,
    pub(crate) known_blocks: Recent<Hash, ()>,
    /// Until when headers that were asked of it have to come.
    pub(crate) headers_deadline: Option<Duration>,
    /// It has more headers than there was room for.
    pub(crate) has_more_headers: bool,
    pub(crate) presync: Option<Presync>,
    pub(crate) blocks_in_flight: usize,
    /// How many blocks may be asked of it at a time.
    pub(crate) window: usize,
    pub(crate) stall_ms: u64,
    /// It has stalled: until then others are asked first.
    pub(crate) suspect_until: Duration,
    /// Blocks that it asked for before they were decided.
    pub(crate) undecided_asks: BTreeSet<Hash>,
    /// How often it was the first with a block.
    pub(crate) firsts: u64,
    pub(crate) ping: Option<(u64, Duration)>,
    pub(crate) next_ping: Duration,
    pub(crate) fee_filter: u64,
    pub(crate) known_transactions: Recent<Hash, ()>,
    /// What it is to be told of with the next batch.
    pub(crate) to_announce: BTreeSet<Hash>,
    pub(crate) next_batch: Option<Duration>,
    /// What it has told of, and was not asked for yet.
    pub(crate) announced: VecDeque<Hash>,
    pub(crate) transactions_in_flight: usize,
}

/// The machine, apart from the world.
pub struct Machine {
    pub(crate) config: Config,
    pub(crate) dice: Dice,
    pub(crate) genesis: Hash,
    pub(crate) tip: Tip,
    pub(crate) peers: BTreeMap<PeerId, Peer>,
    pub(crate) book: AddressBook,
    /// Who was a peer for blocks alone before the restart.
    pub(crate) anchors: Vec<PeerAddress>,
    pub(crate) bans: Recent<Identity, Duration>,
    pub(crate) dials: BTreeMap<PeerAddress, Dial>,
    pub(crate) next_dial: Duration,
    pub(crate) next_feeler: Duration,
    pub(crate) hello_nonces: BTreeMap<PeerId, u64>,
    /// Of a sealed chain.
    pub(crate) tree: Option<HeaderTree>,
    /// What is missing of the best branch, and not in the archive yet.
    pub(crate) branch: VecDeque<Hash>,
    /// The height of the first of them.
    pub(crate) branch_height: u64,
    pub(crate) flights: BTreeMap<Hash, Flight>,
    /// Bodies whose parents have not been taken yet, by parent and hash.
    pub(crate) bodies: BTreeMap<(Hash, Hash), Body>,
    pub(crate) bodies_bytes: usize,
    /// How long blocks are lately.
    pub(crate) mean_block_bytes: usize,
    /// What the core has not decided on yet.
    pub(crate) submitted: BTreeMap<Hash, Body>,
    /// Peers that said they lack a block.
    pub(crate) lacks: BTreeSet<(Hash, PeerId)>,
    pub(crate) pending: BTreeMap<Hash, Pending>,
    pub(crate) recent_blocks: Recent<Hash, Arc<Block>>,
    pub(crate) relayed: Recent<Hash, ()>,
    /// Of a block that came compact, what others are likely to lack.
    pub(crate) likely_missing: Recent<Hash, Vec<u32>>,
    pub(crate) inventory: Inventory,
    pub(crate) tx_requests: BTreeMap<Hash, TxRequest>,
    pub(crate) classic_branch: Option<ClassicBranch>,
    pub(crate) alarm: Option<Duration>,
    /// How often something happened, for those who watch.
    pub(crate) counts: Counts,
}

/// How often something happened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Compact blocks that came unasked, and of which everything was at hand.
    pub compact_at_once: u64,
    /// Those that had to be asked for, or something of them.
    pub compact_asked: u64,
    /// Blocks that came whole.
    pub whole_blocks: u64,
}

impl Peer {
    pub(crate) fn new(
        direction: Direction,
        address: PeerAddress,
        told_tip: Hash,
        now: Duration,
    ) -> Peer {
        Peer {
            direction,
            address,
            connected: now,
            latency: None,
            last_transaction: Duration::ZERO,
            addresses_told: None,
            addresses_asked: None,
            addresses_due: 0,
            last_address: now,
            hello: None,
            said_hello: now,
            told_tip,
            best: None,
            known_blocks: Recent::new(PEER_BLOCKS_LIMIT),
            headers_deadline: None,
            has_more_headers: false,
            presync: None,
            blocks_in_flight: 0,
            window: PEER_FLIGHTS,
            stall_ms: STALL_TIMEOUT_MS,
            suspect_until: Duration::ZERO,
            undecided_asks: BTreeSet::new(),
            firsts: 0,
            ping: None,
            next_ping: now + Duration::from_millis(PING_INTERVAL_MS),
            fee_filter: 0,
            known_transactions: Recent::new(PEER_TRANSACTIONS_LIMIT),
            to_announce: BTreeSet::new(),
            next_batch: None,
            announced: VecDeque::new(),
            transactions_in_flight: 0,
        }
    }

    /// Whether it has said who it is.
    pub(crate) fn is_ready(&self) -> bool {
        self.hello.is_some()
    }

    /// Whether transactions are relayed with it.
    pub(crate) fn relays_transactions(&self) -> bool {
        self.is_ready() && self.direction != Direction::BlocksOnly
    }
}
