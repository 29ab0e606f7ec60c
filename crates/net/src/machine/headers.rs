//! Which headers are asked for, and what follows from those that come. What a
//! branch is worth is known by them, before a body is asked for.

use std::time::Duration;

use adit_core::archive::{Archive, ArchiveError};
use adit_core::hash::Hash;
use adit_core::json;
use adit_core::rules::Weight;
use adit_core::sealed::CompactHeader;
use adit_core::sync::Locator;

use super::classics::{NO_BLOCK, Told};
use super::messages::{ChainRules, Effect, Offence, PeerId};
use super::state::Machine;
use crate::branch::KnownHeader;
use crate::compact::record_of;
use crate::header_tree::HeadersError;
use crate::message::{ByeReason, HEADERS_MESSAGE_LIMIT, HeaderList, LOCATOR_LIMIT_HASHES, Message};
use crate::presync::{Presync, PresyncError};

/// Headers that were asked for have to come within this time.
pub const HEADERS_TIMEOUT_MS: u64 = 20_000;

/// A header chain has to come within this many of the tip's blocks of our own work,
/// or it is only counted.
const THRESHOLD_BLOCKS: u64 = 144;

impl Machine {
    /// Asks a peer for what it has behind our chain, or behind a header that it
    /// sent; at most one such question is open.
    pub(super) fn ask_headers(
        &mut self,
        now: Duration,
        peer: PeerId,
        behind: Option<Hash>,
        archive: &dyn Archive,
        effects: &mut Vec<Effect>,
    ) -> Result<(), ArchiveError> {
        let locator = Locator::of_main_chain(self.tip.height, archive)?;
        let mut locator = locator.into_hashes();
        let Some(known) = self.peers.get_mut(&peer) else {
            return Ok(());
        };
        if known.headers_deadline.is_some() {
            return Ok(());
        }
        known.headers_deadline = Some(now + Duration::from_millis(HEADERS_TIMEOUT_MS));
        if let Some(behind) = behind {
            locator.insert(0, behind);
            // No chain is so long, and the genesis block stays.
            if locator.len() > LOCATOR_LIMIT_HASHES {
                locator.remove(1);
            }
        }
        let stop = Hash([0; 32]);
        effects.push(Effect::Send(peer, Message::GetHeaders { locator, stop }));
        Ok(())
    }

    /// A stored block, as others are told of it.
    pub(super) fn list_of(
        &self,
        hash: &Hash,
        archive: &dyn Archive,
    ) -> Result<Option<HeaderList>, ArchiveError> {
        Ok(match &self.config.rules {
            ChainRules::Sealed(_) => {
                stored_record(hash, archive)?.map(|record| HeaderList::Records(vec![record]))
            }
            ChainRules::Classic(_) => Some(HeaderList::Hashes(vec![*hash])),
        })
    }

    pub(super) fn get_headers(
        &mut self,
        peer: PeerId,
        locator: &[Hash],
        stop: Hash,
        archive: &dyn Archive,
        effects: &mut Vec<Effect>,
    ) -> Result<(), ArchiveError> {
        let mut start = match &self.config.rules {
            ChainRules::Sealed(_) => (1, self.genesis),
            // Chains of the classics may share no block at all.
            ChainRules::Classic(_) => (0, NO_BLOCK),
        };
        for hash in locator {
            if let Some(entry) = archive.entry(hash)?
                && archive.main_hash(entry.height)? == Some(*hash)
            {
                start = (entry.height, *hash);
                break;
            }
        }
        let (mut records, mut hashes) = (Vec::new(), Vec::new());
        for height in (start.0 + 1..).take(HEADERS_MESSAGE_LIMIT) {
            let Some(hash) = archive.main_hash(height)? else {
                break;
            };
            match &self.config.rules {
                ChainRules::Sealed(_) => records.extend(stored_record(&hash, archive)?),
                ChainRules::Classic(_) => hashes.push(hash),
            }
            if hash == stop {
                break;
            }
        }
        let list = match &self.config.rules {
            ChainRules::Sealed(_) => HeaderList::Records(records),
            ChainRules::Classic(_) => HeaderList::Hashes(hashes),
        };
        let start = start.1;
        effects.push(Effect::Send(peer, Message::Headers { start, list }));
        Ok(())
    }

