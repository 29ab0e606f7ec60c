//! `adit node`: runs a node until it is told to stop. It decides how a node
//! starts, when it recovers from damaged files and how it ends; what a node
//! does, it does not know.

use std::fs::{File, Metadata};
use std::io::{self, IsTerminal};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::time::{Duration, Instant};

use adit_core::mempool::FeeRate;
use adit_core::rules::Rules;
use adit_http::{BasePath, Running, Settings, start};
use adit_node::assembly::{NodeSettings, ServeError};
use adit_node::damage::mend;
use adit_node::handle::NodeHandle;
use adit_node::mining::MinerSettings;
use adit_node::spare_thread::IDLE_THREAD_KEPT_MS;
use adit_store::{Durability, StoreError};
use anyhow::{Context, anyhow, bail};
use rustix::fs::OFlags;
use rustix::process::geteuid;
use sd_notify::NotifyState;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::sleep;

use crate::data_folders::{Chain, given_or_default};
use crate::options::{
    DEFAULT_PORT, Interval, ListenOptions, NodeOptions, RulesName, all_cores, all_of, say,
};
use crate::peers_listener::PeersListener;
use crate::rules;
use crate::terminal::log::start_log;

/// After the node has stopped, what still runs in the background is cut off
/// this much later.
const BACKGROUND_TIMEOUT_MS: u64 = 500;

/// Clients are served on at most this many threads: each may be making an
/// answer that is several times as long as a block.
const SERVING_THREADS_LIMIT: usize = 8;

/// At most this many threads read from the disk for them.
const BLOCKING_THREADS_LIMIT: usize = 64;

/// A node recovers from damaged files this many times ...
const RECOVERIES_LIMIT: usize = 8;

/// ... in a time of this length; beyond that, it is the disk.
const RECOVERIES_WINDOW_MS: u64 = 3_600_000;

/// What is left of a node that failed holds its folder no longer,
const RELEASE_TIMEOUT_MS: u64 = 30_000;

/// and it is checked this often whether it still does.
const RELEASE_LOOK_MS: u64 = 20;

/// A node that starts has locked its folder within this time.
const START_LIMIT_MS: u64 = 10_000;

/// A node that makes blocks all the time rests this long after each. Proofs of
/// the classic rules take no time: without a rest it would make a thousand
/// blocks a second, and its peers would do nothing but read them.
const REST_MS: u64 = 10_000;

/// What the folder name of a node that keeps nothing starts with.
const TEMPORARY_PREFIX: &str = "adit-in-memory-";

pub(crate) fn run(options: NodeOptions, json: bool) -> anyhow::Result<()> {
    let _log = start_log(&options.log, json)?;
    with_signals(|mut signals| async move {
        let listener = listen(&options.listen).await?.into_std()?;
        let folder = DataFolder::of(&options, listener.local_addr()?.port())?;
        let mut recoveries = Recoveries::default();
        let mut peers_listener = PeersListener::default();
        let mut is_welcome = !json && io::stderr().is_terminal();
        loop {
            // The socket stays open all the time: clients that come while the
            // node recovers wait.
            let listener = TcpListener::from_std(listener.try_clone()?)?;
            let done = match start_node(&options, listener, &mut peers_listener, &folder, json) {
                Ok(running) => {
                    tell_supervisor(&NotifyState::Ready);
                    if std::mem::take(&mut is_welcome) {
                        welcome(&options.listen, running.address);
                    }
                    running.until(signals.told()).await.map_err(Into::into)
                }
                Err(error) => Err(error),
            };
            match done {
                Ok(()) => return Ok(()),
                Err(error) if signals.were_told => return end_over(error, &folder).await,
                Err(error) if !recoveries.allow_at(Instant::now()) => return Err(error),
                Err(error) => tokio::select! {
                    done = recover(error, &options, &folder) => done?,
                    () = signals.told() => return Ok(()),
                },
            }
        }
    })
}

/// Says to somebody who sits there what can be done next.
fn welcome(options: &ListenOptions, listening: SocketAddr) {
    let url = url_of(listening, &options.base_path);
    let port = match listening.port() {
        DEFAULT_PORT => String::new(),
        port => format!("-p {port} "),
    };
    let text = format!(
        "\n  Open {url} in a browser. Ctrl-C stops the node.\n  \
         In another terminal, adit {port}mine makes a block, and adit {port}watch shows\n  \
         what happens.\n"
    );
    // A terminal that was stopped (Ctrl-S) must not stop the node.
    std::thread::spawn(move || say(&text));
}

