//! What a data folder says of its node besides the blocks: under which rules
//! its chain stands, and the name under which it is rewarded. Made once, kept.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use adit_store::{Durability, StoreError};
use serde::{Deserialize, Serialize};

/// The format of the data folder that this version reads and writes.
const FORMAT: u32 = 1;

/// What may stand in a new data folder: what a start that was broken off leaves
/// there, and what a file system puts into its root.
const ALLOWED_IN_NEW_FOLDER: [&str; 3] = ["lock", "node.json.tmp", "lost+found"];

/// The contents of `node.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The format of the data folder.
    pub format: u32,
    /// 32 hex digits: the recipient of this node's rewards.
    pub node_id: String,
    /// The name of the rules.
    pub rules: String,
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
    /// Its chain stands under other rules than those wanted.
    #[error(
        "--rules {wanted}: the chain in {} stands under the rules {found:?}; \
         start with --rules {found}, or take another folder with --data-dir",
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
    let text = match fs::read(&file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(IdentityError::File { file, error }),
    };
    match serde_json::from_slice::<Identity>(&text) {
        Ok(identity) if identity.format == FORMAT => Ok(Some(identity)),
        Ok(Identity { format: found, .. }) => Err(IdentityError::Format { file, found }),
        Err(error) => Err(IdentityError::Broken { file, error }),
    }
}

/// Makes sure that a folder is adit's before anything in it is touched: one
/// that is new or empty becomes so, one that holds something else is refused.
pub fn claim(folder: &Path, rules: &str) -> Result<(), IdentityError> {
    if read(folder)?.is_some() {
        return Ok(());
    }
    let file_error = |error| IdentityError::File {
        file: folder.to_path_buf(),
        error,
    };
    fs::create_dir_all(folder).map_err(file_error)?;
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

/// Reads the identity kept in a data folder, or makes one for these rules. A
/// folder without blocks (an import into it may have failed) can still come to
/// stand under any.
pub fn read_or_make(
    folder: &Path,
    rules: &str,
    has_blocks: bool,
) -> Result<Identity, IdentityError> {
    match read(folder)? {
        Some(identity) if identity.rules == rules => return Ok(identity),
        Some(identity) if has_blocks => {
            return Err(IdentityError::OtherRules {
                folder: folder.to_path_buf(),
                found: identity.rules,
                wanted: rules.to_string(),
            });
        }
        _ => {}
    }
    let identity = Identity {
        format: FORMAT,
        node_id: uuid::Uuid::new_v4().simple().to_string(),
        rules: rules.to_string(),
    };
    let mut text = serde_json::to_vec_pretty(&identity).expect("texts and a number are JSON");
    text.push(b'\n');
    Durability::Full.replace_file(&folder.join("node.json"), |file| file.write_all(&text))?;
    Ok(identity)
}
