//! Reading the main chain while it grows: each snapshot is one consistent view
//! of what was synced last, for as long as it is held. Readers never wait for
//! the writer, nor the writer for readers.

use std::path::Path;
use std::sync::Arc;

use adit_core::address::Address;
use adit_core::archive::{AccountsAt, Archive, ArchiveError, Entry};
use adit_core::block::HeaderFields;
use adit_core::hash::Hash;
use adit_core::sealed::Account;
use redb::Database;

use crate::database;
use crate::database::health::Health;
use crate::error::{HistoryError, StoreError};
use crate::files::durable::{Durability, files_in};
use crate::files::lock::FolderLock;
use crate::files::staging::Staging;
use crate::history::writer::{History, HistoryLimits};
use crate::index::lines::{ChainLines, Lines, RecentAccounts};
use crate::index::overlay::Overlay;
use crate::index::record::{BlockRecord, MainRecord};
use crate::index::view::IndexView;
use crate::index::writer::index_error;
use crate::log::damaged_block::DamagedBlock;
use crate::log::line::sum_of;
use crate::log::pending::PENDING_FOLDER;
use crate::log::position::Position;
use crate::log::segments::Segments;

/// Makes snapshots, on any thread. The data folder stays locked while there is
/// a reader or a snapshot.
#[derive(Clone)]
pub struct Reader {
    segments: Arc<Segments>,
    database: Arc<Database>,
    health: Health,
    lock: Arc<FolderLock>,
    durability: Durability,
}

/// The main chain, and all blocks beside it, as of one sync.
pub struct Snapshot {
    view: IndexView,
    tip: Option<Hash>,
    main_bytes: u64,
    reader: Reader,
}

/// How long the files are on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DiskBytes {
    /// The block log.
    pub blocks: u64,
    /// The pending log.
    pub pending: u64,
    /// The index, and the small files beside it.
    pub height: u64,
}

/// A place in the main chain's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextPosition {
    /// The block's index; the genesis block's is 1.
    pub height: u64,
    /// How many bytes into its text.
    pub offset: usize,
}

/// What stands between two blocks of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Joint {
    /// A comma, as in a list.
    Comma,
    /// A newline: each block is a line.
    Newline,
}

/// Some blocks of the main chain, one behind the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MainStretch {
    /// The height of the first one.
    pub first: u64,
    /// The height of the last one; less than `first` where there is none.
    pub last: u64,
    /// How long their texts are together, with what stands between them.
    pub bytes: u64,
}

impl Joint {
    /// As it stands in the text.
    pub fn byte(self) -> u8 {
        match self {
            Joint::Comma => b',',
            Joint::Newline => b'\n',
        }
    }
}

impl Reader {
    pub(crate) fn new(
        segments: Arc<Segments>,
        database: Arc<Database>,
        health: Health,
        lock: Arc<FolderLock>,
        durability: Durability,
    ) -> Reader {
        Reader {
            segments,
            database,
            health,
            lock,
            durability,
        }
    }

    /// The main chain as of the last sync.
    pub fn snapshot(&self) -> Result<Snapshot, StoreError> {
        let view = IndexView::open(&self.database, &self.health).map_err(self.index_error())?;
        let tip = view.main_at(view.length()).map_err(self.index_error())?;
        let main_bytes = view.main_bytes().map_err(self.index_error())?;
        Ok(Snapshot {
            main_bytes,
            view,
            tip: tip.map(|record| record.hash),
            reader: self.clone(),
        })
    }

    /// Opens the history of this data folder, or makes it.
    pub fn open_history(&self) -> Result<History, HistoryError> {
        let path = self.segments.folder().with_file_name("history.redb");
        History::open(&path, self.durability, HistoryLimits::default())
    }

    /// Deletes the history, so that `open_history` rebuilds it. Views of it
    /// stay as they are.
    pub fn delete_history(&self) -> Result<(), StoreError> {
        database::delete(&self.segments.folder().with_file_name("history.redb"))
    }

    /// How long the files are on the disk: those of the block log, those of the
    /// pending log, and everything that can be rebuilt from them.
    pub fn disk_bytes(&self) -> Result<DiskBytes, StoreError> {
        let blocks = self.segments.folder();
        let folder = blocks.parent().unwrap_or(blocks);
        Ok(DiskBytes {
            blocks: files_bytes(blocks)?,
            pending: files_bytes(&folder.join(PENDING_FOLDER))?,
            height: files_bytes(folder)?,
        })
    }

