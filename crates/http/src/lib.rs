//! A node over HTTP: the tutorial's endpoints, the API, the pages, and what every
//! request passes before them. What a node is and does, `adit-node` decides.

mod abandon;
mod accept;
mod allowed_hosts;
mod allowed_origins;
mod answer;
mod api;
mod area;
mod base_path;
mod body;
mod caller;
mod chain_body;
pub mod charts;
mod connection;
mod cors;
mod counters;
mod etag;
mod extract;
mod form_body;
mod guard;
mod health;
mod held;
mod host_header;
mod link;
mod metrics;
mod middleware;
mod own_paths;
mod packed;
mod pages;
mod problem;
mod problems;
mod process;
mod request_id;
mod server;
mod source;
mod start;
mod tier;
mod token;
mod tutorial;
mod unmatched;

pub use allowed_origins::{AllowedOrigin, NotAnOrigin, Origin};
pub use base_path::{BasePath, NotABasePath};
pub use own_paths::read_base_path;
pub use server::CONNECTIONS_LIMIT;
pub use start::{Running, Settings, start};
pub use token::{ApiToken, TOKEN_LIMIT_BYTES};
