//! The file that keeps a secret key: encrypted with a password, readable only
//! by its owner, never replaced. The file itself says how it is to be opened.
//! Where passwords come from is not known here.

use std::fs::{DirBuilder, File};
use std::io::{self, Read};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use adit_core::address::Address;
use adit_core::hash::{read_hex, write_hex};
use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{ChaCha20Poly1305, KeyInit};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::key::SecretKey;
use super::opaque;
use crate::new_file::{self, NewFile, SECRET};

/// The wallet of a command that names none.
pub(crate) const DEFAULT_NAME: &str = "default";

/// A longer file is none of ours.
const KEY_FILE_LIMIT_BYTES: u64 = 16 * 1024;

/// What it costs to try a password: the second choice of RFC 9106, section 4,
/// for machines that cannot spare 2 GiB.
const MEMORY_KIB: u32 = 64 * 1024;
const PASSES: u32 = 3;
const LANES: u32 = 4;

/// A file that asks for more memory is not opened: it would stop the machine.
const MEMORY_LIMIT_KIB: u32 = 1024 * 1024;

/// A file that asks for more passes is not opened.
const PASSES_LIMIT: u32 = 64;

/// A file that asks for more lanes is not opened.
const LANES_LIMIT: u32 = 64;

const SALT_BYTES: usize = 16;
const NONCE_BYTES: usize = 12;

/// The key, and the tag of the cipher.
const ENCRYPTED_BYTES: usize = 32 + 16;

/// The form of these files.
const FORMAT: u32 = 1;

/// A key file as it stands on the disk, in JSON. Bytes are hex digits.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeyFile {
    format: u32,
    /// Whose key it is; known without the password.
    address: String,
    /// How the key follows from a phrase, for anyone who wants to do it by
    /// hand; `None` if it does not.
    derivation: Option<String>,
    kdf: Kdf,
    cipher: Cipher,
}

/// How the password becomes the key of the cipher.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kdf {
    name: String,
    memory_kib: u32,
    passes: u32,
    lanes: u32,
    salt: String,
}

/// How the secret key is encrypted; the address is authenticated with it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Cipher {
    name: String,
    nonce: String,
    encrypted_key: String,
}

/// What can be wrong with a key file.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyFileError {
    #[error("there is no wallet {}: make one with `adit wallet new{1}`, or bring one back with `adit wallet import{1}`", file.display(), name_option(file))]
    Missing { file: PathBuf },
    #[error("there is a wallet {} already, and it is never overwritten: take another name with --name", file.display())]
    Exists { file: PathBuf },
    #[error("{}: {problem}", file.display())]
    Damaged { file: PathBuf, problem: String },
    #[error("the password is wrong (or {} was changed)", file.display())]
    WrongPassword { file: PathBuf },
    #[error("{}: {error}", file.display())]
    Io { file: PathBuf, error: io::Error },
}

/// How the wallet is named to a command.
fn name_option(file: &Path) -> String {
    match file.file_stem().unwrap_or_default().to_string_lossy() {
        name if name == DEFAULT_NAME => String::new(),
        name => format!(" --name {name}"),
    }
}

impl KeyFile {
    /// Encrypts a key with a password.
    pub(crate) fn encrypt(
        key: &SecretKey,
        derivation: Option<&str>,
        password: &str,
    ) -> anyhow::Result<KeyFile> {
        let (mut salt, mut nonce) = ([0; SALT_BYTES], [0; NONCE_BYTES]);
        for bytes in [&mut salt[..], &mut nonce[..]] {
            getrandom::fill(bytes)
                .map_err(|error| anyhow::anyhow!("the system gives no randomness: {error}"))?;
        }
        let kdf = Kdf {
            name: "argon2id".to_owned(),
            memory_kib: MEMORY_KIB,
            passes: PASSES,
            lanes: LANES,
            salt: to_hex(&salt),
        };
        let address = key.address().to_string();
        let payload = Payload {
            msg: key.as_bytes(),
            aad: address.as_bytes(),
        };
        let password = opaque::prepared(password);
        let cipher = kdf.cipher(&password, &salt).map_err(anyhow::Error::msg)?;
        let encrypted = cipher.encrypt(&nonce.into(), payload);
        let encrypted = encrypted.map_err(|_| anyhow::anyhow!("the key cannot be encrypted"))?;
        Ok(KeyFile {
            format: FORMAT,
            address,
            derivation: derivation.map(str::to_owned),
            kdf,
            cipher: Cipher {
                name: "chacha20poly1305".to_owned(),
                nonce: to_hex(&nonce),
                encrypted_key: to_hex(&encrypted),
            },
        })
    }

