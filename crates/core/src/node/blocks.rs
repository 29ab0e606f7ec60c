//! How a node makes blocks, takes those of others, and what follows for the
//! waiting transactions. What was asked for, and by whom, its parent module
//! knows.

use std::sync::Arc;
use std::time::Duration;

use super::messages::{Answer, Effect, Outcome, Timer};
use super::state::Node;
use crate::archive::{Archive, Change, MainChange};
use crate::block::{Block, BlockError};
use crate::chain::{BlockSource, ChainError, Connected};
use crate::hash::Hash;
use crate::mempool::Mempool;
use crate::mempool_update::{FollowedChain, LeftOut, MempoolUpdate, Step, SteppedUpdate};
use crate::mining::{HeldUp, MINE_PATIENCE_MS};
use crate::peer::PeerAddress;
use crate::rules::TemplateContent;
use crate::sync::RequestId;

impl Node {
    /// The template that is searched for gets the newest transaction: at once, or
    /// when it is old enough.
    pub(super) fn renew_template(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        if self.mining.is_outdated(now) {
            self.next_job(now, effects);
        } else {
            let renewal = self.mining.renew_at();
            effects.extend(renewal.map(|at| Effect::SetTimer(Timer::Renew, at)));
        }
    }

    /// Makes a block of what waits, whose first guess is its proof.
    pub(super) fn make_at_once(
        &mut self,
        now: Duration,
        archive: &dyn Archive,
        effects: &mut Vec<Effect>,
    ) -> Result<(), ChainError> {
        let content = self.template_content(now);
        let is_wanted = !content.transactions.is_empty() && self.can_reward();
        if let Some(held_up) = self.held_up(now).filter(|_| is_wanted) {
            self.wait_out(now, held_up, effects);
            return Ok(());
        }
        let Some(next) = self.chain.next(now).filter(|_| is_wanted) else {
            return Ok(());
        };
        let block = self.chain.rules().complete(next, &content, 0);
        self.take_own(now, block, archive, effects)?;
        if !self.mempool.is_empty() {
            // What is left is for the next call: one change a call.
            let until = self.held_up(now).map_or(now, |held_up| held_up.until);
            self.set_resume_timer(now, until, effects);
        }
        self.renew_job(now, effects);
        Ok(())
    }

    /// Blocks can be made again, or that is to be seen.
    pub(super) fn resume(
        &mut self,
        now: Duration,
        archive: &dyn Archive,
        effects: &mut Vec<Effect>,
    ) -> Result<(), ChainError> {
        self.mining.was_woken();
        if self.config.mine_at_once {
            self.make_at_once(now, archive, effects)?;
        }
        self.ensure_job(now, effects);
        Ok(())
    }

    /// Why no block can be made here now.
    pub(super) fn held_up(&mut self, now: Duration) -> Option<HeldUp> {
        let tip = self.chain.tip();
        let earliest = tip.map(|tip| self.chain.rules().earliest_behind(tip.header()));
        match earliest.filter(|earliest| *earliest > now) {
            Some(until) => Some(HeldUp {
                until,
                why: "the last block is ahead of this machine's clock".to_owned(),
            }),
            None => self.mining.pause(now),
        }
    }

    /// Goes on when that is over. Requests that would have to wait long for a
    /// block are told so.
    fn wait_out(&mut self, now: Duration, held_up: HeldUp, effects: &mut Vec<Effect>) {
        self.set_resume_timer(now, held_up.until, effects);
        let patience = Duration::from_millis(MINE_PATIENCE_MS);
        if held_up.until <= now.saturating_add(patience) {
            return;
        }
        while let Some(request) = self.mining.next_waiting() {
            let answer = Answer::HeldUp(held_up.clone());
            effects.push(Effect::Answer(request, answer));
        }
    }

    fn set_resume_timer(&mut self, now: Duration, until: Duration, effects: &mut Vec<Effect>) {
        let timer = self.mining.resume_at(now, until);
        effects.extend(timer.map(|at| Effect::SetTimer(Timer::Resume, at)));
    }

    pub(super) fn mine(&mut self, now: Duration, request: RequestId, effects: &mut Vec<Effect>) {
        let reward_to = &self.config.reward_to;
        if let Err(error) = self.chain.rules().check_reward_to(reward_to) {
            effects.push(Effect::Answer(request, Answer::NobodyToReward(error)));
            return;
        }
        match self.mining.wait(request) {
            Ok(()) => self.ensure_job(now, effects),
            Err(_) => effects.push(Effect::Answer(request, Answer::MiningBusy)),
        }
    }

