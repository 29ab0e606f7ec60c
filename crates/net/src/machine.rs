//! The machine as its edge sees it: something happened, so these effects are to
//! be carried out. It decides everything about peers, and knows the chain only by
//! what the archive shows and what the core says of the blocks that it submits.
//!
//! The contract: effects are carried out in order. What is submitted may be
//! decided later, and in the meantime other inputs may come. An answer may be a
//! thousand times as long as its question, so the edge bounds what is queued for
//! a peer, and reads nothing more from one that does not read.

mod bodies;
mod classics;
mod connections;
mod headers;
mod messages;
mod peers;
mod relay;
mod serving;
mod state;
mod transactions;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use adit_core::archive::{Archive, ArchiveError};
use adit_core::hash::Hash;
use adit_core::recent::Recent;
use adit_core::rules::Weight;

pub use self::bodies::{
    BODIES_LIMIT_BYTES, BODIES_LIMIT_COUNT, PEER_FLIGHTS_LIMIT_BYTES, STALL_TIMEOUT_LIMIT_MS,
    SUBMITTED_LIMIT_COUNT,
};
pub use self::classics::CLASSIC_TIMEOUT_MS;
pub use self::connections::{
    ADDRESS_INTERVAL_MS, ADDRESSES_INTERVAL_MS, BAN_MS, BANS_LIMIT, BLOCKS_ONLY_LIMIT,
    DIAL_INTERVAL_MS, DIAL_TIMEOUT_MS, FEELER_INTERVAL_MS, INBOUND_LIMIT, OUTBOUND_LIMIT,
};
pub use self::headers::HEADERS_TIMEOUT_MS;
pub use self::messages::{ChainRules, Config, Direction, Effect, Input, Offence, PeerId, Verdict};
pub use self::peers::PeerView;
pub use self::relay::{COMPACT_DEPTH_LIMIT, COMPACT_TIMEOUT_MS, COMPACT_TO_ALL_LIMIT};
pub use self::state::{
    Counts, Machine, PEER_BLOCKS_LIMIT, PEER_FLIGHTS, PEER_FLIGHTS_LIMIT, PEER_TRANSACTIONS_LIMIT,
    PING_INTERVAL_MS, RECENT_BLOCKS_LIMIT, RELAYED_BLOCKS_LIMIT, STALL_TIMEOUT_MS,
};
use self::state::{Peer, Tip};
pub use self::transactions::{
    ANNOUNCED_LIMIT, BATCH_INTERVAL_MS, TRANSACTION_TIMEOUT_MS, TRANSACTIONS_IN_FLIGHT_LIMIT,
};
use crate::address::PeerAddress;
use crate::address_book::AddressBook;
use crate::dice::{Dice, Purpose};
use crate::header_tree::HeaderTree;
use crate::inventory::Inventory;
use crate::message::{LISTEN_LIMIT, Message};

/// While something is waited for, deadlines are looked at so often.
const DEADLINES_INTERVAL_MS: u64 = 500;

impl Machine {
    /// A machine without peers, over the chain that the archive shows.
    pub fn new(config: Config, archive: &dyn Archive) -> Result<Machine, ArchiveError> {
        let tree = config.rules.sealed().cloned().map(HeaderTree::new);
        let mut dice = Dice::new(config.seed);
        let mut key = [0; 16];
        for half in key.chunks_exact_mut(8) {
            half.copy_from_slice(&dice.draw(Purpose::Bucket).to_be_bytes());
        }
        let mut machine = Machine {
            dice,
            config,
            genesis: archive.main_hash(1)?.unwrap_or(Hash([0; 32])),
            tip: Tip {
                hash: Hash([0; 32]),
                height: 0,
                total_weight: Weight::ZERO,
                weight: Weight::ZERO,
            },
            peers: BTreeMap::new(),
            book: AddressBook::new(key),
            anchors: Vec::new(),
            bans: Recent::new(BANS_LIMIT),
            dials: BTreeMap::new(),
            next_dial: Duration::ZERO,
            next_feeler: Duration::ZERO,
            hello_nonces: BTreeMap::new(),
            tree,
            branch: VecDeque::new(),
            branch_height: 0,
            flights: BTreeMap::new(),
            bodies: BTreeMap::new(),
            bodies_bytes: 0,
            mean_block_bytes: 0,
            submitted: BTreeMap::new(),
            lacks: BTreeSet::new(),
            pending: BTreeMap::new(),
            recent_blocks: Recent::new(RECENT_BLOCKS_LIMIT),
            relayed: Recent::new(RELAYED_BLOCKS_LIMIT),
            likely_missing: Recent::new(RECENT_BLOCKS_LIMIT),
            inventory: Inventory::new(),
            tx_requests: BTreeMap::new(),
            classic_branch: None,
            alarm: None,
            counts: Counts::default(),
        };
        let (mut low, mut high) = (0, u64::MAX);
        // The main chain's length, by halving: the archive knows it by height.
        while low < high {
            let middle = high - (high - low) / 2;
            match archive.main_hash(middle)? {
                Some(_) => low = middle,
                None => high = middle - 1,
            }
        }
        if let Some(hash) = archive.main_hash(low)? {
            machine.see_tip(&hash, archive)?;
        }
        Ok(machine)
    }

