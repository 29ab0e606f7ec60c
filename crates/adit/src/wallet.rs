//! The keys on this machine, and what it takes to pay with them. A node has no
//! keys; a transaction is signed here. What a command prints is not known here.

pub(crate) mod coins;
mod derivation;
pub(crate) mod fee;
mod hidden;
pub(crate) mod key;
pub(crate) mod key_file;
mod opaque;
pub(crate) mod password;
pub(crate) mod paying;
pub(crate) mod sealed_node;

use adit_core::address::Address;

use self::key::SecretKey;
use self::key_file::KeyFile;
use crate::options::WalletOptions;

/// The address of a wallet; no password is needed.
pub(crate) fn address_of(options: &WalletOptions) -> anyhow::Result<Address> {
    let file = KeyFile::read(&options.file()?)?;
    Ok(file.address().parse()?)
}

/// The key of a wallet, for its password.
pub(crate) fn key_of(options: &WalletOptions) -> anyhow::Result<SecretKey> {
    let path = options.file()?;
    let file = KeyFile::read(&path)?;
    let password = password::password(&options.name)?;
    Ok(file.decrypt(&password, &path)?)
}
