//! How the chains of the classics are fetched. Their hashes cover the bodies and
//! length is free, so that a header proves nothing: the hashes behind a common
//! block are asked for, then the bodies, and these are handed to the core when
//! they are longer as a whole than the main chain. One branch is fetched at a
//! time, from the peer that told of it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use adit_core::archive::{Archive, ArchiveError};
use adit_core::block::Block;
use adit_core::chain::BlockSource;
use adit_core::hash::Hash;

use super::bodies::{BODIES_LIMIT_BYTES, SUBMITTED_LIMIT_COUNT};
use super::messages::{Effect, Offence, PeerId, Verdict};
use super::state::{Body, ClassicBranch, Machine};
use crate::header_tree::HEADERS_LIMIT_COUNT;
use crate::message::{BLOCKS_MESSAGE_LIMIT, ByeReason, HEADERS_MESSAGE_LIMIT, Message};

/// The next blocks of a branch have to come within this time.
pub const CLASSIC_TIMEOUT_MS: u64 = 20_000;

/// What stands for the block before a genesis block.
pub(super) const NO_BLOCK: Hash = Hash([0; 32]);

/// Hashes behind a block, as a peer tells of them.
#[derive(Clone, Copy)]
pub(super) struct Told<'a> {
    pub(super) start: Hash,
    pub(super) hashes: &'a [Hash],
    pub(super) was_asked: bool,
}

impl Machine {
    pub(super) fn classic_hashes(
        &mut self,
        now: Duration,
        peer: PeerId,
        told: Told<'_>,
        archive: &dyn Archive,
        effects: &mut Vec<Effect>,
    ) -> Result<(), ArchiveError> {
        let Told { start, hashes, .. } = told;
        let has_more = hashes.len() >= HEADERS_MESSAGE_LIMIT;
        let Some(last) = hashes.last() else {
            return Ok(());
        };
        if let Some(known) = self.peers.get_mut(&peer) {
            known.known_blocks.insert(*last, ());
        }
        if let Some(branch) = &mut self.classic_branch
            && branch.peer == peer
            && branch.hashes.back() == Some(&start)
        {
            let room = HEADERS_LIMIT_COUNT.saturating_sub(branch.hashes.len());
            branch.hashes.extend(hashes.iter().take(room));
            branch.has_more = has_more;
            return self.classic_schedule(now, archive, effects);
        }
        if self.classic_branch.is_some() {
            return Ok(());
        }
        let start_height = match archive.entry(&start)? {
            Some(entry) => entry.height,
            None if start == NO_BLOCK => 0,
            // Nothing of ours stands before what it answers: asked again, it would
            // say the same.
            None if told.was_asked => return Ok(()),
            None => return self.ask_headers(now, peer, None, archive, effects),
        };
        let mut first_height = start_height + 1;
        let mut lacking: VecDeque<Hash> = hashes.iter().copied().collect();
        while let Some(hash) = lacking.front()
            && archive.entry(hash)?.is_some()
        {
            first_height += 1;
            lacking.pop_front();
        }
        let length = first_height + lacking.len() as u64 - 1;
        if lacking.is_empty() || !has_more && length <= self.tip.height {
            return match has_more {
                true => self.ask_headers(now, peer, Some(*last), archive, effects),
                false => Ok(()),
            };
        }
        self.classic_branch = Some(ClassicBranch {
            peer,
            first_height,
            hashes: lacking,
            bodies: BTreeMap::new(),
            bodies_bytes: 0,
            asked: BTreeSet::new(),
            deadline: now + Duration::from_millis(CLASSIC_TIMEOUT_MS),
            has_more,
            is_longer: false,
        });
        self.classic_schedule(now, archive, effects)
    }

    pub(super) fn classic_block(
        &mut self,
        now: Duration,
        peer: PeerId,
        block: Arc<Block>,
        archive: &dyn Archive,
        effects: &mut Vec<Effect>,
    ) -> Result<(), ArchiveError> {
        let branch = self.classic_branch.as_mut();
        let Some(branch) = branch.filter(|branch| branch.peer == peer) else {
            return Ok(());
        };
        if !branch.asked.remove(&block.hash()) {
            return Ok(());
        }
        self.counts.whole_blocks += 1;
        branch.deadline = now + Duration::from_millis(CLASSIC_TIMEOUT_MS);
        branch.bodies_bytes += block.text().len();
        branch.bodies.insert(block.hash(), block);
        self.classic_schedule(now, archive, effects)
    }

