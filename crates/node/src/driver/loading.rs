//! Makes a chain to develop on what a file says, all of it or nothing, in one go: no
//! command of anybody else sees half of it. Whether a block is taken, the core
//! decides.

use std::sync::Arc;

use adit_core::block::Block;
use adit_core::chain::BlockSource;
use adit_core::node::{Effect, Input};

use super::development::NOBODY;
use super::error::DriverError;
use super::run::Driver;
use crate::development::{Done, Loaded, NotDone};
use crate::saved_state::LoadedState;

impl Driver {
    pub(super) fn load(
        &mut self,
        state: LoadedState,
        later: &mut Vec<Effect>,
    ) -> Result<Result<Done, NotDone>, DriverError> {
        let LoadedState {
            tip,
            clock,
            pending,
            blocks,
        } = state;
        let clock_before = self.clock.setting();
        let Some(before) = self.node.chain_point(self.clock.now(), &self.store)? else {
            return Ok(Err(NotDone::NoSnapshot));
        };
        self.clock.put(clock);
        for block in blocks {
            let refused = match block {
                Ok(block) => self.take_loaded(block, later)?,
                Err(error) => Some(error.to_string()),
            };
            if let Some(why) = refused {
                self.ask(Input::GoTo(NOBODY, Box::new(before)), later)?;
                self.clock.put(clock_before);
                return Ok(Err(NotDone::StateRefused { why }));
            }
        }
        let point = self.node.empty_point(tip);
        self.ask(Input::GoTo(NOBODY, Box::new(point)), later)?;
        // Each block let a held clock go.
        self.clock.put(clock);
        self.development.snapshots.forget();
        let now = self.clock.now();
        let offered_count = pending.len();
        for submitted in pending {
            self.node.let_wait(now, submitted, &self.store)?;
        }
        // One that is named twice waits once.
        let pending_count = self.node.mempool().len();
        Ok(Ok(Done::Loaded(Loaded {
            tip,
            pending_count,
            left_out_count: offered_count - pending_count,
            time: self.time(),
        })))
    }

    /// Returns why a block was not taken. One that is there already is taken.
    fn take_loaded(
        &mut self,
        block: Arc<Block>,
        later: &mut Vec<Effect>,
    ) -> Result<Option<String>, DriverError> {
        let height = block.height();
        let mut effects = Vec::new();
        self.handle(Input::Block(block, BlockSource::InBranch), &mut effects)?;
        let mut why = None;
        for effect in effects {
            match effect {
                Effect::Refused(error) => why = Some(format!("block {height}: {error}")),
                effect => later.push(effect),
            }
        }
        Ok(why)
    }
}
