//! The edges of a node and the thread that drives it. How the node decides is
//! in `adit-core`, what it keeps in `adit-store`; here is who may ask, over
//! which wire, and how long they may take.
//!
//! Reading order: [`driver`] first (the one place where everything meets),
//! then `miner`, `ask` and `announce` (what the effects do), then `http`.

pub mod charts;
mod clock;
pub mod commands;
pub mod damage;
pub mod driver;
mod events;
mod guess;
pub mod handle;
mod history;
mod http;
pub mod identity;
mod memory;
mod mempool_record;
mod mining;
mod node_status;
pub mod offline;
mod open_files;
pub mod peers;
mod priority;
mod process;
mod publisher;
mod queries;
mod repeated;
mod server;
mod spare_thread;
mod token;

pub use http::CONNECTIONS_LIMIT;
pub use mining::MinerSettings;
pub use node_status::View;
pub use server::{Running, ServeError, Settings, start};
pub use spare_thread::IDLE_THREAD_KEPT_MS;
pub use token::{ApiToken, TOKEN_LIMIT_BYTES};
