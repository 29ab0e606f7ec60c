//! The index: where each block lies, and which form the main chain. It is
//! written in one of two ways: so that readers see it at once, or so that it is
//! on the disk too. How far it covers the block log is part of it.

use std::ops::Bound;
use std::path::Path;
use std::sync::Arc;

use redb::{Database, Table, WriteTransaction};

use crate::database::health::Health;
use crate::database::{Commit, Kind, META, RebuildableDatabase, insert_sorted};
use crate::error::StoreError;
use crate::files::durable::Durability;
use crate::index::account_overlay::AccountOverlay;
use crate::index::account_writer::{ChangesTo, write_accounts};
use crate::index::overlay::Overlay;
use crate::index::record::Row;
use crate::index::tables::{
    ACCOUNT_CHANGES, ACCOUNT_STATES, COVERED_OFFSET, COVERED_SEGMENT, HASHES, INDEX_FORMAT, LINES,
    MAIN, MAIN_CHAIN_LENGTH, OWNERS, RECENT_CHANGES, ROWS, SENDERS,
};
use crate::index::view::IndexView;
use crate::log::position::Position;

/// At most this much of the index is held in memory.
pub const INDEX_CACHE_LIMIT_BYTES: usize = 64 * 1024 * 1024;

/// What a database of the index is.
static INDEX: Kind = Kind {
    name: "index",
    format: INDEX_FORMAT,
    cache_limit_bytes: INDEX_CACHE_LIMIT_BYTES,
    initialise,
    look: |database| IndexView::open(database, &Health::default()).map(drop),
};

/// The index's one writer.
pub(crate) struct Index {
    database: RebuildableDatabase,
    view: Option<IndexView>,
}

impl Index {
    /// Opens the index or makes an empty one. One that is of another format,
    /// or damaged, is thrown away.
    pub(crate) fn open(path: &Path, durability: Durability) -> Result<Index, StoreError> {
        Index::of(path, RebuildableDatabase::open(path, &INDEX, durability))
    }

    /// Opens the index and leaves its file as it is. One that can't be used is
    /// left aside.
    pub(crate) fn open_frozen(path: &Path) -> Result<Index, StoreError> {
        Index::of(path, RebuildableDatabase::open_frozen(path, &INDEX))
    }

    /// An empty index in a file without a name. `path` is the one named in its
    /// errors.
    pub(crate) fn in_scratch(path: &Path) -> Result<Index, StoreError> {
        Index::of(path, RebuildableDatabase::in_scratch(path, &INDEX))
    }

    /// Makes an empty index in place of whatever is there.
    pub(crate) fn create(path: &Path, durability: Durability) -> Result<Index, StoreError> {
        Index::of(path, RebuildableDatabase::create(path, &INDEX, durability))
    }

    fn of(
        path: &Path,
        database: Result<RebuildableDatabase, redb::Error>,
    ) -> Result<Index, StoreError> {
        let database = database.map_err(index_error(path))?;
        let view = IndexView::open(database.database(), database.health());
        Ok(Index {
            view: Some(view.map_err(index_error(path))?),
            database,
        })
    }

    /// The database, for readers.
    pub(crate) fn database(&self) -> Arc<Database> {
        Arc::clone(self.database.database())
    }

    /// What is known of its state, for readers.
    pub(crate) fn health(&self) -> Health {
        self.database.health().clone()
    }

    /// The file.
    pub(crate) fn path(&self) -> &Path {
        self.database.path()
    }

    /// Whether readers see something that is not on the disk.
    pub(crate) fn is_ahead_of_disk(&self) -> bool {
        self.database.is_ahead_of_disk()
    }

    /// The index as it was last written.
    pub(crate) fn view(&self) -> Result<&IndexView, StoreError> {
        self.view.as_ref().ok_or_else(|| StoreError::Stopped {
            cause: "the index could not be written".to_owned(),
        })
    }

