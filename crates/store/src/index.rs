//! The index: where each block lies, and which form the main chain. It is
//! written in one of two ways, so that readers see it at once, or so that it
//! is on the disk too; how far it covers the block log is part of it.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use adit_core::hash::Hash;
use adit_core::sealed::Account;
use redb::{Builder, CursorError, Database, Table, WriteTransaction};

use crate::account_overlay::AccountOverlay;
use crate::account_record::{account_to_bytes, changes_to_bytes};
use crate::database_file::{CloseSwitch, DatabaseFile, FrozenFile};
use crate::durable::Durability;
use crate::error::StoreError;
use crate::health::{Health, is_damage};
use crate::index_tables::{
    ACCOUNTS, BLOCKS, CHANGES, COVERED_OFFSET, COVERED_SEGMENT, FORMAT, INDEX_FORMAT, LINES, MAIN,
    MAIN_CHAIN_LENGTH, META, ROWS,
};
use crate::index_view::View;
use crate::overlay::Overlay;
use crate::position::Position;
use crate::record::{BlockRecord, ROW_BYTES, Row};

/// At most so much of the index is held in memory.
pub const INDEX_CACHE_LIMIT_BYTES: usize = 64 * 1024 * 1024;

/// The index's one writer.
pub(crate) struct Index {
    path: PathBuf,
    database: Arc<Database>,
    closing: CloseSwitch,
    health: Health,
    view: Option<View>,
    /// Whether readers see something that is not on the disk.
    ahead_of_disk: bool,
}

/// For whom the index is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Commit {
    /// For the readers in this process.
    Visible,
    /// For the next process too.
    Durable,
}

impl Index {
    /// Opens the index or makes an empty one. One that is of another format,
    /// or damaged, is thrown away.
    pub(crate) fn open(path: &Path, durability: Durability) -> Result<Index, StoreError> {
        // What is wrong with it says nothing of the one that takes its place.
        match Health::default().guard(|| Index::open_as_it_is(path, durability)) {
            Ok(Some(index)) => return Ok(index),
            Ok(None) => tracing::warn!("the index is of another format and is built anew"),
            Err(error @ redb::Error::Io(_)) if !is_damage(&error) => {
                return Err(index_error(path)(error));
            }
            Err(error) => tracing::warn!(%error, "the index is damaged and is built anew"),
        }
        Index::create(path, durability)
    }

