//! A node without its clients: what can be asked of it and done to it, what speaks
//! to peers, what mines, and the thread that drives it all. How it decides is in
//! `adit-core`, what it keeps in `adit-store`; who may ask over which wire is not
//! known here.
//!
//! Reading order: from below, as in this list. [`driver`] is the one place where
//! everything meets.

// Small pieces.
pub mod clock;
pub mod development;
pub mod examinations;
pub mod identity;
pub mod memory;
pub mod mempool_record;
pub mod node_status;
pub mod open_files;
pub mod p2p_view;
pub mod paths;
pub mod priority;
pub mod repeated;
pub mod saved_state;
pub mod spare_thread;
mod templates;
pub mod tls;

// What runs beside the driver.
pub mod events;
mod guess;
mod history;
pub mod mining;

// The way to the driver, and what takes it.
pub mod handle;

pub mod p2p;
pub mod peers;

pub mod commands;
pub mod queries;

pub mod damage;
mod publisher;

// Where everything meets.
pub mod driver;

pub mod assembly;
pub mod offline;
