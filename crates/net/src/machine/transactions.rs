//! How transactions get around: told of in batches, by the hash of their Merkle
//! leaf, and fetched by a peer that lacks them. Which are worth waiting, the core
//! decides; what a peer does not want to hear of, its fee filter says.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use adit_core::hash::Hash;
use adit_core::merkle;

use super::messages::{Effect, PeerId};
use super::state::{Machine, TxRequest};
use crate::dice::Purpose;
use crate::inventory::RelayTransaction;
use crate::message::{GET_TXS_LIMIT, Message, TX_INVENTORY_LIMIT, TXS_LIMIT_BYTES};

/// A peer is told of transactions at most so often, at a time that is drawn:
/// from a fifth of this to all of it.
pub const BATCH_INTERVAL_MS: u64 = 500;

/// This many transactions are asked of a peer at a time.
pub const TRANSACTIONS_IN_FLIGHT_LIMIT: usize = 100;

/// Of what a peer tells of, this many wait until they are asked for.
pub const ANNOUNCED_LIMIT: usize = 5_000;

/// What was asked of a peer for so long is asked of the next one.
pub const TRANSACTION_TIMEOUT_MS: u64 = 2_000;

/// This many others are remembered of whom a transaction can be had.
const OTHERS_LIMIT: usize = 8;

impl Machine {
    /// Others are told of it with the next batch.
    pub(super) fn transaction_waits(&mut self, now: Duration, one: RelayTransaction) {
        let fee_rate = one.fee_rate;
        let Some(leaf) = self.inventory.insert(one) else {
            return;
        };
        self.tx_requests.remove(&leaf);
        for id in self.peers.keys().copied().collect::<Vec<_>>() {
            self.queue_announcement(now, id, leaf, fee_rate);
        }
    }

    pub(super) fn transaction_left(&mut self, text: &Arc<[u8]>) {
        self.inventory.leave(text);
    }

    /// A new peer is told of all that waits here.
    pub(super) fn announce_inventory(&mut self, now: Duration, peer: PeerId) {
        let waiting = self.inventory.iter();
        let waiting: Vec<_> = waiting.map(|(leaf, one)| (*leaf, one.fee_rate)).collect();
        for (leaf, fee_rate) in waiting {
            self.queue_announcement(now, peer, leaf, fee_rate);
        }
    }

    fn queue_announcement(&mut self, now: Duration, peer: PeerId, leaf: Hash, fee_rate: u64) {
        let Some(known) = self.peers.get_mut(&peer) else {
            return;
        };
        if !known.relays_transactions()
            || fee_rate < known.fee_filter
            || known.known_transactions.contains(&leaf)
            || known.to_announce.len() >= ANNOUNCED_LIMIT
        {
            return;
        }
        known.to_announce.insert(leaf);
        if known.next_batch.is_none() {
            let least = BATCH_INTERVAL_MS / 5;
            let drawn = self
                .dice
                .below(Purpose::Batch, BATCH_INTERVAL_MS - least + 1);
            known.next_batch = Some(now + Duration::from_millis(least + drawn));
        }
    }

    /// It counts from now on: what was passed over before is not gone through
    /// again, however often it changes.
    pub(super) fn fee_filter(&mut self, peer: PeerId, rate: u64) {
        if let Some(known) = self.peers.get_mut(&peer) {
            known.fee_filter = rate;
        }
    }

    pub(super) fn tx_inventory(
        &mut self,
        now: Duration,
        peer: PeerId,
        leaves: &[Hash],
        effects: &mut Vec<Effect>,
    ) {
        let Some(known) = self.peers.get_mut(&peer) else {
            return;
        };
        if !known.relays_transactions() {
            return;
        }
        for leaf in leaves {
            known.known_transactions.insert(*leaf, ());
            known.to_announce.remove(leaf);
            if self.inventory.knows(leaf) {
                continue;
            }
            if let Some(request) = self.tx_requests.get_mut(leaf) {
                if request.others.len() < OTHERS_LIMIT {
                    request.others.push_back(peer);
                }
            } else if known.announced.len() < ANNOUNCED_LIMIT {
                known.announced.push_back(*leaf);
            }
        }
        self.ask_transactions(now, peer, effects);
    }

    /// Asks a peer for some of what it has told of.
    fn ask_transactions(&mut self, now: Duration, peer: PeerId, effects: &mut Vec<Effect>) {
        let Some(known) = self.peers.get_mut(&peer) else {
            return;
        };
        let (mut leaves, deadline) = (Vec::new(), now + TIMEOUT);
        while known.transactions_in_flight < TRANSACTIONS_IN_FLIGHT_LIMIT
            && leaves.len() < GET_TXS_LIMIT
            && let Some(leaf) = known.announced.pop_front()
        {
            if self.inventory.knows(&leaf) {
                continue;
            }
            match self.tx_requests.get_mut(&leaf) {
                Some(request) if request.others.len() < OTHERS_LIMIT => {
                    request.others.push_back(peer);
                }
                Some(_) => {}
                None => {
                    let request = TxRequest {
                        peer,
                        deadline,
                        others: VecDeque::new(),
                    };
                    self.tx_requests.insert(leaf, request);
                    known.transactions_in_flight += 1;
                    leaves.push(leaf);
                }
            }
        }
        if !leaves.is_empty() {
            effects.push(Effect::Send(peer, Message::GetTxs(leaves)));
        }
    }