/// When the node recovered lately.
#[derive(Default)]
struct Recoveries(Vec<Instant>);

impl Recoveries {
    /// Whether it may do so once more; if so, it counts.
    fn allow_at(&mut self, now: Instant) -> bool {
        let window = Duration::from_millis(RECOVERIES_WINDOW_MS);
        let is_lately = |then: &Instant| now.saturating_duration_since(*then) < window;
        self.0.retain(is_lately);
        let is_allowed = self.0.len() < RECOVERIES_LIMIT;
        if is_allowed {
            self.0.push(now);
        }
        is_allowed
    }
}

/// Puts the files into a state in which the node can be started again, if
/// damaged files are why it failed; otherwise the error stands.
async fn recover(
    error: anyhow::Error,
    options: &NodeOptions,
    folder: &DataFolder,
) -> anyhow::Result<()> {
    let cause = error.downcast_ref::<ServeError>();
    if cause.is_some_and(ServeError::is_damaged_index) {
        tracing::warn!(
            error = format!("{error:#}"),
            "the index is damaged and is rebuilt"
        );
        return throw_index_away(folder.path()).await;
    }
    let Some(block) = cause.and_then(ServeError::damaged_block) else {
        return Err(error);
    };
    tracing::warn!("{block}; the peers are asked for it");
    let rules = rules::named(options.rules, options.chain.as_deref(), Some(folder.path()))?;
    let mut peers = adit_store::registered_peers(folder.path())?;
    peers.extend(all_of(&options.peers).iter().map(ToString::to_string));
    match mend(&rules, &peers, block).await {
        true => Ok(()),
        false => Err(error),
    }
}

/// The node was told to end, and met damage while it did: what was acknowledged
/// is in the logs, and the index is rebuilt at the next start.
async fn end_over(error: anyhow::Error, folder: &DataFolder) -> anyhow::Result<()> {
    let cause = error.downcast_ref::<ServeError>();
    if !cause.is_some_and(ServeError::is_damaged_index) {
        return Err(error);
    }
    tracing::warn!(
        error = format!("{error:#}"),
        "the index is damaged and is rebuilt at the next start"
    );
    throw_index_away(folder.path()).await
}

/// What is left of the node that failed may hold the folder for a moment.
async fn throw_index_away(folder: &Path) -> anyhow::Result<()> {
    let start = Instant::now();
    loop {
        match adit_store::reindex(folder, "a node that recovers") {
            Err(StoreError::Locked { .. })
                if start.elapsed() < Duration::from_millis(RELEASE_TIMEOUT_MS) =>
            {
                sleep(Duration::from_millis(RELEASE_LOOK_MS)).await;
            }
            done => return Ok(done?),
        }
    }
}

/// The signals that end a node in good order, from when this is made on.
struct Signals {
    interrupted: Signal,
    terminated: Signal,
    /// Whether one has come.
    were_told: bool,
}

impl Signals {
    async fn told(&mut self) {
        tokio::select! {
            _ = self.interrupted.recv() => {}
            _ = self.terminated.recv() => {}
        }
        self.were_told = true;
        tracing::info!("stopping");
        tell_supervisor(&NotifyState::Stopping);
    }
}

fn with_signals<F>(work: impl FnOnce(Signals) -> F) -> anyhow::Result<()>
where
    F: Future<Output = anyhow::Result<()>>,
{
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(all_cores().get().min(SERVING_THREADS_LIMIT))
        .max_blocking_threads(BLOCKING_THREADS_LIMIT)
        .thread_keep_alive(Duration::from_millis(IDLE_THREAD_KEPT_MS))
        .enable_all()
        .build();
    let runtime = runtime.context("cannot start the runtime")?;
    let done = runtime.block_on(async {
        let signals = Signals {
            interrupted: signal(SignalKind::interrupt())?,
            terminated: signal(SignalKind::terminate())?,
            were_told: false,
        };
        tokio::spawn(go_on_without_terminal(signal(SignalKind::hangup())?));
        work(signals).await
    });
    runtime.shutdown_timeout(Duration::from_millis(BACKGROUND_TIMEOUT_MS));
    done
}

/// Starts a node and runs it until it can't go on or is told to stop by a
/// signal; in that case, `last` is done at the end. Its folder is kept until then.
pub(crate) fn run_until_stopped(
    starting: impl Future<Output = anyhow::Result<(Running, DataFolder)>>,
    last: impl AsyncFnOnce(&NodeHandle) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    with_signals(|mut signals| async move {
        let (running, _folder) = starting.await?;
        tell_supervisor(&NotifyState::Ready);
        let mut done = Ok(());
        let ending = async |node: &NodeHandle| done = last(node).await;
        running.until_and_then(signals.told(), ending).await?;
        done
    })
}

