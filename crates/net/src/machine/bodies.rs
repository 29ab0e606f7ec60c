//! Which blocks are asked of whom, and when they are handed to the core: bodies
//! of the best branch only, in order of height, each once its parent is there.
//! What a block is worth is known from its header.
//!
//! 1. No block is asked of two peers at a time.
//! 2. Bodies that wait for their parents take at most [`BODIES_LIMIT_BYTES`] and
//!    the length of what is in flight.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use adit_core::archive::{Archive, ArchiveError};
use adit_core::block::Block;
use adit_core::chain::{BlockSource, outweighs};
use adit_core::hash::Hash;

use super::messages::{Effect, Offence, PeerId, Verdict};
use super::state::{
    Body, Flight, Machine, PEER_FLIGHTS, PEER_FLIGHTS_LIMIT, RECENT_BLOCKS_LIMIT, STALL_TIMEOUT_MS,
};
use crate::branch::KnownHeader;
use crate::message::{BLOCKS_MESSAGE_LIMIT, ByeReason, Message};

/// Bodies are asked for so far ahead of the last one that was taken.
pub const BODIES_LIMIT_COUNT: usize = 1_024;

/// No more are asked for while those that wait take this.
pub const BODIES_LIMIT_BYTES: usize = 64 * 1024 * 1024;

/// Of a peer, more than [`PEER_FLIGHTS`] blocks are asked for at a time only
/// while they are together about this long.
pub const PEER_FLIGHTS_LIMIT_BYTES: usize = 4 * 1024 * 1024;

/// A peer that stalls although it was granted this time is parted with.
pub const STALL_TIMEOUT_LIMIT_MS: u64 = 64_000;

/// A peer that has stalled is asked after others for this many times what it is
/// granted now.
const SUSPECT_STALLS: u64 = 4;

/// This many blocks are with the core at a time.
pub const SUBMITTED_LIMIT_COUNT: usize = 64;

impl Machine {
    /// Asks for what is missing of the best branch, of those who have it.
    pub(super) fn schedule(
        &mut self,
        now: Duration,
        archive: &dyn Archive,
        effects: &mut Vec<Effect>,
    ) -> Result<(), ArchiveError> {
        self.update_branch();
        self.submit_ready(archive, effects)?;
        if self.branch.is_empty() {
            if self.submitted.is_empty() && self.pending.is_empty() {
                // Nothing will come that these could stand behind.
                self.bodies.clear();
                self.bodies_bytes = 0;
            }
            return self.ask_for_left_out_headers(now, archive, effects);
        }
        // A peer is asked for more when half of what it was asked for has come.
        let (mut rooms, mut trusted_height) = (BTreeMap::new(), 0);
        for (id, peer) in self.peers.iter().filter(|(_, peer)| peer.is_ready()) {
            let Some(known) = self.branch_height_of(id) else {
                continue;
            };
            let is_suspect = peer.suspect_until > now;
            if !is_suspect {
                trusted_height = trusted_height.max(known);
            }
            if peer.blocks_in_flight <= peer.window / 2 {
                let free = peer.window - peer.blocks_in_flight;
                rooms.insert(
                    *id,
                    Room {
                        free,
                        known,
                        is_suspect,
                    },
                );
            }
        }
        let mut asks: BTreeMap<PeerId, Vec<Hash>> = BTreeMap::new();
        for (height, hash) in
            (self.branch_height..).zip(self.branch.iter().take(BODIES_LIMIT_COUNT))
        {
            if rooms.is_empty() || self.bodies_bytes >= BODIES_LIMIT_BYTES {
                break;
            }
            if self.is_under_way(hash) {
                continue;
            }
            // A peer that has stalled is asked for what nobody else has.
            let able = rooms.iter().filter(|(id, room)| {
                room.known >= height
                    && (!room.is_suspect || height > trusted_height)
                    && !self.lacks.contains(&(*hash, **id))
            });
            let fastest = able.min_by_key(|(id, room)| {
                let stall_ms = self.peers.get(id).map(|peer| peer.stall_ms);
                (stall_ms, usize::MAX - room.free)
            });
            let Some((id, _)) = fastest else {
                continue;
            };
            let id = *id;
            asks.entry(id).or_default().push(*hash);
            if let Some(room) = rooms.get_mut(&id) {
                room.free -= 1;
                if room.free == 0 {
                    rooms.remove(&id);
                }
            }
        }
        for (peer, hashes) in asks {
            match hashes[..] {
                // Most of what a new block holds is here.
                [hash] if self.is_next(&hash) => self.ask_compact(now, peer, hash, effects),
                _ => self.ask_blocks(now, peer, &hashes, effects),
            }
        }
        Ok(())
    }

