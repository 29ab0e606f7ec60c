//! What only chains to develop on do: they start over, go back to where they were,
//! make a block without a search, and are told when to make blocks. That a chain is
//! one of these, the driver knows.

use std::sync::Arc;
use std::time::Duration;

use super::messages::{Answer, Effect};
use super::points::{BlockMaking, ChainPoint};
use super::state::Node;
use crate::archive::{Archive, Change};
use crate::chain::ChainError;
use crate::future_blocks::FutureBlocks;
use crate::mempool::Mempool;
use crate::mining::HeldUp;
use crate::reorganisation::BlockPlace;
use crate::sync::RequestId;
use crate::transaction::Submitted;

impl Node {
    /// Where the chain is now; `None` while it has no block. A long reorganisation
    /// comes to its end first.
    pub fn chain_point(
        &mut self,
        now: Duration,
        archive: &dyn Archive,
    ) -> Result<Option<ChainPoint>, ChainError> {
        self.finish_mempool_update(now, archive)?;
        let tip = self.chain.tip().map(|tip| BlockPlace {
            height: tip.height(),
            hash: tip.hash(),
        });
        Ok(tip.map(|tip| ChainPoint {
            tip,
            mempool: self.mempool.clone(),
        }))
    }

    /// A point at a block, where nothing waits.
    pub fn empty_point(&self, tip: BlockPlace) -> ChainPoint {
        let mempool = Mempool::new(&**self.chain.rules(), self.config.min_fee_rate);
        ChainPoint { tip, mempool }
    }

    /// When blocks are made without a request.
    pub fn block_making(&self) -> BlockMaking {
        match self.mining.every() {
            _ if self.config.mine_at_once => BlockMaking::ForEachTransaction,
            Some(every) => BlockMaking::Every(every),
            None => BlockMaking::OnRequest,
        }
    }

    pub(super) fn rewind(
        &mut self,
        now: Duration,
        request: RequestId,
        archive: &dyn Archive,
        effects: &mut Vec<Effect>,
    ) -> Result<(), ChainError> {
        self.chain.rewind(archive)?;
        let mempool = Mempool::new(&**self.chain.rules(), self.config.min_fee_rate);
        self.replace_what_waits(mempool);
        effects.push(Effect::Persist(Change::Rewind));
        self.renew_job(now, effects);
        effects.push(Effect::Answer(request, Answer::Rewound));
        Ok(())
    }

    /// The chain ends where it did then, and what waited waits.
    pub(super) fn go_to(
        &mut self,
        now: Duration,
        request: RequestId,
        point: ChainPoint,
        archive: &dyn Archive,
        effects: &mut Vec<Effect>,
    ) -> Result<(), ChainError> {
        let ChainPoint { tip, mempool } = point;
        let Some(change) = self.chain.go_to(&tip.hash, archive)? else {
            effects.push(Effect::Answer(request, Answer::UnknownBlock(tip)));
            return Ok(());
        };
        self.replace_what_waits(mempool);
        self.adopting = false;
        effects.push(Effect::Persist(change));
        self.renew_job(now, effects);
        effects.push(Effect::Answer(request, Answer::WentTo(tip)));
        Ok(())
    }

    fn replace_what_waits(&mut self, mempool: Mempool) {
        self.mempool = mempool;
        self.stepped_update = None;
        self.future_blocks = FutureBlocks::default();
    }

    /// Lets a transaction wait without a block being made for it. It is judged
    /// like one that is submitted.
    pub fn let_wait(
        &mut self,
        now: Duration,
        submitted: Submitted,
        archive: &dyn Archive,
    ) -> Result<bool, ChainError> {
        Ok(self.mempool.accept(now, submitted, archive)?.is_ok())
    }

    /// Makes a block of what waits, or of nothing, whose first guess is its proof.
    pub(super) fn make_block(
        &mut self,
        now: Duration,
        request: RequestId,
        archive: &dyn Archive,
        effects: &mut Vec<Effect>,
    ) -> Result<(), ChainError> {
        if let Err(error) = self.chain.rules().check_reward_to(&self.config.reward_to) {
            effects.push(Effect::Answer(request, Answer::NobodyToReward(error)));
            return Ok(());
        }
        let held_up = self.held_up(now);
        let Some(next) = self.chain.next(now).filter(|_| held_up.is_none()) else {
            let held_up = held_up.unwrap_or_else(|| held_up_at(now, "there is no block yet"));
            effects.push(Effect::Answer(request, Answer::HeldUp(held_up)));
            return Ok(());
        };
        let content = self.template_content(now);
        let block = self.chain.rules().complete(next, &content, 0);
        let hash = block.hash();
        self.take_own(now, block, archive, effects)?;
        let made = self.chain.tip().filter(|tip| tip.hash() == hash);
        let answer = match made {
            Some(block) => Answer::Mined(Arc::clone(block)),
            None => Answer::HeldUp(held_up_at(now, "the block was refused")),
        };
        self.renew_job(now, effects);
        effects.push(Effect::Answer(request, answer));
        Ok(())
    }

    pub(super) fn set_block_making(
        &mut self,
        now: Duration,
        request: RequestId,
        making: BlockMaking,
        archive: &dyn Archive,
        effects: &mut Vec<Effect>,
    ) -> Result<(), ChainError> {
        self.config.mine_at_once = making == BlockMaking::ForEachTransaction;
        self.mining.set_every(match making {
            BlockMaking::Every(every) => Some(every),
            BlockMaking::ForEachTransaction | BlockMaking::OnRequest => None,
        });
        if self.config.mine_at_once {
            self.make_at_once(now, archive, effects)?;
        }
        // A search that nobody wants any more ends.
        self.next_job(now, effects);
        effects.push(Effect::Answer(request, Answer::BlockMakingSet));
        Ok(())
    }
}

fn held_up_at(until: Duration, why: &str) -> HeldUp {
    HeldUp {
        until,
        why: why.to_owned(),
    }
}
