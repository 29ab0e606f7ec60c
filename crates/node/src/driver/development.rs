//! Carries out what is asked of a chain to develop on, one thing after another:
//! while many blocks are made, in steps, what else is asked waits for them. The
//! clock is set here; what becomes of the chain, the core decides.

use std::time::Duration;

use adit_core::node::{Answer, Effect, Input, Timer};
use adit_core::reorganisation::BlockPlace;
use adit_core::sync::RequestId;

use super::developing::{Making, Reply};
use super::error::DriverError;
use super::run::Driver;
use crate::clock::{ClockSetting, DEV_TIME_LIMIT_MS};
use crate::development::{
    Act, BlocksMade, BlocksToMake, DEV_MINE_LIMIT_BLOCKS, DEV_WAITING_LIMIT, Development,
    DevelopmentRequest, Done, NotDone, Reverted, Time, TimeChange,
};
use crate::handle::Command;
use crate::queries::block::time_ms;

/// After this many blocks it is the others' turn.
const DEV_MINE_STEP_BLOCKS: u64 = 64;

/// The core is asked in nobody's name: what it answers is seen at once.
pub(super) const NOBODY: RequestId = RequestId(u64::MAX - 1);

impl Driver {
    /// Does what is asked, or lets it wait for what is being done.
    pub(super) fn develop(
        &mut self,
        request: DevelopmentRequest,
        later: &mut Vec<Effect>,
    ) -> Result<(), DriverError> {
        if self.development.making.is_none() {
            return self.do_now(request, later);
        }
        match self.development.waiting.len() < DEV_WAITING_LIMIT {
            true => self.development.waiting.push_back(request),
            false => self.is_done(request.reply, Err(NotDone::TooManyWaiting)),
        }
        Ok(())
    }

    /// It is the turn of the blocks that are being made.
    pub(super) fn develop_on(&mut self, later: &mut Vec<Effect>) -> Result<(), DriverError> {
        self.make_some(later)?;
        while self.development.making.is_none()
            && let Some(next) = self.development.waiting.pop_front()
        {
            self.do_now(next, later)?;
        }
        Ok(())
    }

    fn do_now(
        &mut self,
        DevelopmentRequest { act, reply }: DevelopmentRequest,
        later: &mut Vec<Effect>,
    ) -> Result<(), DriverError> {
        let done = match act {
            Act::Mine(wanted) => return self.begin_making(wanted, reply, later),
            Act::Look => Ok(Done::Looked(Development {
                time: self.time(),
                block_making: self.node.block_making(),
                snapshots: self.development.snapshots.all(),
            })),
            Act::Reset => self.reset(later)?,
            Act::TakeSnapshot => self.take_snapshot()?,
            Act::Revert(id) => self.revert(id, later)?,
            Act::SetTime(change) => self.set_time(change, later)?,
            Act::Load(state) => self.load(*state, later)?,
            Act::SetBlockMaking(making) => {
                self.ask(Input::SetBlockMaking(NOBODY, making), later)?;
                Ok(Done::BlockMakingSet(making))
            }
        };
        self.is_done(reply, done);
        Ok(())
    }

    fn is_done(&mut self, reply: Reply, done: Result<Done, NotDone>) {
        self.development.done.push((reply, done));
    }

    /// Lets the core decide, and returns what it answers.
    pub(super) fn ask(
        &mut self,
        input: Input,
        later: &mut Vec<Effect>,
    ) -> Result<Option<Answer>, DriverError> {
        let mut effects = Vec::new();
        self.handle(input, &mut effects)?;
        let mut answer = None;
        for effect in effects {
            match effect {
                Effect::Answer(NOBODY, found) => answer = Some(found),
                effect => later.push(effect),
            }
        }
        Ok(answer)
    }

    fn reset(&mut self, later: &mut Vec<Effect>) -> Result<Result<Done, NotDone>, DriverError> {
        self.development.snapshots.forget();
        self.ask(Input::Rewind(NOBODY), later)?;
        self.begin_clock();
        self.clock_was_set(later)?;
        let length = self.node.chain().length();
        Ok(Ok(Done::Reset { length }))
    }

