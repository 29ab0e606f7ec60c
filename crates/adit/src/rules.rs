//! Which rules a command works under: those that were named, those of the chain
//! in a file, or those of the chain that is in the folder already.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use adit_core::rules::{Rules, Sealed, by_name};
use adit_core::sealed::HALF_LIFE_INTERVALS;
use adit_node::identity;
use anyhow::{Context, anyhow, ensure};

use crate::options::{RulesName, warn};

/// The rules that were named, or those of the chain in `file`; otherwise those
/// of the chain in the folder, if that is what was asked for.
pub(crate) fn named(
    name: Option<RulesName>,
    file: Option<&Path>,
    folder: Option<&Path>,
) -> anyhow::Result<Arc<dyn Rules>> {
    if let Some(file) = file {
        return of_file(file);
    }
    match name {
        Some(RulesName::Sealed) => {
            let kept = folder.map(identity::rules_of).transpose()?.flatten();
            let sealed = kept.filter(|rules| rules.name() == "sealed");
            sealed.ok_or_else(|| {
                anyhow!(
                    "--rules sealed: which chain? Join one with --chain FILE, \
                     or make one with `adit chain new`"
                )
            })
        }
        name => {
            let name = name.unwrap_or(RulesName::Classic).as_str();
            by_name(name).ok_or_else(|| anyhow!("--rules {name}: unknown"))
        }
    }
}

/// Before a folder comes to hold a chain: checks whether its target can follow
/// the hash power. With `force` it only warns; nothing is said of a chain that
/// is there already. Only a chain whose file is given can be joined.
pub(crate) fn check_joined(
    rules: &dyn Rules,
    folder: &Path,
    file: Option<&Path>,
    force: bool,
    json: bool,
) -> anyhow::Result<()> {
    ensure!(
        file.is_some() || !force,
        "--force: expected --chain FILE beside it, found none; it is for joining a chain whose \
         target cannot follow the hash power, so leave it out where none is joined"
    );
    let Some(genesis) = rules.genesis_text() else {
        return Ok(());
    };
    let sealed = Sealed::new(genesis)?;
    let (params, hash) = (sealed.params(), sealed.genesis_hash().to_string());
    let is_there = || {
        let kept = identity::read(folder).ok().flatten();
        kept.is_some_and(|kept| kept.chain == Some(hash))
    };
    if params.target_follows() || is_there() {
        return Ok(());
    }
    let problem = format!(
        "the target of the chain {:?} cannot follow the hash power: expected a half_life_ms of \
         {} to {} times block_interval_ms, found {} and {}; in the end its blocks come all at \
         once, or never",
        params.name,
        HALF_LIFE_INTERVALS.start(),
        HALF_LIFE_INTERVALS.end(),
        params.half_life_ms,
        params.block_interval_ms
    );
    ensure!(force, "{problem}. If you want to join it, say --force");
    warn(&problem, json);
    Ok(())
}

/// The rules of the chain whose genesis block is in the file.
pub(crate) fn of_file(file: &Path) -> anyhow::Result<Arc<dyn Rules>> {
    Ok(Arc::new(sealed_of_file(file)?))
}

/// The same, as rules that know their chain.
pub(crate) fn sealed_of_file(file: &Path) -> anyhow::Result<Sealed> {
    let text = fs::read(file).with_context(|| format!("--chain {}", file.display()))?;
    let rules = Sealed::new(&text);
    rules.with_context(|| {
        format!(
            "--chain {}: it is no genesis block of a sealed chain",
            file.display()
        )
    })
}