    /// Decides what follows from an input. An error means that nothing can be
    /// decided any longer.
    pub fn handle(
        &mut self,
        now: Duration,
        input: Input,
        archive: &dyn Archive,
    ) -> Result<Vec<Effect>, ArchiveError> {
        let mut effects = Vec::new();
        match input {
            Input::Connected {
                peer,
                direction,
                address,
            } => {
                if self.admit(now, peer, direction, &address, &mut effects) {
                    self.connected(now, peer, direction, address, &mut effects);
                }
            }
            Input::DialFailed(address) => self.dial_failed(&address),
            Input::HeardOf(address) => self.heard_of(address),
            Input::Message(peer, message) => {
                if self.peers.contains_key(&peer) {
                    self.hear(now, peer, message, archive, &mut effects)?;
                }
            }
            Input::Malformed(peer, _) => {
                self.ban(now, peer, Offence::MalformedMessage, &mut effects);
                self.schedule(now, archive, &mut effects)?;
            }
            Input::Disconnected(peer) => {
                self.forget(peer);
                self.schedule(now, archive, &mut effects)?;
            }
            Input::Decided(hash, verdict) => {
                self.decided(now, hash, verdict, archive, &mut effects)?;
            }
            Input::NewTip { block, is_own } => {
                self.new_tip(now, &block, is_own, archive, &mut effects)?;
            }
            Input::TransactionWaits(one) => self.transaction_waits(now, one),
            Input::TransactionLeft(text) => self.transaction_left(&text),
            Input::Timer => self.timer(now, archive, &mut effects)?,
        }
        self.dial(now, &mut effects);
        self.set_timer(now, &mut effects);
        Ok(effects)
    }

    fn hear(
        &mut self,
        now: Duration,
        peer: PeerId,
        message: Message,
        archive: &dyn Archive,
        effects: &mut Vec<Effect>,
    ) -> Result<(), ArchiveError> {
        if let Some(known) = self.peers.get_mut(&peer) {
            let is_hello = matches!(message, Message::Hello(_));
            let is_bye = matches!(message, Message::Bye { .. });
            // It has to say who it is first, and only once.
            if is_hello == known.is_ready() && !is_bye {
                self.ban(now, peer, Offence::MalformedMessage, effects);
                return Ok(());
            }
            known.heard(now);
        }
        match message {
            Message::Hello(hello) => self.hello(now, peer, hello, archive, effects)?,
            Message::GetHeaders { locator, stop } => {
                self.get_headers(peer, &locator, stop, archive, effects)?;
            }
            Message::Headers { start, list } => {
                self.headers(now, peer, start, &list, archive, effects)?;
            }
            Message::Compact(compact) => self.compact(now, peer, &compact, archive, effects)?,
            Message::GetCompact(hash) => self.get_compact(peer, hash, archive, effects)?,
            Message::GetBlockTxs { hash, places } => {
                self.get_block_txs(peer, hash, &places, archive, effects)?;
            }
            Message::BlockTxs { hash, texts } => {
                self.block_txs(now, peer, hash, &texts, archive, effects)?;
            }
            Message::GetBlocks(hashes) => self.get_blocks(peer, &hashes, archive, effects)?,
            Message::Block(text) => self.block(now, peer, &text, archive, effects)?,
            Message::NotFound(hashes) => {
                self.not_found(now, peer, &hashes, archive, effects)?;
            }
            Message::TxInventory(leaves) => self.tx_inventory(now, peer, &leaves, effects),
            Message::GetTxs(leaves) => self.get_txs(peer, &leaves, effects),
            Message::Txs(texts) => self.txs(now, peer, texts, effects),
            Message::FeeFilter(rate) => self.fee_filter(peer, rate),
            Message::Ping(number) => effects.push(Effect::Send(peer, Message::Pong(number))),
            Message::Pong(number) => self.pong(now, peer, number),
            Message::Bye { .. } => {
                effects.push(Effect::Disconnect(peer));
                self.forget(peer);
                self.schedule(now, archive, effects)?;
            }
            Message::GetAddresses => self.get_addresses(now, peer, effects),
            Message::Addresses(addresses) => self.addresses(now, peer, &addresses, effects),
        }
        Ok(())
    }

