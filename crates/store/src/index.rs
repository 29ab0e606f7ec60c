//! The index: where each block lies, and which form the main chain. It is
//! written in one of two ways, so that readers see it at once, or so that it
//! is on the disk too; how far it covers the block log is part of it.

use std::fs;
use std::io;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use adit_core::hash::Hash;
use redb::{
    Builder, Database, ReadOnlyTable, ReadableDatabase, ReadableTable, Table, TableDefinition,
    WriteTransaction,
};

use crate::durable::Durability;
use crate::error::StoreError;
use crate::index_file::{CloseSwitch, IndexFile};
use crate::overlay::Overlay;
use crate::position::Position;
use crate::record::{BLOCK_BYTES, BlockRecord, MAIN_BYTES, MainRecord};

/// The index's own format. One of another format is built anew.
pub const INDEX_FORMAT: u64 = 1;

/// At most so much of the index is held in memory.
pub const INDEX_CACHE_LIMIT_BYTES: usize = 64 * 1024 * 1024;

type MainTable = ReadOnlyTable<u64, &'static [u8; MAIN_BYTES]>;
type BlockTable = ReadOnlyTable<&'static [u8; 32], &'static [u8; BLOCK_BYTES]>;

const MAIN: TableDefinition<u64, &[u8; MAIN_BYTES]> = TableDefinition::new("main");
const BLOCKS: TableDefinition<&[u8; 32], &[u8; BLOCK_BYTES]> = TableDefinition::new("blocks");
const META: TableDefinition<&str, u64> = TableDefinition::new("meta");

const FORMAT: &str = "format";
const COVERED_SEGMENT: &str = "covered segment";
const COVERED_OFFSET: &str = "covered offset";
const MAIN_CHAIN_BYTES: &str = "main chain bytes";

/// The index's one writer.
pub(crate) struct Index {
    path: PathBuf,
    database: Arc<Database>,
    closing: CloseSwitch,
    view: Option<View>,
    /// Whether readers see something that is not on the disk.
    ahead_of_disk: bool,
}

/// The index as it was at one moment.
pub(crate) struct View {
    main: MainTable,
    blocks: BlockTable,
    covered: Position,
    length: u64,
    main_bytes: u64,
}

/// For whom the index is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Commit {
    /// For the readers in this process.
    Visible,
    /// For the next process too.
    Durable,
}

/// A reorganisation that is too long for the overlay: the main chain is now
/// its first `fork` blocks and the line of ancestors of `tip`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Switch {
    pub(crate) tip: Hash,
    pub(crate) fork: u64,
}

impl Index {
    /// Opens the index or makes an empty one. One that is of another format,
    /// or damaged, is thrown away.
    pub(crate) fn open(path: &Path, durability: Durability) -> Result<Index, StoreError> {
        match Index::open_as_it_is(path, durability) {
            Ok(Some(index)) => return Ok(index),
            Ok(None) => tracing::warn!("the index is of another format and is built anew"),
            Err(redb::Error::Io(error)) if !is_damage(&error) => {
                return Err(index_error(path)(error));
            }
            Err(error) => tracing::warn!(%error, "the index is damaged and is built anew"),
        }
        Index::create(path, durability)
    }

    /// Makes an empty index in place of whatever is there.
    pub(crate) fn create(path: &Path, durability: Durability) -> Result<Index, StoreError> {
        delete(path)?;
        let created = Index::open_as_it_is(path, durability).map_err(index_error(path))?;
        created.ok_or_else(|| StoreError::OutOfOrder {
            what: "a new index is not of the newest format".to_owned(),
        })
    }

