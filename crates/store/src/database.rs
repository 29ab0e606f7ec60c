//! A database that can be rebuilt from the block log: how it is opened,
//! whatever state its file is in, how it is created and thrown away, and the
//! one way to write it. What its tables hold is up to its owner.

pub(crate) mod file;
pub(crate) mod health;
pub(crate) mod pages;

use std::fs;
use std::io;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use redb::{
    Builder, CursorError, Database, ReadableDatabase, ReadableTable, Table, TableDefinition,
    WriteTransaction,
};
use tempfile::tempfile;

use crate::database::file::{DatabaseFile, FrozenFile, WriteFence};
use crate::database::health::{Health, is_damage};
use crate::error::StoreError;
use crate::files::durable::Durability;

/// What a database says of itself.
pub(crate) const META: TableDefinition<&str, u64> = TableDefinition::new("meta");

const FORMAT: &str = "format";

/// What a database of one kind is.
#[derive(Debug)]
pub(crate) struct Kind {
    /// What it is called in the log.
    pub(crate) name: &'static str,
    /// One of another format is rebuilt.
    pub(crate) format: u64,
    /// At most this much of it is held in memory.
    pub(crate) cache_limit_bytes: usize,
    /// Makes its tables, as they are in an empty database.
    pub(crate) initialise: fn(&WriteTransaction) -> Result<(), redb::Error>,
    /// Reads what its owner reads first: if that fails, the database is
    /// damaged.
    pub(crate) look: fn(&Database) -> Result<(), redb::Error>,
}

/// Who has to see what is committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Commit {
    /// For the readers in this process.
    Visible,
    /// For the next process too.
    Durable,
}

/// A database that can be rebuilt, and the only way to write it. When it is
/// dropped, what was not made durable is lost, as after a crash.
pub(crate) struct RebuildableDatabase {
    path: PathBuf,
    database: Arc<Database>,
    closing: WriteFence,
    health: Health,
    /// Whether readers see something that is not on the disk.
    ahead_of_disk: bool,
}

impl RebuildableDatabase {
    /// Opens the database or makes an empty one. One that is of another format,
    /// or damaged, is thrown away.
    pub(crate) fn open(
        path: &Path,
        kind: &'static Kind,
        durability: Durability,
    ) -> Result<RebuildableDatabase, redb::Error> {
        let name = kind.name;
        // What is wrong with it says nothing about the one that takes its
        // place.
        match Health::default().guard(|| open_as_it_is(path, kind, durability)) {
            Ok(Some(database)) => return Ok(database),
            Ok(None) => tracing::warn!("the {name} is of another format and is rebuilt"),
            Err(error @ redb::Error::Io(_)) if !is_damage(&error) => return Err(error),
            Err(error) => tracing::warn!(%error, "the {name} is damaged and is rebuilt"),
        }
        RebuildableDatabase::create(path, kind, durability)
    }

    /// Makes an empty one in place of whatever is there.
    pub(crate) fn create(
        path: &Path,
        kind: &'static Kind,
        durability: Durability,
    ) -> Result<RebuildableDatabase, redb::Error> {
        delete_file(path)?;
        open_as_it_is(path, kind, durability)?.ok_or_else(not_newest)
    }

