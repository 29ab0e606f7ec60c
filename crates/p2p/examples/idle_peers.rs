//! Many peers that only are there, for measuring what they cost the node that they
//! dial: `idle_peers MULTIADDR GENESIS COUNT`. They say who they are, answer what they
//! are asked for a sign of life, and stay until their input ends.

use std::io::Read;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use adit_core::hash::Hash;
use adit_core::rules::Weight;
use adit_net::machine::{Direction, Input};
use adit_net::message::{Hello, Message, VERSION};
use adit_p2p::multiaddr::Multiaddr;
use adit_p2p::{Edge, EdgeSettings, NodeKey, protocol_of};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, genesis, count] = &arguments[..] else {
        return Err("expected MULTIADDR GENESIS COUNT".into());
    };
    let address: Multiaddr = address.parse()?;
    let peer = address
        .peer_address()
        .ok_or("expected an address with its peer")?;
    let genesis_hash: Hash = genesis.parse().map_err(|_| "expected a hash")?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let mut edges = Vec::new();
    for number in 0..count.parse::<u64>()? {
        let (edge, mut arrivals) = Edge::start(EdgeSettings {
            key: NodeKey::generate(),
            protocol: protocol_of(genesis),
            listener: None,
            uses_mdns: false,
            inbound_limit: 0,
        })?;
        edge.dial(peer, Direction::Outbound);
        let edge = std::sync::Arc::new(edge);
        let talking = std::sync::Arc::clone(&edge);
        edge.runtime().spawn(async move {
            while let Some(arrival) = arrivals.recv().await {
                match arrival.input {
                    Input::Connected { peer, .. } => {
                        let hello = Hello {
                            version: VERSION,
                            genesis: genesis_hash,
                            tip: genesis_hash,
                            height: 1,
                            work: Weight::ZERO,
                            services: 0,
                            nonce: u64::try_from(now.as_nanos()).unwrap_or(0) ^ (number << 40),
                            time_ms: u64::try_from(now.as_millis()).unwrap_or(0),
                            listen: Vec::new(),
                        };
                        talking.send(peer, &Message::Hello(hello));
                    }
                    Input::Message(peer, Message::Ping(number)) => {
                        talking.send(peer, &Message::Pong(number));
                    }
                    Input::Disconnected(_) | Input::DialFailed(_) => {
                        eprintln!("peer {number} is gone");
                    }
                    _ => {}
                }
            }
        });
        edges.push(edge);
        std::thread::sleep(Duration::from_millis(20));
    }
    // Until whoever started it closes this.
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}