    /// Asks for the next blocks of the branch, and hands over those that are
    /// here once it is longer than the main chain.
    fn classic_schedule(
        &mut self,
        now: Duration,
        archive: &dyn Archive,
        effects: &mut Vec<Effect>,
    ) -> Result<(), ArchiveError> {
        let Some(branch) = &mut self.classic_branch else {
            return Ok(());
        };
        let peer = branch.peer;
        let here = branch
            .hashes
            .iter()
            .take_while(|hash| branch.bodies.contains_key(*hash));
        let here = here.count();
        branch.is_longer |= branch.first_height + here as u64 > self.tip.height + 1;
        if branch.is_longer {
            for _ in 0..here {
                let Some(hash) = branch.hashes.front().copied() else {
                    break;
                };
                if self.submitted.len() >= SUBMITTED_LIMIT_COUNT {
                    break;
                }
                let Some(block) = branch.bodies.remove(&hash) else {
                    break;
                };
                branch.hashes.pop_front();
                branch.first_height += 1;
                branch.bodies_bytes -= block.text().len();
                let source = match block.parent() == Some(self.tip.hash) {
                    true => BlockSource::Single,
                    false => BlockSource::InBranch,
                };
                effects.push(Effect::SubmitBlock(Arc::clone(&block), source));
                let liable = Some(peer);
                self.submitted.insert(hash, Body { block, liable });
            }
        }
        if branch.hashes.is_empty() && branch.has_more {
            branch.has_more = false;
        }
        if branch.hashes.is_empty() {
            self.classic_branch = None;
            return Ok(());
        }
        if branch.bodies_bytes >= BODIES_LIMIT_BYTES && !branch.is_longer {
            let text = "the branch is too long to be compared";
            self.part(peer, ByeReason::Other, text, effects);
            return Ok(());
        }
        let window = branch.hashes.iter().take(super::bodies::BODIES_LIMIT_COUNT);
        let lacking = window
            .filter(|hash| !branch.bodies.contains_key(*hash) && !branch.asked.contains(*hash));
        let lacking: Vec<Hash> = lacking.copied().take(BLOCKS_MESSAGE_LIMIT).collect();
        if branch.asked.is_empty() && !lacking.is_empty() {
            branch.asked.extend(&lacking);
            effects.push(Effect::Send(peer, Message::GetBlocks(lacking)));
        }
        // More hashes are fetched while it is not known whether it is longer.
        let last = branch.hashes.back().copied();
        if branch.has_more && branch.hashes.len() < HEADERS_LIMIT_COUNT {
            self.ask_headers(now, peer, last, archive, effects)?;
        }
        Ok(())
    }

    pub(super) fn classic_decided(
        &mut self,
        now: Duration,
        _hash: Hash,
        verdict: Verdict,
        liable: Option<PeerId>,
        archive: &dyn Archive,
        effects: &mut Vec<Effect>,
    ) -> Result<(), ArchiveError> {
        if matches!(verdict, Verdict::Invalid(_))
            && let Some(peer) = liable
        {
            self.ban(now, peer, Offence::InvalidBody, effects);
        }
        self.classic_schedule(now, archive, effects)?;
        if self.classic_branch.is_none() && self.submitted.is_empty() {
            self.ask_the_longest(now, archive, effects)?;
        }
        Ok(())
    }

    /// One branch is done: a peer that has said that it has more is asked next.
    fn ask_the_longest(
        &mut self,
        now: Duration,
        archive: &dyn Archive,
        effects: &mut Vec<Effect>,
    ) -> Result<(), ArchiveError> {
        let height = |peer: &super::state::Peer| peer.hello.as_ref().map(|hello| hello.height);
        let heights = self.peers.iter().map(|(id, peer)| (height(peer), *id));
        match heights.max() {
            Some((Some(height), peer)) if height > self.tip.height => {
                self.ask_headers(now, peer, None, archive, effects)
            }
            _ => Ok(()),
        }
    }

    pub(super) fn classic_not_found(
        &mut self,
        peer: PeerId,
        hashes: &[Hash],
        _effects: &mut Vec<Effect>,
    ) {
        let branch = self.classic_branch.as_ref();
        if branch.is_some_and(|branch| {
            branch.peer == peer && hashes.iter().any(|hash| branch.asked.contains(hash))
        }) {
            // Its chain is another by now; it will tell of it.
            self.classic_branch = None;
        }
    }

    pub(super) fn classic_timer(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        let branch = self.classic_branch.as_ref();
        if let Some(branch) = branch.filter(|branch| branch.deadline <= now) {
            let peer = branch.peer;
            self.part(peer, ByeReason::TooSlow, "no blocks came", effects);
        }
    }
}
