//! The edge as its user sees it: it is told what to send, whom to dial and on
//! whom to hang up, and says what happens. It has threads of its own, and never
//! keeps its user waiting.
//!
//! 1. Each connection has a number that no other has had.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use adit_net::address::{Identity, PeerAddress};
use adit_net::codec::encode;
use adit_net::machine::{Direction, Input, PeerId};
use adit_net::message::Message;
use tokio::net::TcpStream;
use tokio::runtime::{Handle, Runtime};
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};

use crate::counts::{Counts, Way};
use crate::frames::Inbox;
use crate::gate::{Gate, Refused};
use crate::handshake::{Handshake, HandshakeError, Opened};
use crate::interfaces;
use crate::key::{NodeKey, name_of};
use crate::link::{EdgeEvent, Link};
use crate::mdns;
use crate::outbox::{Outbox, QueuedBytes};

/// Somebody who is dialled has to be connected within this time; then comes the
/// handshake.
pub const DIAL_LIMIT_MS: u64 = 4_000;

/// This many things may wait to be told: of each peer, one message.
const ARRIVALS_LIMIT: usize = 256;

/// Where the system has no room for a connection, the next one waits so long.
const ACCEPT_PAUSE_MS: u64 = 100;

/// How an edge is.
pub struct EdgeSettings {
    /// Who this node is.
    pub key: NodeKey,
    /// The protocol, by which chains are told apart.
    pub protocol: String,
    /// Where others dial it; `None` if nobody can.
    pub listener: Option<TcpListener>,
    /// Whether it is looked for others on the local network.
    pub uses_mdns: bool,
    /// How many connections of others there may be.
    pub inbound_limit: usize,
}

/// Why an edge did not start.
#[derive(Debug, thiserror::Error)]
pub enum EdgeError {
    /// Its threads or its socket are not to be had.
    #[error("cannot start what speaks to peers: {0}")]
    Io(#[from] io::Error),
    /// Its key does not sign.
    #[error("the node's key can't be used: {0}")]
    Key(String),
}

/// The edge. When it is dropped, all connections end.
pub struct Edge {
    shared: Arc<Shared>,
    runtime: Mutex<Option<Runtime>>,
}

/// How much a peer has said, and how much waits for it.
#[derive(Debug, Clone, Copy)]
pub struct PeerTraffic {
    /// The connection's number.
    pub peer: PeerId,
    /// Where it is, and who.
    pub address: PeerAddress,
    /// Which side dialled.
    pub direction: Direction,
    /// For how long it has been connected.
    pub connected: Duration,
    /// Bytes of messages that came.
    pub bytes_in: u64,
    /// Bytes of messages that were written.
    pub bytes_out: u64,
    /// Bytes that are queued for it.
    pub queued_bytes: usize,
}

struct Shared {
    handshake: Handshake,
    identity: Identity,
    gate: Mutex<Gate>,
    links: Mutex<BTreeMap<PeerId, Arc<Link>>>,
    last_peer: AtomicU64,
    queued: Arc<QueuedBytes>,
    inbox: Inbox,
    inputs: mpsc::Sender<EdgeEvent>,
    counts: Counts,
    listening: watch::Sender<Vec<SocketAddr>>,
    runtime: Handle,
}

impl Edge {
    /// Starts to listen. What happens comes out of the receiver.
    pub fn start(settings: EdgeSettings) -> Result<(Edge, mpsc::Receiver<EdgeEvent>), EdgeError> {
        let handshake = Handshake::new(&settings.key, &settings.protocol);
        let handshake = handshake.map_err(|error| EdgeError::Key(error.to_string()))?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("p2p")
            .enable_all()
            .build()?;
        let listener = settings.listener.map(|listener| {
            listener.set_nonblocking(true)?;
            let address = listener.local_addr()?;
            let _entered = runtime.enter();
            let listener = tokio::net::TcpListener::from_std(listener)?;
            Ok::<_, io::Error>((listener, address))
        });
        let listener = listener.transpose()?;
        let address = listener.as_ref().map(|(_, address)| *address);
        let specified = address.map(interfaces::of_specified);
        let (inputs, arrivals) = mpsc::channel(ARRIVALS_LIMIT);
        let (listening, _) = watch::channel(specified.unwrap_or_default());
        let shared = Arc::new(Shared {
            handshake,
            identity: settings.key.identity(),
            gate: Mutex::new(Gate::new(settings.inbound_limit, Instant::now())),
            links: Mutex::default(),
            last_peer: AtomicU64::new(0),
            queued: Arc::default(),
            inbox: Inbox::new(),
            inputs,
            counts: Counts::default(),
            listening,
            runtime: runtime.handle().clone(),
        });
        if let Some((listener, address)) = listener {
            runtime.spawn(Shared::accept(Arc::clone(&shared), listener));
            let shared = Arc::clone(&shared);
            if address.ip().is_unspecified() {
                runtime.spawn(async move {
                    let watched = interfaces::watch(address, &shared.listening).await;
                    if let Err(error) = watched {
                        tracing::warn!(%error, "this machine's addresses can't be seen");
                    }
                });
            }
        }
        if settings.uses_mdns {
            runtime.spawn(Shared::find(Arc::clone(&shared)));
        }
        let edge = Edge {
            shared,
            runtime: Mutex::new(Some(runtime)),
        };
        Ok((edge, arrivals))
    }