    /// Asks a peer for these blocks.
    pub(super) fn ask_blocks(
        &mut self,
        now: Duration,
        peer: PeerId,
        hashes: &[Hash],
        effects: &mut Vec<Effect>,
    ) {
        let Some(known) = self.peers.get_mut(&peer) else {
            return;
        };
        let deadline = now + Duration::from_millis(known.stall_ms);
        for hashes in hashes.chunks(BLOCKS_MESSAGE_LIMIT) {
            known.blocks_in_flight += hashes.len();
            let flights = hashes.iter().map(|hash| (*hash, Flight { peer, deadline }));
            self.flights.extend(flights);
            effects.push(Effect::Send(peer, Message::GetBlocks(hashes.to_vec())));
        }
    }

    /// Whether a block of the tree stands on the tip.
    fn is_next(&self, hash: &Hash) -> bool {
        let header = self.known_header(hash);
        header.is_some_and(|header| header.fields.parent == Some(self.tip.hash))
    }

    fn ask_compact(&mut self, now: Duration, peer: PeerId, hash: Hash, effects: &mut Vec<Effect>) {
        let Some(known) = self.peers.get_mut(&peer) else {
            return;
        };
        let deadline = now + Duration::from_millis(known.stall_ms);
        known.blocks_in_flight += 1;
        self.flights.insert(hash, Flight { peer, deadline });
        effects.push(Effect::Send(peer, Message::GetCompact(hash)));
    }

    /// Whether a block of the tree is on its way, or here.
    fn is_under_way(&self, hash: &Hash) -> bool {
        let tree = self.tree.as_ref();
        let parent = tree.and_then(|tree| tree.get(hash)?.fields.parent);
        let is_here = parent.is_some_and(|parent| self.bodies.contains_key(&(parent, *hash)));
        is_here
            || self.flights.contains_key(hash)
            || self.submitted.contains_key(hash)
            || self.pending.contains_key(hash)
    }

    /// How much of the best branch a peer has.
    fn branch_height_of(&self, peer: &PeerId) -> Option<u64> {
        let (mut hash, mut height) = self.peers.get(peer)?.best?;
        let tree = self.tree.as_ref()?;
        loop {
            let place = height.checked_sub(self.branch_height)?;
            let place = usize::try_from(place).ok()?;
            if self.branch.get(place) == Some(&hash) {
                return Some(height);
            }
            hash = tree.get(&hash)?.fields.parent?;
            height = height.checked_sub(1)?;
        }
    }

    /// The best branch, if it is better than the main chain.
    fn update_branch(&mut self) {
        let Some(tree) = &self.tree else {
            return;
        };
        while self
            .branch
            .front()
            .is_some_and(|hash| tree.get(hash).is_none())
        {
            self.branch.pop_front();
            self.branch_height += 1;
        }
        let best = tree.best();
        let best = best.filter(|best| outweighs(best.total_weight, self.tip.total_weight));
        let Some(best) = best else {
            self.branch.clear();
            return;
        };
        if self.branch.back() == Some(&best.hash()) {
            return;
        }
        // Mostly it has grown by a few headers.
        let (mut grown, mut lowest, mut next) = (VecDeque::new(), 0, Some(best));
        while let Some(header) = next {
            if self.branch.back() == Some(&header.hash()) {
                self.branch.extend(grown);
                return;
            }
            grown.push_front(header.hash());
            lowest = header.fields.height;
            next = header.fields.parent.and_then(|parent| tree.get(&parent));
        }
        (self.branch, self.branch_height) = (grown, lowest);
    }

