//! The keys on this machine, and what it takes to pay with them. A node has no
//! keys; a transaction is signed here. What a command prints is not known here.

pub(crate) mod coins;
mod derivation;
pub(crate) mod dev_account;
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
use crate::options::{Owner, WalletOptions};

/// The key of a wallet that is an account of `adit dev`: it has its name, and
/// there is no file of that name.
pub(crate) fn dev_key_of(options: &WalletOptions) -> anyhow::Result<Option<SecretKey>> {
    let number = dev_account::number(&options.name);
    Ok(match number {
        Some(number) if !options.file()?.exists() => Some(dev_account::key(number)),
        _ => None,
    })
}

/// The address of a wallet; no password is needed.
pub(crate) fn address_of(options: &WalletOptions) -> anyhow::Result<Address> {
    if let Some(key) = dev_key_of(options)? {
        return Ok(key.address());
    }
    let file = KeyFile::read(&options.file()?)?;
    Ok(file.address().parse()?)
}

/// The address of somebody whom people name; a name is that of a wallet beside
/// this one.
pub(crate) fn address_named(owner: &Owner, beside: &WalletOptions) -> anyhow::Result<Address> {
    match owner {
        Owner::Address(address) => Ok(*address),
        Owner::Wallet(name) => address_of(&beside.beside(name)),
    }
}

/// The key of a wallet, for its password.
pub(crate) fn key_of(options: &WalletOptions) -> anyhow::Result<SecretKey> {
    if let Some(key) = dev_key_of(options)? {
        return Ok(key);
    }
    let path = options.file()?;
    let file = KeyFile::read(&path)?;
    let password = password::password(&options.name)?;
    Ok(file.decrypt(&password, &path)?)
}