    /// Sends a message, after those that are queued. A peer for which too much is
    /// queued is dropped.
    pub fn send(&self, peer: PeerId, message: &Message) {
        let Some(link) = self.shared.link(peer) else {
            return;
        };
        let frame = encode(message);
        link.expect_answers_to(message);
        let counts = &self.shared.counts;
        counts.said(Way::Out, message.name(), frame.len());
        if !link.outbox.push(frame) && link.cut() {
            counts.dropped_for_reading_too_little();
        }
    }

    /// Dials an address; what becomes of it is told.
    pub fn dial(&self, address: PeerAddress, direction: Direction) {
        let shared = Arc::clone(&self.shared);
        self.shared.runtime.spawn(async move {
            let socket = SocketAddr::new(address.ip.to_canonical(), address.port);
            match shared.connect(socket).await {
                Ok(opened) if opened.identity == address.identity => {
                    shared.talk(opened, address, direction).await;
                }
                answered => {
                    let why = match answered {
                        Ok(opened) => format!("{} listens there", name_of(&opened.identity)),
                        Err(error) => error.to_string(),
                    };
                    tracing::debug!(%address, why, "no answer to a dial");
                    shared.tell(Input::DialFailed(address)).await;
                }
            }
        });
    }

    /// Dials a place, whoever listens there. Nothing is told if nobody does.
    pub fn dial_anybody(&self, socket: SocketAddr) {
        let shared = Arc::clone(&self.shared);
        self.shared.runtime.spawn(async move {
            match shared.connect(socket).await {
                Ok(opened) => {
                    let address = PeerAddress::new(socket, opened.identity);
                    shared.talk(opened, address, Direction::Outbound).await;
                }
                Err(why) => tracing::debug!(%socket, %why, "no answer to a dial"),
            }
        });
    }

    /// Hangs up, when what is queued has been sent.
    pub fn disconnect(&self, peer: PeerId) {
        if let Some(link) = self.shared.link(peer) {
            self.shared
                .runtime
                .spawn(async move { link.hang_up().await });
        }
    }

    /// Hangs up at once, and lets in nothing from there if it is on the Internet.
    pub fn ban(&self, peer: PeerId) {
        if let Some(link) = self.shared.link(peer) {
            let host = IpAddr::V6(link.address.ip);
            self.shared.gate().ban(Instant::now(), host);
            link.cut();
        }
    }

    /// Where this node can be dialled, as far as it knows.
    pub fn listening(&self) -> watch::Receiver<Vec<SocketAddr>> {
        self.shared.listening.subscribe()
    }

    /// What each peer has said.
    pub fn traffic(&self) -> Vec<PeerTraffic> {
        let links = self.shared.links();
        let each = links.iter().map(|(peer, link)| PeerTraffic {
            peer: *peer,
            address: link.address,
            direction: link.direction,
            connected: link.traffic.connected.elapsed(),
            bytes_in: link.traffic.bytes_in.load(Ordering::Relaxed),
            bytes_out: link.traffic.bytes_out.load(Ordering::Relaxed),
            queued_bytes: link.outbox.bytes(),
        });
        each.collect()
    }

