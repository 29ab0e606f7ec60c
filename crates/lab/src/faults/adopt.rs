//! A peer's answer in a case: it is read, and if it is heavier its branch is taken,
//! block by block, while everything else goes on. Whether it is worth taking, the
//! core decides; what was wrong of it, the checks do.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use adit_core::block::Block;
use adit_core::branch::BranchSession;
use adit_core::node::Input;
use adit_core::rules::Rules;
use adit_core::sync::{
    Ask, CandidateChain, ChainReader, ChainValidation, Locator, PeerReport, Seen, ValidationError,
};

use super::checks::{self, About};
use super::site::Adopting;
use super::world::{Event, Message, World, Wrong, number_of};
use crate::draws::Purpose;

impl World {
    pub(super) fn hear_answer(
        &mut self,
        at: usize,
        ask: Ask,
        locator: Locator,
        lines: Arc<[u8]>,
        is_honest: bool,
    ) -> Result<(), Wrong> {
        if !self.is_asked(at, &ask) {
            return Ok(());
        }
        if self.sites[at].adopting.is_some() {
            // One branch at a time; what is read waits.
            let (to, later) = (at, self.agenda.now() + Duration::from_millis(100));
            let from = at;
            let message = Message::Answer {
                ask,
                locator,
                lines,
                is_honest,
            };
            self.agenda
                .plan(later, Event::Arrival { from, to, message });
            return Ok(());
        }
        lines
            .split(|byte| *byte == b'\n')
            .for_each(|text| drop(self.model.judge(text)));
        let now = self.agenda.now() + self.sites[at].ahead;
        let rules = Arc::clone(&self.rules) as Arc<dyn Rules>;
        let mut validation = ChainValidation::behind(rules, ChainReader::of_lines(), locator);
        validation.feed(&lines);
        validation.end();
        let read = read(&mut validation, now, &self.sites[at].archive);
        let chain = validation.seen();
        let seen = Seen {
            chain,
            ..Seen::default()
        };
        let offered = read.and_then(|blocks| Ok((blocks, validation.finish()?)));
        match offered {
            Err(ValidationError::Empty) => {
                self.report(at, ask, PeerReport::Unchanged, Seen::default())
            }
            Err(error) => {
                checks::answer_refused(at, is_honest, &error)?;
                let report = match error.refusal() {
                    Some(refusal) => PeerReport::Refused(refusal),
                    None => PeerReport::Failed(error.to_string()),
                };
                self.report(at, ask, report, Seen::default())
            }
            Ok((blocks, candidate)) => self.adopt(at, ask, seen, blocks, candidate, is_honest),
        }
    }

    fn adopt(
        &mut self,
        at: usize,
        ask: Ask,
        seen: Seen,
        blocks: VecDeque<Arc<Block>>,
        offered: CandidateChain,
        is_honest: bool,
    ) -> Result<(), Wrong> {
        let site = &mut self.sites[at];
        let Some(node) = &site.node else {
            return Ok(());
        };
        let Some(session) = BranchSession::begin(node, offered) else {
            let length = offered.length;
            return self.report(at, ask, PeerReport::NotLonger { length }, seen);
        };
        site.adopting = Some(Adopting {
            ask,
            seen,
            session,
            blocks,
            is_honest,
        });
        self.take_later(at);
        Ok(())
    }

    fn take_later(&mut self, at: usize) {
        let wait_ms = self.drawn(20, Purpose::Disk, 100 + at as u64);
        let (time, life) = (
            self.agenda.now() + Duration::from_millis(wait_ms),
            self.sites[at].life,
        );
        self.agenda.plan(time, Event::Take(at, life));
    }

    /// The next block of the branch that is being taken, or its end.
    pub(super) fn take(&mut self, at: usize) -> Result<(), Wrong> {
        let Some(mut adopting) = self.sites[at].adopting.take() else {
            return Ok(());
        };
        if !self.is_asked(at, &adopting.ask) {
            return Ok(());
        }
        if let Some(block) = adopting.blocks.pop_front() {
            let now = self.agenda.now() + self.sites[at].ahead;
            let site = &mut self.sites[at];
            let node = site
                .node
                .as_mut()
                .ok_or("a node without power takes no block")?;
            let effects = adopting.session.take(node, now, block, &site.archive);
            let effects = effects.map_err(|error| format!("node {at} can't decide: {error}"))?;
            self.carry_out(at, effects, About::Nothing)?;
            if self.sites[at].node.is_none() {
                // The power went in the midst of it.
                return Ok(());
            }
            if adopting.session.refused().is_none() && !adopting.blocks.is_empty() {
                self.sites[at].adopting = Some(adopting);
                if self.drawn(4, Purpose::Disk, 200 + at as u64) == 0 {
                    self.tell(at, Input::BranchPaused)?;
                }
                self.take_later(at);
                return Ok(());
            }
        }
        checks::branch_refused(at, &adopting)?;
        let node = self.sites[at]
            .node
            .as_ref()
            .ok_or("a node without power takes no block")?;
        let report = adopting.session.report(node);
        self.report(at, adopting.ask, report, adopting.seen)
    }

    /// A peer has not answered in time.
    pub(super) fn give_up(&mut self, at: usize, ask: Ask) -> Result<(), Wrong> {
        let is_taking = self.sites[at]
            .adopting
            .as_ref()
            .is_some_and(|adopting| adopting.ask == ask);
        if is_taking || !self.is_asked(at, &ask) {
            return Ok(());
        }
        self.report(
            at,
            ask,
            PeerReport::Failed("no answer".to_owned()),
            Seen::default(),
        )
    }

    fn is_asked(&self, at: usize, ask: &Ask) -> bool {
        self.sites[at]
            .node
            .as_ref()
            .is_some_and(|node| node.is_asked(ask))
    }

    fn report(&mut self, at: usize, ask: Ask, report: PeerReport, seen: Seen) -> Result<(), Wrong> {
        let peer = number_of(&ask.peer);
        let again = self.sites[at].asking.remove(&peer).unwrap_or(false);
        self.tell(at, Input::PeerAnswered(ask, report, seen))?;
        let site = &self.sites[at];
        match again && site.node.is_some() && !site.asking.contains_key(&peer) {
            true => Err(format!("node {at} has forgotten to ask node {peer} again")),
            false => Ok(()),
        }
    }
}

fn read(
    validation: &mut ChainValidation,
    now: Duration,
    archive: &adit_core::archive::MemoryArchive,
) -> Result<VecDeque<Arc<Block>>, ValidationError> {
    let mut blocks = VecDeque::new();
    while let Some(block) = validation.next_block(now, archive)? {
        blocks.push_back(block);
    }
    Ok(blocks)
}