    /// Opens the database and leaves its file as it is. One that can't be used is
    /// left aside, and an empty one is there instead.
    pub(crate) fn open_frozen(
        path: &Path,
        kind: &'static Kind,
    ) -> Result<RebuildableDatabase, redb::Error> {
        let name = kind.name;
        let open = || {
            of_file(path, kind, |_, health| {
                let file = FrozenFile::open(path, health)?;
                Ok((!file.is_of_earlier_layout()?).then_some((file, false)))
            })
        };
        match Health::default().guard(open) {
            Ok(Some(database)) => return Ok(database),
            Ok(None) => tracing::warn!("the {name} is of another format and is not used"),
            Err(redb::Error::Io(error)) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) if !is_damage(&error) => return Err(error),
            Err(error) => tracing::warn!(%error, "the {name} is damaged and is not used"),
        }
        RebuildableDatabase::in_scratch(path, kind)
    }

    /// An empty one in a file without a name. `path` is the one named in its
    /// errors.
    pub(crate) fn in_scratch(
        path: &Path,
        kind: &'static Kind,
    ) -> Result<RebuildableDatabase, redb::Error> {
        let open = |closing, health| {
            let file = tempfile()?;
            let file = DatabaseFile::of(file, Durability::None, closing, health);
            Ok(Some((file, true)))
        };
        of_file(path, kind, open)?.ok_or_else(not_newest)
    }

    /// The file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The database, for readers.
    pub(crate) fn database(&self) -> &Arc<Database> {
        &self.database
    }

    /// Whether readers see something that is not on the disk.
    pub(crate) fn is_ahead_of_disk(&self) -> bool {
        self.ahead_of_disk
    }

    /// What is known of its state, for readers.
    pub(crate) fn health(&self) -> &Health {
        &self.health
    }

    /// Writes it, in one transaction. A view that is held meanwhile keeps all
    /// pages that are replaced.
    pub(crate) fn write(
        &mut self,
        commit: Commit,
        fill: impl FnOnce(&WriteTransaction) -> Result<(), redb::Error>,
    ) -> Result<(), redb::Error> {
        self.health.guard(|| {
            let transaction = begin(&self.database, commit)?;
            fill(&transaction)?;
            Ok(transaction.commit()?)
        })?;
        self.ahead_of_disk = commit == Commit::Visible;
        Ok(())
    }

    /// Begins a transaction for the readers in this process. It ends with
    /// [`RebuildableDatabase::commit`], or nothing of it is kept.
    pub(crate) fn begin(&self) -> Result<WriteTransaction, redb::Error> {
        self.health.guard(|| begin(&self.database, Commit::Visible))
    }

    /// Commits a transaction that was begun.
    pub(crate) fn commit(&mut self, transaction: WriteTransaction) -> Result<(), redb::Error> {
        self.health.guard(|| Ok(transaction.commit()?))?;
        self.ahead_of_disk = true;
        Ok(())
    }
}

impl Drop for RebuildableDatabase {
    fn drop(&mut self) {
        // Nothing is written over what is damaged either.
        if self.ahead_of_disk || self.health.is_damaged() {
            self.closing.close();
        }
    }
}

/// Fewer rows between the same two keys of a table are no run.
const RUN_ROWS: usize = 3;

/// After this many rows that came alone, it is looked again whether a run begins.
const LONE_ROWS: usize = 64;

/// Adds rows that are sorted by their keys. Those that fall between the same two
/// keys of the table go there together, in a fifth of the time that separate
/// calls of `insert` take. Where rows come alone, as hashes do, finding such a place
/// costs six times what `insert` does: then ever more of them go there by that.
pub(crate) fn insert_sorted<const BYTES: usize, R, V>(
    table: &mut Table<'_, &'static [u8; BYTES], V>,
    mut rows: &[R],
    row_of: impl Fn(&R) -> (&[u8; BYTES], V),
) -> Result<(), redb::Error>
where
    V: for<'a> redb::Value<SelfType<'a> = V> + 'static,
{
    let (mut lone_rows, mut next_lone_rows) = (0, 1);
    while let Some(row) = rows.first() {
        let (first, value) = row_of(row);
        if lone_rows > 0 {
            table.insert(first, value)?;
            lone_rows -= 1;
            rows = &rows[1..];
            continue;
        }
        let mut gap = table.lower_bound_mut(Bound::Included(first))?;
        let mut inserted = 0;
        for row in rows {
            let (key, value) = row_of(row);
            match gap.insert_before(key, value) {
                Ok(()) => inserted += 1,
                Err(CursorError::UnorderedKey) => break,
                Err(error) => return Err(error.into()),
            }
        }
        gap.close()?;
        if inserted == 0 {
            table.insert(first, value)?;
            inserted = 1;
        }
        (lone_rows, next_lone_rows) = match inserted < RUN_ROWS {
            true => (next_lone_rows, (next_lone_rows * 2).min(LONE_ROWS)),
            false => (0, 1),
        };
        rows = &rows[inserted..];
    }
    Ok(())
}

