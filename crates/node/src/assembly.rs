//! Puts a node together from its parts, and takes it apart again. Who serves
//! clients is not known here.

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use adit_core::mempool::FeeRate;
use adit_core::node::Config;
use adit_core::peer::{PeerAddress, Scheme};
use adit_core::rules::Rules;
use adit_core::sync::PEERS_LIMIT;
use adit_store::{DamagedBlock, Durability, StoreError};
use tokio::runtime::{Handle, Runtime};
use tokio::sync::{mpsc, oneshot};

use crate::damage;
use crate::driver::{self, DriverError, DriverSettings};
use crate::handle::NodeHandle;
use crate::identity::{self, IdentityError};
use crate::mining::MinerSettings;
use crate::p2p::{self, P2p, P2pError, P2pSettings};
use crate::peers::advertise::advertise;
use crate::spare_thread::{self, IDLE_THREAD_KEPT_MS};

/// What a node is started with.
pub struct NodeSettings {
    /// The rules of its chain.
    pub rules: Arc<dyn Rules>,
    /// Where it keeps everything.
    pub data_folder: PathBuf,
    /// Whether what it keeps has to survive the machine.
    pub durability: Durability,
    /// Peers to register besides those that it knows already.
    pub peers: Vec<PeerAddress>,
    /// How often the peers are asked without anybody's call.
    pub resolve_every: Option<Duration>,
    /// Who is rewarded for the blocks that are made here; `None` is the node
    /// by its own name.
    pub reward_to: Option<String>,
    /// How proofs are searched.
    pub miner: MinerSettings,
    /// How long it rests after a block of its own before it makes the next
    /// without anybody's call; `None` makes blocks only when called.
    pub mine_every: Option<Duration>,
    /// Whether a block is made for every transaction, at once.
    pub mine_at_once: bool,
    /// Whether its chain is to develop on, and may be started over.
    pub is_development: bool,
    /// The lowest fee for its length with which a transaction may wait, under
    /// rules that know fees.
    pub min_fee_rate: FeeRate,
    /// The address that the peers are told to find it at.
    pub advertise: Option<PeerAddress>,
    /// How it talks with others; `None` if it does not.
    pub p2p: Option<P2pSettings>,
}