    /// Whether the index was found not to be as it was written. Readers notice,
    /// but only the process that opens the folder can rebuild it.
    pub fn is_index_damaged(&self) -> bool {
        self.health.is_damaged()
    }

    /// The blocks of the log that were found not to be as they were written.
    pub fn damaged_blocks(&self) -> Vec<DamagedBlock> {
        self.segments.damages().list()
    }

    /// Writes a damaged block where it lay, if the text is what lay there.
    pub fn mend(&self, block: &DamagedBlock, text: &[u8]) -> Result<bool, StoreError> {
        let mended = block.mend(text)?;
        if mended {
            self.segments.damages().forget(&block.hash);
        }
        Ok(mended)
    }

    /// An empty queue for the blocks of a branch that a peer offers.
    pub fn staging(&self) -> Staging {
        let blocks = self.segments.folder();
        Staging::new(blocks.parent().unwrap_or(blocks))
    }

    fn index_error<E: Into<redb::Error>>(&self) -> impl FnOnce(E) -> StoreError {
        let blocks = self.segments.folder();
        index_error(&blocks.with_file_name("index.redb"))
    }
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Reader of {:?}", self.lock)
    }
}

impl Snapshot {
    /// The number of blocks in the main chain.
    pub fn length(&self) -> u64 {
        self.view.length()
    }

    /// The hash of its last block.
    pub fn tip(&self) -> Option<Hash> {
        self.tip
    }

    /// The total length of the texts of its blocks, without anything between
    /// them.
    pub fn main_bytes(&self) -> u64 {
        self.main_bytes
    }

    /// The text of the main chain's block at that index.
    pub fn block_at(&self, height: u64) -> Result<Option<Vec<u8>>, StoreError> {
        let record = self.view.main_at(height);
        let record = record.map_err(self.reader.index_error())?;
        record
            .map(|MainRecord { hash, location }| self.reader.segments.read(&hash, height, location))
            .transpose()
    }

    /// The hashes of blocks between these two, on the main chain or beside it. At most
    /// this many are looked at.
    pub fn hashes_between(
        &self,
        first: &Hash,
        last: &Hash,
        limit: usize,
    ) -> Result<Vec<Hash>, StoreError> {
        let found = self.view.hashes_between(first, last, limit);
        found.map_err(self.reader.index_error())
    }

    /// How long a block's text is, on the main chain or beside it.
    pub fn text_bytes(&self, hash: &Hash) -> Result<Option<usize>, StoreError> {
        let record = self.view.block(hash).map_err(self.reader.index_error())?;
        Ok(record.map(|record| record.location.length_bytes as usize))
    }

    /// Reads all that the index says of the main chain, to check that it can be
    /// read.
    pub fn look_through_main(&self) -> Result<(), StoreError> {
        let looked = self.view.main_while(1, |_| true);
        looked.map_err(self.reader.index_error())
    }

    /// Hands out the blocks beside the main chain.
    pub(crate) fn side_blocks(&self, each: impl FnMut(Hash, Entry)) -> Result<(), StoreError> {
        let looked = self.view.each_side_block(each);
        looked.map_err(self.reader.index_error())
    }

    /// Appends the texts of the main chain's blocks from `from_index` on to
    /// `out`, with a comma between each two: as many as fit in `max_bytes`, and
    /// at least one if there is one. Returns the index of the next.
    pub fn read_main(
        &self,
        from_index: u64,
        max_bytes: usize,
        out: &mut Vec<u8>,
    ) -> Result<u64, StoreError> {
        self.read_main_up_to(self.length(), Joint::Comma, from_index, max_bytes, out)
    }

    fn read_main_up_to(
        &self,
        last: u64,
        joint: Joint,
        from_index: u64,
        max_bytes: usize,
        out: &mut Vec<u8>,
    ) -> Result<u64, StoreError> {
        let mut next_index = from_index.max(1);
        let mut left_bytes = max_bytes;
        let mut runs = Runs::new(&self.reader.segments, joint, out);
        let mut failed = None;
        let looked = self.view.main_while(next_index, |record| {
            if next_index > last {
                return false;
            }
            let needed_bytes = record.location.length_bytes as usize + 1;
            // Nothing stands after the last block.
            if needed_bytes > left_bytes.saturating_add(1) && !runs.is_empty() {
                return false;
            }
            left_bytes = left_bytes.saturating_sub(needed_bytes);
            failed = runs.push(next_index, record).err();
            next_index += 1;
            failed.is_none()
        });
        looked.map_err(self.reader.index_error())?;
        failed.map_or(Ok(()), Err)?;
        runs.finish()?;
        Ok(next_index)
    }
}

