//! The edge that carries the messages of `adit-net` between nodes. It speaks
//! libp2p's protocols (TCP, multistream-select, noise, yamux, mDNS), bounds what
//! strangers may cost, and decides nothing about peers: what happens is told to
//! the machine, and what the machine wants is done.
//!
//! The modules in reading order; each uses only those above it.

mod key;

pub use key::{KeyError, NodeKey, identity_named, name_of};

pub mod multiaddr;

pub mod gate;

pub mod counts;

mod outbox;

pub use outbox::{OUTBOX_PAUSE_BYTES, OUTBOXES_LIMIT_BYTES};

mod handshake;

pub use handshake::{HANDSHAKE_TIMEOUT_MS, protocol_of};

mod frames;

pub use frames::{FRAME_TIMEOUT_MS, INBOX_LIMIT_BYTES, PACE_BYTES_PER_SECOND, SHORT_MESSAGE_BYTES};

mod link;

pub use link::{EdgeEvent, Hold};

mod interfaces;

mod mdns;

pub use mdns::MDNS_FOUND_LIMIT;

mod edge;

pub use edge::{DIAL_LIMIT_MS, Edge, EdgeError, EdgeSettings, PeerTraffic};