    fn open_as_it_is(path: &Path, durability: Durability) -> Result<Option<Index>, redb::Error> {
        let closing = CloseSwitch::default();
        let file = IndexFile::open(path, durability, closing.clone())?;
        let is_new = file.is_new()?;
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
            view: None,
            ahead_of_disk: false,
        };
        index.view = View::open(&index.database)?;
        Ok(index.view.is_some().then_some(index))
    }

    /// The database, for readers.
    pub(crate) fn database(&self) -> Arc<Database> {
        Arc::clone(&self.database)
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

    /// Takes in what the overlay holds, and then the switch to another
    /// branch. `covered` is how far the block log is covered then.
    pub(crate) fn write(
        &mut self,
        overlay: &Overlay,
        switch: Option<Switch>,
        covered: Position,
        commit: Commit,
    ) -> Result<(), StoreError> {
        // A view that is held while pages are replaced keeps the old ones.
        self.view = None;
        let written = self.try_write(overlay, switch, covered, commit);
        self.view = written.map_err(index_error(&self.path))?;
        self.ahead_of_disk = commit == Commit::Visible;
        Ok(())
    }

    fn try_write(
        &self,
        overlay: &Overlay,
        switch: Option<Switch>,
        covered: Position,
        commit: Commit,
    ) -> Result<Option<View>, redb::Error> {
        let transaction = begin(&self.database, commit)?;
        {
            let mut blocks = transaction.open_table(BLOCKS)?;
            for (hash, record) in overlay.sorted_blocks() {
                blocks.insert(&hash.0, &record.to_bytes())?;
            }
            let mut meta = transaction.open_table(META)?;
            let bytes_before = meta.get(MAIN_CHAIN_BYTES)?.map_or(0, |value| value.value());
            let mut main = MainWriter {
                table: transaction.open_table(MAIN)?,
                bytes: bytes_before,
            };
            main.cut(overlay.kept_length())?;
            main.append(overlay.kept_length() + 1, overlay.main())?;
            if let Some(switch) = switch {
                main.switch(switch, &blocks)?;
            }
            meta.insert(MAIN_CHAIN_BYTES, main.bytes)?;
            put_covered(&mut meta, covered)?;
        }
        transaction.commit()?;
        View::open(&self.database)
    }
}

impl Drop for Index {
    fn drop(&mut self) {
        if self.ahead_of_disk {
            self.closing.close();
        }
    }
}

impl View {
    /// The newest view; none if the index is of another format.
    pub(crate) fn open(database: &Database) -> Result<Option<View>, redb::Error> {
        let transaction = database.begin_read()?;
        let meta = transaction.open_table(META)?;
        let value = |key| -> Result<u64, redb::Error> {
            Ok(ReadableTable::get(&meta, key)?.map_or(0, |value| value.value()))
        };
        if value(FORMAT)? != INDEX_FORMAT {
            return Ok(None);
        }
        let covered = Position {
            segment: u32::try_from(value(COVERED_SEGMENT)?).unwrap_or(u32::MAX),
            offset: value(COVERED_OFFSET)?,
        };
        let main = transaction.open_table(MAIN)?;
        let length = main.last()?.map_or(0, |(index, _)| index.value());
        Ok(Some(View {
            main,
            blocks: transaction.open_table(BLOCKS)?,
            covered,
            length,
            main_bytes: value(MAIN_CHAIN_BYTES)?,
        }))
    }

    /// How far of the block log the index covers.
    pub(crate) fn covered(&self) -> Position {
        self.covered
    }

    /// The length of the main chain.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// How long the texts of the main chain's blocks are together.
    pub(crate) fn main_bytes(&self) -> u64 {
        self.main_bytes
    }

    /// A block, on the main chain or beside it.
    pub(crate) fn block(&self, hash: &Hash) -> Result<Option<BlockRecord>, redb::Error> {
        let found = ReadableTable::get(&self.blocks, &hash.0)?;
        Ok(found.map(|bytes| BlockRecord::from_bytes(bytes.value())))
    }

    /// The main chain's block at that index.
    pub(crate) fn main_at(&self, index: u64) -> Result<Option<MainRecord>, redb::Error> {
        let found = ReadableTable::get(&self.main, index)?;
        Ok(found.map(|bytes| MainRecord::from_bytes(bytes.value())))
    }