impl Snapshot {
    /// The blocks from that height on, as many as there may be: at least one if
    /// there is one.
    pub fn stretch_from(
        &self,
        first: u64,
        max_blocks: u64,
        max_bytes: u64,
    ) -> Result<MainStretch, StoreError> {
        let first = first.max(1);
        let (mut blocks, mut bytes) = (0, 0);
        let looked = self.view.main_while(first, |record| {
            let joint_bytes = u64::from(blocks > 0);
            let needed_bytes = joint_bytes + u64::from(record.location.length_bytes);
            let fits = blocks < max_blocks && bytes + needed_bytes <= max_bytes;
            if blocks > 0 && !fits {
                return false;
            }
            blocks += 1;
            bytes += needed_bytes;
            true
        });
        looked.map_err(self.reader.index_error())?;
        Ok(MainStretch {
            first,
            last: (first - 1).saturating_add(blocks),
            bytes,
        })
    }

    /// Like `read_main` up to the block of height `last`, but a block that is
    /// longer than `max_bytes` comes in parts: a caller that sends it on slowly
    /// then holds no more than a part.
    pub fn read_main_in_parts(
        &self,
        from: TextPosition,
        last: u64,
        joint: Joint,
        max_bytes: usize,
        out: &mut Vec<u8>,
    ) -> Result<TextPosition, StoreError> {
        let record = self.view.main_at(from.height);
        let Some(MainRecord { hash, location }) = record.map_err(self.reader.index_error())? else {
            return Ok(from);
        };
        let length_bytes = location.length_bytes as usize;
        if from.offset == 0 && length_bytes <= max_bytes {
            let height = self.read_main_up_to(last, joint, from.height, max_bytes, out)?;
            return Ok(TextPosition { height, offset: 0 });
        }
        if from.offset == 0 {
            self.reader.segments.check(&hash, from.height, location)?;
        }
        let part_bytes = length_bytes.saturating_sub(from.offset).min(max_bytes);
        let mut start = location.start;
        start.offset += from.offset as u64;
        let base = out.len();
        out.resize(base + part_bytes, 0);
        self.reader.segments.read_into(start, &mut out[base..])?;
        let offset = from.offset + part_bytes;
        Ok(match offset >= length_bytes {
            true => TextPosition {
                height: from.height + 1,
                offset: 0,
            },
            false => TextPosition { offset, ..from },
        })
    }
}

impl Snapshot {
    /// The lines of the index, where `overlay` holds nothing.
    fn lines<'a>(&'a self, overlay: &'a Overlay) -> Lines<'a> {
        Lines {
            overlay,
            view: &self.view,
        }
    }

    fn chain_of(&self, hash: &Hash, overlay: &Overlay) -> Result<Option<ChainLines>, StoreError> {
        let chain_of = |block: BlockRecord| self.lines(overlay).chain_of(block.key());
        let block = self.view.block(hash).map_err(self.reader.index_error())?;
        let chain = block.map(chain_of).transpose();
        chain.map_err(self.reader.index_error())
    }

    fn account_of(
        &self,
        owner: &Address,
        chain: &ChainLines,
        overlay: &Overlay,
    ) -> Result<Account, StoreError> {
        let account = self
            .lines(overlay)
            .account(owner, chain, RecentAccounts::Index);
        account.map_err(self.reader.index_error())
    }
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Snapshot of {} blocks", self.length())
    }
}

impl Archive for Snapshot {
    fn entry(&self, hash: &Hash) -> Result<Option<Entry>, ArchiveError> {
        let record = self.view.block(hash).map_err(self.reader.index_error());
        Ok(record.map_err(archive_error)?.map(|record| record.entry))
    }

    fn main_hash(&self, height: u64) -> Result<Option<Hash>, ArchiveError> {
        let record = self.view.main_at(height).map_err(self.reader.index_error());
        Ok(record.map_err(archive_error)?.map(|record| record.hash))
    }

    fn fork(&self, hash: &Hash) -> Result<Option<u64>, ArchiveError> {
        let chain = self.chain_of(hash, &self.view.overlay());
        Ok(chain.map_err(archive_error)?.map(|chain| chain.fork()))
    }

    fn header(&self, hash: &Hash) -> Result<Option<HeaderFields>, ArchiveError> {
        let record = self.view.block(hash).map_err(self.reader.index_error());
        let record = record.map_err(archive_error)?;
        Ok(record.map(|record| record.header(*hash)))
    }

