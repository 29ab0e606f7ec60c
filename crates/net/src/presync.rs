//! A header chain that has not shown yet that it is worth its memory: it is
//! counted first, and fetched a second time when its work is known (Bitcoin
//! Core's headerssync). Of the first time only one bit for every
//! [`COMMITMENT_PERIOD`] headers stays, under a key and at an offset that the
//! sender can't know, so that no other chain is slipped in the second time.
//!
//! 1. No more bits are kept than headers can have been made since the chain's
//!    start, and at most [`COMMITMENTS_LIMIT_BYTES`].
//! 2. At most [`REDOWNLOAD_LIMIT_COUNT`] headers wait for the bits behind them.

use std::collections::VecDeque;
use std::time::Duration;

use adit_core::block::HeaderFields;
use adit_core::hash::Hash;
use adit_core::rules::{Sealed, Weight};
use adit_core::sealed::{CompactHeader, Params};

use crate::branch::{InvalidHeader, KnownHeader, Place};
use crate::dice::{Dice, Purpose, siphash};

/// Of this many headers one leaves a bit.
pub const COMMITMENT_PERIOD: u64 = 256;

/// This many headers are held the second time until the bits behind them have
/// been compared: about 57 bits vouch for the oldest of them.
pub const REDOWNLOAD_LIMIT_COUNT: usize = 14_827;

/// A target moves by steps of one part in this many of a doubling.
const TARGET_STEPS: u64 = 65_536;

/// The bits of one peer's chain take at most this.
pub const COMMITMENTS_LIMIT_BYTES: usize = 1024 * 1024;

/// Why such a chain is given up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PresyncError {
    /// One of its headers is invalid.
    #[error(transparent)]
    Invalid(#[from] InvalidHeader),
    /// It ended before it was worth anything, which is no fault.
    #[error("the header chain ends with a work of {found}, below {threshold}")]
    TooLittleWork {
        /// The work that was asked for.
        threshold: Weight,
        /// The work that it has.
        found: Weight,
    },
    /// It has more headers than can have been found since the chain began.
    #[error("the header chain has more than {limit} headers, which nobody can have made by now")]
    TooLong {
        /// This many are possible.
        limit: u64,
    },
    /// The second time another chain came than the first time.
    #[error("the header chain differs from the one that was counted, at height {height}")]
    Changed {
        /// Where it differs.
        height: u64,
    },
}

/// What follows from a run of headers.
#[derive(Debug)]
pub struct Progress {
    /// Headers of a chain that is worth keeping.
    pub proven: Vec<KnownHeader>,
    /// Behind which header to ask for more; `None` when all has come.
    pub next: Option<Hash>,
}

/// One peer's header chain, the first time or the second.
#[derive(Debug)]
pub struct Presync {
    threshold: Weight,
    start: Place,
    place: Place,
    key: (u64, u64),
    offset: u64,
    bits: VecDeque<bool>,
    limit: u64,
    counted: u64,
    /// The second time has begun.
    is_again: bool,
    has_enough: bool,
    held: VecDeque<KnownHeader>,
}

impl Presync {
    /// Begins to count a chain that continues behind `start`.
    pub fn begin(
        start: Place,
        threshold: Weight,
        params: &Params,
        now: Duration,
        dice: &mut Dice,
    ) -> Presync {
        let mut draw = || dice.draw(Purpose::Commitment);
        Presync {
            threshold,
            start,
            place: start,
            key: (draw(), draw()),
            offset: draw() % COMMITMENT_PERIOD,
            bits: VecDeque::new(),
            limit: possible_headers(&start.parent, params, now),
            counted: 0,
            is_again: false,
            has_enough: false,
            held: VecDeque::new(),
        }
    }

    /// Behind which header the next run has to stand.
    pub fn next(&self) -> Hash {
        self.place.parent.hash
    }

    /// Whether the chain has shown its work, and is fetched again.
    pub fn is_again(&self) -> bool {
        self.is_again
    }