    pub(super) fn block(
        &mut self,
        now: Duration,
        peer: PeerId,
        text: &Arc<[u8]>,
        archive: &dyn Archive,
        effects: &mut Vec<Effect>,
    ) -> Result<(), ArchiveError> {
        let Ok(block) = self.config.rules.rules().read(text) else {
            // Its transactions are not those of its header, or it is no block:
            // that says nothing against any hash, and all against who sent it.
            self.ban(now, peer, Offence::InvalidBody, effects);
            return self.schedule(now, archive, effects);
        };
        let block = Arc::new(block);
        if self.tree.is_none() {
            return self.classic_block(now, peer, block, archive, effects);
        }
        let hash = block.hash();
        let was_asked = self
            .flights
            .get(&hash)
            .is_some_and(|flight| flight.peer == peer);
        if was_asked {
            self.progress(now, peer);
        }
        let is_wanted = self
            .tree
            .as_ref()
            .is_some_and(|tree| tree.get(&hash).is_some());
        if !is_wanted || self.is_here(&hash) {
            self.land(&hash);
            return self.schedule(now, archive, effects);
        }
        self.counts.whole_blocks += 1;
        self.take_body(block, Some(peer), archive, effects)?;
        self.schedule(now, archive, effects)
    }

    fn is_here(&self, hash: &Hash) -> bool {
        !self.flights.contains_key(hash)
            && !self.pending.contains_key(hash)
            && self.is_under_way(hash)
    }

    /// A peer delivers: what else was asked of it has time again.
    pub(super) fn progress(&mut self, now: Duration, peer: PeerId) {
        let fits = PEER_FLIGHTS_LIMIT_BYTES / self.mean_block_bytes.max(1);
        let most = fits.clamp(PEER_FLIGHTS, PEER_FLIGHTS_LIMIT);
        let Some(known) = self.peers.get_mut(&peer) else {
            return;
        };
        let fifth_less = known.stall_ms - known.stall_ms / 5;
        known.stall_ms = fifth_less.max(STALL_TIMEOUT_MS);
        known.window = (known.window + 1).min(most);
        known.suspect_until = Duration::ZERO;
        let deadline = now + Duration::from_millis(known.stall_ms);
        for flight in self.flights.values_mut() {
            if flight.peer == peer {
                flight.deadline = deadline;
            }
        }
    }

    /// A block is asked for no longer.
    pub(super) fn land(&mut self, hash: &Hash) {
        if let Some(flight) = self.flights.remove(hash)
            && let Some(peer) = self.peers.get_mut(&flight.peer)
        {
            peer.blocks_in_flight = peer.blocks_in_flight.saturating_sub(1);
        }
    }

    /// Takes a body that fits a header of the tree, and tells others of it: it
    /// has its work, whatever its transactions turn out to be.
    pub(super) fn take_body(
        &mut self,
        block: Arc<Block>,
        liable: Option<PeerId>,
        archive: &dyn Archive,
        effects: &mut Vec<Effect>,
    ) -> Result<(), ArchiveError> {
        let (hash, Some(parent)) = (block.hash(), block.parent()) else {
            return Ok(());
        };
        self.land(&hash);
        self.pending.remove(&hash);
        self.recent_blocks.insert(hash, Arc::clone(&block));
        self.bodies_bytes += block.text().len();
        self.mean_block_bytes = (self.mean_block_bytes * 15 + block.text().len()) / 16;
        let body = Body {
            block: Arc::clone(&block),
            liable,
        };
        if let Some(before) = self.bodies.insert((parent, hash), body) {
            self.bodies_bytes -= before.block.text().len();
        }
        self.update_branch();
        if self.branch.len() <= 1 && self.branch.back() == Some(&hash) {
            self.relay(&block, effects);
        }
        if let Some(parent) = archive.entry(&parent)? {
            debug_assert_eq!(parent.height + 1, block.height());
            self.submit_children(&[block.parent()], effects);
        }
        Ok(())
    }

