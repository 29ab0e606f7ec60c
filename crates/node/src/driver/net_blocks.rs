//! Takes in the blocks that came from peers who talk with this node. Whether a
//! block is taken, the core decides.

use std::sync::Arc;
use std::time::Instant;

use adit_core::archive::Archive;
use adit_core::block::Block;
use adit_core::chain::{BlockSource, ChainError};
use adit_core::node::{Effect, Input};
use adit_net::machine::{Input as NetInput, Verdict};

use super::error::DriverError;
use super::run::Driver;

impl Driver {
    /// Takes a block that came from a peer who talks with this node, and says what
    /// became of it.
    pub(super) fn take_from_net(
        &mut self,
        block: Arc<Block>,
        source: BlockSource,
        later: &mut Vec<Effect>,
    ) -> Result<(), DriverError> {
        let hash = block.hash();
        self.net_news.first_block.get_or_insert_with(Instant::now);
        self.net_news.took_of_branch |= source == BlockSource::InBranch;
        let input = Input::Block(block, source);
        let effects = self.node.handle(self.clock.now(), input, &self.store)?;
        let refused = effects.iter().find_map(|effect| match effect {
            Effect::Refused(ChainError::Invalid(error)) => match error.ahead_until_ms() {
                None => Some(Verdict::Invalid(error.clone())),
                Some(_) => Some(Verdict::Deferred),
            },
            Effect::Refused(_) => Some(Verdict::NotKept),
            _ => None,
        });
        self.carry_out_now(effects, later)?;
        let verdict = match refused {
            Some(refused) => refused,
            None if self.store.entry(&hash).map_err(ChainError::from)?.is_some() => Verdict::Taken,
            None => Verdict::Deferred,
        };
        self.net_news.push(NetInput::Decided(hash, verdict));
        Ok(())
    }

    /// After some blocks of a longer branch the search for a proof goes on at the new
    /// tip, and peers that are registered are told.
    pub(super) fn end_of_net_blocks(&mut self, later: &mut Vec<Effect>) -> Result<(), DriverError> {
        self.net_news.first_block = None;
        if std::mem::take(&mut self.net_news.took_of_branch) {
            self.handle(Input::BranchPaused, later)?;
            later.push(Effect::Announce(self.node.peers()));
        }
        Ok(())
    }
}
