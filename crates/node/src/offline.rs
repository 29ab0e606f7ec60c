//! Works on a data folder while no node runs on it: rebuilds the index, checks
//! the chain, imports one from a file. The same core decides as in a node; only
//! nobody is asked and nobody is told.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use adit_core::address::Address;
use adit_core::archive::Archive;
use adit_core::block::{BLOCK_LIMIT_BYTES, Block, BlockError, HeaderFields};
use adit_core::branch::{BranchSession, RefusedBlock};
use adit_core::chain::ChainError;
use adit_core::json;
use adit_core::mempool::FeeRate;
use adit_core::node::{Config, Effect, Input, Node, Timer};
use adit_core::rules::{Context, Rules};
use adit_core::sealed::Account;
use adit_core::sync::{ChainReader, ChainValidation, ValidationError};
use adit_store::{Durability, FrozenIndex, Reader, Snapshot, Store, StoreError};

use crate::clock::now;
use crate::driver::{DriverError, Trust, restore};
use crate::identity::{self, IdentityError};
use crate::memory::{MemoryBudget, Reservation};
use crate::peers::branch::{BRANCHES_MEMORY_LIMIT_BYTES, Branch, CheckedBranch};

/// A file is read in pieces of this length.
const PIECE_BYTES: usize = 256 * 1024;

/// What a node that wants the folder meanwhile is told of us.
const LABEL: &str = "`adit chain`";

/// Why something could not be done with a data folder.
#[derive(Debug, thiserror::Error)]
pub enum OfflineError {
    /// There is no chain in it.
    #[error("there is no chain in {}; start a node there, or import a chain", .0.display())]
    NoChain(PathBuf),
    /// It is another node's.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// Its files can't be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Its blocks do not fit together.
    #[error(transparent)]
    Driver(#[from] DriverError),
    /// What should be brought in is no valid chain.
    #[error(transparent)]
    Invalid(#[from] ValidationError),
    /// A block in it can't be paid for, or is not valid in another way that
    /// only its branch shows; those before it are kept.
    #[error("the block in place {height} is not valid: {error}")]
    Refused {
        /// Its place in the chain.
        height: u64,
        /// What is wrong with it.
        error: ChainError,
    },
    /// A signature in it is wrong.
    #[error("{0}")]
    Signature(String),
    /// It can't be read.
    #[error("cannot read the chain to import: {0}")]
    Input(#[from] io::Error),
    /// A block of the main chain is not what it was when it was accepted.
    #[error(
        "block {height} of the main chain: {error}; `adit chain reindex` says where it lies in the log"
    )]
    Broken {
        /// Its place in the chain.
        height: u64,
        /// What is wrong with it.
        error: BlockError,
    },
    /// The index holds an account that differs from what the blocks leave it.
    #[error(
        "account {owner}: expected balance {} and nonce {}, found {} and {} in the index; \
         run `adit chain reindex`",
        .expected.balance, .expected.nonce, .found.balance, .found.nonce
    )]
    WrongAccount {
        /// Whose.
        owner: Address,
        /// What the blocks leave it.
        expected: Account,
        /// What the index says.
        found: Account,
    },
    /// A block of the main chain is not where the index says, or not canonical.
    #[error("block {height} of the main chain: {problem}; run `adit chain reindex`")]
    Misplaced {
        /// Its place in the chain.
        height: u64,
        /// What is wrong with it.
        problem: &'static str,
    },
}

impl OfflineError {
    /// Whether the index is not as it was written.
    pub fn is_damaged_index(&self) -> bool {
        let error = match self {
            OfflineError::Store(error) => Some(error),
            OfflineError::Driver(error) => error.of_store(),
            _ => None,
        };
        error.is_some_and(StoreError::is_damaged_index)
    }
}

/// A chain that was brought in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Imported {
    /// The number of its blocks.
    pub length: u64,
    /// Whether it is the main chain now; otherwise the one that was there
    /// weighs as much or more.
    pub adopted: bool,
}

/// A data folder that no node runs on.
pub struct Offline {
    rules: Arc<dyn Rules>,
    store: Store,
    node: Node,
}

impl Offline {
    /// Opens a data folder that holds a chain, under the rules of that chain.
    pub fn open(folder: &Path) -> Result<Offline, OfflineError> {
        Offline::open_as(folder, Trust::Log)
    }

    fn open_as(folder: &Path, trust: Trust) -> Result<Offline, OfflineError> {
        let rules = identity::rules_of(folder)?.ok_or_else(|| no_chain(folder))?;
        let offline = Offline::open_or_make_as(folder, rules, trust)?;
        match offline.store.is_empty() {
            true => Err(no_chain(folder)),
            false => Ok(offline),
        }
    }