    /// Hands over what stands first in the best branch, if its parent is there.
    fn submit_ready(
        &mut self,
        archive: &dyn Archive,
        effects: &mut Vec<Effect>,
    ) -> Result<(), ArchiveError> {
        let tree = self.tree.as_ref();
        let first = self.branch.front();
        let parent = first.and_then(|first| tree?.get(first)?.fields.parent);
        if let Some(parent) = parent
            && self.bodies.range(span(parent)).next().is_some()
            && archive.entry(&parent)?.is_some()
        {
            self.submit_children(&[Some(parent)], effects);
        }
        Ok(())
    }

    /// Hands the bodies behind these blocks to the core.
    fn submit_children(&mut self, parents: &[Option<Hash>], effects: &mut Vec<Effect>) {
        for parent in parents.iter().flatten() {
            let children = self.bodies.range(span(*parent));
            let children: Vec<Hash> = children.map(|((_, hash), _)| *hash).collect();
            for hash in children {
                if self.submitted.len() >= SUBMITTED_LIMIT_COUNT {
                    return;
                }
                let Some(body) = self.bodies.remove(&(*parent, hash)) else {
                    continue;
                };
                self.bodies_bytes -= body.block.text().len();
                let is_of_branch = self.branch.contains(&hash);
                let source = match is_of_branch && *parent != self.tip.hash {
                    true => BlockSource::InBranch,
                    false => BlockSource::Single,
                };
                effects.push(Effect::SubmitBlock(Arc::clone(&body.block), source));
                self.submitted.insert(hash, body);
            }
        }
    }

    pub(super) fn decided(
        &mut self,
        now: Duration,
        hash: Hash,
        verdict: Verdict,
        archive: &dyn Archive,
        effects: &mut Vec<Effect>,
    ) -> Result<(), ArchiveError> {
        let body = self.submitted.remove(&hash);
        let liable = body.as_ref().and_then(|body| body.liable);
        if self.tree.is_none() {
            return self.classic_decided(now, hash, verdict, liable, archive, effects);
        }
        match verdict {
            Verdict::Taken => {
                if let Some(tree) = &mut self.tree {
                    tree.block_has_come(&hash);
                }
                self.lacks.retain(|(other, _)| *other != hash);
                self.submit_children(&[Some(hash)], effects);
                self.answer_undecided(&hash, archive, effects)?;
            }
            Verdict::Invalid(error) if error.is_about_body() => {
                // The good one may still come.
                self.blame(now, liable, effects);
            }
            Verdict::Invalid(_) => {
                self.blame(now, liable, effects);
                self.invalidate(hash);
                self.answer_undecided(&hash, archive, effects)?;
            }
            // They may come again, and what stands behind them too.
            Verdict::Deferred | Verdict::NotKept => self.drop_bodies_behind(hash),
        }
        self.schedule(now, archive, effects)
    }

    fn blame(&mut self, now: Duration, liable: Option<PeerId>, effects: &mut Vec<Effect>) {
        if let Some(peer) = liable {
            self.ban(now, peer, Offence::InvalidBody, effects);
        }
    }

    /// Nothing behind an invalid block is asked for, or kept.
    fn invalidate(&mut self, hash: Hash) {
        let Some(tree) = &mut self.tree else {
            return;
        };
        for hash in tree.invalidate(hash) {
            self.land(&hash);
            self.pending.remove(&hash);
            self.drop_bodies_behind(hash);
        }
        self.branch.clear();
    }

    fn drop_bodies_behind(&mut self, hash: Hash) {
        let behind = self.bodies.range(span(hash));
        let behind: Vec<_> = behind.map(|(place, _)| *place).collect();
        for place in behind {
            if let Some(body) = self.bodies.remove(&place) {
                self.bodies_bytes -= body.block.text().len();
            }
        }
    }

    pub(super) fn not_found(
        &mut self,
        now: Duration,
        peer: PeerId,
        hashes: &[Hash],
        archive: &dyn Archive,
        effects: &mut Vec<Effect>,
    ) -> Result<(), ArchiveError> {
        for hash in hashes {
            if self
                .flights
                .get(hash)
                .is_some_and(|flight| flight.peer == peer)
            {
                self.land(hash);
                self.lacks.insert((*hash, peer));
            }
            if self
                .pending
                .get(hash)
                .is_some_and(|pending| pending.peer == peer)
            {
                self.pending.remove(hash);
                self.lacks.insert((*hash, peer));
            }
        }
        self.classic_not_found(peer, hashes, effects);
        self.schedule(now, archive, effects)
    }

