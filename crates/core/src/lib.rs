//! Everything in a node that decides, and nothing that touches the world: no
//! clock, thread, file, socket or unseeded randomness (`clippy.toml` bans
//! them). Time and randomness come in as arguments; effects go out.
//!
//! The modules in reading order; each uses only those above it.

pub mod json;

pub mod hash;

pub mod puzzle;

pub mod merkle;

pub mod signature;

pub mod address;

pub mod sealed;

pub mod amount;

pub mod transaction;

pub mod block;

pub mod rules;

pub mod archive;

pub mod reorganisation;

pub mod recent;

mod invalid;

pub mod chain;

pub mod mismatch;

pub mod mempool;

pub mod peer;

pub mod sync;

mod mempool_update;

mod future_blocks;

pub mod mining;

pub mod node;

pub mod branch;