/// Does this, which starts nodes and ends them in good order when it is told to stop by
/// a signal.
pub(crate) fn run_group<F>(
    work: impl FnOnce(Pin<Box<dyn Future<Output = ()>>>) -> F,
) -> anyhow::Result<()>
where
    F: Future<Output = anyhow::Result<()>>,
{
    with_signals(|mut signals| work(Box::pin(async move { signals.told().await })))
}

/// Tells systemd, or whatever else has set `NOTIFY_SOCKET` (sd_notify(3)).
fn tell_supervisor(state: &NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(std::slice::from_ref(state)) {
        tracing::warn!(%error, "could not tell the supervisor how the node is");
    }
}

/// The terminal that the node was started in is gone: that ends no node.
async fn go_on_without_terminal(mut hung_up: Signal) {
    while hung_up.recv().await.is_some() {
        tracing::info!("a hangup; going on without the terminal");
    }
}

fn start_node(
    options: &NodeOptions,
    listener: TcpListener,
    peers_listener: &mut PeersListener,
    folder: &DataFolder,
    json: bool,
) -> anyhow::Result<Running> {
    let chain = options.chain.as_deref();
    let rules = rules::named(options.rules, chain, Some(folder.path()))?;
    rules::check_joined(rules.as_ref(), folder.path(), chain, options.force, json)?;
    let reward_to = reward_to(options, rules.as_ref())?;
    let mine_every = options
        .mine
        .map(|_| rest(options.mine_every, rules.as_ref()));
    let rules_name = rules.name();
    let api_token = options.token.token()?;
    let p2p = peers_listener.talk(options, &*rules, listener.local_addr()?)?;
    let running = start(Settings {
        listener,
        base_path: options.listen.base_path.clone(),
        allowed_hosts: all_of(&options.listen.allowed_hosts),
        allowed_origins: options.origins.allowed_origins.clone(),
        api_token,
        class: None,
        node: NodeSettings {
            rules,
            data_folder: folder.path().to_path_buf(),
            durability: folder.durability(),
            peers: all_of(&options.peers),
            resolve_every: options.resolve_every.0,
            miner: MinerSettings {
                threads: options.mine.unwrap_or_else(all_cores),
                kernel: options.kernel,
            },
            mine_every,
            mine_at_once: false,
            is_development: false,
            min_fee_rate: FeeRate(options.min_fee_rate.0),
            reward_to,
            advertise: options.advertise.clone(),
            p2p,
        },
    })?;
    let view = running.node.status();
    tracing::info!(
        url = url_of(running.address, &options.listen.base_path),
        address = %running.address,
        rules = rules_name,
        blocks = view.length,
        pending = view.pending_count,
        node_id = running.node.node_id(),
        p2p = running.node.p2p().map(|p2p| p2p.port()),
        data = %folder.path().display(),
        "listening"
    );
    Ok(running)
}

fn rest(wanted: Option<Interval>, rules: &dyn Rules) -> Duration {
    match wanted {
        None if rules.keeps_accounts() => Duration::ZERO,
        None => Duration::from_millis(REST_MS),
        Some(Interval(every)) => every.unwrap_or_default(),
    }
}

fn reward_to(options: &NodeOptions, rules: &dyn Rules) -> anyhow::Result<Option<String>> {
    let reward_to = options.reward_to.map(|address| address.to_string());
    match (rules.keeps_accounts(), &reward_to) {
        (true, None) if options.mine.is_some() => bail!(
            "--mine: on this chain a block is rewarded to an address; say whose with \
             --reward-to (`adit wallet new` makes one)"
        ),
        (false, Some(_)) => bail!(
            "--reward-to: under the classic rules the reward goes to the node's own name; \
             leave it out, or run a chain with addresses (`adit chain new`)"
        ),
        _ => Ok(reward_to),
    }
}

/// Where a browser on this machine finds the node. One that listens on all
/// addresses has none of that name: it is found at each of them.
pub(crate) fn url_of(listening: SocketAddr, base_path: &BasePath) -> String {
    let ip = match listening.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    format!(
        "http://{}{base_path}",
        SocketAddr::new(ip, listening.port())
    )
}