    /// What is no longer there is left out: a peer that asked asks the next one.
    pub(super) fn get_txs(&mut self, peer: PeerId, leaves: &[Hash], effects: &mut Vec<Effect>) {
        let (mut texts, mut bytes) = (Vec::new(), 0);
        for leaf in leaves {
            let Some(one) = self.inventory.get(leaf) else {
                continue;
            };
            let length = one.text.len() + 5;
            if bytes + length > TXS_LIMIT_BYTES - 5 && !texts.is_empty() {
                let full = std::mem::take(&mut texts);
                effects.push(Effect::Send(peer, Message::Txs(full)));
                bytes = 0;
            }
            bytes += length;
            texts.push(Arc::clone(&one.text));
        }
        if !texts.is_empty() {
            effects.push(Effect::Send(peer, Message::Txs(texts)));
        }
    }

    pub(super) fn txs(
        &mut self,
        now: Duration,
        peer: PeerId,
        texts: Vec<Arc<[u8]>>,
        effects: &mut Vec<Effect>,
    ) {
        for text in texts {
            let leaf = merkle::leaf(&text);
            // What nobody asked for is not looked at.
            if self.tx_requests.remove(&leaf).is_some_and(|request| {
                let asked = self.peers.get_mut(&request.peer);
                asked.into_iter().for_each(|asked| {
                    asked.transactions_in_flight = asked.transactions_in_flight.saturating_sub(1);
                });
                true
            }) {
                if let Some(known) = self.peers.get_mut(&peer) {
                    known.last_transaction = now;
                }
                effects.push(Effect::SubmitTransaction(text, peer));
            }
        }
        self.ask_transactions(now, peer, effects);
    }

    pub(super) fn transactions_timer(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        self.send_batches(now, effects);
        let late = self
            .tx_requests
            .iter()
            .filter(|(_, request)| request.deadline <= now);
        let late: Vec<Hash> = late.map(|(leaf, _)| *leaf).collect();
        self.ask_next(now, &late, effects);
    }

    fn send_batches(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        let due = self
            .peers
            .iter()
            .filter(|(_, peer)| peer.next_batch.is_some_and(|at| at <= now));
        for id in due.map(|(id, _)| *id).collect::<Vec<_>>() {
            let Some(peer) = self.peers.get_mut(&id) else {
                continue;
            };
            peer.next_batch = None;
            let queued = std::mem::take(&mut peer.to_announce).into_iter();
            let waiting =
                queued.filter_map(|leaf| Some((self.inventory.get(&leaf)?.fee_rate, leaf)));
            let fee_filter = peer.fee_filter;
            let waiting = waiting.filter(|(rate, _)| *rate >= fee_filter);
            let mut waiting: Vec<(u64, Hash)> = waiting.collect();
            // The best fee first.
            waiting.sort_by_key(|(rate, leaf)| (u64::MAX - rate, *leaf));
            let rest = waiting.split_off(waiting.len().min(TX_INVENTORY_LIMIT));
            let leaves: Vec<Hash> = waiting.into_iter().map(|(_, leaf)| leaf).collect();
            for leaf in &leaves {
                peer.known_transactions.insert(*leaf, ());
            }
            if !rest.is_empty() {
                peer.to_announce = rest.into_iter().map(|(_, leaf)| leaf).collect();
                peer.next_batch = Some(now + Duration::from_millis(BATCH_INTERVAL_MS));
            }
            if !leaves.is_empty() {
                effects.push(Effect::Send(id, Message::TxInventory(leaves)));
            }
        }
    }

    /// What did not come from one peer is asked of the next that has it.
    fn ask_next(&mut self, now: Duration, leaves: &[Hash], effects: &mut Vec<Effect>) {
        let mut asked = BTreeSet::new();
        for leaf in leaves {
            let Some(request) = self.tx_requests.remove(leaf) else {
                continue;
            };
            if let Some(peer) = self.peers.get_mut(&request.peer) {
                peer.transactions_in_flight = peer.transactions_in_flight.saturating_sub(1);
            }
            let next = request.others.iter().copied();
            for id in next.filter(|id| *id != request.peer) {
                if let Some(peer) = self.peers.get_mut(&id)
                    && peer.announced.len() < ANNOUNCED_LIMIT
                {
                    peer.announced.push_front(*leaf);
                    asked.insert(id);
                }
            }
        }
        for peer in asked {
            self.ask_transactions(now, peer, effects);
        }
    }

    /// What was asked of a peer that has gone is late at once.
    pub(super) fn forget_requests(&mut self, peer: PeerId) {
        for request in self.tx_requests.values_mut() {
            request.others.retain(|other| *other != peer);
            if request.peer == peer {
                request.deadline = Duration::ZERO;
            }
        }
    }
}

const TIMEOUT: Duration = Duration::from_millis(TRANSACTION_TIMEOUT_MS);
