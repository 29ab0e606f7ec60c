//! What users do in a case, and what goes wrong by itself: payments, power cuts,
//! splits, clocks. Each deed has a number, and follows from that and the seed alone,
//! so that one can be left out and the others stay.

use std::sync::Arc;
use std::time::Duration;

use adit_core::address::Address;
use adit_core::archive::Archive;
use adit_core::mempool::Mempool;

use super::mix::{DEED_EVERY, Fault};
use super::world::{Event, Message, SKEW_MOST, World, Wrong};
use crate::draws::Purpose;

impl World {
    pub(super) fn deed(&mut self, number: u64) -> Result<(), Wrong> {
        if number + 1 < self.case.deeds {
            let next = self.agenda.now() + DEED_EVERY;
            self.agenda.plan(next, Event::Deed(number + 1));
        }
        if self.case.skipped.contains(&number) {
            return Ok(());
        }
        match self.pick(100, 0, number) {
            0..50 => self.pay(number, false),
            50..56 => self.pay(number, true),
            56..62 => self.repeat(number),
            62..70 => self.split(number),
            70..74 => {
                self.cuts.clear();
                Ok(())
            }
            74..80 => self.step_a_clock(number),
            80..88 if self.case.has(Fault::Crashes) => {
                let at = self.pick(self.case.nodes as u64, 1, number) as usize;
                match self.pick(3, 2, number) {
                    0 if self.sites[at].node.is_some() => self.crash(at, number)?,
                    _ => self.sites[at].doomed = Some(number),
                }
                Ok(())
            }
            88..92 => {
                let at = self.pick(self.case.nodes as u64, 1, number) as usize;
                if let Some(waiting) = self.sites[at].waiting() {
                    self.sites[at].disk.checkpoint(waiting);
                }
                Ok(())
            }
            92.. => self.lie(number),
            _ => Ok(()),
        }
    }

    /// The draw of a deed, for its `place`th question.
    pub(super) fn pick(&self, limit: u64, place: u64, number: u64) -> u64 {
        self.draws.below(limit, Purpose::Deed, place, number)
    }

    /// Somebody pays somebody, maybe themselves, maybe in the place of what waits.
    fn pay(&mut self, number: u64, replaces: bool) -> Result<(), Wrong> {
        let at = self.pick(self.case.nodes as u64, 1, number) as usize;
        let people = self.people.len() as u64;
        let from = self.pick(people, 2, number) as usize;
        let to = match self.pick(8, 3, number) {
            0 => from,
            _ => self.pick(people, 4, number) as usize,
        };
        let Some((next, balance)) = self.next_of(at, self.people[from].address)? else {
            return Ok(());
        };
        let nonce = match replaces {
            true => next.saturating_sub(1),
            false => next + u64::from(self.pick(20, 5, number) == 0),
        };
        let fee = self.pick(60, 6, number) + if replaces { 500 } else { 0 };
        let amount = match self.pick(6, 7, number) {
            0 => balance.saturating_sub(fee),
            _ => self.pick(balance / 3 + 1, 8, number),
        };
        let text: Arc<[u8]> = self.people[from]
            .pay(&self.rules, self.people[to].address, nonce, amount, fee)
            .into();
        self.model.was_signed(&text);
        self.submit(at, &text)?;
        self.pass_on(at, &text, number);
        // Twice the same money, once here and once there.
        if self.pick(10, 9, number) == 0 {
            let other: Arc<[u8]> = self.people[from]
                .pay(
                    &self.rules,
                    self.people[from].address,
                    nonce,
                    amount / 2,
                    fee + 1,
                )
                .into();
            self.model.was_signed(&other);
            let there = (at + 1) % self.case.nodes;
            self.submit(there, &other)?;
        }
        Ok(())
    }

    /// What a sender's next nonce is at a node, and what they own there.
    pub(super) fn next_of(&self, at: usize, owner: Address) -> Result<Option<(u64, u64)>, Wrong> {
        let site = &self.sites[at];
        let Some(Mempool::Accounts(mempool)) = site.node.as_ref().map(|node| node.mempool()) else {
            return Ok(None);
        };
        let account = site
            .archive
            .account(&owner)
            .map_err(|error| error.to_string())?;
        Ok(Some((mempool.next_nonce(&owner, account), account.balance)))
    }

    fn pass_on(&mut self, at: usize, text: &Arc<[u8]>, number: u64) {
        for to in 0..self.case.nodes {
            if to != at && self.pick(3, 20 + to as u64, number) > 0 {
                self.send(at, to, Message::Payment(Arc::clone(text)));
            }
        }
    }

    /// Something that was acknowledged once is submitted again elsewhere.
    fn repeat(&mut self, number: u64) -> Result<(), Wrong> {
        let count = self.acknowledged.len() as u64;
        if count == 0 {
            return Ok(());
        }
        let one = self.pick(count, 1, number) as usize;
        let text: Arc<[u8]> = self.acknowledged[one].text().into();
        let at = self.pick(self.case.nodes as u64, 2, number) as usize;
        self.submit(at, &text)
    }

    /// The network falls into two parts; some do not hear the other, but are heard.
    fn split(&mut self, number: u64) -> Result<(), Wrong> {
        if !self.case.has(Fault::Partitions) {
            return Ok(());
        }
        self.cuts.clear();
        let is_one_sided = self.pick(3, 1, number) == 0;
        let parts: Vec<u64> = (0..self.case.nodes as u64)
            .map(|at| self.pick(2, 40 + at, number))
            .collect();
        for from in 0..self.case.nodes {
            for to in 0..self.case.nodes {
                let is_cut = match is_one_sided {
                    true => parts[from] < parts[to],
                    false => parts[from] != parts[to],
                };
                if is_cut {
                    self.cuts.insert((from, to));
                }
            }
        }
        Ok(())
    }

    fn step_a_clock(&mut self, number: u64) -> Result<(), Wrong> {
        if self.case.has(Fault::Skew) {
            let at = self.pick(self.case.nodes as u64, 1, number) as usize;
            let ahead_ms = self.pick(SKEW_MOST.as_millis() as u64, 2, number);
            self.sites[at].ahead = Duration::from_millis(ahead_ms);
        }
        Ok(())
    }
}
