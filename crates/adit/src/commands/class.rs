//! `adit class`: a chain for a room, in one command. It starts the nodes and says where
//! they are; what the room sees is made by `adit-http`, and what is done to the nodes by
//! the engine.

mod addresses;
mod engine;
mod miner;
mod purse;
mod relay;

use std::io::{self, IsTerminal, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use adit_core::mempool::FeeRate;
use adit_core::rules::{Rules, Sealed};
use adit_core::sealed::Params;
use adit_http::{BasePath, Class, ClassNode, ClassSettings, Running, Settings, start};
use adit_node::assembly::NodeSettings;
use adit_node::mining::MinerSettings;
use adit_store::Durability;
use anyhow::{Context, bail};
use fast_qr::qr::QRBuilder;
use ruint::aliases::U256;
use serde_json::json;
use tokio::net::TcpListener;

use self::engine::Engine;
use self::purse::{Keys, UNITS_A_COIN};
use crate::commands::node::{DataFolder, run_group};
use crate::options::{ClassOptions, all_of, say};
use crate::terminal::log::start_log;
use crate::wallet::key::SecretKey;

/// What the room calls the nodes and their owners.
const NAMES: [&str; 4] = ["Ana", "Ben", "Cho", "Dia"];

/// All who mine make this many guesses in a second together.
const CLASS_GUESSES_PER_S: u64 = 60_000;

/// The target follows the hash power slowly: those who mine are held to a pace, and a
/// lesson is shorter than this.
const HALF_LIFE_INTERVALS: u64 = 120;

/// What the owner of each node has, in coins.
const OWNERS_COINS: u64 = 10_000;

/// How often the nodes ask each other, besides when they are told of something.
const CLASS_RESOLVE_INTERVAL_MS: u64 = 1_000;

pub(crate) fn run(options: &ClassOptions, json: bool) -> anyhow::Result<()> {
    let _log = start_log(&options.quiet.log, json)?;
    let keys = Keys {
        purse: new_key()?,
        owners: (0..options.nodes)
            .map(|_| new_key())
            .collect::<Result<_, _>>()?,
    };
    let interval_ms = u64::try_from(options.block_interval.as_millis()).unwrap_or(u64::MAX);
    let rules = Arc::new(rules(options, &keys, interval_ms)?);
    if let Some(folder) = &options.keep {
        prepare(folder, &rules)?;
    }
    run_group(|told_to_stop| async move {
        let mut folders = Vec::new();
        let mut others = Vec::new();
        let mut nodes = Vec::new();
        for (number, name) in NAMES.iter().enumerate().take(options.nodes).skip(1) {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
            let folder = folder(options, name)?;
            let running = start_node(listener, rules.clone(), &folder, Vec::new(), None)?;
            others.push(ClassNode {
                name: (*name).to_owned(),
                address: keys.owners[number].address(),
                node: running.node.clone(),
            });
            folders.push(folder);
            nodes.push(running);
        }
        let listener = listen(options).await?;
        let listening = listener.local_addr()?;
        let join_urls = join_urls(options, listening);
        let settings = ClassSettings {
            join_url: join_urls[0].clone(),
            pupils_limit: usize::try_from(options.pupils).unwrap_or(usize::MAX),
            pupils_a_host_limit: usize::try_from(options.per_address).unwrap_or(usize::MAX),
            grant: options.coins.0,
            guesses_per_s: CLASS_GUESSES_PER_S,
            block_interval_ms: interval_ms,
        };
        let first = (NAMES[0].to_owned(), keys.owners[0].address());
        let (class, ordered) = Class::new(settings, first, others);
        let folder = folder(options, NAMES[0])?;
        let names = all_of(&options.allowed_hosts);
        let shown = Some(Arc::clone(&class));
        nodes.insert(
            0,
            start_node(listener, rules.clone(), &folder, names, shown)?,
        );
        folders.push(folder);
        let addresses: Vec<SocketAddr> = nodes.iter().map(|one| one.address).collect();
        print(&class, listening, &join_urls, json)?;
        let engine = Engine::new(
            Arc::clone(&class),
            &addresses,
            keys,
            &rules,
            options.traffic,
        );
        give_new_links(&class, listening, json);
        tokio::select! {
            () = engine.run(ordered) => {}
            () = told_to_stop => {}
        }
        let mut done = Ok(());
        for node in nodes {
            let stopped = node.until(async {}).await;
            done = done.and(stopped.map_err(Into::into));
        }
        if options.keep.is_none() && !json {
            say("the class is over; its chains, names and balances are wiped");
        }
        drop(folders);
        done
    })
}

fn new_key() -> anyhow::Result<SecretKey> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("no randomness: {error}"))?;
    Ok(SecretKey::from_bytes(bytes))
}

