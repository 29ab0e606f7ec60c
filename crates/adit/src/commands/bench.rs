//! `adit bench`: measures on this machine what the documents claim for others.
//! It judges none of the figures.

use std::io::{self, Write};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use adit_core::archive::MemoryArchive;
use adit_core::mempool::FeeRate;
use adit_core::mining::Job;
use adit_core::node::{Config, Effect, Input, Node};
use adit_core::puzzle::Puzzle;
use adit_core::rules::Classic;
use adit_core::sync::RequestId;
use adit_pow::measure::{self, BASELINE, Row, Threads};
use adit_pow::{Kernel, Search};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use crate::options::{BenchCommand, all_cores};

/// This many samples of half a millisecond are taken of each kernel.
const KERNEL_ROUNDS: usize = 400;

/// This many samples are taken of each number of threads.
const THREAD_ROUNDS: usize = 40;

/// This many searches are stopped,
const STOPS: usize = 50;

/// each after this time.
const BEFORE_STOP_MS: u64 = 5;

/// This many blocks of the classic rules are made.
const BLOCKS: usize = 300;

pub(crate) fn run(command: &BenchCommand, json: bool) -> anyhow::Result<()> {
    match command {
        BenchCommand::Pow => pow(json),
    }
}

/// Everything that was measured.
struct Measured {
    tables: Vec<Table>,
    threads: Vec<Threads>,
    stop_ms: f64,
    block_ms: f64,
}

/// What was measured of one puzzle.
struct Table {
    puzzle: &'static str,
    rows: Vec<Row>,
}

fn pow(json: bool) -> anyhow::Result<()> {
    let puzzles = measure::puzzles();
    let steps = puzzles.len() * KERNEL_ROUNDS + THREAD_ROUNDS + BLOCKS;
    let style = "{prefix:>10} [{bar:40}] {percent:>3} %, {eta} left";
    let bar = ProgressBar::new(steps as u64).with_style(ProgressStyle::with_template(style)?);
    let step = |_: usize| bar.inc(1);
    bar.set_prefix("kernels");
    let tables = puzzles.iter().map(|(name, puzzle)| Table {
        puzzle: name,
        rows: measure::kernels(puzzle, KERNEL_ROUNDS, step),
    });
    let tables: Vec<Table> = tables.collect();
    bar.set_prefix("threads");
    let (_, puzzle) = &puzzles[0];
    let threads = measure::threads(puzzle, &[all_cores().get()], THREAD_ROUNDS, step);
    bar.set_prefix("blocks");
    let measured = Measured {
        tables,
        threads,
        stop_ms: stop_ms(puzzle),
        block_ms: classic_block_ms(|| bar.inc(1))?,
    };
    bar.finish_and_clear();
    let mut output = io::stdout().lock();
    match json {
        true => print_json(&mut output, &measured),
        false => print_tables(&mut output, &measured),
    }
}

/// How long a search on all cores takes to end when it is no longer wanted: the
/// median.
fn stop_ms(puzzle: &Puzzle) -> f64 {
    let mut samples: Vec<f64> = (0..STOPS)
        .map(|_| {
            let search = Search::new(puzzle, 0, Kernel::fastest());
            thread::scope(|scope| {
                let threads = 0..all_cores().get();
                let working: Vec<_> = threads.map(|_| scope.spawn(|| search.work())).collect();
                thread::sleep(Duration::from_millis(BEFORE_STOP_MS));
                let start = Instant::now();
                search.stop();
                working.into_iter().for_each(|thread| {
                    // A thread that panicked has ended too.
                    let _ = thread.join();
                });
                start.elapsed().as_secs_f64() * 1e3
            })
        })
        .collect();
    samples.sort_by(f64::total_cmp);
    samples[samples.len() / 2]
}

