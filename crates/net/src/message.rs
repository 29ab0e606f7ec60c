//! What peers say to each other, and how much of it at once. How it is written
//! in bytes, the codec says; what follows from it, the machine.

use std::sync::Arc;
use std::time::Duration;

use adit_core::hash::Hash;
use adit_core::rules::Weight;
use adit_core::sealed::{COMPACT_HEADER_BYTES, CompactHeader};

use crate::address::PeerAddress;

/// The version of the messages that is spoken here.
pub const VERSION: u64 = 1;

/// A `Hello` has at most this many bytes behind its type.
pub const HELLO_LIMIT_BYTES: usize = 512;

/// A `Hello` names at most this many addresses.
pub const LISTEN_LIMIT: usize = 4;

/// A locator has at most this many hashes.
pub const LOCATOR_LIMIT_HASHES: usize = 64;

/// One `Headers` has at most this many.
pub const HEADERS_MESSAGE_LIMIT: usize = 2_000;

/// One `Headers` has at most this many bytes: its start, its format, how many
/// there are, and those.
pub const HEADERS_LIMIT_BYTES: usize = 32 + 1 + 2 + HEADERS_MESSAGE_LIMIT * COMPACT_HEADER_BYTES;

/// One `Compact` has at most this many bytes.
pub const COMPACT_LIMIT_BYTES: usize = 256 * 1024;

/// One `GetBlockTxs` has at most this many bytes.
pub const GET_BLOCK_TXS_LIMIT_BYTES: usize = 64 * 1024;

/// What carries texts of a block has at most this many bytes: the longest block,
/// and what says how long its parts are.
pub const BLOCK_MESSAGE_LIMIT_BYTES: usize = 9 * 1024 * 1024;

/// Asks for at most this many blocks.
pub const BLOCKS_MESSAGE_LIMIT: usize = 16;

/// Tells of at most this many transactions.
pub const TX_INVENTORY_LIMIT: usize = 1_000;

/// Asks for at most this many transactions.
pub const GET_TXS_LIMIT: usize = 256;

/// One `Txs` has at most this many bytes.
pub const TXS_LIMIT_BYTES: usize = 128 * 1024;

/// One `Addresses` has at most this many.
pub const ADDRESSES_LIMIT: usize = 256;

/// One `Addresses` has at most this many bytes.
pub const ADDRESSES_LIMIT_BYTES: usize = 64 * 1024;

/// Short messages, `Bye` with its text among them, have at most this many bytes.
pub const SHORT_LIMIT_BYTES: usize = 160;

/// A message of an unknown type is ignored if it has at most this many bytes.
pub const UNKNOWN_LIMIT_BYTES: usize = 64 * 1024;

/// The first message in each direction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hello {
    /// The version of the messages.
    pub version: u64,
    /// The genesis block's hash. Under the classics every node has its own, and
    /// it says nothing.
    pub genesis: Hash,
    /// The last block's hash.
    pub tip: Hash,
    /// The last block's height.
    pub height: u64,
    /// The sum of the weights of the main chain.
    pub work: Weight,
    /// What the peer offers besides: none are defined yet.
    pub services: u64,
    /// Drawn for each connection, so that a node knows its own.
    pub nonce: u64,
    /// The peer's clock, in milliseconds since 1970. It only serves to warn of a
    /// wrong one.
    pub time_ms: u64,
    /// Where it listens.
    pub listen: Vec<PeerAddress>,
}

/// Headers, one after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeaderList {
    /// Format 1, of `sealed`: all else follows from those before.
    Records(Vec<CompactHeader>),
    /// Format 2, of the classics: the blocks' hashes.
    Hashes(Vec<Hash>),
}

/// A block without what the other side has already (BIP 152).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compact {
    /// The block before.
    pub start: Hash,
    /// The header.
    pub record: CompactHeader,
    /// With the header, the key of the short ids.
    pub nonce: u64,
    /// The transactions that are not prefilled, in order.
    pub ids: Vec<ShortId>,
    /// The others, by their place among all, in order.
    pub prefilled: Vec<(u32, Arc<[u8]>)>,
}

