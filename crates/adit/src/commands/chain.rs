//! `adit chain`: works on a data folder while no node runs on it. It decides
//! what is printed and when to stop; what is valid, the core decides.

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Read, Write};
use std::path::Path;

use adit_core::archive::Archive;
use adit_core::hash::Hash;
use adit_node::identity;
use adit_node::offline::{Offline, OfflineError};
use adit_node::queries::search::PARTS_LOOKED_AT_LIMIT;
use adit_node::queries::term::HashPart;
use adit_store::{FrozenIndex, Snapshot, StoreError};
use anyhow::{Context, anyhow, bail};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use crate::commands::new_chain;
use crate::data_folders::folder_of;
use crate::options::{ChainCommand, FolderOptions, RulesName};
use crate::rules;

/// An export is written in pieces of about this length.
const PIECE_BYTES: usize = 1024 * 1024;

/// The progress is shown once in this many blocks.
const BLOCKS_A_STEP: u64 = 256;

pub(crate) fn run(command: ChainCommand, json: bool) -> anyhow::Result<()> {
    match command {
        ChainCommand::New(options) => new_chain::run(&options, json),
        ChainCommand::Show { folder, block } => {
            look_at(&folder, |chain| show(chain, block.as_deref(), json))
        }
        ChainCommand::Verify { folder } => look_at(&folder, |chain| verify(chain, json)),
        ChainCommand::Export { folder, file } => {
            look_at(&folder, |chain| export(chain, &file, json))
        }
        ChainCommand::Import {
            folder,
            rules,
            force,
            file,
        } => import(&folder, rules, force, &file, json),
        ChainCommand::Reindex { folder } => reindex(&folder, json),
    }
}

/// Reads a chain without changing anything in its folder. If the index turns
/// out to be damaged on the way, the chain is read again without it.
fn look_at(
    folder: &FolderOptions,
    work: impl Fn(&Offline) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let folder = folder_of(folder, None)?;
    let look = |index| work(&Offline::look_at(&folder, index)?);
    match look(FrozenIndex::Used) {
        Err(error) if is_damaged_index(&error) => {
            tracing::warn!(error = format!("{error:#}"), "the index is not used");
            look(FrozenIndex::Ignored)
        }
        done => done,
    }
}

fn is_damaged_index(error: &anyhow::Error) -> bool {
    let of_store = error.downcast_ref::<StoreError>();
    of_store.is_some_and(StoreError::is_damaged_index)
        || error
            .downcast_ref::<OfflineError>()
            .is_some_and(OfflineError::is_damaged_index)
}

/// The only hash of which somebody gave a part.
fn hash_of_part(snapshot: &Snapshot, wanted: &str) -> anyhow::Result<Hash> {
    let part = HashPart::read(wanted).with_context(|| {
        format!("{wanted:?} is neither an index nor a hash or its first digits (four or more)")
    })?;
    let hashes = snapshot.hashes_between(&part.first, &part.last, PARTS_LOOKED_AT_LIMIT)?;
    let mut fitting = hashes.into_iter().filter(|hash| part.fits(hash));
    match (fitting.next(), fitting.next()) {
        (Some(only), None) => Ok(only),
        (None, _) => bail!("there is no block {wanted}"),
        (Some(one), Some(other)) => bail!("several blocks are meant by {wanted}: {one}, {other}"),
    }
}

fn show(chain: &Offline, wanted: Option<&str>, json: bool) -> anyhow::Result<()> {
    let snapshot = chain.reader().snapshot()?;
    let text = match wanted {
        None => snapshot.block_at(snapshot.length())?,
        Some(wanted) => match (wanted.parse::<u64>(), wanted.parse::<Hash>()) {
            (Ok(height), _) => snapshot.block_at(height)?,
            (_, Ok(hash)) => snapshot.text(&hash)?,
            _ => {
                let hash = hash_of_part(&snapshot, wanted)?;
                snapshot.text(&hash)?
            }
        },
    };
    let text = text.ok_or_else(|| {
        let length = snapshot.length();
        anyhow!("there is no such block; the chain has {length}, and its indexes begin with 1")
    })?;
    let mut output = io::stdout().lock();
    if json {
        output.write_all(&text)?;
    } else {
        let block = chain.rules().read_canonical(text)?;
        writeln!(output, "hash          {}", block.hash())?;
        writeln!(output, "index         {}", block.height())?;
        let previous = lossy(block.previous_hash());
        writeln!(output, "previous      {}", previous.trim_matches('"'))?;
        writeln!(output, "proof         {}", block.proof())?;
        writeln!(output, "transactions  {}", block.transactions().count())?;
        for transaction in block.transactions() {
            writeln!(output, "  {}", lossy(transaction))?;
        }
        write!(output, "{}", lossy(block.text()))?;
    }
    Ok(writeln!(output)?)
}

