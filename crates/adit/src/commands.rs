//! The commands, one file each: what a command asks, of a node or of a data
//! folder, and what it prints.

pub(crate) mod bench;
pub(crate) mod block;
pub(crate) mod branches;
pub(crate) mod chain;
pub(crate) mod class;
pub(crate) mod dev;
pub(crate) mod doctor;
pub(crate) mod invite;
pub(crate) mod lab;
pub(crate) mod miner;
pub(crate) mod named;
pub(crate) mod new_chain;
pub(crate) mod node;
pub(crate) mod notary;
pub(crate) mod peers;
pub(crate) mod send;
pub(crate) mod shell;
pub(crate) mod stats;
pub(crate) mod status;
pub(crate) mod transactions;
pub(crate) mod wallet;
pub(crate) mod watch;
