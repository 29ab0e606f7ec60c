//! The history: what people ask about and consensus does not need. It follows
//! the main chain in a database of its own, behind the index and never in its
//! way: it can be late, and it can be deleted. All that is lost then are the
//! reorganisations that were seen; the rest is read again from the blocks.

use std::path::Path;

use adit_core::archive::{Archive, ArchiveError};
use adit_core::hash::Hash;
use adit_core::reorganisation::{BlockPlace, Reorganisation, Tip};
use redb::{Database, ReadableTable, WriteTransaction};

use crate::database::health::Health;
use crate::database::{Commit, Kind, RebuildableDatabase};
use crate::error::HistoryError;
use crate::files::durable::Durability;
use crate::history::batch::{Batch, Listed};
use crate::history::record::{
    TransactionPlace, block_to_bytes, reorganisation_in, reorganisation_to_bytes,
};
use crate::history::tables::{
    ADDRESSES, COUNTS, COVERED, HISTORY_FORMAT, NEW_TIPS, REORGANISATIONS, TRANSACTIONS,
};
use crate::history::view::HistoryView;
use crate::history::way::{Adopted, Way, is_left_for, parent, tip_of, way};

/// At most this much of the history is held in memory.
pub const HISTORY_CACHE_LIMIT_BYTES: usize = 8 * 1024 * 1024;

/// A long way is gone in steps of this many transactions and blocks, each of
/// them visible and consistent; the blocks that a reorganisation dropped are
/// one step. The more at once, the more of them share a page that has to be
/// copied.
pub const HISTORY_STEP_LIMIT: usize = 65_536;

/// After this many transactions and blocks, the history is made durable.
pub const HISTORY_DURABLE_LIMIT: usize = 1_048_576;

/// This many reorganisations are remembered; then the oldest are forgotten.
pub const REORGANISATIONS_LIMIT: u64 = 10_000;

/// Limits that tests make smaller.
#[derive(Debug, Clone, Copy)]
pub struct HistoryLimits {
    /// How many transactions and blocks a step takes in.
    pub step: usize,
    /// How many reorganisations are remembered.
    pub reorganisations: u64,
}

impl Default for HistoryLimits {
    fn default() -> HistoryLimits {
        HistoryLimits {
            step: HISTORY_STEP_LIMIT,
            reorganisations: REORGANISATIONS_LIMIT,
        }
    }
}

/// Hands out what the transactions of a block can be found by, in order, given
/// the block's text.
pub type List<'a> = &'a dyn Fn(Vec<u8>, &mut dyn FnMut(Listed)) -> Result<(), ArchiveError>;

/// What a step has done.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Followed {
    /// Whether there is more to do until the tip is covered.
    pub is_behind: bool,
    /// The newest blocks that are no longer in the main chain, from the old tip
    /// down.
    pub dropped: Vec<Hash>,
    /// The branch that the main chain has left, if it has.
    pub left: Option<LeftBranch>,
}

/// A branch that the main chain has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeftBranch {
    /// Its last block.
    pub tip: BlockPlace,
    /// Where it leaves the main chain; `None` if they share no block.
    pub fork: Option<BlockPlace>,
}

/// Both ends of the way to a tip.
struct Ends {
    /// What is covered, as far as the archive knows it.
    covered: Option<Tip>,
    target: Tip,
}

/// What a database of the history is.
static HISTORY: Kind = Kind {
    name: "history",
    format: HISTORY_FORMAT,
    cache_limit_bytes: HISTORY_CACHE_LIMIT_BYTES,
    initialise: open_all,
    look: |database| {
        HistoryView::open(database, Path::new("history.redb"), &Health::default())?;
        last_sequence(database).map(drop)
    },
};

/// The history's one writer. When it is dropped, what was not made durable is
/// lost, as after a crash: it is read again next time.
pub struct History {
    database: RebuildableDatabase,
    limits: HistoryLimits,
    covered: Option<BlockPlace>,
    last_sequence: u64,
    since_durable: usize,
}