    pub(super) fn ensure_job(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        if self.mining.job().is_none() {
            self.next_job(now, effects);
        }
    }

    /// The tip is another: a search goes on there.
    pub(super) fn renew_job(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        if self.mining.job().is_some() {
            self.next_job(now, effects);
        }
    }

    /// Starts a search on the tip, if a block is wanted and one can be made.
    pub(super) fn next_job(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        let had_job = self.mining.job().is_some();
        let is_wanted = self.mining.is_wanted() && self.can_reward();
        let held_up = self.held_up(now).filter(|_| is_wanted);
        let can_be_made = is_wanted && held_up.is_none();
        if let Some(held_up) = held_up {
            self.wait_out(now, held_up, effects);
        }
        let next = self.chain.next(now);
        let Some(next) = next.filter(|_| can_be_made) else {
            self.mining.drop_job();
            if had_job {
                effects.push(Effect::StopMining);
            }
            return;
        };
        let template = self
            .chain
            .rules()
            .template(next, &self.template_content(now));
        effects.push(Effect::Mine(self.mining.begin(template)));
    }

    pub(super) fn can_reward(&self) -> bool {
        let reward_to = &self.config.reward_to;
        self.chain.rules().check_reward_to(reward_to).is_ok()
    }

    pub(super) fn template_content(&self, now: Duration) -> TemplateContent {
        // While it is not known which of them are in the main chain by now,
        // none is taken along: it might be there twice.
        let transactions = match self.is_mempool_current() {
            true => self.mempool.for_next_block(self.chain.rules().room_bytes()),
            false => Vec::new(),
        };
        TemplateContent {
            now,
            transactions,
            reward_to: self.config.reward_to.clone(),
        }
    }

    pub(super) fn found(
        &mut self,
        now: Duration,
        number: u64,
        proof: u64,
        archive: &dyn Archive,
        effects: &mut Vec<Effect>,
    ) -> Result<(), ChainError> {
        let (Some((job, template)), Some(next)) = (self.mining.job(), self.chain.next(now)) else {
            return Ok(());
        };
        if job.number != number {
            return Ok(());
        }
        let rules = self.chain.rules();
        let block = if rules.proof_is_for_content() {
            rules.finish(template, proof)
        } else {
            // What came in while the search ran is taken along, as the
            // tutorial's new_block does.
            rules.complete(next, &self.template_content(now), proof)
        };
        self.take_own(now, block, archive, effects)?;
        self.next_job(now, effects);
        Ok(())
    }

    /// Takes a block that was made here: its transactions waited here, and
    /// were checked before that.
    pub(super) fn take_own(
        &mut self,
        now: Duration,
        block: Block,
        archive: &dyn Archive,
        effects: &mut Vec<Effect>,
    ) -> Result<(), ChainError> {
        block.signatures_are_valid();
        let block = Arc::new(block);
        let made = Arc::clone(&block);
        let connected = match self.chain.insert(now, made, BlockSource::Single, archive) {
            Ok(Some(connected)) => connected,
            Ok(None) => return Ok(()),
            Err(error @ ChainError::Archive(_)) => return Err(error),
            Err(error) => {
                self.own_was_refused(now, &block, error, effects);
                return Ok(());
            }
        };
        self.update_mempool(now, &connected, archive)?;
        effects.push(Effect::Persist(change(connected)));
        effects.push(Effect::Made(Arc::clone(&block)));
        if let Some(request) = self.mining.next_waiting() {
            effects.push(Effect::Answer(request, Answer::Mined(block)));
        }
        effects.push(Effect::Announce(self.peers()));
        let rest = self.mining.rest_until(now);
        effects.extend(rest.map(|end| Effect::SetTimer(Timer::Mine, end)));
        Ok(())
    }

    /// The transaction for which it was refused leaves, and the others are in
    /// the next block. If the reason was another, there is a pause before that.
    fn own_was_refused(
        &mut self,
        now: Duration,
        block: &Block,
        error: ChainError,
        effects: &mut Vec<Effect>,
    ) {
        let evicted = match &error {
            ChainError::Invalid(invalid) => self.evict_refused(block, invalid),
            _ => None,
        };
        match evicted {
            Some(id) => effects.push(Effect::Evicted(id, error)),
            None => {
                self.mining.was_refused(now, error.to_string());
                effects.push(Effect::Refused(error));
            }
        }
    }