/// Why a node did not start, or did not go on.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The data folder is another node's.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// What is stored can't be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The driver could not start, or had to stop.
    #[error(transparent)]
    Driver(#[from] DriverError),
    /// It can't talk with others.
    #[error(transparent)]
    P2p(#[from] P2pError),
    /// The socket is not usable.
    #[error("cannot listen: {0}")]
    Listen(#[from] io::Error),
    /// A part of the node broke; this is a defect.
    #[error("the node's driver ended unexpectedly; please report this")]
    Panicked,
}

impl ServeError {
    /// Whether the index is not as it was written: it has to be thrown away,
    /// and the node started again.
    pub fn is_damaged_index(&self) -> bool {
        matches!(self, ServeError::Driver(DriverError::DamagedIndex))
            || self.of_store().is_some_and(StoreError::is_damaged_index)
    }

    /// The block of the log that is not as it was written, if that is it: with
    /// the block in its place again, the node can be started again.
    pub fn damaged_block(&self) -> Option<&DamagedBlock> {
        self.of_store()?.damaged_block()
    }

    fn of_store(&self) -> Option<&StoreError> {
        match self {
            ServeError::Store(error) => Some(error),
            ServeError::Driver(error) => error.of_store(),
            _ => None,
        }
    }
}

/// A node that runs.
pub struct Running {
    /// The way to it.
    pub node: NodeHandle,
    driver: oneshot::Receiver<Result<(), DriverError>>,
    p2p: Option<P2p>,
    _peers_runtime: PeersRuntime,
}

/// Threads for what speaks to peers: one of them may be kept busy by a flood.
const PEERS_THREADS: usize = 2;

/// Runs what speaks to peers, apart from what serves clients. When it is
/// dropped, all that is under way there is cut off.
struct PeersRuntime(Option<Runtime>);

impl PeersRuntime {
    fn start() -> io::Result<PeersRuntime> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(PEERS_THREADS)
            .max_blocking_threads(2 * PEERS_LIMIT)
            .thread_keep_alive(Duration::from_millis(IDLE_THREAD_KEPT_MS))
            .thread_name("peers")
            .enable_all()
            .build()?;
        Ok(PeersRuntime(Some(runtime)))
    }

    fn handle(&self) -> Handle {
        let runtime = self.0.as_ref().expect("it is taken out only by drop");
        runtime.handle().clone()
    }
}

impl Drop for PeersRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// Starts a node whose clients find it at that address. Must be called within a
/// tokio runtime.
pub fn start(address: SocketAddr, settings: NodeSettings) -> Result<Running, ServeError> {
    let label = format!("port {}", address.port());
    let (rules, durability) = (&*settings.rules, settings.durability);
    let (opened, identity) =
        identity::open::<ServeError>(&settings.data_folder, &label, durability, rules)?;
    let config = Config {
        reward_to: settings
            .reward_to
            .unwrap_or_else(|| identity.node_id.clone()),
        resolve_every: settings.resolve_every,
        mine_every: settings.mine_every,
        mine_at_once: settings.mine_at_once,
        min_fee_rate: settings.min_fee_rate,
        own_addresses: own_addresses(address, settings.advertise.as_ref()),
    };
    let peers_runtime = PeersRuntime::start()?;
    spare_thread::keep(&peers_runtime.handle());
    spare_thread::keep(&Handle::current());
    let (to_machine, news) = mpsc::unbounded_channel();
    let driver_settings = DriverSettings {
        config,
        node_id: identity.node_id.clone(),
        miner: settings.miner,
        first_peers: settings.peers,
        is_development: settings.is_development,
        to_machine: settings.p2p.as_ref().map(|_| to_machine.clone()),
    };
    let peers_handle = peers_runtime.handle();
    let (node, driver) = driver::start(driver_settings, settings.rules, opened, peers_handle)?;
    if let Some(own) = settings.advertise {
        peers_runtime.handle().spawn(advertise(node.clone(), own));
    }
    peers_runtime.handle().spawn(damage::watch(node.clone()));
    let talk = |p2p| {
        let folder = &settings.data_folder;
        p2p::start(p2p, &node, folder, durability, (to_machine, news))
    };
    let p2p = settings.p2p.map(talk).transpose()?;
    Ok(Running {
        node,
        driver,
        p2p,
        _peers_runtime: peers_runtime,
    })
}

impl Running {
    /// Waits until the node can't go on, and says why.
    pub async fn ended(&mut self) -> Result<(), ServeError> {
        match (&mut self.driver).await {
            Ok(ended) => Ok(ended?),
            Err(_) if self.node.reader().is_index_damaged() => {
                Err(DriverError::DamagedIndex.into())
            }
            Err(_) => Err(ServeError::Panicked),
        }
    }

    /// Has the driver write everything down, and waits for its end.
    pub async fn stop(mut self) -> Result<(), ServeError> {
        drop(self.p2p.take());
        self.node.stop().await;
        self.driver.await.map_err(|_| ServeError::Panicked)??;
        Ok(())
    }
}

/// The addresses under which a node that listens there is found from here:
/// registering one of them would make it its own peer.
fn own_addresses(address: SocketAddr, advertised: Option<&PeerAddress>) -> BTreeSet<PeerAddress> {
    let ip = address.ip().to_string();
    let names = ["localhost", "127.0.0.1", "::1", "0.0.0.0", "::", &ip];
    names
        .iter()
        .filter_map(|name| PeerAddress::new(Scheme::Http, name, address.port()))
        .chain(advertised.cloned())
        .collect()
}