    /// The clock is the machine's, unless the genesis block is later: then it goes on
    /// from there.
    pub(super) fn begin_clock(&mut self) {
        self.clock.put(ClockSetting::default());
        let tip_ms = self.tip_ms();
        if tip_ms >= self.clock.now_ms() {
            self.clock.set_ms(tip_ms.saturating_add(1));
        }
    }

    fn take_snapshot(&mut self) -> Result<Result<Done, NotDone>, DriverError> {
        let (now, clock) = (self.clock.now(), self.clock.setting());
        let point = self.node.chain_point(now, &self.store)?;
        let time_ms = self.clock.now_ms();
        let snapshots = &mut self.development.snapshots;
        Ok(match point {
            Some(point) => snapshots
                .take(point, clock, time_ms)
                .map(Done::SnapshotTaken),
            None => Err(NotDone::NoSnapshot),
        })
    }

    fn revert(
        &mut self,
        id: Option<u64>,
        later: &mut Vec<Effect>,
    ) -> Result<Result<Done, NotDone>, DriverError> {
        let snapshots = &mut self.development.snapshots;
        let Some(id) = id.or_else(|| snapshots.newest()) else {
            return Ok(Err(NotDone::NoSnapshot));
        };
        let snapshot = match snapshots.go_back_to(id) {
            Ok(snapshot) => snapshot,
            Err(error) => return Ok(Err(error)),
        };
        let length_before = self.node.chain().length();
        let tip = snapshot.point.tip;
        let pending_count = snapshot.point.pending_count();
        self.clock.put(snapshot.clock);
        self.ask(Input::GoTo(NOBODY, Box::new(snapshot.point)), later)?;
        self.clock_was_set(later)?;
        Ok(Ok(Done::Reverted(Reverted {
            id,
            tip,
            dropped_count: length_before.saturating_sub(tip.height),
            pending_count,
            time: self.time(),
        })))
    }

    fn set_time(
        &mut self,
        change: TimeChange,
        later: &mut Vec<Effect>,
    ) -> Result<Result<Done, NotDone>, DriverError> {
        let wanted_ms = match change {
            TimeChange::Set { time_ms } | TimeChange::Next { time_ms } => i128::from(time_ms),
            TimeChange::Move { by_ms } => i128::from(self.clock.now_ms()) + i128::from(by_ms),
        };
        let time_ms = match self.check_time(wanted_ms) {
            Ok(time_ms) => time_ms,
            Err(error) => return Ok(Err(error)),
        };
        let is_held = self.clock.setting().held_ms.is_some();
        match change {
            TimeChange::Next { .. } => self.clock.hold_ms(time_ms),
            // It stands on, elsewhere.
            TimeChange::Move { .. } if is_held => self.clock.hold_ms(time_ms),
            TimeChange::Set { .. } | TimeChange::Move { .. } => self.clock.set_ms(time_ms),
        }
        self.clock_was_set(later)?;
        Ok(Ok(Done::TimeSet(self.time())))
    }

    /// A clock behind the last block would give no block its time.
    fn check_time(&self, wanted_ms: i128) -> Result<u64, NotDone> {
        let tip_ms = self.tip_ms();
        let time_ms = u64::try_from(wanted_ms).ok().filter(|time| *time > tip_ms);
        let time_ms = time_ms.ok_or(NotDone::TimeBack { wanted_ms, tip_ms })?;
        match time_ms <= DEV_TIME_LIMIT_MS {
            true => Ok(time_ms),
            false => Err(NotDone::TimeLimit { wanted_ms }),
        }
    }

    fn tip_ms(&self) -> u64 {
        let tip = self.node.chain().tip();
        tip.and_then(|tip| time_ms(tip)).unwrap_or_default()
    }