    /// What was counted since the start.
    pub fn counts(&self) -> &Counts {
        &self.shared.counts
    }

    /// How much is queued for all peers.
    pub fn queued_bytes(&self) -> usize {
        self.shared.queued.get()
    }

    /// Ends all connections, and listens no more.
    pub fn stop(&self) {
        let runtime = self.runtime.lock();
        let runtime = runtime.unwrap_or_else(PoisonError::into_inner).take();
        if let Some(runtime) = runtime {
            runtime.shutdown_background();
        }
    }

    /// Where timers of its user may run.
    pub fn runtime(&self) -> &Handle {
        &self.shared.runtime
    }
}

impl Drop for Edge {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Shared {
    async fn accept(self: Arc<Shared>, listener: tokio::net::TcpListener) {
        loop {
            let (socket, from) = match listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::debug!(%error, "a peer's connection was not accepted");
                    sleep(Duration::from_millis(ACCEPT_PAUSE_MS)).await;
                    continue;
                }
            };
            let entered = self.gate().dialled(Instant::now(), from.ip());
            if let Err(refused) = entered {
                self.refuse(&socket, refused);
                continue;
            }
            tokio::spawn(Arc::clone(&self).let_in(socket, from));
        }
    }

    /// Nothing is left of it in the system, as there may be a thousand a second.
    fn refuse(&self, socket: &TcpStream, why: Refused) {
        self.counts.refused(why);
        // If it fails, the connection is closed in the ordinary way.
        let _ = socket.set_zero_linger();
    }

    async fn let_in(self: Arc<Shared>, socket: TcpStream, from: SocketAddr) {
        let opened = self.handshake.clone().accept(socket).await;
        self.gate().shook_hands();
        match opened {
            Ok(opened) => {
                let address = PeerAddress::new(from, opened.identity);
                self.talk(opened, address, Direction::Inbound).await;
            }
            Err(error) => {
                self.counts.handshake_failed();
                tracing::debug!(%from, %error, "a peer did not shake hands");
            }
        }
        self.gate().left(from.ip());
    }

    async fn connect(&self, socket: SocketAddr) -> Result<Opened, HandshakeError> {
        let limit = Duration::from_millis(DIAL_LIMIT_MS);
        let stream = timeout(limit, TcpStream::connect(socket)).await;
        let stream = stream.map_err(|_| HandshakeError::TooSlow)??;
        self.handshake.clone().dial(stream).await
    }

    /// Carries what is said until the connection ends.
    async fn talk(&self, opened: Opened, address: PeerAddress, direction: Direction) {
        let peer = PeerId(self.last_peer.fetch_add(1, Ordering::Relaxed) + 1);
        let outbox = Outbox::new(Arc::clone(&self.queued));
        let link = Arc::new(Link::new(address, direction, outbox));
        let before = self.links().insert(peer, Arc::clone(&link));
        assert!(before.is_none(), "invariant 1");
        self.tell(Input::Connected {
            peer,
            direction,
            address,
        })
        .await;
        let counts = &self.counts;
        link.run(peer, opened, &self.inbox, &self.inputs, |heard| {
            counts.said(Way::In, heard.message.name(), heard.bytes);
        })
        .await;
        self.links().remove(&peer);
        self.tell(Input::Disconnected(peer)).await;
    }

    async fn find(self: Arc<Shared>) {
        let listening = self.listening.subscribe();
        if let Err(error) = mdns::find(self.identity, listening, &self.inputs).await {
            tracing::warn!(%error, "nobody is looked for on the local network");
        }
    }

    async fn tell(&self, input: Input) {
        // If its user is gone, nobody wants to know.
        let _ = self.inputs.send(EdgeEvent::of(input)).await;
    }

    fn link(&self, peer: PeerId) -> Option<Arc<Link>> {
        self.links().get(&peer).cloned()
    }

    fn links(&self) -> MutexGuard<'_, BTreeMap<PeerId, Arc<Link>>> {
        self.links.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn gate(&self) -> MutexGuard<'_, Gate> {
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