    /// The main chain from that index on.
    pub(crate) fn main_from(
        &self,
        index: u64,
    ) -> Result<redb::Range<'_, u64, &'static [u8; MAIN_BYTES]>, redb::Error> {
        Ok(ReadableTable::range(&self.main, index..)?)
    }
}

/// The main chain's table, and how long its blocks are together.
struct MainWriter<'a> {
    table: Table<'a, u64, &'static [u8; MAIN_BYTES]>,
    bytes: u64,
}

impl MainWriter<'_> {
    /// Adds blocks behind the last one.
    fn append(&mut self, first_index: u64, records: &[MainRecord]) -> Result<(), redb::Error> {
        // A third of the time that as many calls of `insert` take.
        let mut end = self.table.upper_bound_mut(Bound::<u64>::Unbounded)?;
        for (index, record) in (first_index..).zip(records) {
            end.insert_before(index, &record.to_bytes())?;
            self.bytes += u64::from(record.location.length_bytes);
        }
        Ok(end.close()?)
    }

    fn put(&mut self, index: u64, record: MainRecord) -> Result<(), redb::Error> {
        let replaced = self.table.insert(index, &record.to_bytes())?;
        let replaced_bytes = replaced.map_or(0, |bytes| text_bytes(bytes.value()));
        self.bytes = self.bytes.saturating_sub(replaced_bytes);
        self.bytes += u64::from(record.location.length_bytes);
        Ok(())
    }

    /// Removes all blocks behind the first `length` ones.
    fn cut(&mut self, length: u64) -> Result<(), redb::Error> {
        let last = self.table.last()?.map_or(0, |(index, _)| index.value());
        for index in (length.saturating_add(1)..=last).rev() {
            let removed = self.table.remove(index)?;
            let removed_bytes = removed.map_or(0, |bytes| text_bytes(bytes.value()));
            self.bytes = self.bytes.saturating_sub(removed_bytes);
        }
        Ok(())
    }

    fn switch(
        &mut self,
        switch: Switch,
        blocks: &impl ReadableTable<&'static [u8; 32], &'static [u8; BLOCK_BYTES]>,
    ) -> Result<(), redb::Error> {
        let mut next = Some(switch.tip);
        let mut is_tip = true;
        while let Some(hash) = next {
            let Some(bytes) = blocks.get(&hash.0)? else {
                let what = format!("block {hash} is missing among the ancestors of another");
                return Err(redb::Error::Corrupted(what));
            };
            let record = BlockRecord::from_bytes(bytes.value());
            let index = record.entry.index;
            if is_tip {
                self.cut(index)?;
                is_tip = false;
            }
            if index <= switch.fork {
                break;
            }
            let location = record.location;
            self.put(index, MainRecord { hash, location })?;
            next = record.entry.parent;
        }
        Ok(())
    }
}

/// Deletes the index's file, if there is one.
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

/// Whether it is not the operating system that failed, but the file's content.
fn is_damage(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof
    )
}

fn initialise(database: &Database) -> Result<(), redb::Error> {
    let transaction = begin(database, Commit::Durable)?;
    {
        transaction.open_table(MAIN)?;
        transaction.open_table(BLOCKS)?;
        let mut meta = transaction.open_table(META)?;
        meta.insert(FORMAT, INDEX_FORMAT)?;
        put_covered(&mut meta, Position::START)?;
    }
    Ok(transaction.commit()?)
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

fn put_covered(meta: &mut Table<'_, &str, u64>, covered: Position) -> Result<(), redb::Error> {
    meta.insert(COVERED_SEGMENT, u64::from(covered.segment))?;
    meta.insert(COVERED_OFFSET, covered.offset)?;
    Ok(())
}

fn text_bytes(record: &[u8; MAIN_BYTES]) -> u64 {
    u64::from(MainRecord::location_in(record).length_bytes)
}