fn verify(chain: &Offline, json: bool) -> anyhow::Result<()> {
    let snapshot = chain.reader().snapshot()?;
    let progress = Progress::start("verifying", Some(snapshot.length()));
    let length = chain.verify(|done| progress.show(done))?;
    progress.end();
    let tip = snapshot.tip().map(|tip| tip.to_string());
    report(
        json,
        json!({ "valid": true, "length": length, "tip": tip }),
        &format!(
            "valid: {length} blocks, the last is {}",
            tip.clone().unwrap_or_default()
        ),
    )
}

fn export(chain: &Offline, file: &Path, json: bool) -> anyhow::Result<()> {
    let snapshot = chain.reader().snapshot()?;
    // Before anything is written: a damaged index is left aside then.
    snapshot.look_through_main()?;
    let to_output = file == Path::new("-");
    let output: Box<dyn Write> = match to_output {
        true => Box::new(io::stdout().lock()),
        false => Box::new(File::create(file).with_context(|| file.display().to_string())?),
    };
    let mut output = BufWriter::with_capacity(PIECE_BYTES, output);
    let progress = Progress::start("exporting", Some(snapshot.length()));
    for height in 1..=snapshot.length() {
        let text = snapshot.block_at(height)?;
        let text =
            text.ok_or_else(|| anyhow!("block {height} is missing; run `adit chain reindex`"))?;
        output.write_all(&text)?;
        output.write_all(b"\n")?;
        progress.show(height);
    }
    output.flush()?;
    progress.end();
    if to_output {
        return Ok(());
    }
    let length = snapshot.length();
    report(
        json,
        json!({ "length": length, "file": file.display().to_string() }),
        &format!("{length} blocks written to {}", file.display()),
    )
}

fn import(
    options: &FolderOptions,
    rules: Option<RulesName>,
    force: bool,
    file: &Path,
    json: bool,
) -> anyhow::Result<()> {
    let input: Box<dyn Read> = match file == Path::new("-") {
        true => Box::new(io::stdin().lock()),
        false => Box::new(File::open(file).with_context(|| file.display().to_string())?),
    };
    let (folder, genesis) = (folder_of(options, rules)?, options.chain.as_deref());
    let kept = match (rules, genesis) {
        (None, None) => identity::rules_of(&folder)?,
        _ => None,
    };
    let rules = match kept {
        Some(kept) => kept,
        None => rules::named(rules, genesis, Some(&folder))?,
    };
    rules::check_joined(rules.as_ref(), &folder, genesis, force, json)?;
    let mut chain = Offline::open_or_make(&folder, rules)?;
    let progress = Progress::start("importing", None);
    let imported = chain
        .import(input, |done| progress.show(done))
        .with_context(|| format!("{} was not imported", file.display()))?;
    progress.end();
    let length = imported.length;
    let text = match imported.adopted {
        true => format!("{length} blocks imported; they are the chain now"),
        false => format!(
            "nothing changed: the chain here is as long as these {length} blocks, or longer"
        ),
    };
    let result = json!({ "length": length, "adopted": imported.adopted });
    report(json, result, &text)
}

fn reindex(folder: &FolderOptions, json: bool) -> anyhow::Result<()> {
    let chain = Offline::reindex(&folder_of(folder, None)?)?;
    let length = chain.reader().snapshot()?.length();
    let text = format!("the index was rebuilt: {length} blocks in the chain");
    report(json, json!({ "length": length }), &text)
}

fn report(json: bool, result: serde_json::Value, text: &str) -> anyhow::Result<()> {
    let mut output = io::stdout().lock();
    match json {
        true => writeln!(output, "{result}")?,
        false => writeln!(output, "{text}")?,
    }
    Ok(())
}

fn lossy(text: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(text)
}

/// A progress bar on a terminal, nothing elsewhere.
struct Progress(ProgressBar);

impl Progress {
    fn start(what: &'static str, total: Option<u64>) -> Progress {
        if !io::stderr().is_terminal() {
            return Progress(ProgressBar::hidden());
        }
        let (bar, template) = match total {
            Some(total) => (
                ProgressBar::new(total),
                "{msg} {wide_bar} {pos}/{len} blocks, {eta}",
            ),
            None => (ProgressBar::no_length(), "{msg} {pos} blocks, {elapsed}"),
        };
        let style = ProgressStyle::with_template(template).expect("the templates are well-formed");
        Progress(bar.with_style(style).with_message(what))
    }

    fn show(&self, done: u64) {
        if done.is_multiple_of(BLOCKS_A_STEP) {
            self.0.set_position(done);
        }
    }

    fn end(&self) {
        self.0.finish_and_clear();
    }
}