    /// Takes in what the overlays hold. `covered` is how far it then covers the
    /// block log.
    pub(crate) fn write(
        &mut self,
        overlay: &Overlay,
        accounts: &mut AccountOverlay,
        covered: Position,
        to: ChangesTo,
        commit: Commit,
    ) -> Result<(), StoreError> {
        self.write_by(commit, |transaction| {
            fill(transaction, overlay, accounts, covered, to)
        })
    }

    /// Forgets everything, and takes in what the overlays hold.
    pub(crate) fn replace(
        &mut self,
        overlay: &Overlay,
        accounts: &mut AccountOverlay,
        covered: Position,
    ) -> Result<(), StoreError> {
        self.write_by(Commit::Visible, |transaction| {
            empty(transaction)?;
            fill(transaction, overlay, accounts, covered, ChangesTo::Table)
        })
    }

    fn write_by(
        &mut self,
        commit: Commit,
        fill: impl FnOnce(&WriteTransaction) -> Result<(), redb::Error>,
    ) -> Result<(), StoreError> {
        // A view that is held while pages are replaced keeps the old ones.
        self.view = None;
        let database = &mut self.database;
        let written = database.write(commit, fill);
        let view = written.and_then(|()| IndexView::open(database.database(), database.health()));
        self.view = Some(view.map_err(index_error(database.path()))?);
        Ok(())
    }
}

/// For `map_err`: names the index's file.
pub(crate) fn index_error<E: Into<redb::Error>>(
    path: &Path,
) -> impl FnOnce(E) -> StoreError + use<E> {
    let path = path.to_path_buf();
    move |source| StoreError::Index {
        path,
        source: Box::new(source.into()),
    }
}

fn initialise(transaction: &WriteTransaction) -> Result<(), redb::Error> {
    open_all(transaction)?;
    put_covered(&mut transaction.open_table(META)?, Position::START)
}

fn fill(
    transaction: &WriteTransaction,
    overlay: &Overlay,
    accounts: &mut AccountOverlay,
    covered: Position,
    to: ChangesTo,
) -> Result<(), redb::Error> {
    let mut hashes = transaction.open_table(HASHES)?;
    insert_sorted(&mut hashes, &overlay.sorted_hash_keys(), |key| (key, ()))?;
    write_lines(transaction, overlay)?;
    let mut meta = transaction.open_table(META)?;
    meta.insert(MAIN_CHAIN_LENGTH, overlay.main_length())?;
    put_covered(&mut meta, covered)?;
    write_accounts(transaction, accounts, to)
}

/// Deletes all tables but the one that describes the index.
fn empty(transaction: &WriteTransaction) -> Result<(), redb::Error> {
    transaction.delete_table(MAIN)?;
    transaction.delete_table(ROWS)?;
    transaction.delete_table(LINES)?;
    transaction.delete_table(HASHES)?;
    transaction.delete_table(OWNERS)?;
    transaction.delete_table(ACCOUNT_STATES)?;
    transaction.delete_table(ACCOUNT_CHANGES)?;
    transaction.delete_table(RECENT_CHANGES)?;
    transaction.delete_table(SENDERS)?;
    open_all(transaction)
}

/// Makes the tables that are missing.
fn open_all(transaction: &WriteTransaction) -> Result<(), redb::Error> {
    transaction.open_table(MAIN)?;
    transaction.open_table(ROWS)?;
    transaction.open_table(LINES)?;
    transaction.open_table(HASHES)?;
    transaction.open_table(OWNERS)?;
    transaction.open_table(ACCOUNT_STATES)?;
    transaction.open_table(ACCOUNT_CHANGES)?;
    transaction.open_table(RECENT_CHANGES)?;
    transaction.open_table(SENDERS)?;
    Ok(())
}

