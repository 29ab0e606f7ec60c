//! A chain to develop on as a file: a line that says what it is, what waits, one
//! transaction a line, and the blocks as `adit chain export` writes them. It decides
//! what such a file looks like, and whether one that comes from anywhere is whole and
//! valid. Whether a chain becomes what a file says is not known here.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::sync::Arc;
use std::time::Duration;

use adit_core::archive::MemoryArchive;
use adit_core::hash::Hash;
use adit_core::mempool::ACCOUNTS_PENDING_LIMIT_BYTES;
use adit_core::reorganisation::BlockPlace;
use adit_core::rules::Rules;
use adit_core::sync::{ChainReader, ChainValidation};
use adit_core::transaction::{Submitted, TRANSACTION_LIMIT_BYTES};
use adit_store::{Snapshot, StoreError};
use serde::{Deserialize, Serialize};

use crate::clock::{Clock, ClockSetting, DEV_TIME_LIMIT_MS, now};
use crate::peers::branch::{Branch, CheckedBlocks};

/// The form of the files that are written here.
const STATE_VERSION: u64 = 1;

/// A state that is handed to a running node is at most this long.
pub const DEV_STATE_LIMIT_BYTES: u64 = 256 * 1024 * 1024;

/// A file's first line is at most this long.
const DEV_STATE_HEADER_LIMIT_BYTES: usize = 4 * 1024;

/// Blocks are read in pieces of this length.
const PIECE_BYTES: usize = 256 * 1024;

/// A file's first line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StateHeader {
    adit_dev_state: u64,
    /// The genesis block.
    pub genesis: String,
    /// Its time.
    pub genesis_time_ms: u64,
    length: u64,
    tip: String,
    pending: usize,
    time_offset_ms: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    time_held_ms: Option<u64>,
}

/// What all forms of the first line have.
#[derive(Deserialize)]
struct AnyHeader {
    adit_dev_state: u64,
}

/// Why a file is of no use.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// It is another kind of file.
    #[error(
        "it is no state of `adit dev`: its first line should be {{\"adit_dev_state\": 1, ...}}, {0}"
    )]
    NoState(String),
    /// It was written in another form.
    #[error("it is a state in form {found}, and this adit knows form {STATE_VERSION}")]
    OtherVersion {
        /// The form.
        found: u64,
    },
    /// It is of another chain.
    #[error(
        "it is a state of the chain that begins with {found}, and this one begins with {expected}; \
         start `adit dev --state FILE` with the --accounts, --balance and --mnemonic that it was \
         made with, and with no other --genesis-time"
    )]
    OtherChain {
        /// The genesis block here,
        expected: Hash,
        /// and there.
        found: String,
    },
    /// It contradicts its own genesis block.
    #[error("its genesis_time_ms is {found_ms}, and its genesis block is of {expected_ms}")]
    GenesisTime {
        /// The time of the block,
        expected_ms: u64,
        /// and what it says.
        found_ms: u64,
    },
    /// No clock is set so.
    #[error("its clock would be beyond the year 9999, or before 1970")]
    Time,
    /// What waits is not what it should be.
    #[error("line {line} should be a transaction that waits: {problem}")]
    Transaction {
        /// The first is 1.
        line: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// More waits than can.
    #[error("what waits is longer than {ACCOUNTS_PENDING_LIMIT_BYTES} bytes")]
    TooMuchWaits,
    /// The blocks are no valid chain.
    #[error("its blocks are no valid chain: {0}")]
    Chain(String),
    /// It is not whole.
    #[error(
        "it is not whole: its blocks should end with {expected}, number {length}, and the last that \
         is there is number {found}"
    )]
    NotWhole {
        /// Its last block, as it says,
        expected: String,
        /// and how many it should have.
        length: u64,
        /// How many it has.
        found: u64,
    },
    /// It can't be read.
    #[error(transparent)]
    Read(#[from] io::Error),
    /// What is here can't be read, or written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a file says, whole and valid but for what only the chain itself shows.
pub(crate) struct LoadedState {
    pub(crate) tip: BlockPlace,
    pub(crate) clock: ClockSetting,
    pub(crate) pending: Vec<Submitted>,
    pub(crate) blocks: CheckedBlocks,
}

impl fmt::Debug for LoadedState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LoadedState up to {:?}", self.tip)
    }
}

