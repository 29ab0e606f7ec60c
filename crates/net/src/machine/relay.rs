//! How a new block is told of, and how it is made of what is here already. A
//! block is told of as soon as its header has its work and its transactions are
//! those of the header: whether these are valid, a peer that gets it sees for itself.
//! So nobody is blamed for a compact block whose header has its work.

use std::sync::Arc;
use std::time::Duration;

use adit_core::archive::{Archive, ArchiveError};
use adit_core::block::Block;
use adit_core::chain::outweighs;
use adit_core::hash::Hash;

use super::messages::{ChainRules, Effect, Offence, PeerId};
use super::state::{Machine, Pending};
use crate::compact::{Partial, compact_of, record_of};
use crate::dice::Purpose;
use crate::header_tree::HeadersError;
use crate::message::{
    ByeReason, COMPACT_LIMIT_BYTES, Compact, GET_BLOCK_TXS_LIMIT_BYTES, HeaderList, Message,
};

/// While there are no more peers than this, each is told of a block by a compact
/// block.
pub const COMPACT_TO_ALL_LIMIT: usize = 32;

/// Of more, those that delivered best are; the others get the header.
const COMPACT_TO_BEST: usize = 3;

/// A longer compact block is not sent to all, even if they are few.
const LONG_COMPACT_BYTES: usize = 2_048;

/// But to this many.
const COMPACT_TO_SOME: usize = 8;

/// What lacks of a compact block has to come within this time, or the whole
/// block is asked for.
pub const COMPACT_TIMEOUT_MS: u64 = 2_000;

/// A peer that asks for transactions of a block further below the tip gets it whole.
pub const COMPACT_DEPTH_LIMIT: u64 = 10;

/// A prefilled transaction or a place takes at most this much besides its text.
const PLACE_BYTES: usize = 5;

impl Machine {
    /// Tells all others of a block, once.
    pub(super) fn relay(&mut self, block: &Arc<Block>, effects: &mut Vec<Effect>) {
        let hash = block.hash();
        let Some(start) = block.parent() else {
            return;
        };
        if !self.relayed.insert(hash, ()) {
            return;
        }
        let ready = self.peers.iter().filter(|(_, peer)| peer.is_ready());
        let count = ready.clone().count();
        let lack = ready.filter(|(_, peer)| !peer.known_blocks.contains(&hash));
        let mut lack: Vec<(u64, PeerId)> = lack.map(|(id, peer)| (peer.firsts, *id)).collect();
        if lack.is_empty() {
            return;
        }
        let list = match record_of(block) {
            Some(record) => HeaderList::Records(vec![record]),
            None => HeaderList::Hashes(vec![hash]),
        };
        let nonce = self.dice.draw(Purpose::ShortIds);
        let prefilled = self.likely_missing.get(&hash);
        let prefilled = prefilled.map_or(&[][..], |places| &places[..]);
        let compact = compact_of(block, nonce, prefilled)
            .filter(is_short)
            .map(Arc::new);
        let is_long = compact
            .as_ref()
            .is_some_and(|compact| length_of(compact) > LONG_COMPACT_BYTES);
        let most = match (count <= COMPACT_TO_ALL_LIMIT, is_long) {
            (true, false) => usize::MAX,
            (true, true) => COMPACT_TO_SOME,
            (false, _) => COMPACT_TO_BEST,
        };
        // Those that were first most often, and of equals any.
        lack.sort_by_key(|(firsts, id)| {
            let drawn = self.dice.of(
                Purpose::ShortIds,
                &[nonce.to_be_bytes(), id.0.to_be_bytes()].concat(),
            );
            (u64::MAX - firsts, drawn)
        });
        for (position, (_, id)) in lack.into_iter().enumerate() {
            if let Some(peer) = self.peers.get_mut(&id) {
                peer.known_blocks.insert(hash, ());
            }
            let is_best = position < most;
            let message = match &compact {
                Some(compact) if is_best => Message::Compact(Arc::clone(compact)),
                _ => Message::Headers {
                    start,
                    list: list.clone(),
                },
            };
            effects.push(Effect::Send(id, message));
        }
    }

