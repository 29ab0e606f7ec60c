//! `adit stats`: how fast and how full the last blocks of a running node came.
//! The node has done the arithmetic.

mod chart;

use std::fs;
use std::path::Path;

use adit_api::stats::Stats;
use anyhow::{Context, Result};
use serde_json::json;

use crate::client::Client;
use crate::options::StatsOptions;
use crate::terminal::escape::visible;
use crate::terminal::output::{Output, Rows, coarse, counted, utc};
use crate::terminal::table::{Table, long, number, word};

pub(crate) fn run(options: &StatsOptions, json: bool) -> Result<()> {
    let client = Client::new(&options.node)?;
    let mut output = Output::new(json);
    let path = format!("/api/v1/stats?blocks={}", options.blocks);
    let answer = client.get(&path)?;
    match &options.svg {
        Some(file) => {
            let svg = chart::svg(options.chart, &client.parse(&path, &answer)?);
            save(&mut output, file, &svg)
        }
        None if json => output.document(&answer),
        None => write(&mut output, &client.parse(&path, &answer)?),
    }
}

fn save(output: &mut Output, file: &Path, svg: &str) -> Result<()> {
    if file == Path::new("-") {
        output.bytes(svg.as_bytes())?;
        return output.flush();
    }
    fs::write(file, svg).with_context(|| file.display().to_string())?;
    let file = file.display().to_string();
    match output.json {
        true => output.document(json!({ "file": file }).to_string().as_bytes()),
        false => output.line(&format!("drawn into {}", visible(&file))),
    }
}

fn write(output: &mut Output, stats: &Stats) -> Result<()> {
    let mut rows = Rows::default();
    rows.add(
        "chain",
        format!(
            "{}, the last is {}",
            counted(stats.length, "block"),
            stats.tip
        ),
    );
    rows.add("total weight", &stats.total_weight);
    rows.add("pending", counted(stats.pending as u64, "transaction"));
    let window = counted(stats.window as u64, "block");
    if let Some(mean_ms) = stats.mean_interval_ms {
        rows.add(
            "interval",
            format!("{} on average of {window}", interval(mean_ms)),
        );
    }
    let mean = stats.mean_transactions;
    rows.add(
        "transactions",
        format!("{mean:.1} a block on average of {window}"),
    );
    if let Some(difficulty) = stats.difficulty {
        rows.add("difficulty", format!("{difficulty:.0} guesses a block"));
    }
    if let Some(rate) = stats.guesses_per_s {
        rows.add("network", format!("{rate:.0} guesses/s, estimated"));
    }
    output.rows(&rows)?;
    if stats.series.is_empty() {
        return Ok(());
    }
    output.line("")?;
    let mut table = Table::new(&[
        number("index"),
        long("hash").or_leave(),
        word("time").or_leave(),
        number("interval"),
        number("txs"),
        number("bytes"),
        number("difficulty").or_leave(),
    ]);
    for block in &stats.series {
        table.row([
            block.index.to_string(),
            block.hash.clone(),
            block.time_ms.map(utc).unwrap_or_default(),
            block
                .interval_ms
                .map(|ms| interval(ms as f64))
                .unwrap_or_default(),
            block.transaction_count.to_string(),
            block.size_bytes.to_string(),
            format!("{:.0}", block.difficulty),
        ]);
    }
    table.write(output)
}

/// A clock may have gone back between two blocks.
fn interval(ms: f64) -> String {
    match ms {
        0.0.. if ms < 1_000.0 => format!("{ms:.0} ms"),
        0.0.. if ms < 60_000.0 => format!("{:.1} s", ms / 1000.0),
        0.0.. => coarse(ms as u64),
        _ => format!("-{}", interval(-ms)),
    }
}