/// How long a block of the classic rules takes on one core, from its draft to
/// its place in the chain, on average.
fn classic_block_ms(mut each: impl FnMut()) -> anyhow::Result<f64> {
    let config = Config {
        reward_to: "bench".to_string(),
        resolve_every: None,
        mine_every: None,
        mine_at_once: false,
        min_fee_rate: FeeRate(0),
        own_addresses: Default::default(),
    };
    let (rules, mut archive) = (Arc::new(Classic::Of2018), MemoryArchive::default());
    let mut node = Node::open(config, rules, 0, Vec::new(), Vec::new(), &archive)?;
    tell(&mut node, &mut archive, Input::Started)?;
    let kernel = Kernel::fastest();
    let start = Instant::now();
    for number in 0..BLOCKS as u64 {
        let job = tell(&mut node, &mut archive, Input::Mine(RequestId(number)))?;
        let job = job.ok_or_else(|| anyhow::anyhow!("no proof was asked for"))?;
        let search = Search::new(&job.puzzle, 0, kernel);
        search.work();
        let proof = search.found();
        let proof = proof.ok_or_else(|| anyhow::anyhow!("no proof was found"))?;
        let job = job.number;
        tell(&mut node, &mut archive, Input::Proof { job, proof })?;
        each();
    }
    anyhow::ensure!(
        node.chain().length() == BLOCKS as u64 + 1,
        "a block is missing"
    );
    Ok(start.elapsed().as_secs_f64() * 1e3 / BLOCKS as f64)
}

/// The search that follows from an input, if any.
fn tell(node: &mut Node, archive: &mut MemoryArchive, input: Input) -> anyhow::Result<Option<Job>> {
    let now: Duration = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let mut job = None;
    for effect in node.handle(now, input, archive)? {
        match effect {
            Effect::Persist(change) => archive.apply(&change),
            Effect::Mine(wanted) => job = Some(wanted),
            _ => {}
        }
    }
    Ok(job)
}

fn print_tables(output: &mut impl Write, measured: &Measured) -> anyhow::Result<()> {
    for table in &measured.tables {
        writeln!(
            output,
            "{:<28} {:>12} {:>8} {:>8}",
            table.puzzle, "guesses/s", "ratio", "cycles"
        )?;
        for row in &table.rows {
            writeln!(
                output,
                "  {:<26} {:>10.1} M {:>8.2} {:>8.1}",
                row.kernel.map_or(BASELINE, Kernel::name),
                row.guesses_per_s / 1e6,
                row.ratio,
                row.cycles,
            )?;
        }
        writeln!(output)?;
    }
    let fastest = Kernel::fastest().name();
    writeln!(
        output,
        "{:<28} {:>12} {:>8}",
        format!("threads of {fastest}"),
        "guesses/s",
        "ratio"
    )?;
    for row in &measured.threads {
        let speed = row.guesses_per_s / 1e6;
        writeln!(
            output,
            "  {:<26} {speed:>10.1} M {:>8.2}",
            row.threads, row.ratio
        )?;
    }
    writeln!(output)?;
    let (stop_ms, block_ms) = (measured.stop_ms, measured.block_ms);
    writeln!(
        output,
        "a search that is not wanted any more ends after {stop_ms:.3} ms"
    )?;
    writeln!(
        output,
        "a block of classic-2018, from draft to accepted, takes {block_ms:.3} ms"
    )?;
    Ok(())
}

fn print_json(output: &mut impl Write, measured: &Measured) -> anyhow::Result<()> {
    let kernels = |table: &Table| {
        let rows = table.rows.iter().map(|row| {
            json!({
                "kernel": row.kernel.map_or(BASELINE, Kernel::name),
                "guesses_per_s": row.guesses_per_s,
                "ratio": row.ratio,
                "cycles": row.cycles,
            })
        });
        json!({ "puzzle": table.puzzle, "kernels": rows.collect::<Vec<_>>() })
    };
    let threads = measured.threads.iter().map(|row| {
        json!({
            "threads": row.threads,
            "guesses_per_s": row.guesses_per_s,
            "ratio": row.ratio,
        })
    });
    let all = json!({
        "fastest": Kernel::fastest().name(),
        "puzzles": measured.tables.iter().map(kernels).collect::<Vec<_>>(),
        "threads": threads.collect::<Vec<_>>(),
        "stop_ms": measured.stop_ms,
        "classic_block_ms": measured.block_ms,
    });
    Ok(writeln!(output, "{all}")?)
}
