//! `adit wallet`: the keys on this machine. A node has none; signing happens
//! here. What a key owns is not known here.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use adit_core::address::Address;
use anyhow::Context;
use serde_json::json;

use crate::new_file;
use crate::options::{WalletCommand, WalletFolder, WalletOptions, warn};
use crate::wallet::key::{DERIVATION, Phrase, SecretKey};
use crate::wallet::key_file::{KeyFile, KeyFileError};
use crate::wallet::{address_of, password};

/// The grid fits 60 columns.
const WORDS_IN_A_ROW: usize = 4;

/// No word of the list is longer (BIP 39).
const LONGEST_WORD_LETTERS: usize = 8;

pub(crate) fn run(command: &WalletCommand, json: bool) -> anyhow::Result<()> {
    match command {
        WalletCommand::New(options) => new(options, json),
        WalletCommand::Import(options) => import(options, json),
        WalletCommand::Password(options) => change_password(options, json),
        WalletCommand::List(folder) => list(folder, json),
        WalletCommand::Address(options) => address(options, json),
    }
}

fn new(options: &WalletOptions, json: bool) -> anyhow::Result<()> {
    let file = options.file()?;
    refuse_existing(&file)?;
    let password = password::new_password(&options.name)?;
    let phrase = Phrase::new()?;
    let key = phrase.key();
    // Anyone who reads the words may rely on the wallet.
    KeyFile::encrypt(&key, Some(DERIVATION), &password)?.keep(&file)?;
    let printed = print_new(options, &file, key.address(), Some(&phrase), json);
    if printed.is_err() {
        // A wallet whose words nobody could read is not kept.
        fs::remove_file(&file).with_context(|| file.display().to_string())?;
    }
    printed
}

fn import(options: &WalletOptions, json: bool) -> anyhow::Result<()> {
    let file = options.file()?;
    refuse_existing(&file)?;
    let text = password::phrase()?;
    let (key, derivation) = match SecretKey::read(&text) {
        Some(key) => (key, None),
        None => (Phrase::read(&text)?.key(), Some(DERIVATION)),
    };
    let password = password::new_password(&options.name)?;
    KeyFile::encrypt(&key, derivation, &password)?.keep(&file)?;
    print_new(options, &file, key.address(), None, json)
}

fn change_password(options: &WalletOptions, json: bool) -> anyhow::Result<()> {
    let file = options.file()?;
    let kept = KeyFile::read(&file)?;
    let key = kept.decrypt(&password::password(&options.name)?, &file)?;
    let password = password::changed_password(&options.name)?;
    let encrypted = KeyFile::encrypt(&key, kept.derivation(), &password)?;
    // What can't be opened takes no other's place.
    encrypted.decrypt(&password, &file)?;
    encrypted.replace(&file)?;
    print_new(options, &file, key.address(), None, json)
}

/// Called before anybody types a password in vain.
fn refuse_existing(file: &Path) -> Result<(), KeyFileError> {
    match new_file::is_there(file) {
        true => Err(KeyFileError::Exists { file: file.into() }),
        false => Ok(()),
    }
}

/// The one place that shows a phrase, on the standard output only.
fn print_new(
    options: &WalletOptions,
    file: &Path,
    address: Address,
    phrase: Option<&Phrase>,
    json: bool,
) -> anyhow::Result<()> {
    let (name, file) = (&options.name, file.display().to_string());
    let mut output = io::stdout().lock();
    if json {
        let mut result = json!({
            "name": name,
            "address": address.to_string(),
            "file": file,
        });
        if let Some(phrase) = phrase {
            result["phrase"] = json!(phrase.to_string());
        }
        writeln!(output, "{result}")?;
    } else {
        writeln!(output, "wallet   {name}")?;
        writeln!(output, "address  {address}")?;
        writeln!(output, "file     {file}")?;
        if let Some(phrase) = phrase {
            writeln!(
                output,
                "\nWrite these words down, on paper. They bring the wallet back when the file or\n\
                 the password is lost, and anyone who reads them owns its coins. They are not\n\
                 shown again.\n"
            )?;
            write_words(&mut output, phrase)?;
        }
    }
    Ok(output.flush()?)
}

/// The words in a grid, each with its number, so that none is left out when they
/// are copied. `adit wallet import` takes them back as they stand here.
fn write_words(output: &mut impl Write, phrase: &Phrase) -> io::Result<()> {
    for (number, word) in (1..).zip(phrase.words()) {
        match number % WORDS_IN_A_ROW {
            0 => writeln!(output, "{number:>4} {word}")?,
            _ => write!(output, "{number:>4} {word:<LONGEST_WORD_LETTERS$}")?,
        }
    }
    Ok(())
}

fn list(folder: &WalletFolder, json: bool) -> anyhow::Result<()> {
    let folder = folder.path()?;
    let mut wallets = Vec::new();
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => Some(entries),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error).with_context(|| folder.display().to_string()),
    };
    for entry in entries.into_iter().flatten() {
        let file = entry?.path();
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let Some(name) = name.strip_suffix(".json") else {
            continue;
        };
        match KeyFile::read(&file) {
            Ok(read) => wallets.push((name.to_owned(), read.address().to_owned())),
            Err(error) => warn(&error.to_string(), json),
        }
    }
    wallets.sort();
    let mut output = io::stdout().lock();
    if json {
        let wallets = wallets
            .iter()
            .map(|(name, address)| json!({ "name": name, "address": address }));
        let wallets: Vec<_> = wallets.collect();
        return Ok(writeln!(output, "{}", json!({ "wallets": wallets }))?);
    }
    if wallets.is_empty() {
        writeln!(
            output,
            "no wallets in {}; `adit wallet new` makes one",
            folder.display()
        )?;
    }
    for (name, address) in wallets {
        writeln!(output, "{address}  {name}")?;
    }
    Ok(())
}

fn address(options: &WalletOptions, json: bool) -> anyhow::Result<()> {
    let address = address_of(options)?;
    let mut output = io::stdout().lock();
    match json {
        true => {
            let result = json!({ "name": options.name, "address": address.to_string() });
            writeln!(output, "{result}")?;
        }
        false => writeln!(output, "{address}")?,
    }
    Ok(())
}