    /// Opens a data folder that holds a chain, only to read it: nothing in it is
    /// changed, so it can be on a read-only disk.
    pub fn look_at(folder: &Path, index: FrozenIndex) -> Result<Offline, OfflineError> {
        let rules = identity::rules_of(folder)?.ok_or_else(|| no_chain(folder))?;
        let opened = Store::open_frozen(folder, index)?;
        if opened.store.is_empty() {
            return Err(no_chain(folder));
        }
        let (store, node) = restore(
            config(String::new()),
            Arc::clone(&rules),
            opened,
            Trust::Log,
        )?;
        Ok(Offline { rules, store, node })
    }

    /// Opens a data folder, or makes it for a chain under these rules.
    pub fn open_or_make(folder: &Path, rules: Arc<dyn Rules>) -> Result<Offline, OfflineError> {
        let opened = Offline::open_or_make_as(folder, Arc::clone(&rules), Trust::Log);
        match opened {
            Err(error) if error.is_damaged_index() => {
                tracing::warn!(%error, "the index is damaged and is rebuilt");
                adit_store::reindex(folder, LABEL)?;
                Offline::open_or_make_as(folder, rules, Trust::Log)
            }
            opened => opened,
        }
    }

    fn open_or_make_as(
        folder: &Path,
        rules: Arc<dyn Rules>,
        trust: Trust,
    ) -> Result<Offline, OfflineError> {
        let (opened, identity) =
            identity::open::<OfflineError>(folder, LABEL, Durability::Full, &*rules)?;
        let (store, node) = restore(config(identity.node_id), Arc::clone(&rules), opened, trust)?;
        let mut offline = Offline { rules, store, node };
        offline.checkpoint()?;
        Ok(offline)
    }

    /// Throws the index away and rebuilds it from the block log, of which nothing
    /// is believed: signatures are checked too.
    pub fn reindex(folder: &Path) -> Result<Offline, OfflineError> {
        if identity::read(folder)?.is_none() {
            return Err(OfflineError::NoChain(folder.to_path_buf()));
        }
        adit_store::reindex(folder, LABEL)?;
        Offline::open_as(folder, Trust::Nothing)
    }

    /// The rules of the chain.
    pub fn rules(&self) -> &Arc<dyn Rules> {
        &self.rules
    }

    /// Reads the stored blocks.
    pub fn reader(&self) -> Reader {
        self.store.reader()
    }

    /// Checks every block of the main chain from the first one on: its bytes,
    /// its place, its hash, all that the rules ask, and that the accounts are as the
    /// blocks leave them. `progress` is told how many are done.
    pub fn verify(&self, mut progress: impl FnMut(u64)) -> Result<u64, OfflineError> {
        let snapshot = self.store.reader().snapshot()?;
        let (mut parent, mut grandparent) = (None::<HeaderFields>, None);
        let mut accounts: BTreeMap<Address, Account> = BTreeMap::new();
        for height in 1..=snapshot.length() {
            let block = self.check_stored(&snapshot, height)?;
            let broken = |error| OfflineError::Broken { height, error };
            self.rules
                .check_stateless_and_signed(&block)
                .map_err(broken)?;
            if let Some(parent) = &parent {
                let context = Context {
                    parent,
                    grandparent: grandparent.as_ref(),
                    now: now(),
                };
                self.rules
                    .check_contextual(context, &block)
                    .map_err(broken)?;
            }
            let before = |owner: &Address| accounts.get(owner).copied().unwrap_or_default();
            let changes = self.rules.apply(&block, &before).map_err(broken)?;
            accounts.extend(changes.iter().map(|change| (change.address, change.after)));
            grandparent = parent.replace(*block.header());
            progress(height);
        }
        for (owner, expected) in accounts {
            let found = snapshot.account(&owner);
            let found = found.map_err(|error| DriverError::from(ChainError::from(error)))?;
            if found != expected {
                return Err(OfflineError::WrongAccount {
                    owner,
                    expected,
                    found,
                });
            }
        }
        Ok(snapshot.length())
    }

