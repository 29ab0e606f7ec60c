//! Lets the node talk with others by itself: the machine of `adit-net` decides, the
//! edge of `adit-p2p` carries, and what is here feeds the one with what the other
//! and the driver say. Which peers are good is not decided here.

mod archive;
mod files;
mod genesis;
mod news;
mod registered;
mod submitter;
mod talks;

use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use adit_core::archive::ArchiveError;
use adit_core::rules::{Rules, Sealed, Weight};
use adit_net::machine::{ChainRules, Config, Input, Machine};
use adit_p2p::multiaddr::Multiaddr;
use adit_p2p::{Edge, EdgeError, EdgeSettings, protocol_of};
use adit_store::{Durability, StoreError};
use tokio::sync::{mpsc, watch};

use self::archive::SyncedArchive;
pub use self::files::KeyFileError;
use self::files::P2pFiles;
pub use self::genesis::{GenesisError, fetch_genesis};
use self::news::NewsSender;
use self::submitter::Submitter;
use self::talks::Talks;
use crate::handle::NodeHandle;
use crate::open_files;
use crate::p2p_view::{LOOKS_LIMIT, P2pView};

/// One of this many open files may be a peer's connection.
const CONNECTIONS_SHARE: usize = 8;

/// How a node talks with others.
pub struct P2pSettings {
    /// Where it listens, bound already.
    pub listener: TcpListener,
    /// The name of its network, under rules that are those of many chains.
    pub network: Option<String>,
    /// Whether it looks for others on the local network.
    pub uses_mdns: bool,
    /// Peers that it is told to talk with.
    pub connect: Vec<Multiaddr>,
    /// A chain of headers with less work is only counted.
    pub min_work: Weight,
}

/// Why a node does not talk with others.
#[derive(Debug, thiserror::Error)]
pub enum P2pError {
    /// The file with its key can't be used.
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// What it keeps can't be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The chain can't be read.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// The edge did not start.
    #[error(transparent)]
    Edge(#[from] EdgeError),
    /// The system makes no thread.
    #[error("cannot start a thread: {0}")]
    Thread(std::io::Error),
    /// Which network it is of has to be said.
    #[error("under these rules a network needs a name: --network NAME")]
    NoNetwork,
}

/// The talk with others, which ends when this is dropped.
pub(crate) struct P2p {
    edge: Arc<Edge>,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

/// Starts to talk with others.
pub(crate) fn start(
    settings: P2pSettings,
    node: &NodeHandle,
    folder: &Path,
    durability: Durability,
    (to_machine, news): (NewsSender, mpsc::UnboundedReceiver<Input>),
) -> Result<P2p, P2pError> {
    let rules = node.rules();
    let (chain_rules, chain) = chain_of(rules, settings.network.as_deref())?;
    let files = P2pFiles::new(folder, durability);
    let key = files.key()?;
    let identity = key.identity();
    let port = settings.listener.local_addr().map_err(EdgeError::from)?;
    let port = port.port();
    let limit = adit_p2p::gate::INBOUND_CONNECTIONS_LIMIT;
    let (edge, arrivals) = Edge::start(EdgeSettings {
        key,
        protocol: protocol_of(&chain),
        listener: Some(settings.listener),
        uses_mdns: settings.uses_mdns,
        inbound_limit: open_files::for_peers(limit, CONNECTIONS_SHARE),
    })?;
    let edge = Arc::new(edge);
    let config = Config {
        seed: *uuid::Uuid::new_v4().as_bytes(),
        rules: chain_rules,
        min_work: settings.min_work,
        identity,
        listen: Vec::new(),
        min_fee_rate: node.min_fee_rate().map_or(0, |rate| rate.0),
        dials: true,
    };
    let machine = Machine::new(config, &SyncedArchive::now(node.reader())?)?;
    let (looks, looked) = mpsc::channel(LOOKS_LIMIT);
    let view = P2pView::new(Arc::clone(&edge), identity, port, chain, looks);
    node.talks_by(view);
    let (stop, stopped) = watch::channel(false);
    let submitter = Submitter::start(node, &to_machine);
    let peers_runtime = node.peers_runtime();
    peers_runtime.spawn(registered::follow(node.clone(), to_machine.clone()));
    let talks = Talks {
        machine,
        identity,
        edge: Arc::clone(&edge),
        node: node.clone(),
        submitter,
        to_machine,
        files,
        connect: settings.connect,
        arrivals,
        news,
        looked,
        stopped,
    };
    let thread = thread::Builder::new()
        .name("net".into())
        .spawn(move || talks.run())
        .map_err(P2pError::Thread)?;
    Ok(P2p {
        edge,
        stop,
        thread: Some(thread),
    })
}

/// The rules as the machine has them, and the chain's place in the protocol's
/// name.
fn chain_of(
    rules: &Arc<dyn Rules>,
    network: Option<&str>,
) -> Result<(ChainRules, String), P2pError> {
    let sealed = rules.genesis_text().and_then(|text| Sealed::new(text).ok());
    match (sealed, network) {
        (Some(sealed), _) => {
            let genesis = sealed.genesis_hash().to_string();
            Ok((ChainRules::Sealed(Arc::new(sealed)), genesis))
        }
        (None, Some(network)) => {
            let chain = format!("{}/{network}", rules.name());
            Ok((ChainRules::Classic(Arc::clone(rules)), chain))
        }
        (None, None) => Err(P2pError::NoNetwork),
    }
}

/// Whether a node under these rules talks with others: it needs to know which
/// chain it speaks of.
pub fn can_talk(rules: &dyn Rules, network: Option<&str>) -> bool {
    rules.genesis_text().is_some() || network.is_some()
}

impl P2p {
    /// Ends the talk, and keeps what is to be kept.
    pub(crate) fn stop(&mut self) {
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("what speaks to peers broke; please report this");
        }
        self.edge.stop();
    }
}

impl Drop for P2p {
    fn drop(&mut self) {
        self.stop();
    }
}
