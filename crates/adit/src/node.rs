//! `adit node`: runs a node until it is told to stop.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use adit_core::pool::FeeRate;
use adit_core::rules::Rules;
use adit_node::{MinerSettings, Running, Settings, start};
use adit_store::Durability;
use anyhow::{Context, anyhow, bail};
use rustix::fs::OFlags;
use rustix::process::geteuid;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::log::start_log;
use crate::options::{Interval, ListenOptions, NodeOptions, all_cores, default_folder};
use crate::{memory, rules};

/// After the node has stopped, what still runs in the background is cut off
/// this much later.
const BACKGROUND_TIMEOUT_MS: u64 = 500;

/// Clients are served on at most so many threads: each may be making an answer
/// that is several times as long as a block.
const SERVING_THREADS_LIMIT: usize = 8;

/// At most so many threads read from the disk for them.
const BLOCKING_THREADS_LIMIT: usize = 64;

/// A node that starts has locked its folder within this time.
const START_LIMIT_MS: u64 = 10_000;

/// A node that makes blocks all the time rests so long after each. Proofs of
/// the classic rules take no time: without a rest it would make a thousand
/// blocks a second, and its peers would do nothing but read them.
const REST_MS: u64 = 10_000;

/// How the folder of a node begins that keeps nothing.
const TEMPORARY_PREFIX: &str = "adit-in-memory-";

pub(crate) fn run(options: NodeOptions, json: bool) -> anyhow::Result<()> {
    let _log = start_log(&options.log, json)?;
    run_until_stopped(start_node(options))
}

/// Starts a node and runs it until it can't go on or is told to stop by a
/// signal. Its folder is kept until then.
pub(crate) fn run_until_stopped(
    starting: impl Future<Output = anyhow::Result<(Running, DataFolder)>>,
) -> anyhow::Result<()> {
    memory::give_back_what_is_freed();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(all_cores().get().min(SERVING_THREADS_LIMIT))
        .max_blocking_threads(BLOCKING_THREADS_LIMIT)
        .enable_all()
        .build();
    let runtime = runtime.context("cannot start the runtime")?;
    let done = runtime.block_on(async {
        // Before the start: from then on a signal ends the node in good order.
        let mut interrupted = signal(SignalKind::interrupt())?;
        let mut terminated = signal(SignalKind::terminate())?;
        let hung_up = signal(SignalKind::hangup())?;
        tokio::spawn(go_on_without_terminal(hung_up));
        let (running, _folder) = starting.await?;
        let stopped = running.until(async {
            tokio::select! {
                _ = interrupted.recv() => {}
                _ = terminated.recv() => {}
            }
            tracing::info!("stopping");
        });
        anyhow::Ok(stopped.await?)
    });
    runtime.shutdown_timeout(Duration::from_millis(BACKGROUND_TIMEOUT_MS));
    done
}

/// The terminal that the node was started in is gone: that ends no node.
async fn go_on_without_terminal(mut hung_up: Signal) {
    while hung_up.recv().await.is_some() {
        tracing::info!("a hangup; going on without the terminal");
    }
}

async fn start_node(options: NodeOptions) -> anyhow::Result<(Running, DataFolder)> {
    let listener = listen(&options.listen).await?;
    let address = listener.local_addr()?;
    let folder = DataFolder::of(&options, address.port())?;
    let chain = options.chain.as_deref();
    let rules = rules::named(options.rules, chain, Some(folder.path()))?;
    rules::check_joined(rules.as_ref(), folder.path(), options.force)?;
    let reward_to = reward_to(&options, rules.as_ref())?;
    let mine_every = options
        .mine
        .map(|_| rest(options.mine_every, rules.as_ref()));
    let rules_name = rules.name();
    let api_token = options.token.token()?;
    let running = start(Settings {
        listener,
        rules,
        data_folder: folder.path().to_path_buf(),
        durability: folder.durability(),
        peers: options.peers,
        resolve_every: options.resolve_every.0,
        miner: MinerSettings {
            threads: options.mine.unwrap_or_else(all_cores),
            kernel: options.kernel,
        },
        mine_every,
        mine_at_once: false,
        min_fee_rate: FeeRate(options.min_fee_rate.0),
        reward_to,
        advertise: options.advertise,
        allowed_hosts: options.allowed_hosts,
        api_token,
    })?;
    let view = running.node.view();
    tracing::info!(
        url = format!("http://{}", running.address),
        rules = rules_name,
        blocks = view.length,
        pending = view.pending_count,
        node_id = running.node_id,
        data = %folder.path().display(),
        "listening"
    );
    Ok((running, folder))
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

pub(crate) async fn listen(options: &ListenOptions) -> anyhow::Result<TcpListener> {
    let (host, port) = (options.host.as_str(), options.port);
    let bound = TcpListener::bind((host, port)).await;
    bound.map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => anyhow!(
            "port {port} is taken: something else listens on {host}:{port} already; \
             stop it, or take another port with -p {}",
            port.checked_add(1).unwrap_or(5000)
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
            let given = options.data_dir.clone();
            return Ok(DataFolder::Kept(
                given.map_or_else(|| default_folder(port), Ok)?,
            ));
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
/// locks nobody holds any more. In a place that everybody may write to, what is
/// another user's can be anything, and is not even opened.
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
    // To open a pipe would wait for somebody at its other end.
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