    pub(super) fn headers(
        &mut self,
        now: Duration,
        peer: PeerId,
        start: Hash,
        list: &HeaderList,
        archive: &dyn Archive,
        effects: &mut Vec<Effect>,
    ) -> Result<(), ArchiveError> {
        let Some(known) = self.peers.get_mut(&peer) else {
            return Ok(());
        };
        let was_asked = known.headers_deadline.take().is_some();
        match (list, self.config.rules.sealed()) {
            (HeaderList::Records(records), Some(_)) => {
                self.records(now, peer, start, records, was_asked, archive, effects)
            }
            (HeaderList::Hashes(hashes), None) => {
                let answers = Told {
                    start,
                    hashes,
                    was_asked,
                };
                self.classic_hashes(now, peer, answers, archive, effects)
            }
            // Formats of other rules say nothing here.
            _ => Ok(()),
        }
    }

    #[expect(clippy::too_many_arguments, reason = "it is one step of `headers`")]
    fn records(
        &mut self,
        now: Duration,
        peer: PeerId,
        start: Hash,
        records: &[CompactHeader],
        was_asked: bool,
        archive: &dyn Archive,
        effects: &mut Vec<Effect>,
    ) -> Result<(), ArchiveError> {
        let is_full = records.len() >= HEADERS_MESSAGE_LIMIT;
        let known = self.peers.get(&peer);
        let presync = known.and_then(|known| known.presync.as_ref());
        if presync.is_some_and(|presync| presync.next() == start) {
            return self.presync(now, peer, records, is_full, archive, effects);
        }
        let Some(tree) = &self.tree else {
            return Ok(());
        };
        let run = match tree.check(start, records, archive) {
            Ok(run) => run,
            Err(HeadersError::Archive(error)) => return Err(error),
            Err(HeadersError::Orphan { .. }) => {
                // What lies between is asked for; a peer that is asked answers from
                // a block that we have.
                if !was_asked {
                    self.ask_headers(now, peer, None, archive, effects)?;
                }
                return Ok(());
            }
            Err(HeadersError::KnownInvalid { hash }) => {
                // A block is told of before it is checked. A peer that has it in its
                // main chain follows other rules.
                if was_asked {
                    let text = format!("block {hash} is not valid here");
                    self.part(peer, ByeReason::OtherChain, &text, effects);
                }
                return Ok(());
            }
            Err(HeadersError::Invalid(_)) => {
                self.ban(now, peer, Offence::InvalidHeader, effects);
                return self.schedule(now, archive, effects);
            }
        };
        let Some(last) = run.last() else {
            return Ok(());
        };
        if last.total_weight < self.threshold() && archive.entry(&last.hash())?.is_none() {
            if is_full && was_asked {
                self.begin_presync(now, peer, start, records, archive, effects)?;
            }
            return Ok(());
        }
        self.keep_headers(now, peer, &run, is_full, archive, effects)
    }

    /// Keeps headers of a branch that is worth it, and asks for its bodies.
    fn keep_headers(
        &mut self,
        now: Duration,
        peer: PeerId,
        run: &[KnownHeader],
        is_full: bool,
        archive: &dyn Archive,
        effects: &mut Vec<Effect>,
    ) -> Result<(), ArchiveError> {
        let (Some(tree), Some(last)) = (&mut self.tree, run.last()) else {
            return Ok(());
        };
        let inserted = tree.insert(now, run, archive)?;
        let kept = run.len() - inserted.left_out.min(run.len());
        let kept = run[..kept].last();
        if let Some(known) = self.peers.get_mut(&peer) {
            for header in run.iter().rev().take(2) {
                known.known_blocks.insert(header.hash(), ());
            }
            if let Some(kept) = kept {
                known.best = Some((kept.hash(), kept.fields.height));
            }
            known.has_more_headers = inserted.left_out > 0;
        }
        if is_full && inserted.left_out == 0 {
            let behind = Some(last.hash());
            self.ask_headers(now, peer, behind, archive, effects)?;
        }
        self.schedule(now, archive, effects)
    }

    /// What a header chain has to be worth to be kept.
    pub(super) fn threshold(&self) -> Weight {
        let slack = self
            .tip
            .weight
            .saturating_mul(Weight::from(THRESHOLD_BLOCKS));
        let near = self.tip.total_weight.saturating_sub(slack);
        near.max(self.config.min_work)
    }

