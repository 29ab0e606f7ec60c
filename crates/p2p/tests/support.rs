//! Edges on this machine, and waiting that has an end.

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use adit_net::address::{Identity, PeerAddress};
use adit_net::machine::{Direction, Input, PeerId};
use adit_net::message::Message;
use adit_p2p::{Edge, EdgeEvent, EdgeSettings, NodeKey, protocol_of};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Nothing is waited for longer than this.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// An edge, and what it says.
pub(crate) struct Node {
    pub(crate) edge: Edge,
    pub(crate) address: PeerAddress,
    pub(crate) socket: SocketAddr,
    arrivals: mpsc::Receiver<EdgeEvent>,
}

impl Node {
    pub(crate) fn start() -> Node {
        Node::of_chain("test")
    }

    pub(crate) fn of_chain(chain: &str) -> Node {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let socket = listener.local_addr().unwrap();
        let key = NodeKey::generate();
        let identity: Identity = key.identity();
        let (edge, arrivals) = Edge::start(EdgeSettings {
            key,
            protocol: protocol_of(chain),
            listener: Some(listener),
            uses_mdns: false,
            inbound_limit: usize::MAX,
        })
        .unwrap();
        Node {
            edge,
            address: PeerAddress::new(socket, identity),
            socket,
            arrivals,
        }
    }

    /// What happens next.
    pub(crate) fn next(&mut self) -> Input {
        let runtime = self.edge.runtime().clone();
        let next = runtime.block_on(async { timeout(PATIENCE, self.arrivals.recv()).await });
        next.expect("something happens in time").unwrap().input
    }

    /// What happens next, while what led to it is not done.
    pub(crate) fn next_held(&mut self) -> EdgeEvent {
        let runtime = self.edge.runtime().clone();
        let next = runtime.block_on(async { timeout(PATIENCE, self.arrivals.recv()).await });
        next.expect("something happens in time").unwrap()
    }

    /// What happens within a moment.
    pub(crate) fn next_soon(&mut self) -> Option<Input> {
        let runtime = self.edge.runtime().clone();
        let moment = Duration::from_millis(500);
        let next = runtime.block_on(async { timeout(moment, self.arrivals.recv()).await });
        next.ok().map(|arrival| arrival.unwrap().input)
    }

    #[track_caller]
    pub(crate) fn connected(&mut self) -> (PeerId, Direction, PeerAddress) {
        match self.next() {
            Input::Connected {
                peer,
                direction,
                address,
            } => (peer, direction, address),
            other => panic!("expected a connection, found {other:?}"),
        }
    }

    #[track_caller]
    pub(crate) fn heard(&mut self) -> Message {
        match self.next() {
            Input::Message(_, message) => message,
            other => panic!("expected a message, found {other:?}"),
        }
    }
}

/// Two that talk; each with the number of its connection.
pub(crate) fn pair() -> [(Node, PeerId); 2] {
    let (mut one, mut other) = (Node::start(), Node::start());
    other.edge.dial(one.address, Direction::Outbound);
    let (to_one, ..) = other.connected();
    let (to_other, ..) = one.connected();
    [(one, to_other), (other, to_one)]
}
