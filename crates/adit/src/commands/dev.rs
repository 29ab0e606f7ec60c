//! `adit dev`: a chain to develop on. It is in memory, its accounts are funded
//! and their keys known to everybody, each transaction is in a block by the
//! time it is answered, and the API starts the chain over.

use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use adit_core::address::Address;
use adit_core::hash::sha256;
use adit_core::mempool::FeeRate;
use adit_core::rules::Sealed;
use adit_core::sealed::{DURATION_LIMIT_MS, Params};
use adit_http::{Running, Settings, start};
use adit_node::assembly::NodeSettings;
use adit_node::mining::MinerSettings;
use adit_store::Durability;
use ed25519_zebra::{SigningKey, VerificationKeyBytes};
use ruint::aliases::U256;
use serde_json::json;

use crate::commands::node::{DataFolder, listen, run_until_stopped};
use crate::options::DevOptions;
use crate::terminal::log::start_log;
use crate::wallet::coins::Coins;

/// This many accounts are funded,
const ACCOUNTS: u32 = 10;

/// each with this much, in base units.
const FUNDS: u64 = 10_000_000_000;

/// An account whose key everybody knows.
struct Account {
    secret_hex: String,
    address: Address,
}

pub(crate) fn run(options: &DevOptions, json: bool) -> anyhow::Result<()> {
    let _log = start_log(&options.log, json)?;
    run_until_stopped(async {
        let accounts: Vec<Account> = (0..ACCOUNTS).map(account).collect();
        let rules = Arc::new(rules(&accounts)?);
        let listener = listen(&options.listen).await?;
        let folder = DataFolder::temporary()?;
        let running = start(Settings {
            listener,
            allowed_hosts: Vec::new(),
            api_token: options.token.token()?,
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
                mine_every: None,
                mine_at_once: true,
                min_fee_rate: FeeRate(0),
                advertise: None,
            },
        })?;
        let url = format!("http://{}", running.address);
        tracing::info!(url, "listening");
        print(&running, &rules, &accounts, json)?;
        Ok((running, folder))
    })
}

/// Any guess is a proof here, so that nobody waits for one.
fn rules(accounts: &[Account]) -> anyhow::Result<Sealed> {
    let funded = accounts.iter().map(|account| (account.address, FUNDS));
    let params = Params {
        // At least a millisecond lies between two blocks, so that the target
        // stays where it is, and time may run ahead of the clock.
        block_interval_ms: 1,
        initial_target: U256::MAX,
        pow_limit: U256::MAX,
        future_limit_ms: DURATION_LIMIT_MS,
        allocations: funded.collect(),
        ..Params::defaults("dev")
    };
    Ok(Sealed::with_params(
        params,
        SystemTime::now().duration_since(UNIX_EPOCH)?,
    )?)
}

fn account(number: u32) -> Account {
    let secret = sha256(format!("adit dev account {number}").as_bytes());
    let key = SigningKey::from(secret.0);
    Account {
        secret_hex: secret.to_string(),
        address: Address(VerificationKeyBytes::from(&key).into()),
    }
}

fn print(running: &Running, rules: &Sealed, accounts: &[Account], json: bool) -> io::Result<()> {
    let mut output = io::stdout().lock();
    let url = format!("http://{}", running.address);
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
    writeln!(
        output,
        "A chain to develop on, in memory: each transaction is a block.\n"
    )?;
    writeln!(output, "  {url}   chain {}", rules.chain_id())?;
    writeln!(
        output,
        "  start over: curl -X POST {url}/api/v1/dev/reset\n"
    )?;
    writeln!(
        output,
        "Accounts with {} coins each, and their secret keys:\n",
        Coins(FUNDS)
    )?;
    for account in accounts {
        writeln!(output, "  {}\n    {}", account.address, account.secret_hex)?;
    }
    writeln!(
        output,
        "\nEverybody has these keys: never use them elsewhere."
    )
}
