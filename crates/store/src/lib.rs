//! Keeps what a node accepted, so that it survives the node. It decides where
//! the bytes lie, when they are durable, and what a damaged file means; it
//! knows nothing of rules, HTTP or peers: the core says what is kept, and what
//! a block does to the main chain.
//!
//! A data folder holds
//!
//! - `blocks/000001.jsonl`, ...: the block log, the truth. One canonical block
//!   a line, in order of arrival, side branches too. Only ever appended to.
//! - `pending/SSSSSS-OOOOOOOOOOOO.jsonl`: the pending log, the transactions
//!   that wait for a block.
//! - `index.redb`: where each block lies and which form the main chain. It
//!   says how far of the block log it covers and is rebuilt from there.
//! - `history.redb`: where transactions are, who is named in them, and which
//!   reorganisations were seen. It follows the main chain, and is rebuilt from
//!   the blocks too.
//! - `peers.json`: the registered peers.
//! - `staging/`: blocks offered by a peer and not accepted yet.
//! - `lock`: who has the folder open.
//!
//! The modules in reading order; each uses only those above it.

mod error;

mod files;

mod log;

mod database;

mod index;

mod history;

mod reader;

mod store;

mod invariants;

mod open;

mod frozen;

mod side_blocks;

pub use error::{HistoryError, StoreError};
pub use files::durable::{Durability, read_file};
pub use files::peers::registered_peers;
pub use files::staging::{STAGING_LIMIT_BYTES, STAGING_MEMORY_LIMIT_BYTES, StagedTexts, Staging};
pub use frozen::FrozenIndex;
pub use history::batch::{Listed, SAME_TRANSACTION_LIMIT};
pub use history::record::{NumberedReorganisation, TransactionPlace};
pub use history::tables::HISTORY_FORMAT;
pub use history::view::HistoryView;
pub use history::writer::{
    Followed, HISTORY_CACHE_LIMIT_BYTES, HISTORY_DURABLE_LIMIT, HISTORY_STEP_LIMIT, History,
    HistoryLimits, LeftBranch, List, REORGANISATIONS_LIMIT,
};
pub use index::tables::INDEX_FORMAT;
pub use index::writer::INDEX_CACHE_LIMIT_BYTES;
pub use log::damage::DAMAGED_BLOCKS_LIMIT;
pub use log::damaged_block::DamagedBlock;
pub use log::line::LINE_LIMIT_BYTES;
pub use log::position::Position;
pub use log::replay::{REPLAY_COMMIT_BLOCKS, Replayed};
pub use log::segments::OPEN_SEGMENTS_LIMIT;
pub use log::writer::{LOG_BUFFER_LIMIT_BYTES, SEGMENT_LIMIT_BYTES};
pub use open::{Opened, reindex};
pub use reader::{DiskBytes, Joint, MainStretch, Reader, Snapshot, TextPosition};
pub use side_blocks::{BranchTip, SIDE_BLOCKS_REMEMBERED_LIMIT, SideBlocks};
pub use store::{
    ACCOUNT_OVERLAY_LIMIT, CHECKPOINT_BLOCKS, CHECKPOINT_BYTES, Limits, OVERLAY_LIMIT, Store,
};
