//! `adit status`: asks a running node how it is. It is also the container's
//! health check, so it waits for nothing else.

use std::time::Duration;

use adit_api::branch::{Reorganisation, ReorganisationList};
use adit_api::peer::{Agreement, Peer, PeerList};
use adit_api::status::Status;
use adit_core::mempool::FEE_RATE_BYTES;
use anyhow::Result;
use serde::de::DeserializeOwned;

use crate::client::Client;
use crate::commands::{branches, peers};
use crate::options::NodeToAsk;
use crate::terminal::output::{Output, Rows, Style, counted};
use crate::wallet::coins::Coins;

/// The node must answer within this time.
const STATUS_TIMEOUT_MS: u64 = 5_000;

/// What is nice to know must be here within this time, or is left out.
const EXTRAS_TIMEOUT_MS: u64 = 500;

pub(crate) fn run(options: &NodeToAsk, json: bool) -> Result<()> {
    let client = Client::new(options)?;
    let mut output = Output::new(json);
    let path = "/api/v1/status";
    let limit = Duration::from_millis(STATUS_TIMEOUT_MS);
    let answer = client.block_on(client.fetch_within(path, limit))?;
    let status: Status = client.parse(path, &answer)?;
    if json {
        return output.document(&answer);
    }
    let (peers, reorganisations) = client.block_on(async {
        tokio::join!(
            extra::<PeerList>(&client, "/api/v1/peers"),
            extra::<ReorganisationList>(&client, "/api/v1/reorgs?limit=1"),
        )
    });
    let mut rows = rows(client.node(), &status);
    if let Some(list) = peers.filter(|list| !list.peers.is_empty()) {
        rows.add_styled("peers", style_of(&list.peers), peers::gist(&list.peers));
    }
    if let Some(list) = reorganisations {
        rows.add("reorgs", last(&output, list.reorganisations.first()));
    }
    output.rows(&rows)
}

/// One that is behind or ahead soon isn't; the others want somebody to look.
fn style_of(peers: &[Peer]) -> Option<Style> {
    let all = |wanted: &[Agreement]| peers.iter().all(|peer| wanted.contains(&peer.agreement));
    let soon_same = [
        Agreement::Same,
        Agreement::Behind,
        Agreement::Ahead,
        Agreement::NotAsked,
    ];
    match (all(&[Agreement::Same]), all(&soon_same)) {
        (true, _) => Some(Style::Good),
        (false, true) => None,
        (false, false) => Some(Style::Bad),
    }
}

async fn extra<T: DeserializeOwned>(client: &Client, path: &str) -> Option<T> {
    let limit = Duration::from_millis(EXTRAS_TIMEOUT_MS);
    let answer = client.fetch_within(path, limit).await.ok()?;
    client.parse(path, &answer).ok()
}

fn rows(node: &str, status: &Status) -> Rows {
    let mut rows = Rows::default();
    let version = &status.version;
    rows.add_styled("node", Some(Style::Good), format!("{node}, adit {version}"));
    let rules = &status.rules;
    match &status.chain {
        Some(chain) => rows.add(
            "rules",
            format!("{rules}, chain {} {}", chain.name, chain.id),
        ),
        None => rows.add("rules", rules),
    }
    let blocks = format!(
        "{}, the last is {}",
        counted(status.length, "block"),
        status.tip
    );
    rows.add("chain", blocks);
    rows.add("pending", counted(status.pending as u64, "transaction"));
    if let Some(rate) = status.min_fee_rate {
        let lowest = Coins(rate).counted();
        let lowest = format!("{lowest} or more for {FEE_RATE_BYTES} bytes");
        rows.add("fees", lowest);
    }
    let mining = &status.mining;
    let rate = mining.guesses_per_s / 1e6;
    let cores = counted(mining.threads as u64, "core");
    let searching = if mining.searching { ", searching" } else { "" };
    let kernel = &mining.kernel;
    let mining = format!("{kernel} on {cores}, {rate:.1} million guesses/s{searching}");
    rows.add("mining", mining);
    match status.nodes.is_empty() {
        true => rows.add("nodes", "none registered"),
        false => rows.add("nodes", status.nodes.join(", ")),
    }
    rows
}

fn last(output: &Output, one: Option<&Reorganisation>) -> String {
    match one {
        None => "none".to_owned(),
        Some(one) => format!(
            "the last {}: {}",
            output.time(one.time_ms),
            branches::gist(one.dropped_count, one.adopted_count)
        ),
    }
}