    fn evict_refused(&mut self, block: &Block, error: &BlockError) -> Option<Hash> {
        let Mempool::Accounts(mempool) = &mut self.mempool else {
            return None;
        };
        let at = error.refused_transaction()?.checked_sub(1)?;
        let id = self.chain.rules().payments(block).get(at)?.id;
        mempool.evict(&id).map(|evicted| evicted.id)
    }

    /// Takes one block whose time has come, and asks to be woken for the next:
    /// at once, if it is due too. No other block can be judged by what the
    /// archive does not show yet.
    pub(super) fn retry(
        &mut self,
        now: Duration,
        archive: &dyn Archive,
        effects: &mut Vec<Effect>,
    ) -> Result<(), ChainError> {
        if let Some((block, source)) = self.future_blocks.take_due(now) {
            let outcome = self.take_block(now, block, source, archive, effects)?;
            effects.extend(refused(outcome));
        }
        self.set_retry_timer(effects);
        Ok(())
    }

    fn set_retry_timer(&mut self, effects: &mut Vec<Effect>) {
        let timer = self.future_blocks.next_timer();
        effects.extend(timer.map(|at| Effect::SetTimer(Timer::Retry, at)));
    }

    /// What becomes of a block, if that is known from an earlier time: it was
    /// refused by expensive checks, or is held.
    pub fn outcome_at_hand(&self, now: Duration, hash: &Hash) -> Option<Outcome> {
        if let Some(error) = self.chain.known_invalid(hash) {
            return Some(Outcome::Refused(error.clone().into()));
        }
        let is_held = self.future_blocks.holds(now, hash);
        is_held.then_some(Outcome::Deferred)
    }

    /// Takes a block of a branch that is heavier as a whole, and returns what
    /// became of it; a branch session calls this.
    pub(crate) fn take_of_branch(
        &mut self,
        now: Duration,
        block: Arc<Block>,
        archive: &dyn Archive,
    ) -> Result<(Vec<Effect>, Outcome), ChainError> {
        let mut effects = Vec::new();
        let outcome = self.take_block(now, block, BlockSource::InBranch, archive, &mut effects)?;
        Ok((effects, outcome))
    }

    /// Takes a block from elsewhere, and returns what became of it.
    pub(super) fn take_block(
        &mut self,
        now: Duration,
        block: Arc<Block>,
        source: BlockSource,
        archive: &dyn Archive,
        effects: &mut Vec<Effect>,
    ) -> Result<Outcome, ChainError> {
        if source != BlockSource::InBranch
            && let Some(outcome) = self.outcome_at_hand(now, &block.hash())
        {
            return Ok(outcome);
        }
        // What waited here was checked before.
        let mempool = &self.mempool;
        let is_checked = |id: &Hash, text: &[u8]| mempool.holds(id, text);
        let arrived = Arc::clone(&block);
        let connected = self
            .chain
            .insert_knowing(now, arrived, source, archive, &is_checked);
        if let Err(ChainError::Invalid(error)) = &connected
            && let Some(until_ms) = error.ahead_until_ms()
            && source != BlockSource::InBranch
        {
            let until = Duration::from_millis(until_ms);
            self.future_blocks.hold(until, block, source);
            self.set_retry_timer(effects);
            return Ok(Outcome::Deferred);
        }
        let connected = match connected {
            Ok(Some(connected)) => connected,
            Ok(None) => return Ok(Outcome::Known),
            Err(error @ ChainError::Archive(_)) => return Err(error),
            Err(error) => return Ok(Outcome::Refused(error)),
        };
        let outcome = match connected.main {
            MainChange::Side => Outcome::Side,
            MainChange::Extend => Outcome::Extended,
            MainChange::Reorganise { .. } => Outcome::Reorganised,
        };
        let was_current = self.is_mempool_current();
        let left_out = self.update_mempool(now, &connected, archive)?;
        effects.push(Effect::Persist(change(connected)));
        if was_current {
            self.set_mempool_update_timer(now, effects);
        }
        if !left_out.is_nothing() {
            effects.push(Effect::LeftOut(left_out));
        }
        if !matches!(outcome, Outcome::Side) {
            self.adopting = true;
            self.peers.chain_was_replaced();
            if source != BlockSource::InBranch {
                self.finish_adopting(now, None, effects);
            }
        }
        Ok(outcome)
    }

