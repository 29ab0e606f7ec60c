//! What a data folder says of its node besides the blocks: under which rules
//! its chain stands, which chain that is where the rules are those of one, and
//! the name under which the node is rewarded. Made once, kept. Whether the chain
//! is valid is not asked here.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use adit_core::block::BlockError;
use adit_core::rules::{Rules, Sealed, by_name};
use adit_store::{Durability, LINE_LIMIT_BYTES, Opened, Store, StoreError, read_file};
use serde::{Deserialize, Serialize};

/// The format of the data folder that this version reads and writes.
const FORMAT: u32 = 1;

/// What may stand in a new data folder: what a start that was broken off leaves
/// there, and what a file system puts into its root.
const ALLOWED_IN_NEW_FOLDER: [&str; 5] = [
    "lock",
    "node.json.tmp",
    "genesis.json",
    "genesis.json.tmp",
    "lost+found",
];

/// The block log begins in this file of the data folder.
const FIRST_SEGMENT: &str = "blocks/000001.jsonl";

/// A genesis block is kept in this file of the data folder.
const GENESIS_FILE: &str = "genesis.json";

/// The contents of `node.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The format of the data folder.
    pub format: u32,
    /// 32 hex digits: the recipient of this node's rewards.
    pub node_id: String,
    /// The name of the rules.
    pub rules: String,
    /// The hash of the chain's genesis block, where the rules are those of one
    /// chain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chain: Option<String>,
}

/// Why a data folder is not this node's.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The file can't be written.
    #[error(transparent)]
    Write(#[from] StoreError),
    /// The file can't be read.
    #[error("{}: {error}", .file.display())]
    File {
        /// `node.json` in the data folder.
        file: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// It is not what was once written there.
    #[error("{}: {error}; restore it, or take another data folder", .file.display())]
    Broken {
        /// `node.json` in the data folder.
        file: PathBuf,
        /// What is wrong with it.
        error: serde_json::Error,
    },
    /// It names rules that do not exist.
    #[error(
        "{}: expected the name of rules, found {found:?}; \
         restore the file, or put back the name: classic, classic-2018 or sealed",
        .file.display()
    )]
    NoSuchRules {
        /// `node.json` in the data folder.
        file: PathBuf,
        /// What it states.
        found: String,
    },
    /// A newer version wrote it.
    #[error(
        "{}: expected format {FORMAT}, found {found}; this data folder needs a newer adit",
        .file.display()
    )]
    Format {
        /// `node.json` in the data folder.
        file: PathBuf,
        /// The format that it states.
        found: u32,
    },
    /// It holds something else.
    #[error(
        "{} is no data folder of adit: it has no node.json, but it holds {found:?}; \
         take an empty or a new folder with --data-dir",
        .folder.display()
    )]
    Foreign {
        /// The folder.
        folder: PathBuf,
        /// One of the things in it.
        found: String,
    },
    /// The genesis block that it keeps can't be read.
    #[error("{}: {error}; start once with --chain FILE to restore it", .file.display())]
    NoGenesis {
        /// `genesis.json` in the data folder.
        file: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// The genesis block that it keeps is none.
    #[error("{}: {error}; start once with --chain FILE to restore it", .file.display())]
    Genesis {
        /// `genesis.json` in the data folder.
        file: PathBuf,
        /// What is wrong with it.
        error: BlockError,
    },
    /// The genesis block that it keeps is another chain's.
    #[error(
        "{}: expected the genesis block {expected}; start once with --chain FILE to restore it",
        .file.display()
    )]
    OtherGenesis {
        /// `genesis.json` in the data folder.
        file: PathBuf,
        /// The hash in `node.json`.
        expected: String,
    },
    /// It holds another chain than the one that was asked for.
    #[error(
        "--chain: {} holds the chain {found}, and the file is of the chain {wanted}; \
         start with --rules sealed to go on with the one that is there, \
         or take another folder with --data-dir",
        .folder.display()
    )]
    OtherChain {
        /// The data folder.
        folder: PathBuf,
        /// The hash of its genesis block.
        found: String,
        /// That of the genesis block that was given.
        wanted: String,
    },
    /// Its chain stands under other rules than those wanted.
    #[error(
        "the chain in {} stands under the rules {found:?}, and what was asked for is one of the \
         rules {wanted:?}; start with --rules {found} to go on with the one that is there, or take \
         another folder with --data-dir",
        .folder.display()
    )]
    OtherRules {
        /// The data folder.
        folder: PathBuf,
        /// The rules of its chain.
        found: String,
        /// The rules that were asked for.
        wanted: String,
    },
}

/// Reads the identity kept in a data folder, if there is one.
pub fn read(folder: &Path) -> Result<Option<Identity>, IdentityError> {
    let file = folder.join("node.json");
    let text = match read_file(&file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(IdentityError::File { file, error }),
    };
    match serde_json::from_slice::<Identity>(&text) {
        Ok(Identity { format: found, .. }) if found != FORMAT => {
            Err(IdentityError::Format { file, found })
        }
        Ok(identity) => match has_rules(&identity) {
            true => Ok(Some(identity)),
            false => Err(IdentityError::NoSuchRules {
                file,
                found: identity.rules,
            }),
        },
        Err(error) => Err(IdentityError::Broken { file, error }),
    }
}

/// Whether it names rules that exist.
fn has_rules(identity: &Identity) -> bool {
    match identity.chain {
        None => by_name(&identity.rules).is_some(),
        Some(_) => identity.rules == Sealed::NAME,
    }
}

