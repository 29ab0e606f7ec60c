//! Tells a running `adit dev` what to do, and prints what came of it.

use std::time::Duration;

use adit_api::development::{
    BlockMaking, BlocksMade, BlocksWhen as When, ChainSnapshot, ChainTime, Development, MakeBlocks,
    RevertTo, Reverted, SetTime,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::state;
use crate::client::Client;
use crate::options::{
    BlocksWhen, DevCommand, OperatedNode, TimeCommand, TimeGiven, TimeMoved, TimeOptions,
};
use crate::terminal::output::{Output, Rows, counted, utc_millis};

/// The path of everything that is only there on a chain to develop on.
const DEV: &str = "/api/v1/dev";

pub(crate) fn run(command: &DevCommand, json: bool) -> anyhow::Result<()> {
    match command {
        DevCommand::Reset(node) => reset(node, json),
        DevCommand::Status(node) => status(node, json),
        DevCommand::Snapshot(node) => snapshot(node, json),
        DevCommand::Revert { id, node } => revert(*id, node, json),
        DevCommand::Time(options) => time(options, json),
        DevCommand::Mine {
            count,
            interval,
            node,
        } => mine(*count, *interval, node, json),
        DevCommand::Save { file, node } => state::save(file, node, json),
        DevCommand::Load { file, node } => state::load(file, node, json),
        DevCommand::Blocks { when, node } => blocks(*when, node, json),
    }
}

/// Posts a body, and prints the answer: as it came, or as `show` says it.
fn tell<T: DeserializeOwned>(
    node: &OperatedNode,
    json: bool,
    path: &str,
    body: &impl Serialize,
    show: impl FnOnce(&mut Output, T) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let (client, path) = (Client::of_operator(node)?, format!("{DEV}/{path}"));
    let answer = client.post(&path, &serde_json::to_vec(body)?)?;
    let mut output = Output::new(json);
    match json {
        true => output.document(&answer),
        false => show(&mut output, client.parse(&path, &answer)?),
    }
}

fn reset(node: &OperatedNode, json: bool) -> anyhow::Result<()> {
    tell(node, json, "reset", &(), |output, _: serde_json::Value| {
        output.line("the chain is its genesis block again")
    })
}

fn snapshot(node: &OperatedNode, json: bool) -> anyhow::Result<()> {
    tell(
        node,
        json,
        "snapshots",
        &(),
        |output, taken: ChainSnapshot| output.line(&format!("snapshot {}", described(&taken))),
    )
}

fn revert(id: Option<u64>, node: &OperatedNode, json: bool) -> anyhow::Result<()> {
    tell(
        node,
        json,
        "revert",
        &RevertTo { id },
        |output, done: Reverted| {
            output.line(&format!(
                "as at snapshot {}: block {} is the last, {} dropped, {} pending",
                done.id,
                done.block.index,
                counted(done.dropped, "block"),
                done.pending
            ))
        },
    )
}

fn time(options: &TimeOptions, json: bool) -> anyhow::Result<()> {
    let Some(command) = options.command else {
        let found = look(&options.node)?;
        let mut output = Output::new(json);
        return match json {
            true => output.document(&serde_json::to_vec(&found.time)?),
            false => output.line(&shown(found.time)),
        };
    };
    let nothing = SetTime::default();
    let change = match command {
        TimeCommand::Set {
            time: TimeGiven(time_ms),
        } => SetTime {
            set_ms: Some(time_ms),
            ..nothing
        },
        TimeCommand::Move {
            by: TimeMoved(by_ms),
        } => SetTime {
            move_ms: Some(by_ms),
            ..nothing
        },
        TimeCommand::Next {
            time: TimeGiven(time_ms),
        } => SetTime {
            next_ms: Some(time_ms),
            ..nothing
        },
    };
    tell(&options.node, json, "time", &change, |output, time| {
        output.line(&shown(time))
    })
}

fn mine(
    blocks: u64,
    interval: Option<Duration>,
    node: &OperatedNode,
    json: bool,
) -> anyhow::Result<()> {
    let interval_ms = interval.map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
    let wanted = MakeBlocks {
        blocks,
        interval_ms,
    };
    tell(node, json, "mine", &wanted, |output, made: BlocksMade| {
        output.line(&format!(
            "{} made, the last is block {} {}",
            counted(made.blocks, "block"),
            made.last.index,
            made.last.hash
        ))
    })
}

fn blocks(when: BlocksWhen, node: &OperatedNode, json: bool) -> anyhow::Result<()> {
    let (when, interval_ms) = match when {
        BlocksWhen::EachTransaction => (When::EachTransaction, None),
        BlocksWhen::OnRequest => (When::OnRequest, None),
        BlocksWhen::Every(every) => {
            let interval_ms = u64::try_from(every.as_millis()).unwrap_or(u64::MAX);
            (When::Interval, Some(interval_ms))
        }
    };
    let wanted = BlockMaking { when, interval_ms };
    tell(node, json, "block-making", &wanted, |output, making| {
        output.line(&said(making))
    })
}

fn look(node: &OperatedNode) -> anyhow::Result<Development> {
    Ok(Client::of_operator(node)?.read(DEV)?)
}

fn status(node: &OperatedNode, json: bool) -> anyhow::Result<()> {
    let client = Client::of_operator(node)?;
    let answer = client.get(DEV)?;
    let mut output = Output::new(json);
    if json {
        return output.document(&answer);
    }
    let found: Development = client.parse(DEV, &answer)?;
    let mut rows = Rows::default();
    rows.add("clock", shown(found.time));
    rows.add("blocks", said(found.block_making));
    for taken in &found.snapshots {
        rows.add("snapshot", described(taken));
    }
    output.rows(&rows)
}

fn described(taken: &ChainSnapshot) -> String {
    format!(
        "{}: block {}, {} pending, {}",
        taken.id,
        taken.block.index,
        taken.pending,
        utc_millis(taken.time_ms)
    )
}

fn shown(time: ChainTime) -> String {
    let shown = utc_millis(time.now_ms);
    match time.held {
        true => format!("{shown}, and stands until the next block"),
        false => shown,
    }
}

fn said(making: BlockMaking) -> String {
    match (making.when, making.interval_ms) {
        (When::EachTransaction, _) => "a block for each transaction".to_owned(),
        (When::OnRequest, _) => "a block when `adit mine` says so".to_owned(),
        (When::Interval, every_ms) => {
            let every = Duration::from_millis(every_ms.unwrap_or_default());
            format!("a block every {}", humantime::format_duration(every))
        }
    }
}