impl History {
    /// Opens the history or makes an empty one. One that is of another format,
    /// or damaged, is thrown away.
    pub fn open(
        path: &Path,
        durability: Durability,
        limits: HistoryLimits,
    ) -> Result<History, HistoryError> {
        let open = || -> Result<History, redb::Error> {
            let database = RebuildableDatabase::open(path, &HISTORY, durability)?;
            let view = HistoryView::open(database.database(), path, database.health())?;
            Ok(History {
                covered: view.covered(),
                last_sequence: database
                    .health()
                    .guard(|| last_sequence(database.database()))?,
                database,
                limits,
                since_durable: 0,
            })
        };
        open().map_err(HistoryError::database(path))
    }

    /// The block that the main chain is covered up to.
    pub fn covered(&self) -> Option<BlockPlace> {
        self.covered
    }

    /// The history as it is now.
    pub fn view(&self) -> Result<HistoryView, HistoryError> {
        let database = &self.database;
        let view = HistoryView::open(database.database(), database.path(), database.health());
        view.map_err(HistoryError::database(database.path()))
    }

    /// Makes durable what was done so far.
    pub fn sync(&mut self) -> Result<(), HistoryError> {
        self.write(Commit::Durable, |_| Ok(()))?;
        self.since_durable = 0;
        Ok(())
    }

    /// Returns the reorganisation that nobody has told of, because it took place
    /// while the history was not kept: between the block that is covered and one
    /// that is the tip, or was it a moment ago.
    pub fn missed(
        &self,
        tip: &Hash,
        time_ms: u64,
        archive: &dyn Archive,
    ) -> Result<Option<Reorganisation>, HistoryError> {
        match self.ends(tip, archive)? {
            Some(Ends {
                covered: Some(covered),
                target,
            }) => Ok(Reorganisation::between(covered, target, time_ms, archive)?),
            _ => Ok(None),
        }
    }

    /// Goes one step towards a block that is the tip, or was it a moment ago, and
    /// remembers, together with the step, the reorganisations that were `seen` on
    /// the way there. A block that is not heavier than what is covered has been
    /// passed already, unless the main chain ends there after all; one that the
    /// archive does not know has been forgotten. If the chain started over, so
    /// does the history.
    pub fn follow(
        &mut self,
        tip: &Hash,
        seen: &[Reorganisation],
        archive: &dyn Archive,
        list: List<'_>,
    ) -> Result<Followed, HistoryError> {
        let Some(Ends { covered, target }) = self.ends(tip, archive)? else {
            self.remember(seen)?;
            return Ok(Followed::default());
        };
        if self.covered.is_some() && covered.is_none() {
            self.forget_everything()?;
        }
        let mut way = way(covered, target, self.limits.step, archive)?;
        let left = way.old_tip.filter(|_| way.dropped_count() > 0);
        let left = left.map(|tip| LeftBranch {
            tip,
            fork: way.fork,
        });
        if self.is_nearer_from_genesis(&way) {
            self.forget_chain()?;
            way.start_over();
        }
        self.step(&way, seen, archive, list)?;
        Ok(Followed {
            is_behind: self.covered != Some(target.block),
            dropped: way.newest_dropped,
            left,
        })
    }

    /// Returns where the way to a tip starts and ends; `None` if there is none to
    /// go.
    fn ends(&self, tip: &Hash, archive: &dyn Archive) -> Result<Option<Ends>, HistoryError> {
        let Some(target) = archive.entry(tip)? else {
            return Ok(None);
        };
        let target = tip_of(*tip, target);
        let covered = match self.covered {
            None => None,
            Some(covered) => archive
                .entry(&covered.hash)?
                .map(|entry| tip_of(covered.hash, entry)),
        };
        if let Some(covered) = covered
            && covered.total_weight >= target.total_weight
            && !is_left_for(covered, target, archive)?
        {
            return Ok(None);
        }
        Ok(Some(Ends { covered, target }))
    }