    /// The main chain has changed by others' blocks: the search starts over on
    /// the new tip, and the other peers are told.
    pub(super) fn finish_adopting(
        &mut self,
        now: Duration,
        from: Option<&PeerAddress>,
        effects: &mut Vec<Effect>,
    ) {
        self.adopting = false;
        self.renew_job(now, effects);
        let mut others = self.peers();
        others.retain(|peer| Some(peer) != from);
        effects.push(Effect::Announce(others));
    }

    /// The waiting transactions follow the main chain. Returns what dropped
    /// blocks held that does not wait again.
    pub(super) fn update_mempool(
        &mut self,
        now: Duration,
        connected: &Connected,
        archive: &dyn Archive,
    ) -> Result<LeftOut, ChainError> {
        let update = MempoolUpdate {
            now,
            rules: &**self.chain.rules(),
            reward_to: &self.config.reward_to,
            connected,
            archive,
        };
        match (&mut self.mempool, &mut self.stepped_update) {
            // They come to this block too.
            (Mempool::Queue(_), Some(_)) => Ok(LeftOut::default()),
            (Mempool::Queue(_), None) if update.is_long(self.update_at_once_limit) => {
                let old_tip = connected.old_tip.as_ref();
                let followed = old_tip.map(|tip| SteppedUpdate::Queue(FollowedChain::at(tip)));
                self.stepped_update = followed;
                Ok(LeftOut::default())
            }
            (Mempool::Accounts(mempool), Some(stepped)) => {
                stepped.append(update.follow_accounts(mempool)?);
                Ok(LeftOut::default())
            }
            (Mempool::Accounts(mempool), none)
                if update.is_long(self.accounts_update_at_once_limit) =>
            {
                *none = Some(SteppedUpdate::Accounts(update.follow_accounts(mempool)?));
                Ok(LeftOut::default())
            }
            (mempool, None) => update.apply(mempool),
        }
    }

    /// The waiting transactions follow a long reorganisation to its end, however
    /// long that takes: nobody is served yet.
    pub(super) fn finish_mempool_update(
        &mut self,
        now: Duration,
        archive: &dyn Archive,
    ) -> Result<(), ChainError> {
        while !self.is_mempool_current() {
            self.step_mempool_update(now, archive)?;
        }
        Ok(())
    }

    /// The waiting transactions follow a long reorganisation for a step. At its
    /// end, blocks take them along again.
    pub(super) fn continue_mempool_update(
        &mut self,
        now: Duration,
        archive: &dyn Archive,
        effects: &mut Vec<Effect>,
    ) -> Result<(), ChainError> {
        let left_out = self.step_mempool_update(now, archive)?;
        self.set_mempool_update_timer(now, effects);
        let Some(left_out) = left_out else {
            return Ok(());
        };
        if !left_out.is_nothing() {
            effects.push(Effect::LeftOut(left_out));
        }
        if self.config.mine_at_once {
            self.make_at_once(now, archive, effects)?;
        }
        self.renew_job(now, effects);
        Ok(())
    }

    /// Returns what was left out, where this was the last step.
    fn step_mempool_update(
        &mut self,
        now: Duration,
        archive: &dyn Archive,
    ) -> Result<Option<LeftOut>, ChainError> {
        let Some(update) = &mut self.stepped_update else {
            return Ok(None);
        };
        let step = Step {
            now,
            blocks: self.update_step_blocks,
            rules: &**self.chain.rules(),
            reward_to: &self.config.reward_to,
            archive,
        };
        let done = update.go_on(step, &mut self.mempool)?;
        if done.is_some() {
            self.stepped_update = None;
        }
        Ok(done)
    }

    pub(super) fn set_mempool_update_timer(&self, now: Duration, effects: &mut Vec<Effect>) {
        if self.stepped_update.is_some() {
            effects.push(Effect::SetTimer(Timer::UpdateMempool, now));
        }
    }
}

pub(super) fn change(connected: Connected) -> Change {
    let Connected { block, main, .. } = connected;
    match connected.was_known {
        true => Change::MainTip { block, main },
        false => Change::Block {
            block,
            entry: connected.entry,
            main,
            accounts: connected.changes,
        },
    }
}

/// What a block is refused for, as an effect.
pub(super) fn refused(outcome: Outcome) -> Option<Effect> {
    match outcome {
        Outcome::Refused(error) => Some(Effect::Refused(error)),
        _ => None,
    }
}