    /// Goes on with the addresses, and the peers for blocks alone, that were kept
    /// over a restart.
    pub fn remember(&mut self, book: AddressBook, anchors: Vec<PeerAddress>) {
        self.book = book;
        self.anchors = anchors;
        self.anchors.truncate(BLOCKS_ONLY_LIMIT);
    }

    /// Where this node listens has changed; new peers are told.
    pub fn listens_at(&mut self, listen: Vec<PeerAddress>) {
        self.config.listen = listen;
        self.config.listen.truncate(LISTEN_LIMIT);
    }

    /// The addresses, to be kept over a restart.
    pub fn address_book(&self) -> &AddressBook {
        &self.book
    }

    /// The core's chain, as far as it is known here: the tip's height and work.
    pub fn tip(&self) -> (Hash, u64, Weight) {
        (self.tip.hash, self.tip.height, self.tip.total_weight)
    }

    /// The peers that are connected.
    pub fn peers(&self) -> impl Iterator<Item = PeerId> {
        self.peers.keys().copied()
    }

    /// What is known of each peer, for those who watch.
    pub fn peer_views(&self) -> impl Iterator<Item = PeerView> {
        let tip = (self.tip.hash, self.tip.height);
        let peers = self.peers.iter();
        peers.map(move |(id, peer)| peer.view(*id, tip))
    }

    /// The texts of the transactions that wait here.
    pub fn waiting_texts(&self) -> impl Iterator<Item = &Arc<[u8]>> {
        self.inventory.iter().map(|(_, one)| &one.text)
    }

    /// How often something happened.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// How many transactions wait here.
    pub fn waiting(&self) -> usize {
        self.inventory.len()
    }

    /// How many headers are known whose blocks are not there yet.
    pub fn headers_ahead(&self) -> usize {
        self.tree.as_ref().map_or(0, HeaderTree::len)
    }

    /// How many bytes of bodies, and of header chains that are only counted,
    /// are held.
    pub fn held_bytes(&self) -> usize {
        let presync = self.peers.values().filter_map(|peer| peer.presync.as_ref());
        let classic = self.classic_branch.as_ref();
        self.bodies_bytes
            + classic.map_or(0, |branch| branch.bodies_bytes)
            + presync.map(|presync| presync.memory_bytes()).sum::<usize>()
    }

    /// Where the core's chain stands now.
    pub(crate) fn see_tip(
        &mut self,
        hash: &Hash,
        archive: &dyn Archive,
    ) -> Result<(), ArchiveError> {
        if let (Some(entry), Some(header)) = (archive.entry(hash)?, archive.header(hash)?) {
            self.tip = Tip {
                hash: *hash,
                height: entry.height,
                total_weight: entry.total_weight,
                weight: self.config.rules.rules().weight(&header),
            };
            if entry.height == 1 {
                self.genesis = *hash;
            }
        }
        Ok(())
    }

    fn timer(
        &mut self,
        now: Duration,
        archive: &dyn Archive,
        effects: &mut Vec<Effect>,
    ) -> Result<(), ArchiveError> {
        if self.alarm.is_some_and(|alarm| alarm <= now) {
            self.alarm = None;
        }
        if let Some(tree) = &mut self.tree {
            tree.advance(now);
        }
        self.headers_timer(now, effects);
        self.bodies_timer(now, effects);
        self.compacts_timer(now, effects);
        self.classic_timer(now, effects);
        self.transactions_timer(now, effects);
        self.peers_timer(now, effects);
        self.schedule(now, archive, effects)
    }

    fn set_timer(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        let is_waiting = !self.flights.is_empty()
            || !self.pending.is_empty()
            || !self.tx_requests.is_empty()
            || self.classic_branch.is_some();
        let soon = now + Duration::from_millis(DEADLINES_INTERVAL_MS);
        let of_peers = self.peers.values().flat_map(Peer::deadlines);
        let early = self.tree.as_ref().and_then(HeaderTree::next_due);
        let dial = self.config.dials.then_some(self.next_dial);
        let next = of_peers
            .chain(early)
            .chain(dial)
            .chain(is_waiting.then_some(soon))
            .min();
        if let Some(next) = next
            && self.alarm.is_none_or(|alarm| next < alarm)
        {
            self.alarm = Some(next);
            effects.push(Effect::SetTimer(next));
        }
    }
}
