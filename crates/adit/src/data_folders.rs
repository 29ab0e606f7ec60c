//! Where a node keeps its data if nobody says where: below the user's data folder,
//! in a folder for each port and chain. So several nodes run side by side, and one
//! port serves one chain after the other, without further settings. What is in a
//! folder besides its chain is not known here.

use std::fs;
use std::path::{Path, PathBuf};

use adit_core::rules::Sealed;
use adit_node::identity;
use anyhow::{anyhow, bail};

use crate::options::{FolderOptions, RulesName};
use crate::rules;

/// The classics of 2017 are in a folder that has only the port for its name: that
/// was the name of all of them once.
const UNNAMED_RULES: &str = "classic";

/// A folder is named after this many digits of a sealed chain's genesis block: they
/// are its identity.
const CHAIN_DIGITS: usize = 16;

/// Which chain a folder is for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Chain<'a> {
    /// The one whose genesis block is in this file.
    File(&'a Path),
    /// Any that stands under the rules of this name.
    Rules(&'a str),
    /// Whichever is there.
    Any,
}

impl Chain<'_> {
    /// The chain that is named by its file or its rules.
    pub(crate) fn named(file: Option<&Path>, rules: Option<RulesName>) -> Chain<'_> {
        match (file, rules) {
            (Some(file), _) => Chain::File(file),
            (None, Some(rules)) => Chain::Rules(rules.as_str()),
            (None, None) => Chain::Any,
        }
    }
}

/// The folder that the options name for a chain under these rules.
pub(crate) fn folder_of(
    options: &FolderOptions,
    rules: Option<RulesName>,
) -> anyhow::Result<PathBuf> {
    let chain = Chain::named(options.chain.as_deref(), rules);
    given_or_default(options.data_dir.as_deref(), options.port, chain)
}

/// The folder that was given, or the one of the port.
pub(crate) fn given_or_default(
    given: Option<&Path>,
    port: u16,
    chain: Chain<'_>,
) -> anyhow::Result<PathBuf> {
    given.map_or_else(|| default_folder(port, chain), |given| Ok(given.to_owned()))
}

/// The folder of a port for a chain: the one that holds it, or the one that it
/// would be made in.
fn default_folder(port: u16, chain: Chain<'_>) -> anyhow::Result<PathBuf> {
    let base = dirs::data_dir()
        .ok_or_else(|| anyhow!("this user has no folder for data; say where with --data-dir"))?;
    let base = base.join("adit");
    let kept = kept(&base, port);
    match chain {
        Chain::File(file) => {
            let genesis = rules::sealed_of_file(file)?.genesis_hash().to_string();
            let mut kept = kept.into_iter();
            let found = kept.find(|kept| kept.genesis.as_ref() == Some(&genesis));
            let new = || base.join(format!("{port}-{}", &genesis[..CHAIN_DIGITS]));
            Ok(found.map_or_else(new, |kept| kept.folder))
        }
        Chain::Rules(wanted) => {
            let plain = base.join(port.to_string());
            let is_free = kept.iter().all(|kept| kept.folder != plain);
            let new = match wanted == UNNAMED_RULES && is_free {
                true => plain,
                false => base.join(format!("{port}-{wanted}")),
            };
            let found = kept.into_iter().filter(|kept| kept.rules == wanted);
            only(port, found.collect(), new)
        }
        Chain::Any => only(port, kept, base.join(port.to_string())),
    }
}

/// A folder that holds a chain.
struct Kept {
    folder: PathBuf,
    rules: String,
    /// The hash of its genesis block, under the rules of one chain.
    genesis: Option<String>,
}

/// The folders of a port that hold a chain, in order of their names.
fn kept(base: &Path, port: u16) -> Vec<Kept> {
    let port = port.to_string();
    let is_of_port = |folder: &PathBuf| {
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        name.strip_prefix(&port)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    };
    let entries = fs::read_dir(base).into_iter().flatten().flatten();
    let folders = entries.map(|entry| entry.path()).filter(is_of_port);
    let mut folders: Vec<PathBuf> = folders.collect();
    folders.sort_unstable();
    let kept = folders.into_iter().filter_map(|folder| {
        let (rules, genesis) = chain_in(&folder)?;
        Some(Kept {
            folder,
            rules,
            genesis,
        })
    });
    kept.collect()
}

/// The rules of the chain in a folder, and its genesis block's hash. One that can't
/// be read is no reason not to use another.
fn chain_in(folder: &Path) -> Option<(String, Option<String>)> {
    match identity::read(folder) {
        Ok(Some(identity)) => Some((identity.rules, identity.chain)),
        // What it says was lost is found in the block log.
        Ok(None) => {
            let rules = identity::rules_of(folder).ok().flatten()?;
            let genesis = rules.genesis_text().map(Sealed::new);
            let genesis = genesis.and_then(Result::ok);
            let hash = genesis.map(|sealed| sealed.genesis_hash().to_string());
            Some((rules.name().to_owned(), hash))
        }
        Err(_) => None,
    }
}

/// The folder, if there is no choice.
fn only(port: u16, mut kept: Vec<Kept>, new: PathBuf) -> anyhow::Result<PathBuf> {
    if kept.len() < 2 {
        return Ok(kept.pop().map_or(new, |kept| kept.folder));
    }
    let places = kept.iter().map(|kept| {
        let genesis = kept.genesis.as_deref().unwrap_or_default();
        let id = genesis.get(..CHAIN_DIGITS).unwrap_or_default();
        format!("\n  {} {id} in {}", kept.rules, kept.folder.display())
    });
    bail!(
        "port {port} has several chains; say which with --chain FILE or --data-dir:{}",
        places.collect::<String>()
    )
}