/// The chain, at the pace that it promises: all who mine together find a block in one
/// interval.
fn rules(options: &ClassOptions, keys: &Keys, interval_ms: u64) -> anyhow::Result<Sealed> {
    let guesses = CLASS_GUESSES_PER_S
        .saturating_mul(interval_ms)
        .div_ceil(1_000)
        .max(2);
    let grants = options.pupils.saturating_mul(options.coins.0);
    let owners = keys
        .owners
        .iter()
        .map(|key| (key.address(), OWNERS_COINS * UNITS_A_COIN));
    let params = Params {
        block_interval_ms: interval_ms,
        half_life_ms: interval_ms * HALF_LIFE_INTERVALS,
        initial_target: U256::MAX / U256::from(guesses),
        pow_limit: U256::MAX >> 4,
        allocations: owners.chain([(keys.purse.address(), grants)]).collect(),
        ..Params::defaults("class")
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.context("this machine's clock is before 1970")?;
    Ok(Sealed::with_params(params, now)?)
}

/// What is kept is a folder of its own, so that nothing of an earlier class is mixed in.
fn prepare(folder: &Path, rules: &Sealed) -> anyhow::Result<()> {
    let said = || format!("--keep {}", folder.display());
    if folder.exists()
        && std::fs::read_dir(folder)
            .with_context(said)?
            .next()
            .is_some()
    {
        bail!(
            "{}: it is not empty; name one that is not there yet",
            said()
        );
    }
    std::fs::create_dir_all(folder).with_context(said)?;
    let genesis = rules.genesis_text().unwrap_or_default();
    std::fs::write(folder.join("class.json"), genesis).with_context(said)
}

fn folder(options: &ClassOptions, name: &str) -> anyhow::Result<DataFolder> {
    match &options.keep {
        Some(folder) => Ok(DataFolder::Kept(folder.join(name.to_lowercase()))),
        None => DataFolder::temporary(),
    }
}

async fn listen(options: &ClassOptions) -> anyhow::Result<TcpListener> {
    let bound = TcpListener::bind((options.host, options.port)).await;
    bound.with_context(|| {
        let (host, port) = (options.host, options.port);
        format!("cannot listen on {host}:{port}; take another port with -p")
    })
}

fn start_node(
    listener: TcpListener,
    rules: Arc<Sealed>,
    folder: &DataFolder,
    allowed_hosts: Vec<String>,
    class: Option<Arc<Class>>,
) -> anyhow::Result<Running> {
    let running = start(Settings {
        listener,
        base_path: BasePath::default(),
        allowed_hosts,
        allowed_origins: Vec::new(),
        api_token: None,
        class,
        node: NodeSettings {
            rules,
            data_folder: folder.path().to_path_buf(),
            durability: Durability::None,
            peers: Vec::new(),
            resolve_every: Some(Duration::from_millis(CLASS_RESOLVE_INTERVAL_MS)),
            // The engine mines, held to a pace; nobody makes blocks by GET /mine.
            reward_to: None,
            miner: MinerSettings {
                threads: NonZeroUsize::MIN,
                kernel: None,
            },
            mine_every: None,
            mine_at_once: false,
            is_development: false,
            // A balance that is whole coins is read more easily.
            min_fee_rate: FeeRate(0),
            advertise: None,
            p2p: None,
        },
    })?;
    Ok(running)
}

/// Where phones may find it, the one that is shown first.
fn join_urls(options: &ClassOptions, listening: SocketAddr) -> Vec<String> {
    let hosts = match &options.address {
        Some(address) => vec![address.clone()],
        None if listening.ip().is_unspecified() => {
            let found = addresses::of_this_machine();
            found.iter().map(IpAddr::to_string).collect()
        }
        None => vec![listening.ip().to_string()],
    };
    let url = |host: &String| match host.contains(':') && !host.starts_with('[') {
        true => format!("http://[{host}]:{}/join", listening.port()),
        false => format!("http://{host}:{}/join", listening.port()),
    };
    hosts.iter().map(url).collect()
}

fn here(listening: SocketAddr) -> String {
    match listening.ip().is_unspecified() {
        true => format!("http://localhost:{}", listening.port()),
        false => format!("http://{listening}"),
    }
}

fn print(class: &Class, listening: SocketAddr, urls: &[String], json: bool) -> io::Result<()> {
    let mut output = io::stdout().lock();
    let (here, teacher) = (here(listening), class.new_teacher_path());
    if json {
        let line = json!({
            "url": here, "join": urls, "room": format!("{here}/class"),
            "teacher": format!("{here}{teacher}"),
        });
        writeln!(output, "{line}")?;
        return output.flush();
    }
    if let Ok(code) = QRBuilder::new(urls[0].as_str()).build() {
        writeln!(output, "\n{}", code.to_str())?;
    }
    writeln!(output, "  Phones:       {}", urls[0])?;
    for url in &urls[1..] {
        writeln!(output, "                {url} (--address shows another)")?;
    }
    writeln!(output, "  Projector:    {here}/class")?;
    writeln!(output, "  You, once:    {here}{teacher}\n")?;
    writeln!(
        output,
        "Enter makes another link for you. Ctrl-C ends the class and wipes it."
    )?;
    output.flush()
}

/// Prints another link whenever the teacher asks for one by Enter.
fn give_new_links(class: &Arc<Class>, listening: SocketAddr, json: bool) {
    if json || !io::stdin().is_terminal() {
        return;
    }
    let class = Arc::clone(class);
    // It ends with the process: nobody can be woken who reads from a terminal.
    std::thread::spawn(move || {
        for line in io::stdin().lines() {
            if line.is_err() {
                return;
            }
            let (here, teacher) = (here(listening), class.new_teacher_path());
            say(&format!("  You, once:    {here}{teacher}"));
        }
    });
}