    /// Whether more would have to be taken out than there is that stays, and more
    /// than fits into a step.
    fn is_nearer_from_genesis(&self, way: &Way) -> bool {
        let stays = way.fork.map_or(0, |fork| fork.height);
        let is_long = way.dropped_count() > self.limits.step as u64;
        let is_main = matches!(way.adopted, Adopted::Main { .. });
        is_main && is_long && way.dropped_count() > stays
    }

    /// Forgets the transactions of the whole chain, but not what was seen of it.
    fn forget_chain(&mut self) -> Result<(), HistoryError> {
        self.write(Commit::Visible, |transaction| {
            delete_chain(transaction)?;
            open_all(transaction)
        })?;
        self.covered = None;
        Ok(())
    }

    /// Whether the database was found not to be as it was written, here or by a
    /// reader.
    pub fn is_damaged(&self) -> bool {
        self.database.health().is_damaged()
    }

    /// The error to return for a damaged history.
    pub fn damage(&self) -> HistoryError {
        let what = "a reader found it damaged".to_owned();
        HistoryError::database(self.database.path())(redb::Error::Corrupted(what))
    }

    /// Forgets everything: the chain is another one.
    fn forget_everything(&mut self) -> Result<(), HistoryError> {
        self.write(Commit::Visible, |transaction| {
            delete_chain(transaction)?;
            transaction.delete_table(REORGANISATIONS)?;
            transaction.delete_table(NEW_TIPS)?;
            open_all(transaction)
        })?;
        (self.covered, self.last_sequence) = (None, 0);
        Ok(())
    }

    /// Remembers reorganisations behind which there is no way to go.
    fn remember(&mut self, seen: &[Reorganisation]) -> Result<(), HistoryError> {
        if seen.is_empty() {
            return Ok(());
        }
        let (last, limits) = (self.last_sequence, self.limits);
        self.write(Commit::Visible, |transaction| {
            remember(transaction, seen, last, limits)
        })?;
        self.last_sequence += seen.len() as u64;
        Ok(())
    }

    fn write(
        &mut self,
        commit: Commit,
        fill: impl FnOnce(&WriteTransaction) -> Result<(), redb::Error>,
    ) -> Result<(), HistoryError> {
        let written = self.database.write(commit, fill);
        written.map_err(HistoryError::database(self.database.path()))
    }

    fn guard<T>(&self, access: impl FnOnce() -> Result<T, redb::Error>) -> Result<T, HistoryError> {
        let done = self.database.health().guard(access);
        done.map_err(HistoryError::database(self.database.path()))
    }

    /// Takes out what was dropped and takes in the first of what was adopted,
    /// in one transaction of the database.
    fn step(
        &mut self,
        way: &Way,
        seen: &[Reorganisation],
        archive: &dyn Archive,
        list: List<'_>,
    ) -> Result<(), HistoryError> {
        let failed = HistoryError::database(self.database.path());
        let transaction = self.database.begin().map_err(failed)?;
        let mut done = 0;
        let mut batch = Batch::default();
        let mut dropped = way.old_tip;
        while let Some(block) = dropped.filter(|_| dropped != way.fork) {
            done += gather(&block.hash, archive, list, &mut batch)?.transactions;
            dropped = parent(block, archive)?;
            if batch.len() >= self.limits.step {
                self.guard(|| batch.remove(&transaction))?;
            }
        }
        self.guard(|| batch.remove(&transaction))?;

        let mut covered = way.fork;
        let mut next = way.fork.map_or(1, |fork| fork.height + 1);
        while done < self.limits.step
            && let Some(hash) = way.adopted.at(way.fork, next, archive)?
        {
            let gathered = gather(&hash, archive, list, &mut batch)?;
            done += 1 + gathered.transactions;
            covered = Some(BlockPlace {
                height: gathered.height,
                hash,
            });
            next += 1;
        }
        self.guard(|| {
            batch.insert(&transaction)?;
            remember(&transaction, seen, self.last_sequence, self.limits)?;
            put_covered(&transaction, covered)
        })?;
        let failed = HistoryError::database(self.database.path());
        self.database.commit(transaction).map_err(failed)?;

        self.covered = covered;
        self.last_sequence += seen.len() as u64;
        self.since_durable += done;
        match self.since_durable {
            HISTORY_DURABLE_LIMIT.. => self.sync(),
            _ => Ok(()),
        }
    }
}