    /// How much memory it takes, about.
    pub fn memory_bytes(&self) -> usize {
        self.bits.len() + self.held.len() * size_of::<KnownHeader>()
    }

    /// Takes the next run; `is_full` says whether more will come.
    pub fn take(
        &mut self,
        rules: &Sealed,
        records: &[CompactHeader],
        is_full: bool,
    ) -> Result<Progress, PresyncError> {
        match self.is_again {
            false => self.count(rules, records, is_full),
            true => self.compare(rules, records, is_full),
        }
    }

    fn count(
        &mut self,
        rules: &Sealed,
        records: &[CompactHeader],
        is_full: bool,
    ) -> Result<Progress, PresyncError> {
        for header in self.place.check_run(rules, records)? {
            self.go_behind(&header);
            self.counted += 1;
            if self.is_committed(&header) {
                self.bits.push_back(self.bit_of(&header));
            }
            let limit = self.limit;
            if self.counted > limit || self.bits.len() > COMMITMENTS_LIMIT_BYTES {
                return Err(PresyncError::TooLong { limit });
            }
        }
        let (threshold, found) = (self.threshold, self.place.total_weight);
        if found >= threshold {
            self.is_again = true;
            self.place = self.start;
        } else if !is_full {
            return Err(PresyncError::TooLittleWork { threshold, found });
        }
        Ok(Progress {
            proven: Vec::new(),
            next: Some(self.next()),
        })
    }

    fn compare(
        &mut self,
        rules: &Sealed,
        records: &[CompactHeader],
        is_full: bool,
    ) -> Result<Progress, PresyncError> {
        for header in self.place.check_run(rules, records)? {
            self.go_behind(&header);
            // Behind what was counted there is nothing to compare, and no
            // need: the work is there.
            if !self.has_enough
                && self.is_committed(&header)
                && self.bits.pop_front() != Some(self.bit_of(&header))
            {
                let height = header.fields.height;
                return Err(PresyncError::Changed { height });
            }
            self.held.push_back(header);
            self.has_enough |= header.total_weight >= self.threshold;
        }
        let (threshold, found) = (self.threshold, self.place.total_weight);
        if !self.has_enough && !is_full {
            return Err(PresyncError::TooLittleWork { threshold, found });
        }
        let kept = match self.has_enough {
            true => 0,
            false => REDOWNLOAD_LIMIT_COUNT.min(self.held.len()),
        };
        Ok(Progress {
            proven: self.held.drain(..self.held.len() - kept).collect(),
            next: is_full.then(|| self.next()),
        })
    }

    fn go_behind(&mut self, header: &KnownHeader) {
        self.place = Place {
            parent: header.fields,
            grandparent: Some(self.place.parent),
            total_weight: header.total_weight,
        };
    }

    fn is_committed(&self, header: &KnownHeader) -> bool {
        header.fields.height % COMMITMENT_PERIOD == self.offset
    }

    fn bit_of(&self, header: &KnownHeader) -> bool {
        siphash(self.key, &header.hash()) & 1 == 1
    }
}

/// How many headers can have been found behind this one by now, at most. Each is
/// a millisecond later than the one before. Where the target follows the hash
/// power, one that comes sooner than its interval makes the next one harder, and
/// 256 halvings of the target leave nothing to be found; twice as many are
/// granted, since each step is rounded in favour of the searcher.
fn possible_headers(start: &HeaderFields, params: &Params, now: Duration) -> u64 {
    let start_ms = start.sealed.map_or(0, |sealed| sealed.timestamp_ms);
    let now_ms = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
    let span_ms = now_ms
        .saturating_add(params.future_limit_ms)
        .saturating_sub(start_ms);
    let interval_ms = params.block_interval_ms.max(1);
    if params.half_life_ms / interval_ms > TARGET_STEPS / 2 {
        return span_ms;
    }
    let halvings_ms = params.half_life_ms.saturating_mul(256);
    let found = span_ms.saturating_add(halvings_ms) / interval_ms;
    span_ms.min(found.saturating_mul(2))
}