/// Returns the rules of the chain in a data folder, if there is one.
pub fn rules_of(folder: &Path) -> Result<Option<Arc<dyn Rules>>, IdentityError> {
    let Some(identity) = read(folder)? else {
        let sealed = genesis_in_log(folder).and_then(|text| Sealed::new(&text).ok());
        return Ok(sealed.map(|rules| Arc::new(rules) as Arc<dyn Rules>));
    };
    let Some(expected) = identity.chain else {
        return Ok(by_name(&identity.rules));
    };
    let file = folder.join(GENESIS_FILE);
    let text = match read_file(&file) {
        Ok(text) => text,
        Err(error) => return Err(IdentityError::NoGenesis { file, error }),
    };
    match Sealed::new(&text) {
        Ok(rules) if rules.genesis_hash().to_string() == expected => Ok(Some(Arc::new(rules))),
        Ok(_) => Err(IdentityError::OtherGenesis { file, expected }),
        Err(error) => Err(IdentityError::Genesis { file, error }),
    }
}

/// Returns the genesis block with which the block log begins, if it is one of a
/// chain of its own: it says whose folder this is where `node.json` was lost.
fn genesis_in_log(folder: &Path) -> Option<Vec<u8>> {
    let file = folder.join(FIRST_SEGMENT);
    // A pipe would never open.
    fs::metadata(&file).ok().filter(fs::Metadata::is_file)?;
    let mut first = BufReader::new(File::open(&file).ok()?).take(LINE_LIMIT_BYTES as u64);
    let mut text = Vec::new();
    first.read_until(b'\n', &mut text).ok()?;
    text.pop_if(|last| *last == b'\n')?;
    Some(text)
}

/// Makes sure that a folder is adit's before anything in it is touched: one
/// that is new or empty becomes so, one that holds something else is refused.
fn claim(folder: &Path, rules: &dyn Rules) -> Result<(), IdentityError> {
    if read(folder)?.is_some() {
        return Ok(());
    }
    let file_error = |error| IdentityError::File {
        file: folder.to_path_buf(),
        error,
    };
    fs::create_dir_all(folder).map_err(file_error)?;
    let genesis = rules.genesis_text();
    if genesis.is_some() && genesis_in_log(folder).as_deref() == genesis {
        tracing::warn!(
            folder = %folder.display(),
            "node.json is missing and is written again: the block log is of this chain"
        );
        return read_or_make(folder, rules, false).map(|_| ());
    }
    for entry in fs::read_dir(folder).map_err(file_error)? {
        let name = entry.map_err(file_error)?.file_name();
        if !ALLOWED_IN_NEW_FOLDER.contains(&&*name.to_string_lossy()) {
            return Err(IdentityError::Foreign {
                folder: folder.to_path_buf(),
                found: name.to_string_lossy().into_owned(),
            });
        }
    }
    read_or_make(folder, rules, false).map(|_| ())
}

/// Opens a data folder for a chain under these rules, or makes it. `label` tells
/// others who has it open.
pub(crate) fn open<E: From<IdentityError> + From<StoreError>>(
    folder: &Path,
    label: &str,
    durability: Durability,
    rules: &dyn Rules,
) -> Result<(Opened, Identity), E> {
    claim(folder, rules)?;
    let opened = Store::open(folder, label, durability)?;
    let identity = read_or_make(folder, rules, !opened.store.is_empty())?;
    Ok((opened, identity))
}

/// Reads the identity kept in a data folder, or makes one for these rules. A
/// folder without blocks (an import into it may have failed) can still come to
/// stand under any.
fn read_or_make(
    folder: &Path,
    rules: &dyn Rules,
    has_blocks: bool,
) -> Result<Identity, IdentityError> {
    let chain = rules.chain().map(|chain| chain.genesis.to_string());
    match read(folder)? {
        Some(identity) if identity.rules == rules.name() && identity.chain == chain => {
            keep_genesis(folder, rules)?;
            return Ok(identity);
        }
        Some(identity) if has_blocks => return Err(other(folder, identity, rules.name(), chain)),
        _ => {}
    }
    keep_genesis(folder, rules)?;
    let identity = Identity {
        format: FORMAT,
        node_id: uuid::Uuid::new_v4().simple().to_string(),
        rules: rules.name().to_string(),
        chain,
    };
    let mut text = serde_json::to_vec_pretty(&identity).expect("texts and a number are JSON");
    text.push(b'\n');
    Durability::Full.replace_file(&folder.join("node.json"), |file| file.write_all(&text))?;
    Ok(identity)
}

/// Writes the genesis block into the folder, unless it is there.
fn keep_genesis(folder: &Path, rules: &dyn Rules) -> Result<(), IdentityError> {
    let Some(genesis) = rules.genesis_text() else {
        return Ok(());
    };
    let text = [genesis, b"\n"].concat();
    let file = folder.join(GENESIS_FILE);
    if read_file(&file).is_ok_and(|kept| kept == text) {
        return Ok(());
    }
    Durability::Full.replace_file(&file, |file| file.write_all(&text))?;
    Ok(())
}

fn other(folder: &Path, found: Identity, wanted: &str, chain: Option<String>) -> IdentityError {
    let folder = folder.to_path_buf();
    match (found.chain, chain) {
        (Some(found), Some(wanted)) => IdentityError::OtherChain {
            folder,
            found,
            wanted,
        },
        _ => IdentityError::OtherRules {
            folder,
            found: found.rules,
            wanted: wanted.to_string(),
        },
    }
}
