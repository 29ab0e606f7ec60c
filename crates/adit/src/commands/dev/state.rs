//! The chain of `adit dev` in a file: written down and taken back, by a command while
//! it runs, or at its start and its end. What such a file looks like is not known
//! here.

use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::Path;
use std::time::Duration;

use adit_api::development::LoadedState;
use adit_core::rules::Rules;
use adit_node::commands::saved_state;
use adit_node::handle::NodeHandle;
use adit_node::saved_state::{DEV_STATE_LIMIT_BYTES, StateError, StateHeader, read_header};
use anyhow::{Context, bail, ensure};
use serde_json::json;

use crate::client::Client;
use crate::new_file::{PUBLIC, put_whole};
use crate::options::OperatedNode;
use crate::plain_file::open_plain;
use crate::terminal::output::Output;

const STATE: &str = "/api/v1/dev/state";

/// The node has taken a file in, or written the chain down, within this time.
const DEV_STATE_TIMEOUT_MS: u64 = 120_000;

pub(super) fn save(file: &Path, node: &OperatedNode, json: bool) -> anyhow::Result<()> {
    let client = Client::of_operator(node)?;
    if file == Path::new("-") {
        return copy(&client, &mut io::stdout().lock()).map(drop);
    }
    let mut bytes = 0;
    put_whole::<anyhow::Error>(file, PUBLIC, |out| {
        bytes = copy(&client, out)?;
        Ok(())
    })
    .with_context(|| file.display().to_string())?;
    let name = file.display().to_string();
    let mut output = Output::new(json);
    match json {
        true => output.document(
            json!({ "file": name, "bytes": bytes })
                .to_string()
                .as_bytes(),
        ),
        false => output.line(&format!("the chain is written down in {name}")),
    }
}

fn copy(client: &Client, out: &mut impl Write) -> anyhow::Result<u64> {
    let limit = Duration::from_millis(DEV_STATE_TIMEOUT_MS);
    client.block_on(async {
        let (mut answer, mut bytes) = (client.open(STATE, &[]).await?, 0);
        let copying = async {
            while let Some(piece) = answer.chunk().await? {
                out.write_all(&piece)?;
                bytes += piece.len() as u64;
            }
            Ok(bytes)
        };
        let copied = tokio::time::timeout(limit, copying).await;
        copied.unwrap_or_else(|_| bail!("it was not whole after {DEV_STATE_TIMEOUT_MS} ms"))
    })
}

pub(super) fn load(file: &Path, node: &OperatedNode, json: bool) -> anyhow::Result<()> {
    let name = || file.display().to_string();
    let mut text = Vec::new();
    let opened = open_plain(file).with_context(name)?;
    let limit = opened.take(DEV_STATE_LIMIT_BYTES + 1);
    let bytes = { limit }.read_to_end(&mut text).with_context(name)?;
    if bytes as u64 > DEV_STATE_LIMIT_BYTES {
        bail!(
            "{} is longer than {DEV_STATE_LIMIT_BYTES} bytes; `adit dev --state` takes it at the \
             start",
            name()
        );
    }
    let client = Client::of_operator(node)?;
    let limit = Duration::from_millis(DEV_STATE_TIMEOUT_MS);
    let answer = client.hand_in(STATE, text, limit)?;
    let mut output = Output::new(json);
    if json {
        return output.document(&answer);
    }
    let loaded: LoadedState = client.parse(STATE, &answer)?;
    let left_out = match loaded.left_out {
        0 => String::new(),
        count => format!(", {count} may not wait"),
    };
    output.line(&format!(
        "the chain is what {} says: block {} is the last, {} pending{left_out}",
        name(),
        loaded.block.index,
        loaded.pending
    ))
}

/// What a file says of itself; `None` if there is no such file.
pub(super) fn header_of(file: &Path) -> anyhow::Result<Option<StateHeader>> {
    let read = match open_plain(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            check_folder(file)?;
            return Ok(None);
        }
        opened => opened.map_err(StateError::from),
    };
    let header = read.and_then(|file| read_header(&mut BufReader::new(file)));
    let header = header.with_context(|| format!("--state {}", file.display()));
    header.map(Some)
}

/// The file is written at the end: that it can't be there is said at the start.
fn check_folder(file: &Path) -> anyhow::Result<()> {
    let folder = file.parent().unwrap_or(file);
    ensure!(
        folder.as_os_str().is_empty() || folder.is_dir(),
        "--state {}: there is no folder {}",
        file.display(),
        folder.display()
    );
    Ok(())
}

/// Checks that a file is of the chain that is to begin.
pub(super) fn check_chain(
    file: &Path,
    header: &StateHeader,
    rules: &dyn Rules,
) -> anyhow::Result<()> {
    let checked = header.check_chain(rules);
    checked.with_context(|| format!("--state {}", file.display()))
}

/// Makes the chain of a node that has just started what a file says.
pub(super) async fn begin_with(node: &NodeHandle, file: &Path) -> anyhow::Result<()> {
    let name = || format!("--state {}", file.display());
    let opened = open_plain(file).with_context(name)?;
    saved_state::load(node, opened).await.with_context(name)?;
    Ok(())
}

/// Writes the chain of a node down that is about to end. Until it is there whole, the
/// file is the one from before.
pub(super) async fn write_down(node: &NodeHandle, file: &Path) -> anyhow::Result<()> {
    let name = || format!("--state {}: the chain is not written down", file.display());
    let (state, _place) = saved_state::save(node).await.with_context(name)?;
    put_whole::<StateError>(file, PUBLIC, |out| {
        let mut out = BufWriter::new(out);
        state.write_to(&mut out)?;
        Ok(out.flush()?)
    })
    .with_context(name)
}
