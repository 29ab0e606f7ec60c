//! What a node keeps to talk with others: the key by which they know it, for the
//! eyes of its owner only, and the addresses that it knows. The addresses can be
//! lost without harm; the key can not, and is never replaced.

use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use adit_net::address::{Identity, PeerAddress};
use adit_net::address_book::AddressBook;
use adit_p2p::NodeKey;
use adit_store::{Durability, StoreError, read_file};

/// Where the key is, in the data folder.
const KEY_FILE: &str = "peer-key";

/// Where the addresses are.
const ADDRESSES_FILE: &str = "peer-addresses";

/// Which version of the addresses' file this is.
const FORMAT: u8 = 1;

/// An anchor takes this much in the file.
const ANCHOR_BYTES: usize = 16 + 2 + 32;

/// Why the key can't be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// The file can't be read or made.
    #[error("{}: {error}", .file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// It holds something else.
    #[error(
        "{}: {error}; restore it, or delete it to be another peer to the others",
        .file.display()
    )]
    Broken {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        error: adit_p2p::KeyError,
    },
}

/// The files of one data folder.
pub(crate) struct P2pFiles {
    folder: PathBuf,
    durability: Durability,
}

impl P2pFiles {
    pub(crate) fn new(folder: &Path, durability: Durability) -> P2pFiles {
        P2pFiles {
            folder: folder.to_owned(),
            durability,
        }
    }

    /// The node's key; it is made where there is none.
    pub(crate) fn key(&self) -> Result<NodeKey, KeyFileError> {
        let file = self.folder.join(KEY_FILE);
        let failed = |error| KeyFileError::File {
            file: file.clone(),
            error,
        };
        match read_file(&file) {
            Ok(secret) => {
                // Whoever copied it with other rights has shown it to others.
                let mode = fs::metadata(&file).map_err(failed)?.permissions().mode();
                if mode & 0o077 != 0 {
                    fs::set_permissions(&file, Permissions::from_mode(0o600)).map_err(failed)?;
                }
                NodeKey::from_secret(&secret).map_err(|error| KeyFileError::Broken {
                    file: file.clone(),
                    error,
                })
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let key = NodeKey::generate();
                self.write_secret(&file, &key.secret()[..])
                    .map_err(failed)?;
                Ok(key)
            }
            Err(error) => Err(failed(error)),
        }
    }

    /// Writes a file that nobody else could read at any time.
    fn write_secret(&self, file: &Path, secret: &[u8]) -> io::Result<()> {
        let fresh = file.with_added_extension("tmp");
        let _ = fs::remove_file(&fresh);
        let mut options = File::options();
        let mut written = options
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&fresh)?;
        written.write_all(secret)?;
        if self.durability == Durability::Full {
            written.sync_data()?;
        }
        fs::rename(&fresh, file)?;
        match self.durability {
            Durability::Full => File::open(&self.folder)?.sync_all(),
            Durability::None => Ok(()),
        }
    }

    /// The addresses, and whom to dial first; nothing where nothing is kept, or
    /// something else.
    pub(crate) fn addresses(&self) -> Option<(AddressBook, Vec<PeerAddress>)> {
        let file = self.folder.join(ADDRESSES_FILE);
        let bytes = read_file(&file).ok()?;
        let addresses = addresses_in(&bytes);
        if addresses.is_none() {
            tracing::warn!(file = %file.display(), "the addresses of peers can't be read, and are begun anew");
        }
        addresses
    }

    /// Keeps them, in the place of those before.
    pub(crate) fn keep_addresses(
        &self,
        book: &AddressBook,
        anchors: &[PeerAddress],
    ) -> Result<(), StoreError> {
        let mut bytes = vec![FORMAT, u8::try_from(anchors.len()).unwrap_or(u8::MAX)];
        for anchor in anchors.iter().take(usize::from(u8::MAX)) {
            bytes.extend_from_slice(&anchor.ip.octets());
            bytes.extend_from_slice(&anchor.port.to_be_bytes());
            bytes.extend_from_slice(&anchor.identity.0);
        }
        bytes.extend_from_slice(&book.to_bytes());
        let file = self.folder.join(ADDRESSES_FILE);
        // It may be lost: no disk is waited for.
        Durability::None.replace_file(&file, |file| file.write_all(&bytes))
    }
}

fn addresses_in(bytes: &[u8]) -> Option<(AddressBook, Vec<PeerAddress>)> {
    let ([FORMAT, count], rest) = bytes.split_first_chunk::<2>()? else {
        return None;
    };
    let (anchors, book) = rest.split_at_checked(usize::from(*count) * ANCHOR_BYTES)?;
    let (anchors, _) = anchors.as_chunks::<ANCHOR_BYTES>();
    Some((
        AddressBook::from_bytes(book).ok()?,
        anchors.iter().map(anchor_in).collect(),
    ))
}

fn anchor_in(bytes: &[u8; ANCHOR_BYTES]) -> PeerAddress {
    let (mut ip, mut identity) = ([0; 16], [0; 32]);
    ip.copy_from_slice(&bytes[..16]);
    identity.copy_from_slice(&bytes[18..]);
    PeerAddress {
        ip: ip.into(),
        port: u16::from_be_bytes([bytes[16], bytes[17]]),
        identity: Identity(identity),
    }
}
