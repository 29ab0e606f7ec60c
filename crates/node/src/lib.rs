//! The edges of a node and the thread that drives it. How the node decides is
//! in `adit-core`, what it keeps in `adit-store`; here is who may ask, over
//! which wire, and how long they may take.
//!
//! Reading order: [`driver`] first (the one place where everything meets),
//! then `miner`, `ask` and `announce` (what the effects do), then `http`.

mod advertise;
mod announce;
mod ask;
pub mod audit;
mod branch;
mod budget;
pub mod charts;
pub mod damage;
pub mod driver;
mod events;
mod explorer;
mod fetch;
mod history;
mod http;
pub mod identity;
mod miner;
pub mod offline;
mod open_files;
mod pool_record;
mod process;
mod rate;
mod repeated;
mod server;
mod signatures;
mod spare_thread;
mod token;
mod unpack;
mod view;

pub use http::CONNECTIONS_LIMIT;
pub use miner::MinerSettings;
pub use server::{Running, ServeError, Settings, start};
pub use spare_thread::IDLE_THREAD_KEPT_MS;
pub use token::{ApiToken, TOKEN_LIMIT_BYTES};
pub use view::View;