impl std::fmt::Debug for History {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "History up to {:?} in {:?}",
            self.covered,
            self.database.path()
        )
    }
}

struct Gathered {
    height: u64,
    transactions: usize,
}

/// Gathers the transactions of a block.
fn gather(
    hash: &Hash,
    archive: &dyn Archive,
    list: List<'_>,
    batch: &mut Batch,
) -> Result<Gathered, HistoryError> {
    let missing = || HistoryError::Missing { hash: *hash };
    let height = archive.entry(hash)?.ok_or_else(missing)?.height;
    let text = archive.text(hash)?.ok_or_else(missing)?;
    let mut position = 0;
    let before = batch.len();
    list(text, &mut |listed| {
        batch.push(TransactionPlace { height, position }, &listed);
        position += 1;
    })?;
    Ok(Gathered {
        height,
        transactions: batch.len() - before,
    })
}

/// Numbers the reorganisations on from the last one, and forgets the oldest.
fn remember(
    transaction: &WriteTransaction,
    seen: &[Reorganisation],
    last_sequence: u64,
    limits: HistoryLimits,
) -> Result<(), redb::Error> {
    if seen.is_empty() {
        return Ok(());
    }
    let mut list = transaction.open_table(REORGANISATIONS)?;
    let mut new_tips = transaction.open_table(NEW_TIPS)?;
    for (sequence, seen) in (last_sequence + 1..).zip(seen) {
        list.insert(sequence, &reorganisation_to_bytes(seen))?;
        new_tips.insert(&seen.new_tip.block.hash.0, sequence)?;
        if let Some(oldest) = sequence.checked_sub(limits.reorganisations)
            && let Some(bytes) = list.remove(oldest)?
        {
            let forgotten = reorganisation_in(bytes.value());
            new_tips.remove(&forgotten.new_tip.block.hash.0)?;
        }
    }
    Ok(())
}

fn put_covered(
    transaction: &WriteTransaction,
    covered: Option<BlockPlace>,
) -> Result<(), redb::Error> {
    let mut table = transaction.open_table(COVERED)?;
    match covered {
        Some(block) => drop(table.insert((), &block_to_bytes(block))?),
        None => drop(table.remove(())?),
    }
    Ok(())
}

fn last_sequence(database: &Database) -> Result<u64, redb::Error> {
    use redb::ReadableDatabase;
    let list = database.begin_read()?.open_table(REORGANISATIONS)?;
    Ok(list.last()?.map_or(0, |(sequence, _)| sequence.value()))
}

/// Deletes the tables of what stands in the chain.
fn delete_chain(transaction: &WriteTransaction) -> Result<(), redb::Error> {
    transaction.delete_table(TRANSACTIONS)?;
    transaction.delete_table(ADDRESSES)?;
    transaction.delete_table(COUNTS)?;
    transaction.delete_table(COVERED)?;
    Ok(())
}

/// Makes the tables that are missing.
fn open_all(transaction: &WriteTransaction) -> Result<(), redb::Error> {
    transaction.open_table(TRANSACTIONS)?;
    transaction.open_table(ADDRESSES)?;
    transaction.open_table(COUNTS)?;
    transaction.open_table(REORGANISATIONS)?;
    transaction.open_table(NEW_TIPS)?;
    transaction.open_table(COVERED)?;
    Ok(())
}