    /// Imports a chain: the body of `GET /chain`, or one block after another, as
    /// `adit chain export` writes them. It is adopted as a peer's
    /// would be, if it weighs more than the one here: all of it or nothing,
    /// but for what is seen only when it is adopted
    /// ([`OfflineError::Refused`]).
    pub fn import(
        &mut self,
        mut input: impl Read,
        mut progress: impl FnMut(u64),
    ) -> Result<Imported, OfflineError> {
        let snapshot = self.store.reader().snapshot()?;
        let mut first = vec![0; PIECE_BYTES];
        let read = read_some(&mut input, &mut first)?;
        let reader = match is_answer(&first[..read]) {
            true => ChainReader::of_answer(),
            false => ChainReader::of_lines(),
        };
        let reader = reader.taking(self.rules.reading());
        let mut validation = ChainValidation::new(Arc::clone(&self.rules), reader);
        let memory = MemoryBudget::new(BRANCHES_MEMORY_LIMIT_BYTES);
        let mut branch = Branch::new(
            Arc::clone(&self.rules),
            self.store.reader().staging(),
            Reservation::of(&memory),
        );
        let weight = self.node.chain().total_weight();
        let (mut piece, mut length) = (first, read);
        loop {
            match length {
                0 => validation.end(),
                length => validation.feed(&piece[..length]),
            }
            while let Some(block) = validation.next_block(now(), &snapshot)? {
                branch.push(block)?;
                if !branch.is_checked() && validation.so_far().outweighs(weight) {
                    branch.check_signatures().map_err(io::Error::other)?;
                }
            }
            progress(validation.length());
            if length == 0 {
                break;
            }
            length = read_some(&mut input, &mut piece)?;
        }
        let chain = validation.finish()?;
        // While it is held, the index keeps every page that was replaced.
        drop(snapshot);
        let session = BranchSession::begin(&self.node, chain);
        let adopted = session.is_some();
        if let Some(session) = session {
            let branch = branch.finish().map_err(io::Error::other)?;
            let branch = branch.map_err(|error| OfflineError::Signature(error.to_string()))?;
            self.adopt(session, branch)?;
        }
        Ok(Imported {
            length: chain.length,
            adopted,
        })
    }

    /// Takes the blocks in, up to the first that is refused.
    fn adopt(
        &mut self,
        mut session: BranchSession,
        branch: CheckedBranch,
    ) -> Result<(), OfflineError> {
        for block in branch.into_blocks() {
            let block = block.map_err(io::Error::other)?;
            let effects = session.take(&mut self.node, now(), block, &self.store);
            for effect in effects.map_err(DriverError::from)? {
                // Nobody is asked and nobody is told.
                if let Effect::Persist(change) = effect {
                    self.store.apply(&change)?;
                }
            }
            if session.refused().is_some() {
                break;
            }
        }
        self.store.sync()?;
        self.checkpoint()?;
        match session.into_refused() {
            Some(RefusedBlock { height, error }) => Err(OfflineError::Refused { height, error }),
            None => Ok(()),
        }
    }

    fn checkpoint(&mut self) -> Result<(), OfflineError> {
        while !self.node.is_mempool_current() {
            let update = Input::Timer(Timer::UpdateMempool);
            let effects = self.node.handle(now(), update, &self.store);
            effects.map_err(DriverError::from)?;
        }
        let pending = self.node.mempool().iter();
        Ok(self.store.checkpoint(pending)?)
    }

    fn check_stored(&self, snapshot: &Snapshot, height: u64) -> Result<Block, OfflineError> {
        let misplaced = |problem| OfflineError::Misplaced { height, problem };
        let text = snapshot.block_at(height)?;
        let text = text.ok_or(misplaced("it is not in the index"))?;
        let broken = |error| OfflineError::Broken { height, error };
        let canonical = json::canonical_as(self.rules.reading(), &text, BLOCK_LIMIT_BYTES);
        if canonical.map_err(|error| broken(error.into()))? != text {
            return Err(misplaced("its text is not canonical"));
        }
        let block = self.rules.read_canonical(text).map_err(broken)?;
        let indexed = snapshot
            .main_hash(height)
            .map_err(|error| DriverError::from(ChainError::from(error)))?;
        if indexed != Some(block.hash()) {
            return Err(misplaced("its hash is not the one in the index"));
        }
        if block.height() != height {
            return Err(misplaced("it states another index"));
        }
        Ok(block)
    }
}

fn no_chain(folder: &Path) -> OfflineError {
    OfflineError::NoChain(folder.to_path_buf())
}

/// Nobody is asked, and nothing made.
fn config(reward_to: String) -> Config {
    Config {
        reward_to,
        resolve_every: None,
        mine_every: None,
        mine_at_once: false,
        // What the node of this folder is told is not known here.
        min_fee_rate: FeeRate::DEFAULT,
        own_addresses: BTreeSet::new(),
    }
}

/// Whether a text is the body of `GET /chain`, and not a block: the first
/// name in it tells.
fn is_answer(start: &[u8]) -> bool {
    let name = start.iter().skip_while(|byte| **byte != b'"').skip(1);
    let name: Vec<u8> = name.take_while(|byte| **byte != b'"').copied().collect();
    name == b"chain" || name == b"length"
}

fn read_some(input: &mut impl Read, piece: &mut [u8]) -> io::Result<usize> {
    loop {
        match input.read(piece) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}