    pub(super) fn bodies_timer(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        let late = self
            .flights
            .iter()
            .filter(|(_, flight)| flight.deadline <= now);
        let late: Vec<(Hash, PeerId)> = late.map(|(hash, flight)| (*hash, flight.peer)).collect();
        let mut stalled: Vec<PeerId> = Vec::new();
        for (hash, peer) in late {
            self.land(&hash);
            if stalled.last() != Some(&peer) && !stalled.contains(&peer) {
                stalled.push(peer);
            }
        }
        for id in stalled {
            self.has_stalled(now, id, effects);
        }
    }

    /// A peer did not send what was asked of it: others are asked first for a
    /// while.
    pub(super) fn has_stalled(&mut self, now: Duration, id: PeerId, effects: &mut Vec<Effect>) {
        let Some(peer) = self.peers.get_mut(&id) else {
            return;
        };
        if peer.stall_ms >= STALL_TIMEOUT_LIMIT_MS {
            self.part(id, ByeReason::TooSlow, "no blocks came", effects);
            return;
        }
        peer.stall_ms = (peer.stall_ms * 2).min(STALL_TIMEOUT_LIMIT_MS);
        peer.window = 1;
        peer.suspect_until = now + Duration::from_millis(SUSPECT_STALLS * peer.stall_ms);
    }

    pub(super) fn new_tip(
        &mut self,
        now: Duration,
        block: &Arc<Block>,
        is_own: bool,
        archive: &dyn Archive,
        effects: &mut Vec<Effect>,
    ) -> Result<(), ArchiveError> {
        let (hash, old_tip) = (block.hash(), self.tip.hash);
        self.see_tip(&hash, archive)?;
        if block.parent() != Some(old_tip) {
            self.remember_dropped(old_tip, archive)?;
        }
        self.inventory.were_mined(block.transactions());
        self.recent_blocks.insert(hash, Arc::clone(block));
        if let Some(tree) = &mut self.tree {
            tree.block_has_come(&hash);
        }
        self.update_branch();
        // While more is to come, nobody is told of each block.
        let is_last = match &self.classic_branch {
            None => self.branch.is_empty(),
            Some(branch) => !branch.has_more && branch.hashes.is_empty(),
        };
        if is_own || is_last {
            self.relay(block, effects);
        }
        self.schedule(now, archive, effects)
    }

    /// What the newest dropped blocks hold is likely to come again.
    fn remember_dropped(
        &mut self,
        old_tip: Hash,
        archive: &dyn Archive,
    ) -> Result<(), ArchiveError> {
        let mut next = Some(old_tip);
        for _ in 0..RECENT_BLOCKS_LIMIT {
            let Some(hash) = next else {
                break;
            };
            let Some(entry) = archive.entry(&hash)? else {
                break;
            };
            if archive.main_hash(entry.height)? == Some(hash) {
                break;
            }
            if let Some(block) = self.recent_blocks.get(&hash) {
                block.transactions().skip(1).for_each(|text| {
                    self.inventory.keep_left(&Arc::from(text));
                });
            }
            next = entry.parent;
        }
        Ok(())
    }

    /// A header of the tree.
    pub(super) fn known_header(&self, hash: &Hash) -> Option<&KnownHeader> {
        self.tree.as_ref().and_then(|tree| tree.get(hash))
    }
}

/// What may be asked of a peer.
struct Room {
    /// This many blocks.
    free: usize,
    /// Up to this height of the best branch.
    known: u64,
    /// Whether it has stalled lately.
    is_suspect: bool,
}

/// The keys of all bodies behind a block.
fn span(parent: Hash) -> std::ops::RangeInclusive<(Hash, Hash)> {
    (parent, Hash([0; 32]))..=(parent, Hash([255; 32]))
}