    /// Opens the index and leaves its file as it is. One that can't be used is
    /// left aside.
    pub(crate) fn open_frozen(path: &Path) -> Result<Index, StoreError> {
        let open = || {
            let file = FrozenFile::open(path)?;
            if file.is_of_earlier_layout()? {
                return Ok(None);
            }
            Index::of_backend(path, file, CloseSwitch::default(), false)
        };
        match Health::default().guard(open) {
            Ok(Some(index)) => return Ok(index),
            Ok(None) => tracing::warn!("the index is of another format and is not used"),
            Err(redb::Error::Io(error)) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) if !is_damage(&error) => return Err(index_error(path)(error)),
            Err(error) => tracing::warn!(%error, "the index is damaged and is not used"),
        }
        Index::in_scratch(path)
    }

    /// An empty index in a file without a name. `path` is the one that stands
    /// in its errors.
    pub(crate) fn in_scratch(path: &Path) -> Result<Index, StoreError> {
        let scratch = scratch_file()?;
        let closing = CloseSwitch::default();
        let file = DatabaseFile::of(scratch, Durability::None, closing.clone());
        let created = Index::of_backend(path, file, closing, true);
        created.map_err(index_error(path))?.ok_or_else(not_newest)
    }

    /// Makes an empty index in place of whatever is there.
    pub(crate) fn create(path: &Path, durability: Durability) -> Result<Index, StoreError> {
        delete(path)?;
        let created = Index::open_as_it_is(path, durability).map_err(index_error(path))?;
        created.ok_or_else(not_newest)
    }

    fn open_as_it_is(path: &Path, durability: Durability) -> Result<Option<Index>, redb::Error> {
        let closing = CloseSwitch::default();
        let file = DatabaseFile::open(path, durability, closing.clone())?;
        let is_new = file.is_new()?;
        if file.is_of_earlier_layout()? {
            return Ok(None);
        }
        Index::of_backend(path, file, closing, is_new)
    }

    fn of_backend(
        path: &Path,
        file: impl redb::StorageBackend,
        closing: CloseSwitch,
        is_new: bool,
    ) -> Result<Option<Index>, redb::Error> {
        let database = Builder::new()
            .set_cache_size(INDEX_CACHE_LIMIT_BYTES)
            .create_with_backend(file)?;
        if is_new {
            initialise(&database)?;
        }
        let mut index = Index {
            path: path.to_path_buf(),
            database: Arc::new(database),
            closing,
            health: Health::default(),
            view: None,
            ahead_of_disk: false,
        };
        index.view = View::open(&index.database, &index.health)?;
        Ok(index.view.is_some().then_some(index))
    }

    /// The database, for readers.
    pub(crate) fn database(&self) -> Arc<Database> {
        Arc::clone(&self.database)
    }

    /// What is known of its state, for readers.
    pub(crate) fn health(&self) -> Health {
        self.health.clone()
    }

    /// The file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The index as it was last written.
    pub(crate) fn view(&self) -> Result<&View, StoreError> {
        self.view.as_ref().ok_or_else(|| StoreError::Stopped {
            cause: "the index could not be written".to_owned(),
        })
    }

    /// Takes in what the overlays hold. `covered` is how far the block log is
    /// covered then.
    pub(crate) fn write(
        &mut self,
        overlay: &Overlay,
        accounts: &AccountOverlay,
        covered: Position,
        commit: Commit,
    ) -> Result<(), StoreError> {
        // A view that is held while pages are replaced keeps the old ones.
        self.view = None;
        let written = self
            .health
            .guard(|| self.try_write(overlay, accounts, covered, commit));
        self.view = written.map_err(index_error(&self.path))?;
        self.ahead_of_disk = commit == Commit::Visible;
        Ok(())
    }

    /// Forgets everything, and takes in what the overlays hold.
    pub(crate) fn begin_anew(
        &mut self,
        overlay: &Overlay,
        accounts: &AccountOverlay,
        covered: Position,
    ) -> Result<(), StoreError> {
        self.view = None;
        let written = self
            .health
            .guard(|| self.try_begin_anew(overlay, accounts, covered));
        self.view = written.map_err(index_error(&self.path))?;
        self.ahead_of_disk = true;
        Ok(())
    }

    fn try_begin_anew(
        &self,
        overlay: &Overlay,
        accounts: &AccountOverlay,
        covered: Position,
    ) -> Result<Option<View>, redb::Error> {
        let transaction = begin(&self.database, Commit::Visible)?;
        empty(&transaction)?;
        fill(&transaction, overlay, accounts, covered)?;
        transaction.commit()?;
        View::open(&self.database, &self.health)
    }

    fn try_write(
        &self,
        overlay: &Overlay,
        accounts: &AccountOverlay,
        covered: Position,
        commit: Commit,
    ) -> Result<Option<View>, redb::Error> {
        let transaction = begin(&self.database, commit)?;
        fill(&transaction, overlay, accounts, covered)?;
        transaction.commit()?;
        View::open(&self.database, &self.health)
    }
}

impl Drop for Index {
    fn drop(&mut self) {
        // Over what is damaged, nothing is written either.
        if self.ahead_of_disk || self.health.is_damaged() {
            self.closing.close();
        }
    }
}

/// Adds blocks, sorted by hash. Those that belong into one gap between blocks
/// of the table go there together, in a third of the time that as many calls
/// of `insert` take: in a short table, that is nearly all of them.
fn insert_sorted(
    table: &mut Table<'_, &'static [u8; 32], &'static [u8]>,
    mut blocks: &[(Hash, BlockRecord)],
) -> Result<(), redb::Error> {
    while let Some((first, record)) = blocks.first() {
        let mut gap = table.lower_bound_mut(Bound::Included(&first.0))?;
        let mut inserted = 0;
        for (hash, record) in blocks {
            match gap.insert_before(&hash.0, &record.to_bytes()[..]) {
                Ok(()) => inserted += 1,
                Err(CursorError::UnorderedKey) => break,
                Err(error) => return Err(error.into()),
            }
        }
        gap.close()?;
        if inserted == 0 {
            table.insert(&first.0, &record.to_bytes()[..])?;
            inserted = 1;
        }
        blocks = &blocks[inserted..];
    }
    Ok(())
}