    fn text(&self, hash: &Hash) -> Result<Option<Vec<u8>>, ArchiveError> {
        let record = self.view.block(hash).map_err(self.reader.index_error());
        let record = record.map_err(archive_error)?;
        record
            .map(
                |BlockRecord {
                     entry, location, ..
                 }| {
                    let segments = &self.reader.segments;
                    segments.read(hash, entry.height, location)
                },
            )
            .transpose()
            .map_err(archive_error)
    }

    fn account(&self, owner: &Address) -> Result<Account, ArchiveError> {
        let overlay = self.view.overlay();
        let chain = self.lines(&overlay).main_chain();
        self.account_of(owner, &chain, &overlay)
            .map_err(archive_error)
    }

    fn accounts_at(&self, hash: &Hash) -> Result<AccountsAt<'_>, ArchiveError> {
        let overlay = self.view.overlay();
        let chain = self.chain_of(hash, &overlay).map_err(archive_error)?;
        let chain = chain.ok_or_else(|| ArchiveError::unknown_block(hash))?;
        Ok(AccountsAt::new(move |owner| {
            self.account_of(owner, &chain, &overlay)
                .map_err(archive_error)
        }))
    }

    fn senders(&self, hash: &Hash) -> Result<Vec<(Address, u64)>, ArchiveError> {
        let block = self.view.block(hash);
        let senders = block.and_then(|block| match block {
            Some(block) => self.view.accounts().senders(block.key()),
            None => Ok(Vec::new()),
        });
        senders
            .map_err(self.reader.index_error())
            .map_err(archive_error)
    }
}

/// The files in the folder itself, without those in folders inside it.
fn files_bytes(folder: &Path) -> Result<u64, StoreError> {
    let files = files_in(folder)?.into_iter();
    let lengths = files.filter_map(|path| {
        // A file may be gone by now: unfinished work.
        let file = path.metadata().ok()?;
        file.is_file().then_some(file.len())
    });
    Ok(lengths.sum())
}

/// For `map_err`: an error as the core expects it.
pub(crate) fn archive_error(error: StoreError) -> ArchiveError {
    ArchiveError(Box::new(error))
}

/// Blocks to read, grouped into runs that lie one behind another in the log, as
/// most do. A run is read at once, with the newlines between its lines, in whose
/// place the joints are put.
struct Runs<'a> {
    segments: &'a Segments,
    joint: u8,
    out: &'a mut Vec<u8>,
    start: Option<Position>,
    end: Position,
    /// The blocks in the run.
    blocks: Vec<(u64, MainRecord)>,
    is_empty: bool,
}

impl<'a> Runs<'a> {
    fn new(segments: &'a Segments, joint: Joint, out: &'a mut Vec<u8>) -> Runs<'a> {
        Runs {
            segments,
            joint: joint.byte(),
            out,
            start: None,
            end: Position::START,
            blocks: Vec::new(),
            is_empty: true,
        }
    }

    fn is_empty(&self) -> bool {
        self.is_empty
    }

    fn push(&mut self, height: u64, record: MainRecord) -> Result<(), StoreError> {
        let location = record.location;
        self.segments.check_length(location)?;
        match self.start {
            Some(_) if self.end == location.start => {}
            _ => {
                self.read_run()?;
                if !self.is_empty {
                    self.out.push(self.joint);
                }
                self.start = Some(location.start);
            }
        }
        self.blocks.push((height, record));
        self.end = location.end();
        self.is_empty = false;
        Ok(())
    }

    fn finish(mut self) -> Result<(), StoreError> {
        self.read_run()
    }

    fn read_run(&mut self) -> Result<(), StoreError> {
        let Some(start) = self.start.take() else {
            return Ok(());
        };
        let base = self.out.len();
        self.out.resize(base + length_bytes(start, self.end), 0);
        let run = &mut self.out[base..];
        self.segments.read_into(start, run)?;
        let mut line_start = 0;
        for (height, MainRecord { hash, location }) in self.blocks.drain(..) {
            let line_end = line_start + location.length_bytes as usize;
            if run[line_end] != b'\n' || sum_of(&run[line_start..line_end]) != location.sum {
                return Err(self.segments.damaged(&hash, height, location));
            }
            run[line_end] = self.joint;
            line_start = line_end + 1;
        }
        self.out.pop();
        Ok(())
    }
}

/// The length of a run of lines, with the last one's newline.
fn length_bytes(start: Position, end: Position) -> usize {
    usize::try_from(end.offset.saturating_sub(start.offset)).unwrap_or(usize::MAX)
}