    pub(super) fn compact(
        &mut self,
        now: Duration,
        peer: PeerId,
        compact: &Compact,
        archive: &dyn Archive,
        effects: &mut Vec<Effect>,
    ) -> Result<(), ArchiveError> {
        let Some(tree) = &self.tree else {
            return Ok(());
        };
        let header = match tree.check(compact.start, &[compact.record], archive) {
            Ok(run) => run[0],
            Err(HeadersError::Archive(error)) => return Err(error),
            Err(HeadersError::Orphan { .. }) => {
                return self.ask_headers(now, peer, None, archive, effects);
            }
            // It is told of before it is checked.
            Err(HeadersError::KnownInvalid { .. }) => return Ok(()),
            Err(HeadersError::Invalid(_)) => {
                self.ban(now, peer, Offence::InvalidHeader, effects);
                return self.schedule(now, archive, effects);
            }
        };
        let hash = header.hash();
        if let Some(known) = self.peers.get_mut(&peer) {
            known.known_blocks.insert(hash, ());
            known.best = Some((hash, header.fields.height));
        }
        if header.total_weight < self.threshold() || archive.entry(&hash)?.is_some() {
            return Ok(());
        }
        let is_first = self.known_header(&hash).is_none();
        let Some(tree) = &mut self.tree else {
            return Ok(());
        };
        let is_early = tree.insert(now, &[header], archive)?.early > 0;
        let flight = self.flights.get(&hash);
        let was_asked = flight.is_some_and(|flight| flight.peer == peer);
        if was_asked {
            self.progress(now, peer);
        }
        self.land(&hash);
        if is_first && let Some(known) = self.peers.get_mut(&peer) {
            known.firsts += 1;
        }
        // What is no better than the main chain is not worth a question, and
        // what is far ahead of it comes in its turn.
        let is_next =
            archive.entry(&compact.start)?.is_some() || self.recent_blocks.contains(&compact.start);
        let is_wanted =
            !is_early && is_next && !outweighs(self.tip.total_weight, header.total_weight);
        if !is_wanted || !is_first && self.recent_blocks.contains(&hash) {
            return self.schedule(now, archive, effects);
        }
        if self.pending.contains_key(&hash) || self.recent_blocks.contains(&hash) {
            return Ok(());
        }
        let partial = Partial::fill(header, compact, self.inventory.texts());
        let most = (GET_BLOCK_TXS_LIMIT_BYTES - 64) / PLACE_BYTES;
        let partial = partial.filter(|partial| partial.missing().len() <= most);
        let Some(partial) = partial else {
            self.ask_blocks(now, peer, &[hash], effects);
            return Ok(());
        };
        if partial.missing().is_empty() {
            let Some(block) = self.whole(&partial) else {
                // Two texts may have one id: the whole block tells.
                self.ask_blocks(now, peer, &[hash], effects);
                return Ok(());
            };
            match was_asked {
                true => self.counts.compact_asked += 1,
                false => self.counts.compact_at_once += 1,
            }
            self.likely_missing.insert(hash, partial.likely_missing());
            self.take_body(block, None, archive, effects)?;
            return self.schedule(now, archive, effects);
        }
        self.counts.compact_asked += 1;
        let places = partial.missing().to_vec();
        effects.push(Effect::Send(peer, Message::GetBlockTxs { hash, places }));
        let deadline = now + Duration::from_millis(COMPACT_TIMEOUT_MS);
        let pending = Pending {
            peer,
            partial,
            deadline,
        };
        self.pending.insert(hash, pending);
        Ok(())
    }