/// A chain that is being written down.
pub struct SavedState {
    header: Option<String>,
    pending: VecDeque<Arc<[u8]>>,
    snapshot: Snapshot,
    next_height: u64,
}

impl SavedState {
    /// `None` where the rules are those of no one chain.
    pub(crate) fn of(
        rules: &dyn Rules,
        snapshot: Snapshot,
        pending: VecDeque<Arc<[u8]>>,
        clock: ClockSetting,
    ) -> Option<SavedState> {
        let header = StateHeader {
            adit_dev_state: STATE_VERSION,
            genesis: rules.chain()?.genesis.to_string(),
            genesis_time_ms: genesis_time_ms(rules),
            length: snapshot.length(),
            tip: snapshot.tip()?.to_string(),
            pending: pending.len(),
            time_offset_ms: clock.offset_ms,
            time_held_ms: clock.held_ms,
        };
        Some(SavedState {
            header: serde_json::to_string(&header).ok(),
            pending,
            snapshot,
            next_height: 1,
        })
    }

    /// The number of blocks.
    pub fn length(&self) -> u64 {
        self.snapshot.length()
    }

    /// The next lines, at most this much of them but at least one; `None` when all
    /// were handed out.
    pub fn next_piece(&mut self, limit_bytes: usize) -> Result<Option<Vec<u8>>, StoreError> {
        let mut piece = Vec::new();
        while piece.len() < limit_bytes {
            if let Some(header) = self.header.take() {
                piece.extend_from_slice(header.as_bytes());
            } else if let Some(text) = self.pending.pop_front() {
                piece.extend_from_slice(&text);
            } else if let Some(text) = self.snapshot.block_at(self.next_height)? {
                piece.extend_from_slice(&text);
                self.next_height += 1;
            } else {
                break;
            }
            piece.push(b'\n');
        }
        Ok((!piece.is_empty()).then_some(piece))
    }

    /// Writes all of it.
    pub fn write_to(mut self, out: &mut impl Write) -> Result<(), StateError> {
        while let Some(piece) = self.next_piece(PIECE_BYTES)? {
            out.write_all(&piece)?;
        }
        Ok(())
    }
}

/// Reads a file's first line, and nothing else.
pub fn read_header(input: &mut impl BufRead) -> Result<StateHeader, StateError> {
    let line = read_line(input, DEV_STATE_HEADER_LIMIT_BYTES)?;
    let no_state = |error: serde_json::Error| StateError::NoState(error.to_string());
    let any: AnyHeader = serde_json::from_slice(&line).map_err(no_state)?;
    match any.adit_dev_state {
        STATE_VERSION => serde_json::from_slice(&line).map_err(no_state),
        found => Err(StateError::OtherVersion { found }),
    }
}

/// Reads a file to its end. It is believed nothing: the blocks are checked one behind
/// the other from the first on, and so are all signatures. They go into `branch`.
pub(crate) fn read_state(
    rules: &Arc<dyn Rules>,
    mut branch: Branch,
    input: impl Read,
) -> Result<LoadedState, StateError> {
    let mut input = BufReader::with_capacity(PIECE_BYTES, input);
    let header = read_header(&mut input)?;
    header.check_chain(&**rules)?;
    let clock = header.clock()?;
    let pending = read_pending(&**rules, &header, &mut input)?;
    let now = clock_at_load(clock);
    let reader = ChainReader::of_lines().taking(rules.reading());
    let mut validation = ChainValidation::new(Arc::clone(rules), reader);
    let nothing = MemoryArchive::default();
    branch.check_signatures().map_err(unreadable)?;
    loop {
        let piece = input.fill_buf()?;
        let length = piece.len();
        match length {
            0 => validation.end(),
            _ => validation.feed(piece),
        }
        input.consume(length);
        while let Some(block) = validation
            .next_block(now, &nothing)
            .map_err(|error| StateError::Chain(error.to_string()))?
        {
            branch.push(block)?;
        }
        if length == 0 || branch.has_failed() {
            break;
        }
    }
    let tip = validation.last_two().0.map(|tip| BlockPlace {
        height: tip.height(),
        hash: tip.hash(),
    });
    let checked = branch.finish().map_err(unreadable)?;
    let checked = checked.map_err(|wrong| StateError::Chain(wrong.to_string()))?;
    let is_whole =
        |tip: &BlockPlace| tip.height == header.length && tip.hash.to_string() == header.tip;
    let found = tip.map_or(0, |tip| tip.height);
    let tip = tip.filter(is_whole).ok_or(StateError::NotWhole {
        expected: header.tip,
        length: header.length,
        found,
    })?;
    Ok(LoadedState {
        tip,
        clock,
        pending,
        blocks: checked.into_blocks(),
    })
}