    pub(super) fn time(&self) -> Time {
        let now_ms = self.clock.now_ms();
        let offset_ms = i128::from(now_ms) - i128::from(crate::clock::now_ms());
        Time {
            now_ms,
            offset_ms: i64::try_from(offset_ms).unwrap_or(i64::MAX),
            is_held: self.clock.setting().held_ms.is_some(),
        }
    }

    /// What had to wait for a time may have to wait no longer.
    fn clock_was_set(&mut self, later: &mut Vec<Effect>) -> Result<(), DriverError> {
        self.handle(Input::Timer(Timer::Retry), later)?;
        self.handle(Input::Timer(Timer::Resume), later)
    }

    fn begin_making(
        &mut self,
        wanted: BlocksToMake,
        reply: Reply,
        later: &mut Vec<Effect>,
    ) -> Result<(), DriverError> {
        if let Err(error) = self.check_wanted(wanted) {
            self.is_done(reply, Err(error));
            return Ok(());
        }
        self.development.making = Some(Making {
            wanted,
            first: None,
            made_count: 0,
            last_ms: None,
            reply,
        });
        self.make_some(later)
    }

    fn check_wanted(&self, wanted: BlocksToMake) -> Result<(), NotDone> {
        let BlocksToMake { count, interval_ms } = wanted;
        if !(1..=DEV_MINE_LIMIT_BLOCKS).contains(&count) {
            return Err(NotDone::BlockCount { found: count });
        }
        // What no second block could keep is no interval for one either.
        let apart_count = (count - 1).max(1);
        let apart_ms = i128::from(interval_ms.unwrap_or_default()) * i128::from(apart_count);
        let last_ms = i128::from(self.clock.now_ms()) + apart_ms;
        match last_ms <= i128::from(DEV_TIME_LIMIT_MS) {
            true => Ok(()),
            false => Err(NotDone::TimeLimit { wanted_ms: last_ms }),
        }
    }

    /// Makes some of the blocks that are wanted, and sees to it that the rest
    /// follows. Those who wanted them may have gone.
    fn make_some(&mut self, later: &mut Vec<Effect>) -> Result<(), DriverError> {
        let Some(mut making) = self.development.making.take() else {
            return Ok(());
        };
        for _ in 0..DEV_MINE_STEP_BLOCKS {
            if let Some(done) = self.make_one(&mut making, later)? {
                self.is_done(making.reply, done);
                return Ok(());
            }
        }
        if !making.reply.is_closed() {
            self.development.making = Some(making);
        }
        // Even without it, others may wait.
        self.send_in(Duration::ZERO, Command::DevelopOn);
        Ok(())
    }

    /// Makes a block, and returns what is to be answered when it was the last, or
    /// none can be made.
    fn make_one(
        &mut self,
        making: &mut Making,
        later: &mut Vec<Effect>,
    ) -> Result<Option<Result<Done, NotDone>>, DriverError> {
        if let (Some(interval_ms), Some(last_ms)) = (making.wanted.interval_ms, making.last_ms) {
            let next_ms = last_ms.saturating_add(interval_ms);
            self.clock
                .hold_ms(next_ms.max(self.tip_ms().saturating_add(1)));
        }
        let block = match self.ask(Input::MakeBlock(NOBODY), later)? {
            Some(Answer::Mined(block)) => block,
            // A transaction that no block can take is gone with that.
            Some(Answer::HeldUp(held_up)) if held_up.until <= self.clock.now() => return Ok(None),
            Some(Answer::HeldUp(held_up)) => {
                let held_up = NotDone::held_up(&held_up, self.clock.now());
                return Ok(Some(Err(held_up)));
            }
            _ => return Ok(Some(Err(NotDone::NobodyToReward))),
        };
        let place = BlockPlace {
            height: block.height(),
            hash: block.hash(),
        };
        let first = *making.first.get_or_insert(place);
        making.last_ms = time_ms(&block);
        making.made_count += 1;
        let made = BlocksMade {
            count: making.made_count,
            first,
            last: place,
        };
        let is_last = making.made_count == making.wanted.count;
        Ok(is_last.then_some(Ok(Done::Mined(made))))
    }
}