    fn begin_presync(
        &mut self,
        now: Duration,
        peer: PeerId,
        start: Hash,
        records: &[CompactHeader],
        archive: &dyn Archive,
        effects: &mut Vec<Effect>,
    ) -> Result<(), ArchiveError> {
        let threshold = self.threshold();
        let (Some(tree), ChainRules::Sealed(rules)) = (&self.tree, &self.config.rules) else {
            return Ok(());
        };
        if let Some(place) = tree.place(&start, archive)?
            && let Some(known) = self.peers.get_mut(&peer)
        {
            let params = rules.params();
            let presync = Presync::begin(place, threshold, params, now, &mut self.dice);
            known.presync = Some(presync);
        }
        self.presync(now, peer, records, true, archive, effects)
    }

    fn presync(
        &mut self,
        now: Duration,
        peer: PeerId,
        records: &[CompactHeader],
        is_full: bool,
        archive: &dyn Archive,
        effects: &mut Vec<Effect>,
    ) -> Result<(), ArchiveError> {
        let ChainRules::Sealed(rules) = &self.config.rules else {
            return Ok(());
        };
        let Some(known) = self.peers.get_mut(&peer) else {
            return Ok(());
        };
        let Some(presync) = &mut known.presync else {
            return Ok(());
        };
        match presync.take(rules, records, is_full) {
            Ok(progress) => {
                if progress.next.is_none() {
                    known.presync = None;
                }
                if !progress.proven.is_empty() {
                    self.keep_headers(now, peer, &progress.proven, false, archive, effects)?;
                }
                match progress.next {
                    Some(next) => self.ask_headers(now, peer, Some(next), archive, effects),
                    None => Ok(()),
                }
            }
            Err(error) => {
                known.presync = None;
                match error {
                    PresyncError::Invalid(_) => {
                        self.ban(now, peer, Offence::InvalidHeader, effects)
                    }
                    PresyncError::Changed { .. } => {
                        self.ban(now, peer, Offence::ChangedChain, effects)
                    }
                    PresyncError::TooLong { .. } => {
                        self.ban(now, peer, Offence::InvalidHeader, effects);
                    }
                    // It may be behind, as we once were.
                    PresyncError::TooLittleWork { .. } => {}
                }
                Ok(())
            }
        }
    }

    /// Bodies have come, so that there is room for more headers.
    pub(super) fn ask_for_left_out_headers(
        &mut self,
        now: Duration,
        archive: &dyn Archive,
        effects: &mut Vec<Effect>,
    ) -> Result<(), ArchiveError> {
        let waiting = self.peers.iter().filter(|(_, peer)| peer.has_more_headers);
        let waiting: Vec<_> = waiting.map(|(id, peer)| (*id, peer.best)).collect();
        for (peer, best) in waiting {
            if let Some(known) = self.peers.get_mut(&peer) {
                known.has_more_headers = false;
            }
            let behind = best.map(|(hash, _)| hash);
            self.ask_headers(now, peer, behind, archive, effects)?;
        }
        Ok(())
    }

    pub(super) fn headers_timer(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        let late = |peer: &super::state::Peer| {
            peer.headers_deadline
                .is_some_and(|deadline| deadline <= now)
        };
        let late: Vec<_> = self.peers.iter().filter(|(_, peer)| late(peer)).collect();
        let late: Vec<PeerId> = late.into_iter().map(|(id, _)| *id).collect();
        for peer in late {
            self.part(peer, ByeReason::TooSlow, "no headers came", effects);
        }
    }
}

/// A stored header's record. Only the Merkle root is looked up in the text.
fn stored_record(
    hash: &Hash,
    archive: &dyn Archive,
) -> Result<Option<CompactHeader>, ArchiveError> {
    if let Some(block) = archive.block(hash)? {
        return Ok(record_of(&block));
    }
    let (Some(header), Some(text)) = (archive.header(hash)?, archive.text(hash)?) else {
        return Ok(None);
    };
    let root = json::member(&text, "merkle_root")
        .and_then(|value| Hash::from_hex(value.strip_prefix(b"\"")?.strip_suffix(b"\"")?));
    Ok(root
        .zip(header.sealed)
        .map(|(merkle_root, sealed)| CompactHeader {
            merkle_root,
            timestamp_ms: sealed.timestamp_ms,
            proof: header.proof,
        }))
}