impl StateHeader {
    /// Checks that it is of the chain of these rules.
    pub fn check_chain(&self, rules: &dyn Rules) -> Result<(), StateError> {
        let no_chain = || StateError::NoState("and here is no chain for one".to_owned());
        let expected = rules.chain().ok_or_else(no_chain)?.genesis;
        if self.genesis != expected.to_string() {
            return Err(StateError::OtherChain {
                expected,
                found: self.genesis.clone(),
            });
        }
        let expected_ms = genesis_time_ms(rules);
        match self.genesis_time_ms == expected_ms {
            true => Ok(()),
            false => Err(StateError::GenesisTime {
                expected_ms,
                found_ms: self.genesis_time_ms,
            }),
        }
    }

    fn clock(&self) -> Result<ClockSetting, StateError> {
        let clock = ClockSetting {
            offset_ms: self.time_offset_ms,
            held_ms: self.time_held_ms,
        };
        let offset = Duration::from_millis(self.time_offset_ms.unsigned_abs());
        let shown = match self.time_offset_ms < 0 {
            true => now().checked_sub(offset),
            false => now().checked_add(offset),
        };
        let limit = Duration::from_millis(DEV_TIME_LIMIT_MS);
        let is_held_in_time = self
            .time_held_ms
            .is_none_or(|held| held <= DEV_TIME_LIMIT_MS);
        match shown.is_some_and(|shown| shown <= limit) && is_held_in_time {
            true => Ok(clock),
            false => Err(StateError::Time),
        }
    }
}

/// When the genesis block was made; states are of chains of one genesis block alone.
fn genesis_time_ms(rules: &dyn Rules) -> u64 {
    let genesis = rules.genesis(Duration::ZERO);
    genesis
        .sealed()
        .map_or(0, |sealed| sealed.header.timestamp_ms)
}

/// What the clock shows when it is set so.
fn clock_at_load(setting: ClockSetting) -> Duration {
    let clock = Clock::local();
    clock.put(setting);
    clock.now()
}

fn read_pending(
    rules: &dyn Rules,
    header: &StateHeader,
    input: &mut impl BufRead,
) -> Result<Vec<Submitted>, StateError> {
    let (mut pending, mut bytes) = (Vec::new(), 0_usize);
    for number in 0..header.pending {
        let line = number.saturating_add(2);
        let text = read_line(input, TRANSACTION_LIMIT_BYTES)?;
        let read = rules.read_transaction(&text);
        let read = read.map_err(|error| StateError::Transaction {
            line,
            problem: error.to_string(),
        })?;
        bytes = bytes.saturating_add(read.text().len());
        if bytes > ACCOUNTS_PENDING_LIMIT_BYTES {
            return Err(StateError::TooMuchWaits);
        }
        pending.push(read);
    }
    Ok(pending)
}

/// A line without its end. One that is longer is cut, and can't be read then.
fn read_line(input: &mut impl BufRead, limit_bytes: usize) -> Result<Vec<u8>, io::Error> {
    let mut line = Vec::new();
    let limit_bytes = limit_bytes as u64 + 1;
    input
        .by_ref()
        .take(limit_bytes)
        .read_until(b'\n', &mut line)?;
    if line.last() == Some(&b'\n') {
        line.pop();
    }
    Ok(line)
}

fn unreadable(error: impl std::error::Error + Send + Sync + 'static) -> StateError {
    StateError::Read(io::Error::other(error))
}