fn not_newest() -> StoreError {
    StoreError::OutOfOrder {
        what: "a new index is not of the newest format".to_owned(),
    }
}

/// A file that is gone when it is closed.
fn scratch_file() -> Result<File, StoreError> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let name = format!("adit-index-{}-{number}", std::process::id());
    let path = std::env::temp_dir().join(name);
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .open(&path)
        .map_err(StoreError::io("create", &path))?;
    fs::remove_file(&path).map_err(StoreError::io("delete", &path))?;
    Ok(file)
}

/// Deletes a database's file, if there is one.
pub(crate) fn delete(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(StoreError::io("delete", path)(error))
        }
        _ => Ok(()),
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

fn initialise(database: &Database) -> Result<(), redb::Error> {
    let transaction = begin(database, Commit::Durable)?;
    {
        open_all(&transaction)?;
        let mut meta = transaction.open_table(META)?;
        meta.insert(FORMAT, INDEX_FORMAT)?;
        put_covered(&mut meta, Position::START)?;
    }
    Ok(transaction.commit()?)
}

fn fill(
    transaction: &WriteTransaction,
    overlay: &Overlay,
    accounts: &AccountOverlay,
    covered: Position,
) -> Result<(), redb::Error> {
    let mut blocks = transaction.open_table(BLOCKS)?;
    insert_sorted(&mut blocks, &overlay.sorted_blocks())?;
    write_lines(transaction, overlay)?;
    let mut meta = transaction.open_table(META)?;
    meta.insert(MAIN_CHAIN_LENGTH, overlay.main_length())?;
    put_covered(&mut meta, covered)?;
    write_accounts(transaction, accounts)
}

/// Deletes all tables but the one that says what the index is like.
fn empty(transaction: &WriteTransaction) -> Result<(), redb::Error> {
    transaction.delete_table(MAIN)?;
    transaction.delete_table(ROWS)?;
    transaction.delete_table(LINES)?;
    transaction.delete_table(BLOCKS)?;
    transaction.delete_table(ACCOUNTS)?;
    transaction.delete_table(CHANGES)?;
    open_all(transaction)
}

/// Makes the tables that there are not.
fn open_all(transaction: &WriteTransaction) -> Result<(), redb::Error> {
    transaction.open_table(MAIN)?;
    transaction.open_table(ROWS)?;
    transaction.open_table(LINES)?;
    transaction.open_table(BLOCKS)?;
    transaction.open_table(ACCOUNTS)?;
    transaction.open_table(CHANGES)?;
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

/// Adds rows to the end of a line. They go into one gap together, in a third of
/// the time that as many calls of `insert` take.
fn insert_behind(
    table: &mut Table<'_, (u32, u64), &'static [u8; ROW_BYTES]>,
    line: u32,
    first: u64,
    rows: &[Row],
) -> Result<(), redb::Error> {
    let mut gap = table.lower_bound_mut(Bound::Included((line, first)))?;
    for (index, row) in (first..).zip(rows) {
        gap.insert_before((line, index), &row.to_bytes())?;
    }
    Ok(gap.close()?)
}

fn write_accounts(
    transaction: &WriteTransaction,
    overlay: &AccountOverlay,
) -> Result<(), redb::Error> {
    if overlay.len() == 0 {
        return Ok(());
    }
    let mut accounts = transaction.open_table(ACCOUNTS)?;
    for (owner, account) in overlay.sorted_accounts() {
        // Who has nothing and has sent nothing is not kept.
        if account == Account::default() {
            accounts.remove(&owner.0)?;
        } else {
            accounts.insert(&owner.0, &account_to_bytes(account))?;
        }
    }
    let mut changes = transaction.open_table(CHANGES)?;
    for (hash, list) in overlay.sorted_changes() {
        changes.insert(&hash.0, &changes_to_bytes(list)[..])?;
    }
    Ok(())
}

/// Begins a transaction that will be committed so.
pub(crate) fn begin(database: &Database, commit: Commit) -> Result<WriteTransaction, redb::Error> {
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

fn put_covered(meta: &mut Table<'_, &str, u64>, covered: Position) -> Result<(), redb::Error> {
    meta.insert(COVERED_SEGMENT, u64::from(covered.segment))?;
    meta.insert(COVERED_OFFSET, covered.offset)?;
    Ok(())
}
