//! Fetches the genesis block of a chain from somebody who is in it, by its hash:
//! with that, whoever was invited can check everything else. What is done with it
//! is not known here.

use std::net::SocketAddr;
use std::time::Duration;

use adit_core::hash::Hash;
use adit_core::rules::{Sealed, Weight};
use adit_net::address::PeerAddress;
use adit_net::machine::{Direction, Input};
use adit_net::message::{Hello, Message, VERSION};
use adit_p2p::multiaddr::{Host, Multiaddr};
use adit_p2p::{Edge, EdgeError, EdgeEvent, EdgeSettings, NodeKey, protocol_of};
use tokio::net::lookup_host;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::clock::now_ms;

/// The block has to be here within this time.
pub(crate) const GENESIS_TIMEOUT_MS: u64 = 15_000;

/// Why there is no genesis block.
#[derive(Debug, thiserror::Error)]
pub enum GenesisError {
    /// The edge did not start.
    #[error(transparent)]
    Edge(#[from] EdgeError),
    /// It is not said who has to answer.
    #[error("expected an address that names the peer, /p2p/12D3KooW... at its end, found {found}")]
    Nobody {
        /// The address.
        found: Multiaddr,
    },
    /// Nobody of this chain answers there.
    #[error(
        "no answer from {address}: does the node run, and can this machine reach it? Wireless \
         networks for guests often keep their devices apart, and a firewall may close the port"
    )]
    NoAnswer {
        /// Where it was looked for.
        address: Multiaddr,
    },
    /// What came is not it.
    #[error("expected the genesis block {expected}, found another block")]
    Other {
        /// Its hash.
        expected: Hash,
    },
}

/// Fetches it, as its canonical text.
pub async fn fetch_genesis(address: &Multiaddr, genesis: Hash) -> Result<Vec<u8>, GenesisError> {
    let identity = address.identity.ok_or_else(|| GenesisError::Nobody {
        found: address.clone(),
    })?;
    let no_answer = || GenesisError::NoAnswer {
        address: address.clone(),
    };
    let socket = match &address.host {
        Host::Ip(ip) => Some(SocketAddr::new(*ip, address.port)),
        Host::Name(name) => {
            let found = lookup_host((name.as_str(), address.port)).await;
            found.ok().and_then(|mut found| found.next())
        }
    };
    let peer = PeerAddress::new(socket.ok_or_else(no_answer)?, identity);
    let (edge, mut arrivals) = Edge::start(EdgeSettings {
        key: NodeKey::generate(),
        protocol: protocol_of(&genesis.to_string()),
        listener: None,
        uses_mdns: false,
        inbound_limit: 0,
    })?;
    edge.dial(peer, Direction::BlocksOnly);
    let limit = Duration::from_millis(GENESIS_TIMEOUT_MS);
    let text = timeout(limit, ask(&edge, &mut arrivals, genesis)).await;
    edge.stop();
    let text = text.ok().flatten().ok_or_else(no_answer)?;
    match Sealed::new(&text) {
        Ok(rules) if rules.genesis_hash() == genesis => Ok(text),
        _ => Err(GenesisError::Other { expected: genesis }),
    }
}

/// Says who asks, as any node does, and then asks.
async fn ask(
    edge: &Edge,
    arrivals: &mut mpsc::Receiver<EdgeEvent>,
    genesis: Hash,
) -> Option<Vec<u8>> {
    while let Some(EdgeEvent { input, .. }) = arrivals.recv().await {
        match input {
            Input::Connected { peer, .. } => {
                let hello = Hello {
                    version: VERSION,
                    genesis,
                    tip: genesis,
                    height: 1,
                    work: Weight::ZERO,
                    services: 0,
                    nonce: uuid::Uuid::new_v4().as_u64_pair().0,
                    time_ms: now_ms(),
                    listen: Vec::new(),
                };
                edge.send(peer, &Message::Hello(hello));
            }
            Input::Message(peer, Message::Hello(_)) => {
                edge.send(peer, &Message::GetBlocks(vec![genesis]));
            }
            Input::Message(_, Message::Block(text)) => return Some(text.to_vec()),
            Input::DialFailed(_) | Input::Disconnected(_) => return None,
            _ => {}
        }
    }
    None
}