/// Deletes its file, if there is one.
pub(crate) fn delete(path: &Path) -> Result<(), StoreError> {
    delete_file(path).map_err(StoreError::io("delete", path))
}

fn delete_file(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Returns `None` if it is of another format.
fn open_as_it_is(
    path: &Path,
    kind: &'static Kind,
    durability: Durability,
) -> Result<Option<RebuildableDatabase>, redb::Error> {
    of_file(path, kind, |closing, health| {
        let file = DatabaseFile::open(path, durability, closing, health)?;
        let is_new = file.is_new()?;
        Ok((!file.is_of_earlier_layout()?).then_some((file, is_new)))
    })
}

/// The database in a file, which is opened with what fences its writes and what is
/// known of its state, and says whether it is empty. `None` if it is of another
/// layout or format.
fn of_file<B: redb::StorageBackend>(
    path: &Path,
    kind: &'static Kind,
    open: impl FnOnce(WriteFence, Health) -> io::Result<Option<(B, bool)>>,
) -> Result<Option<RebuildableDatabase>, redb::Error> {
    let (closing, health) = (WriteFence::default(), Health::default());
    let Some((file, is_new)) = open(closing.clone(), health.clone())? else {
        return Ok(None);
    };
    let database = Builder::new()
        .set_cache_size(kind.cache_limit_bytes)
        .create_with_backend(file)?;
    if is_new {
        let transaction = begin(&database, Commit::Durable)?;
        (kind.initialise)(&transaction)?;
        transaction.open_table(META)?.insert(FORMAT, kind.format)?;
        transaction.commit()?;
    }
    if format_of(&database)? != kind.format {
        return Ok(None);
    }
    (kind.look)(&database)?;
    Ok(Some(RebuildableDatabase {
        path: path.to_path_buf(),
        database: Arc::new(database),
        closing,
        health,
        ahead_of_disk: false,
    }))
}

fn format_of(database: &Database) -> Result<u64, redb::Error> {
    let meta = database.begin_read()?.open_table(META)?;
    let format = ReadableTable::get(&meta, FORMAT)?;
    Ok(format.map_or(0, |value| value.value()))
}

fn begin(database: &Database, commit: Commit) -> Result<WriteTransaction, redb::Error> {
    let mut transaction = database.begin_write()?;
    match commit {
        Commit::Visible => transaction.set_durability(redb::Durability::None)?,
        Commit::Durable => {
            // After a crash, the file is taken as it stands: without these
            // two, it would be read whole to find out what is free in it.
            transaction.set_two_phase_commit(true);
            transaction.set_quick_repair(true);
        }
    }
    Ok(transaction)
}

fn not_newest() -> redb::Error {
    redb::Error::Corrupted("a new database is not of the newest format".to_owned())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use redb::{Builder, ReadableTable, TableDefinition};

    use super::*;

    const TABLE: TableDefinition<&[u8; 4], ()> = TableDefinition::new("table");

    #[test]
    fn rows_go_where_they_belong_whether_they_come_alone_or_in_runs() {
        let database = Builder::new()
            .create_with_backend(redb::backends::InMemoryBackend::new())
            .unwrap();
        let (mut model, mut state) = (BTreeSet::new(), 7_u32);
        for round in 0..20_u32 {
            let mut rows = BTreeSet::new();
            for _ in 0..200 {
                // Numbers that are in no order, and some that follow each other.
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let length = [1, 1, 1, 2, 3, 40][(state >> 16) as usize % 6];
                rows.extend((state..state.saturating_add(length)).map(u32::to_be_bytes));
            }
            let rows: Vec<_> = rows.into_iter().collect();
            let transaction = database.begin_write().unwrap();
            let mut table = transaction.open_table(TABLE).unwrap();
            insert_sorted(&mut table, &rows, |key| (key, ())).unwrap();
            model.extend(rows);
            let found = table.iter().unwrap().map(|row| *row.unwrap().0.value());
            assert!(found.eq(model.iter().copied()), "round {round}");
            drop(table);
            transaction.commit().unwrap();
        }
    }
}