pub(crate) async fn listen(options: &ListenOptions) -> anyhow::Result<TcpListener> {
    let (host, port) = (options.host.as_str(), options.port);
    // An IPv6 address may be given as it stands in a URL.
    let in_brackets = host.strip_prefix('[').and_then(|ip| ip.strip_suffix(']'));
    let bound = TcpListener::bind((in_brackets.unwrap_or(host), port)).await;
    bound.map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => anyhow!(
            "port {port} is taken: something else listens on {host}:{port} already; \
             stop it, or take another port with -p {}",
            port.checked_add(1).unwrap_or(DEFAULT_PORT)
        ),
        io::ErrorKind::PermissionDenied => {
            anyhow!("port {port} may not be used by this user; take one above 1023 with -p")
        }
        _ => anyhow!("--host {host}: cannot listen there: {error}"),
    })
}

/// Where the node keeps its data; a temporary one is deleted at the end.
pub(crate) enum DataFolder {
    Kept(PathBuf),
    Temporary(tempfile::TempDir),
}

impl DataFolder {
    fn of(options: &NodeOptions, port: u16) -> anyhow::Result<DataFolder> {
        if !options.in_memory {
            let rules = options.rules.unwrap_or(RulesName::Classic);
            let chain = Chain::named(options.chain.as_deref(), Some(rules));
            let folder = given_or_default(options.data_dir.as_deref(), port, chain);
            return folder.map(DataFolder::Kept);
        }
        DataFolder::temporary()
    }

    /// One in memory, where there is a file system in memory.
    pub(crate) fn temporary() -> anyhow::Result<DataFolder> {
        let shared_memory = Path::new("/dev/shm");
        let place = match shared_memory.is_dir() {
            true => shared_memory.to_path_buf(),
            false => std::env::temp_dir(),
        };
        delete_abandoned(&place);
        let folder = tempfile::Builder::new()
            .prefix(TEMPORARY_PREFIX)
            .tempdir_in(&place);
        let folder = folder.with_context(|| format!("--in-memory: {}", place.display()))?;
        Ok(DataFolder::Temporary(folder))
    }

    pub(crate) fn path(&self) -> &Path {
        match self {
            DataFolder::Kept(path) => path,
            DataFolder::Temporary(folder) => folder.path(),
        }
    }

    fn durability(&self) -> Durability {
        match self {
            DataFolder::Kept(_) => Durability::Full,
            DataFolder::Temporary(_) => Durability::None,
        }
    }
}

/// Deletes what nodes of this user left that were killed: their folders, whose
/// locks nobody holds. In a place that everybody may write to, what is another
/// user's can be anything, and is not even opened.
fn delete_abandoned(place: &Path) {
    for folder in std::fs::read_dir(place).into_iter().flatten().flatten() {
        let name = folder.file_name();
        if name.to_string_lossy().starts_with(TEMPORARY_PREFIX) && is_abandoned(&folder.path()) {
            let _ = std::fs::remove_dir_all(folder.path());
        }
    }
}

fn is_abandoned(folder: &Path) -> bool {
    let is_own = |metadata: &Metadata| metadata.uid() == geteuid().as_raw();
    let kind = std::fs::symlink_metadata(folder);
    if !kind.is_ok_and(|folder| folder.is_dir() && is_own(&folder)) {
        return false;
    }
    // Opening a pipe would wait for somebody at its other end.
    let flags = (OFlags::NONBLOCK | OFlags::NOFOLLOW).bits();
    let mut options = File::options();
    let options = options.write(true).custom_flags(flags.cast_signed());
    let Ok(lock) = options.open(folder.join("lock")) else {
        return false;
    };
    let Ok(metadata) = lock.metadata() else {
        return false;
    };
    // A node that is just starting may not have locked it yet.
    let modified = metadata.modified().ok();
    let age = modified.and_then(|modified| modified.elapsed().ok());
    metadata.is_file()
        && age.is_some_and(|age| age > Duration::from_millis(START_LIMIT_MS))
        && lock.try_lock().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_recovers_so_many_times_in_an_hour_and_again_later() {
        let (mut recoveries, start) = (Recoveries::default(), Instant::now());
        let minute = Duration::from_secs(60);
        for minutes in 0..8 {
            assert!(recoveries.allow_at(start + minutes * minute));
        }
        assert!(!recoveries.allow_at(start + 8 * minute));
        assert!(!recoveries.allow_at(start + 59 * minute));
        assert!(recoveries.allow_at(start + 60 * minute));
        assert!(!recoveries.allow_at(start + 60 * minute));
        assert!(recoveries.allow_at(start + 61 * minute));
    }
}
