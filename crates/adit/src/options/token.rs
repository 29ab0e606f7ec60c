//! How the operator's token is given: by a flag, by a variable, or in a file.
//! What it opens is not known here.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use adit_http::{ApiToken, TOKEN_LIMIT_BYTES};
use anyhow::{Context, Result, bail};
use clap::Args;

use super::node_to_ask::NodeToAsk;

/// A token's file may be this much longer than the token: line ends.
const AROUND_TOKEN_BYTES: usize = 16;

#[derive(Debug, Args)]
pub(crate) struct TokenOptions {
    /// The token with which the operator of the node is known from other machines
    /// than its own; at least 16 characters.
    #[arg(
        long,
        value_name = "TOKEN",
        env = "ADIT_API_TOKEN",
        hide_env_values = true,
        global = true
    )]
    api_token: Option<String>,

    /// A file that holds the token: unlike a flag, other processes can't read it.
    #[arg(long, value_name = "FILE", env = "ADIT_API_TOKEN_FILE", global = true)]
    api_token_file: Option<PathBuf>,
}

/// A node for a command that only its operator may give.
#[derive(Debug, Args)]
pub(crate) struct OperatedNode {
    #[command(flatten)]
    pub(crate) node: NodeToAsk,
    #[command(flatten)]
    pub(crate) token: TokenOptions,
}

impl TokenOptions {
    /// The token, if one was given.
    pub(crate) fn token(&self) -> Result<Option<ApiToken>> {
        match (&self.api_token, &self.api_token_file) {
            (Some(_), Some(_)) => bail!(
                "--api-token and --api-token-file both say what the token is: give one of them \
                 (or of ADIT_API_TOKEN and ADIT_API_TOKEN_FILE)"
            ),
            (Some(text), None) => text.parse().map(Some).context("--api-token"),
            (None, Some(file)) => read(file)
                .with_context(|| format!("--api-token-file {}", file.display()))
                .map(Some),
            (None, None) => Ok(None),
        }
    }
}

fn read(file: &Path) -> Result<ApiToken> {
    let longest = (TOKEN_LIMIT_BYTES + AROUND_TOKEN_BYTES) as u64;
    let mut text = String::new();
    File::open(file)?.take(longest).read_to_string(&mut text)?;
    Ok(text.trim().parse()?)
}