    pub(crate) fn read(file: &Path) -> Result<KeyFile, KeyFileError> {
        let failed = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => KeyFileError::Missing { file: file.into() },
            _ => io_error(file, error),
        };
        let opened = File::open(file).map_err(failed)?;
        let mut text = Vec::new();
        let read = opened.take(KEY_FILE_LIMIT_BYTES + 1).read_to_end(&mut text);
        read.map_err(failed)?;
        if text.len() as u64 > KEY_FILE_LIMIT_BYTES {
            let problem = format!("a key file has at most {KEY_FILE_LIMIT_BYTES} bytes");
            return Err(damaged(file, problem));
        }
        let read: KeyFile = serde_json::from_slice(&text)
            .map_err(|error| damaged(file, format!("not a key file: {error}")))?;
        read.check().map_err(|problem| damaged(file, problem))?;
        Ok(read)
    }

    /// Whose key it is.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// How its key follows from a phrase, if it does.
    pub(crate) fn derivation(&self) -> Option<&str> {
        self.derivation.as_deref()
    }

    /// Returns the key for the right password, in whatever form it was typed;
    /// `file` is where it was read.
    pub(crate) fn decrypt(&self, password: &str, file: &Path) -> Result<SecretKey, KeyFileError> {
        let wrong = || KeyFileError::WrongPassword { file: file.into() };
        let mut opened = Err(wrong());
        for form in opaque::forms(password) {
            opened = self.decrypt_with(&form, file);
            if !matches!(opened, Err(KeyFileError::WrongPassword { .. })) {
                break;
            }
        }
        opened
    }

    fn decrypt_with(&self, password: &str, file: &Path) -> Result<SecretKey, KeyFileError> {
        let unreadable = |problem: String| damaged(file, problem);
        let salt: [u8; SALT_BYTES] = from_hex("salt", &self.kdf.salt).map_err(unreadable)?;
        let nonce: [u8; NONCE_BYTES] = from_hex("nonce", &self.cipher.nonce).map_err(unreadable)?;
        let encrypted: [u8; ENCRYPTED_BYTES] =
            from_hex("encrypted_key", &self.cipher.encrypted_key).map_err(unreadable)?;
        let payload = Payload {
            msg: &encrypted,
            aad: self.address.as_bytes(),
        };
        let cipher = self.kdf.cipher(password, &salt).map_err(unreadable)?;
        let wrong = || KeyFileError::WrongPassword { file: file.into() };
        let decrypted = cipher.decrypt(&nonce.into(), payload);
        let decrypted = Zeroizing::new(decrypted.map_err(|_| wrong())?);
        let bytes = decrypted.as_slice().try_into().map_err(|_| wrong())?;
        let key = SecretKey::from_bytes(bytes);
        match key.address().to_string() == self.address {
            true => Ok(key),
            false => Err(unreadable("the address is not the key's".to_owned())),
        }
    }

    /// Puts it into a file that was not there, readable only by its owner;
    /// returns when it is durable.
    pub(crate) fn keep(&self, file: &Path) -> Result<(), KeyFileError> {
        let failed = |error: io::Error| match error.kind() {
            io::ErrorKind::AlreadyExists => KeyFileError::Exists { file: file.into() },
            _ => io_error(file, error),
        };
        let folder = file.parent().unwrap_or(Path::new("."));
        let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.map_err(|error| io_error(file, error))?;
        let place = NewFile::take(file, SECRET).map_err(failed)?;
        place.fill(&self.to_text(file)?).map_err(failed)
    }

    /// Puts it into the place of the file that was there.
    pub(crate) fn replace(&self, file: &Path) -> Result<(), KeyFileError> {
        let replaced = new_file::replace(file, &self.to_text(file)?, SECRET);
        replaced.map_err(|error| io_error(file, error))
    }

    fn to_text(&self, file: &Path) -> Result<Vec<u8>, KeyFileError> {
        let mut text =
            serde_json::to_vec_pretty(self).map_err(|error| io_error(file, error.into()))?;
        text.push(b'\n');
        Ok(text)
    }

    fn check(&self) -> Result<(), String> {
        if self.format != FORMAT {
            let found = self.format;
            return Err(format!(
                "expected format {FORMAT}, found {found}: a newer adit wrote it"
            ));
        }
        self.address
            .parse::<Address>()
            .map_err(|error| format!("address: {error}"))?;
        let (kdf, cipher) = (&*self.kdf.name, &*self.cipher.name);
        if (kdf, cipher) != ("argon2id", "chacha20poly1305") {
            return Err(format!(
                "expected argon2id and chacha20poly1305, found {kdf:?} and {cipher:?}"
            ));
        }
        Ok(())
    }
}

impl Kdf {
    /// The cipher with the key that follows from the password.
    fn cipher(&self, password: &str, salt: &[u8]) -> Result<ChaCha20Poly1305, String> {
        let limits = [
            ("memory_kib", self.memory_kib, MEMORY_LIMIT_KIB),
            ("passes", self.passes, PASSES_LIMIT),
            ("lanes", self.lanes, LANES_LIMIT),
        ];
        for (name, found, limit) in limits {
            if found > limit {
                return Err(format!("{name}: expected at most {limit}, found {found}"));
            }
        }
        let params = Params::new(self.memory_kib, self.passes, self.lanes, Some(32));
        let params = params.map_err(|error| format!("kdf: {error}"))?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let mut key = Zeroizing::new([0; 32]);
        argon2
            .hash_password_into(password.as_bytes(), salt, &mut *key)
            .map_err(|error| format!("kdf: {error}"))?;
        Ok(ChaCha20Poly1305::new((&*key).into()))
    }
}

fn io_error(file: &Path, error: io::Error) -> KeyFileError {
    KeyFileError::Io {
        file: file.into(),
        error,
    }
}

fn damaged(file: &Path, problem: String) -> KeyFileError {
    KeyFileError::Damaged {
        file: file.into(),
        problem,
    }
}

fn to_hex(bytes: &[u8]) -> String {
    let mut hex = vec![0; bytes.len() * 2];
    write_hex(bytes, &mut hex);
    String::from_utf8_lossy(&hex).into_owned()
}

fn from_hex<const N: usize>(name: &str, hex: &str) -> Result<[u8; N], String> {
    let mut bytes = [0; N];
    let read = read_hex(hex.as_bytes(), &mut bytes);
    read.ok_or_else(|| format!("{name}: expected {} lower-case hex digits", N * 2))?;
    Ok(bytes)
}
