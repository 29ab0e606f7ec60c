//! `adit dev`: a chain to develop on. It is in memory, its accounts are funded
//! and their keys known to everybody, each transaction is in a block by the
//! time it is answered unless it is told otherwise, and the API starts the chain
//! over.

mod state;
mod tell;

use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use adit_core::address::Address;
use adit_core::hash::Hash;
use adit_core::mempool::FeeRate;
use adit_core::rules::Sealed;
use adit_core::sealed::{DURATION_LIMIT_MS, Params};
use adit_http::{AllowedOrigin, Settings, start};
use adit_node::assembly::NodeSettings;
use adit_node::mining::MinerSettings;
use adit_node::saved_state::StateHeader;
use adit_store::Durability;
use anyhow::Context;
use ruint::aliases::U256;
use serde_json::json;

use crate::commands::node::{DataFolder, listen, run_until_stopped, url_of};
use crate::options::{DevOptions, all_of};
use crate::terminal::log::start_log;
use crate::wallet::dev_account::{self, DEV_CHAIN};
use crate::wallet::key::SecretKey;

/// An account whose key everybody knows.
struct Account {
    secret_hex: String,
    address: Address,
}

pub(crate) fn run(options: &DevOptions, json: bool) -> anyhow::Result<()> {
    if let Some(command) = &options.command {
        return tell::run(command, json);
    }
    let _log = start_log(&options.quiet.log, json)?;
    let state_file = options.state.as_deref();
    let starting = async {
        let accounts = accounts(options);
        let saved = state_file.map(state::header_of).transpose()?.flatten();
        let rules = Arc::new(rules(options, saved.as_ref(), &accounts)?);
        if let (Some(file), Some(saved)) = (state_file, &saved) {
            state::check_chain(file, saved, &*rules)?;
        }
        let listener = listen(&options.listen).await?;
        let folder = DataFolder::temporary()?;
        let mut allowed_origins = options.origins.allowed_origins.clone();
        // A front end that is being made is served from this machine.
        allowed_origins.push(AllowedOrigin::Loopback);
        let running = start(Settings {
            listener,
            base_path: options.listen.base_path.clone(),
            allowed_hosts: all_of(&options.listen.allowed_hosts),
            allowed_origins,
            api_token: options.token.token()?,
            class: None,
            node: NodeSettings {
                rules: rules.clone(),
                data_folder: folder.path().to_path_buf(),
                durability: Durability::None,
                peers: Vec::new(),
                resolve_every: None,
                reward_to: Some(accounts[0].address.to_string()),
                miner: MinerSettings {
                    threads: NonZeroUsize::MIN,
                    kernel: None,
                },
                mine_every: options.block_time,
                mine_at_once: options.block_time.is_none() && !options.no_mining,
                is_development: true,
                min_fee_rate: FeeRate(0),
                advertise: None,
                p2p: None,
            },
        })?;
        if let Some(file) = state_file.filter(|_| saved.is_some())
            && let Err(error) = state::begin_with(&running.node, file).await
        {
            running.until(async {}).await?;
            return Err(error);
        }
        let url = url_of(running.address, &options.listen.base_path);
        tracing::info!(url, "listening");
        print(options, &url, &rules, &accounts, json)?;
        Ok((running, folder))
    };
    run_until_stopped(starting, async |node| match state_file {
        Some(file) => state::write_down(node, file).await,
        None => Ok(()),
    })
}

/// Any guess is a proof here, so that nobody waits for one.
fn rules(
    options: &DevOptions,
    saved: Option<&StateHeader>,
    accounts: &[Account],
) -> anyhow::Result<Sealed> {
    let balance = options.balance.0;
    let funded = accounts.iter().map(|account| (account.address, balance));
    let params = Params {
        // At least a millisecond lies between two blocks, so that the target
        // stays where it is, and time may run ahead of the clock.
        block_interval_ms: 1,
        initial_target: U256::MAX,
        pow_limit: U256::MAX,
        future_limit_ms: DURATION_LIMIT_MS,
        allocations: funded.collect(),
        ..Params::defaults(DEV_CHAIN)
    };
    let genesis_time = match (options.genesis_time, saved) {
        (None, Some(saved)) => Duration::from_millis(saved.genesis_time_ms),
        (given, _) => given
            .unwrap_or_else(SystemTime::now)
            .duration_since(UNIX_EPOCH)
            .context("this machine's clock is before 1970")?,
    };
    Ok(Sealed::with_params(params, genesis_time)?)
}

fn accounts(options: &DevOptions) -> Vec<Account> {
    let count = options.accounts.get();
    let keys = match &options.mnemonic {
        Some(words) => words.phrase().keys(count),
        None => (0..count).map(dev_account::key).collect(),
    };
    let account = |key: SecretKey| Account {
        secret_hex: Hash(*key.as_bytes()).to_string(),
        address: key.address(),
    };
    keys.into_iter().map(account).collect()
}

fn print(
    options: &DevOptions,
    url: &str,
    rules: &Sealed,
    accounts: &[Account],
    json: bool,
) -> io::Result<()> {
    let mut output = io::stdout().lock();
    if json {
        let accounts = accounts.iter().map(|account| {
            json!({ "address": account.address.to_string(), "secret_key": account.secret_hex })
        });
        let accounts: Vec<_> = accounts.collect();
        let chain = rules.chain_id().to_string();
        return writeln!(
            output,
            "{}",
            json!({ "url": url, "chain": chain, "accounts": accounts })
        );
    }
    let blocks = match options.block_time {
        Some(time) => format!("a block every {}", humantime::format_duration(time)),
        None if options.no_mining => "a block when `adit mine` says so".to_owned(),
        None => "each transaction is a block".to_owned(),
    };
    writeln!(output, "A chain to develop on, in memory: {blocks}.\n")?;
    writeln!(output, "  {url}   chain {}", rules.chain_id())?;
    writeln!(
        output,
        "  start over: curl -X POST {url}/api/v1/dev/reset\n"
    )?;
    writeln!(
        output,
        "Accounts with {} each, and their secret keys:\n",
        options.balance.counted()
    )?;
    for (number, account) in accounts.iter().enumerate() {
        // Keys from words are in no wallet that is ready.
        let wallet = match options.mnemonic {
            Some(_) => String::new(),
            None => format!("   dev{number}"),
        };
        let (address, secret_hex) = (account.address, &account.secret_hex);
        writeln!(output, "  {address}{wallet}\n    {secret_hex}")?;
    }
    writeln!(
        output,
        "\nThe first makes the blocks: rewards and fees are its own. Everybody has these keys: \
         never use them elsewhere."
    )
}
