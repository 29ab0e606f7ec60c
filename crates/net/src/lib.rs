//! Everything about peers that is to be decided, and nothing that touches the
//! world: no clock, thread, file, socket or unseeded randomness (`clippy.toml`
//! bans them).
//!
//! The modules in reading order; each uses only those above it.

pub mod dice;

pub mod branch;

pub mod header_tree;

pub mod presync;

pub mod address;

pub mod address_book;

pub mod message;

mod wire;

pub use wire::WireError;

pub mod codec;

pub mod compact;

mod inventory;

pub use inventory::{LEFT_LIMIT, LEFT_LIMIT_BYTES, RelayTransaction};

pub mod machine;