    /// A peer that was told of a block by its header alone.
    pub(super) fn get_compact(
        &mut self,
        peer: PeerId,
        hash: Hash,
        archive: &dyn Archive,
        effects: &mut Vec<Effect>,
    ) -> Result<(), ArchiveError> {
        let nonce = self.dice.draw(Purpose::ShortIds);
        let prefilled = self.likely_missing.get(&hash);
        let prefilled = prefilled.map_or(&[][..], |places| &places[..]);
        let block = self.recent_blocks.get(&hash);
        let compact = block.and_then(|block| compact_of(block, nonce, prefilled));
        match compact.filter(is_short) {
            Some(compact) => {
                effects.push(Effect::Send(peer, Message::Compact(Arc::new(compact))));
                Ok(())
            }
            None => self.get_blocks(peer, &[hash], archive, effects),
        }
    }

    fn whole(&self, partial: &Partial) -> Option<Arc<Block>> {
        let ChainRules::Sealed(rules) = &self.config.rules else {
            return None;
        };
        partial.block(rules).map(Arc::new)
    }

    pub(super) fn get_block_txs(
        &mut self,
        peer: PeerId,
        hash: Hash,
        places: &[u32],
        archive: &dyn Archive,
        effects: &mut Vec<Effect>,
    ) -> Result<(), ArchiveError> {
        let block = match self.recent_blocks.get(&hash) {
            Some(block) => Some(Arc::clone(block)),
            None => archive.block(&hash)?,
        };
        let depth = block
            .as_ref()
            .map(|block| self.tip.height.saturating_sub(block.height()));
        let Some(block) = block.filter(|_| depth <= Some(COMPACT_DEPTH_LIMIT)) else {
            return self.get_blocks(peer, &[hash], archive, effects);
        };
        let (mut texts, mut wanted) = (Vec::with_capacity(places.len()), places.iter().peekable());
        for (place, text) in (0_u32..).zip(block.transactions()) {
            if wanted.next_if_eq(&&place).is_some() {
                texts.push(Arc::from(text));
            }
        }
        if wanted.peek().is_some() {
            let text = "the block has fewer transactions";
            self.part(peer, ByeReason::Misbehaved, text, effects);
            return Ok(());
        }
        effects.push(Effect::Send(peer, Message::BlockTxs { hash, texts }));
        Ok(())
    }

    pub(super) fn block_txs(
        &mut self,
        now: Duration,
        peer: PeerId,
        hash: Hash,
        texts: &[Arc<[u8]>],
        archive: &dyn Archive,
        effects: &mut Vec<Effect>,
    ) -> Result<(), ArchiveError> {
        if self
            .pending
            .get(&hash)
            .is_none_or(|pending| pending.peer != peer)
        {
            return Ok(());
        }
        let Some(mut pending) = self.pending.remove(&hash) else {
            return Ok(());
        };
        let likely = pending.partial.likely_missing();
        let is_complete = pending.partial.complete(texts);
        match self.whole(&pending.partial).filter(|_| is_complete) {
            Some(block) => {
                self.likely_missing.insert(hash, likely);
                self.take_body(block, None, archive, effects)?;
            }
            // A short id may have stood for another transaction: only the whole
            // block shows who was wrong.
            None => self.ask_blocks(now, peer, &[hash], effects),
        }
        self.schedule(now, archive, effects)
    }

    /// Others are asked for the whole block.
    pub(super) fn compacts_timer(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        let late = self
            .pending
            .iter()
            .filter(|(_, pending)| pending.deadline <= now);
        let late: Vec<(Hash, PeerId)> = late.map(|(hash, one)| (*hash, one.peer)).collect();
        for (hash, peer) in late {
            self.pending.remove(&hash);
            self.has_stalled(now, peer, effects);
        }
    }
}

fn is_short(compact: &Compact) -> bool {
    length_of(compact) <= COMPACT_LIMIT_BYTES
}

/// About how many bytes it takes.
fn length_of(compact: &Compact) -> usize {
    let prefilled = compact.prefilled.iter();
    let prefilled: usize = prefilled
        .map(|(_, text)| text.len() + 2 * PLACE_BYTES)
        .sum();
    128 + compact.ids.len() * crate::codec::SHORT_ID_BYTES + prefilled
}