/// Adds blocks to their lines, and names the lines that the main chain goes along.
fn write_lines(transaction: &WriteTransaction, overlay: &Overlay) -> Result<(), redb::Error> {
    let mut lines = transaction.open_table(LINES)?;
    let mut rows = transaction.open_table(ROWS)?;
    for (number, grown) in overlay.grown() {
        lines.insert(number, &grown.line.to_bytes())?;
        insert_behind(&mut rows, number, grown.first_new(), &grown.rows)?;
    }
    let mut main = transaction.open_table(MAIN)?;
    main.retain_in(overlay.kept_length() + 1.., |_, _| false)?;
    for stretch in overlay.stretches() {
        main.insert(stretch.first, stretch.line)?;
    }
    Ok(())
}

/// Adds rows to the end of a line. They go in together, in a third of the time
/// that separate calls of `insert` take.
fn insert_behind(
    table: &mut Table<'_, (u32, u64), &'static [u8]>,
    line: u32,
    first: u64,
    rows: &[Row],
) -> Result<(), redb::Error> {
    let mut gap = table.lower_bound_mut(Bound::Included((line, first)))?;
    for (height, row) in (first..).zip(rows) {
        gap.insert_before((line, height), &row.to_bytes()[..])?;
    }
    Ok(gap.close()?)
}

fn put_covered(meta: &mut Table<'_, &str, u64>, covered: Position) -> Result<(), redb::Error> {
    meta.insert(COVERED_SEGMENT, u64::from(covered.segment))?;
    meta.insert(COVERED_OFFSET, covered.offset)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use adit_core::archive::Entry;
    use adit_core::hash::Hash;
    use adit_core::rules::Weight;

    use super::*;
    use crate::index::record::{BlockRecord, Line};
    use crate::log::position::Location;

    /// A chain of blocks with hashes that begin alike, and one beside its second.
    fn alike(overlay: &mut Overlay) -> Vec<(Hash, BlockRecord)> {
        let hash = |number: u8| {
            let mut hash = [7; 32];
            hash[31] = number;
            Hash(hash)
        };
        let mut blocks = Vec::new();
        for (number, line, height, parent) in [
            (3, 0, 1, None),
            (2, 0, 2, Some(3)),
            (1, 0, 3, Some(2)),
            (4, 1, 2, Some(3)),
        ] {
            let record = BlockRecord {
                entry: Entry {
                    height,
                    parent: parent.map(hash),
                    total_weight: Weight::from(height),
                },
                proof: u64::from(number),
                sealed: None,
                location: Location {
                    start: Position::START,
                    length_bytes: u32::from(number),
                    sum: 0,
                },
                line,
            };
            let first = if line == 0 { 1 } else { 2 };
            let of_line = Line {
                first,
                last: height,
                parent: (line == 1).then_some(0),
            };
            overlay.add(hash(number), record, of_line, height);
            blocks.push((hash(number), record));
        }
        blocks
    }

    #[test]
    fn blocks_whose_hashes_begin_alike_are_told_apart() {
        let mut height = Index::in_scratch(Path::new("index.redb")).unwrap();
        let mut overlay = height.view().unwrap().overlay();
        let blocks = alike(&mut overlay);
        height
            .write(
                &overlay,
                &mut AccountOverlay::default(),
                Position::START,
                ChangesTo::Table,
                Commit::Visible,
            )
            .unwrap();
        let view = height.view().unwrap();
        for (hash, record) in &blocks {
            assert_eq!(view.block(hash).unwrap().as_ref(), Some(record));
        }
        let between = |first: u8, last: u8, limit: usize| {
            let at =
                |number: u8| Hash([[7; 31].as_slice(), &[number]].concat().try_into().unwrap());
            let found = view.hashes_between(&at(first), &at(last), limit).unwrap();
            let mut numbers: Vec<u8> = found.iter().map(|hash| hash.0[31]).collect();
            numbers.sort_unstable();
            numbers
        };
        assert_eq!(between(2, 3, 9), [2, 3]);
        assert_eq!(between(0, 255, 9), [1, 2, 3, 4]);
        assert_eq!(between(0, 255, 3).len(), 3);
        assert_eq!(between(5, 255, 9), [0; 0]);
        let mut other = [7; 32];
        other[30] = 1;
        assert_eq!(view.block(&Hash(other)).unwrap(), None);
    }
}