/// Six bytes of a keyed hash of a transaction's Merkle leaf.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ShortId(pub u64);

/// Why somebody hangs up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum ByeReason {
    /// Any other reason.
    Other = 0,
    /// The two are of different chains.
    OtherChain = 1,
    /// It dialled itself.
    Myself = 2,
    /// There is no room for another peer.
    Full = 3,
    /// What was asked for did not come.
    TooSlow = 4,
    /// It broke a rule.
    Misbehaved = 5,
}

/// All that can be said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// Who I am, and where my chain stands.
    Hello(Hello),
    /// Which headers come behind the first of these that you have? The last one
    /// is `stop`, or zeros for as many as fit.
    GetHeaders {
        /// Hashes of the asker's chain, the newest first.
        locator: Vec<Hash>,
        /// Where to stop.
        stop: Hash,
    },
    /// These, behind block `start`.
    Headers {
        /// The block before the first one.
        start: Hash,
        /// The headers.
        list: HeaderList,
    },
    /// A new block.
    Compact(Arc<Compact>),
    /// Send this block as a compact one.
    GetCompact(Hash),
    /// Which transactions of a block are these, by their places?
    GetBlockTxs {
        /// The block.
        hash: Hash,
        /// The places, ascending.
        places: Vec<u32>,
    },
    /// These.
    BlockTxs {
        /// The block.
        hash: Hash,
        /// The transactions' canonical texts.
        texts: Vec<Arc<[u8]>>,
    },
    /// Send these blocks.
    GetBlocks(Vec<Hash>),
    /// A block's canonical text.
    Block(Arc<[u8]>),
    /// These blocks are not there.
    NotFound(Vec<Hash>),
    /// These transactions wait here, by their Merkle leaf hashes.
    TxInventory(Vec<Hash>),
    /// Send these.
    GetTxs(Vec<Hash>),
    /// Transactions' canonical texts.
    Txs(Vec<Arc<[u8]>>),
    /// Which other peers do you know?
    GetAddresses,
    /// These.
    Addresses(Vec<PeerAddress>),
    /// Tell me of no transaction that pays less, in base units for 1,000 bytes.
    FeeFilter(u64),
    /// Are you there?
    Ping(u64),
    /// I am, with the same number.
    Pong(u64),
    /// I hang up.
    Bye {
        /// Why.
        reason: ByeReason,
        /// The same in words, at most 128 bytes.
        text: String,
    },
}

impl Message {
    /// What it is called.
    pub fn name(&self) -> &'static str {
        match self {
            Message::Hello(_) => "hello",
            Message::GetHeaders { .. } => "get-headers",
            Message::Headers { .. } => "headers",
            Message::Compact(_) => "compact",
            Message::GetCompact(_) => "get-compact",
            Message::GetBlockTxs { .. } => "get-block-txs",
            Message::BlockTxs { .. } => "block-txs",
            Message::GetBlocks(_) => "get-blocks",
            Message::Block(_) => "block",
            Message::NotFound(_) => "not-found",
            Message::TxInventory(_) => "tx-inventory",
            Message::GetTxs(_) => "get-txs",
            Message::Txs(_) => "txs",
            Message::GetAddresses => "get-addresses",
            Message::Addresses(_) => "addresses",
            Message::FeeFilter(_) => "fee-filter",
            Message::Ping(_) => "ping",
            Message::Pong(_) => "pong",
            Message::Bye { .. } => "bye",
        }
    }
}

impl Hello {
    /// How far the peer's clock is ahead of ours, or behind, by what it says
    /// when it arrives: latency makes it look a little behind.
    pub fn clock_difference(&self, now: Duration) -> Duration {
        Duration::from_millis(self.time_ms).abs_diff(now)
    }
}
