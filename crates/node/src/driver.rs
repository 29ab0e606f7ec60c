//! The one thread that owns the core's node and the store. It takes commands
//! from all edges, lets the core decide, and carries out the effects. It decides
//! nothing itself.

mod adopt;
mod adoptions;
mod developing;
mod development;
mod error;
mod loading;
mod made_log;
mod net_blocks;
mod net_news;
mod news_log;
mod restore;
mod run;
mod shown_chain;
mod snapshots;

pub use self::error::DriverError;
pub(crate) use self::restore::{Trust, restore};
pub(crate) use self::run::{DriverSettings, start};
