//! Where passwords and phrases come from: a variable, a prompt that shows
//! nothing, the standard input. Never from an argument, which every process on
//! the machine could read.

use std::io::{self, IsTerminal, Read};

use anyhow::{Context, bail, ensure};
use zeroize::Zeroizing;

/// The variable that holds the password where nobody sits at a terminal.
pub(crate) const PASSWORD_VARIABLE: &str = "ADIT_PASSWORD";

/// A phrase of 24 words, each of at most 8 letters, is shorter.
const PHRASE_LIMIT_BYTES: u64 = 1024;

/// The password of a wallet that is there.
pub(crate) fn password(wallet: &str) -> anyhow::Result<Zeroizing<String>> {
    match from_variable() {
        Some(password) => Ok(password),
        None => prompt(&format!("Password of the wallet {wallet}: ")),
    }
}

/// The password of a new wallet; typed twice, since nobody can ask for it later.
pub(crate) fn new_password(wallet: &str) -> anyhow::Result<Zeroizing<String>> {
    if let Some(password) = from_variable() {
        return Ok(password);
    }
    let password = prompt(&format!("New password for the wallet {wallet}: "))?;
    ensure!(!password.is_empty(), "an empty password protects nothing");
    let again = prompt("The same again: ")?;
    ensure!(password == again, "the two passwords differ");
    Ok(password)
}

/// The words of a wallet that is to be brought back.
pub(crate) fn phrase() -> anyhow::Result<Zeroizing<String>> {
    if io::stdin().is_terminal() {
        return prompt("Phrase, its words in one line (nothing is shown): ");
    }
    let mut text = Zeroizing::new(String::new());
    let mut input = io::stdin().take(PHRASE_LIMIT_BYTES);
    let read = input.read_to_string(&mut text);
    read.context("the phrase on the standard input is no text")?;
    ensure!(
        !text.trim().is_empty(),
        "there is no phrase on the standard input"
    );
    Ok(text)
}

fn from_variable() -> Option<Zeroizing<String>> {
    let password = std::env::var(PASSWORD_VARIABLE).ok();
    password
        .filter(|password| !password.is_empty())
        .map(Zeroizing::new)
}

fn prompt(what: &str) -> anyhow::Result<Zeroizing<String>> {
    if !io::stderr().is_terminal() {
        bail!(
            "nobody can be asked for a password here: run it at a terminal, or set {PASSWORD_VARIABLE}"
        );
    }
    let typed = rpassword::prompt_password(what).context("the terminal cannot be read")?;
    Ok(Zeroizing::new(typed))
}
