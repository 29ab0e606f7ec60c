//! What a data folder says of its node besides the blocks: under which rules
//! its chain stands, and the name under which it is rewarded. Made once, kept.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// The format of the data folder that this version reads and writes.
const FORMAT: u32 = 1;

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
    /// The file can't be read or written.
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

/// Reads the identity kept in a data folder, or makes one for these rules.
pub fn read_or_make(folder: &Path, rules: &str) -> Result<Identity, IdentityError> {
    if let Some(identity) = read(folder)? {
        if identity.rules == rules {
            return Ok(identity);
        }
        return Err(IdentityError::OtherRules {
            folder: folder.to_path_buf(),
            found: identity.rules,
            wanted: rules.to_string(),
        });
    }
    let identity = Identity {
        format: FORMAT,
        node_id: uuid::Uuid::new_v4().simple().to_string(),
        rules: rules.to_string(),
    };
    let file = folder.join("node.json");
    match write(folder, &file, &identity) {
        Ok(()) => Ok(identity),
        Err(error) => Err(IdentityError::File { file, error }),
    }
}

fn write(folder: &Path, file: &Path, identity: &Identity) -> io::Result<()> {
    let mut text = serde_json::to_vec_pretty(identity)?;
    text.push(b'\n');
    let unfinished = folder.join("node.json.tmp");
    let mut output = File::create(&unfinished)?;
    output.write_all(&text)?;
    output.sync_all()?;
    fs::rename(&unfinished, file)?;
    File::open(folder)?.sync_all()
}
