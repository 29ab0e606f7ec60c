//! The edges of a node and the thread that drives it. How the node decides is
//! in `adit-core`, what it keeps in `adit-store`; here is who may ask, over
//! which wire, and how long they may take.
//!
//! Reading order: [`driver`] first (the one place where everything meets),
//! then `miner`, `ask` and `announce` (what the effects do), then `http`.

mod advertise;
mod announce;
mod ask;
mod branch;
mod budget;
pub mod driver;
mod http;
pub mod identity;
mod miner;
pub mod offline;
mod open_files;
mod rate;
mod server;
mod signatures;
mod view;

pub use http::{AllowedHosts, CONNECTIONS_LIMIT, ChainStatus, MiningStatus, Status};
pub use miner::MinerSettings;
pub use server::{Running, ServeError, Settings, start};
pub use view::View;
