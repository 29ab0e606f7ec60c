//! What others are answered that ask for blocks. A peer that answers with a whole
//! block answers for it, so only what this node has taken itself is sent.

use std::sync::Arc;

use adit_core::archive::{Archive, ArchiveError};
use adit_core::hash::Hash;

use super::messages::{Effect, PeerId};
use super::state::Machine;
use crate::message::{BLOCKS_MESSAGE_LIMIT, Message};

impl Machine {
    pub(super) fn get_blocks(
        &mut self,
        peer: PeerId,
        hashes: &[Hash],
        archive: &dyn Archive,
        effects: &mut Vec<Effect>,
    ) -> Result<(), ArchiveError> {
        let mut missing = Vec::new();
        for hash in hashes {
            if let Some(text) = archive.text(hash)? {
                effects.push(Effect::Send(peer, Message::Block(text.into())));
                continue;
            }
            // A peer that answers with a whole block answers for it: what has not
            // been decided is answered when it has.
            let is_undecided = self.recent_blocks.contains(hash);
            match self.peers.get_mut(&peer) {
                Some(known)
                    if is_undecided && known.undecided_asks.len() < BLOCKS_MESSAGE_LIMIT =>
                {
                    known.undecided_asks.insert(*hash);
                }
                _ => missing.push(*hash),
            }
        }
        if !missing.is_empty() {
            effects.push(Effect::Send(peer, Message::NotFound(missing)));
        }
        Ok(())
    }

    /// Those who asked for a block that was not decided yet.
    pub(super) fn answer_undecided(
        &mut self,
        hash: &Hash,
        archive: &dyn Archive,
        effects: &mut Vec<Effect>,
    ) -> Result<(), ArchiveError> {
        let asked = self.peers.iter_mut();
        let asked = asked.filter_map(|(id, peer)| peer.undecided_asks.remove(hash).then_some(*id));
        let asked: Vec<PeerId> = asked.collect();
        if asked.is_empty() {
            return Ok(());
        }
        let text: Option<Arc<[u8]>> = archive.text(hash)?.map(Arc::from);
        for peer in asked {
            let answer = match &text {
                Some(text) => Message::Block(Arc::clone(text)),
                None => Message::NotFound(vec![*hash]),
            };
            effects.push(Effect::Send(peer, answer));
        }
        Ok(())
    }
}
