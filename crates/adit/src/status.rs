//! `adit status`: asks a running node how it is. The container's health check.

use std::io::{self, Write};
use std::time::Duration;

use adit_node::Status;
use anyhow::Context;

use crate::options::NodeToAsk;

/// The node must answer within this time.
const STATUS_TIMEOUT_MS: u64 = 5_000;

/// The node's answer is at most this long.
const STATUS_LIMIT_BYTES: usize = 64 * 1024;

pub(crate) fn run(options: &NodeToAsk, json: bool) -> anyhow::Result<()> {
    let node = options.address();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let status = runtime
        .block_on(ask(&node))
        .with_context(|| format!("no node answers at http://{node}"))?;
    let mut output = io::stdout().lock();
    if json {
        return Ok(writeln!(output, "{}", serde_json::to_string(&status)?)?);
    }
    writeln!(output, "node     http://{node}, adit {}", status.version)?;
    writeln!(output, "rules    {}", status.rules)?;
    writeln!(
        output,
        "chain    {} blocks, the last is {}",
        status.length, status.tip
    )?;
    writeln!(output, "pending  {} transactions", status.pending)?;
    let mining = &status.mining;
    writeln!(
        output,
        "mining   {} on {}, {:.1} million guesses/s{}",
        mining.kernel,
        counted(mining.threads, "core"),
        mining.guesses_per_s / 1e6,
        if mining.searching { ", searching" } else { "" }
    )?;
    match status.nodes.is_empty() {
        true => writeln!(output, "nodes    none registered")?,
        false => writeln!(output, "nodes    {}", status.nodes.join(", "))?,
    }
    Ok(())
}

async fn ask(node: &str) -> anyhow::Result<Status> {
    let client = reqwest::Client::builder()
        .no_proxy()
        .timeout(Duration::from_millis(STATUS_TIMEOUT_MS))
        .build()?;
    let response = client.get(format!("http://{node}/api/v1/status")).send();
    let mut response = response.await?.error_for_status()?;
    let mut text = Vec::new();
    while let Some(piece) = response.chunk().await? {
        text.extend_from_slice(&piece);
        if text.len() > STATUS_LIMIT_BYTES {
            break;
        }
    }
    serde_json::from_slice(&text).context("its answer is not adit's")
}

fn counted(count: usize, name: &str) -> String {
    match count {
        1 => format!("1 {name}"),
        _ => format!("{count} {name}s"),
    }
}
