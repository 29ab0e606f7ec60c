//! Where passwords and phrases come from: a variable, a file, a prompt that
//! shows nothing, the standard input. Never from an argument, which every
//! process on the machine could read. What they open is not known here.

use std::env;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, IsTerminal, Read};

use anyhow::{Context, anyhow, bail, ensure};
use zeroize::Zeroizing;

use super::hidden::Hidden;
use super::key::is_whole;

/// A phrase of 24 words, numbered and with space between them, is shorter.
const PHRASE_LIMIT_BYTES: u64 = 4 * 1024;

/// A file with a longer password is not read.
const PASSWORD_LIMIT_BYTES: u64 = 4 * 1024;

/// The variables that hold a password where nobody sits at a terminal.
struct Variables {
    password: &'static str,
    /// Names a file whose text it is.
    file: &'static str,
}

/// The password of a wallet.
const PASSWORD: Variables = Variables {
    password: "ADIT_PASSWORD",
    file: "ADIT_PASSWORD_FILE",
};

/// The one that takes its place.
const NEW_PASSWORD: Variables = Variables {
    password: "ADIT_NEW_PASSWORD",
    file: "ADIT_NEW_PASSWORD_FILE",
};

/// All variables that passwords come from; no flags go with them.
pub(crate) const PASSWORD_VARIABLES: [&str; 4] = [
    PASSWORD.password,
    PASSWORD.file,
    NEW_PASSWORD.password,
    NEW_PASSWORD.file,
];

/// The password of a wallet that is there.
pub(crate) fn password(wallet: &str) -> anyhow::Result<Zeroizing<String>> {
    if let Some(password) = PASSWORD.read()? {
        return Ok(password);
    }
    let password = PASSWORD.prompt(&format!("Password of the wallet {wallet}: "))?;
    ensure!(!password.is_empty(), "what was typed is empty");
    Ok(password)
}

/// The password of a new wallet.
pub(crate) fn new_password(wallet: &str) -> anyhow::Result<Zeroizing<String>> {
    PASSWORD.read_new(wallet)
}

/// The password that a wallet is to have from now on.
pub(crate) fn changed_password(wallet: &str) -> anyhow::Result<Zeroizing<String>> {
    NEW_PASSWORD.read_new(wallet)
}

/// The words of a wallet that is to be brought back, or its key.
pub(crate) fn phrase() -> anyhow::Result<Zeroizing<String>> {
    if io::stdin().is_terminal() {
        return typed_phrase();
    }
    let mut text = Zeroizing::new(String::with_capacity(PHRASE_LIMIT_BYTES as usize));
    let mut input = io::stdin().take(PHRASE_LIMIT_BYTES);
    let read = input.read_to_string(&mut text);
    read.context("the phrase on the standard input is no text")?;
    ensure!(
        !text.trim().is_empty(),
        "there is no phrase on the standard input"
    );
    Ok(text)
}

/// Reads lines until the phrase is whole: the rest of one that was pasted would
/// be taken for the password.
fn typed_phrase() -> anyhow::Result<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::with_capacity(PHRASE_LIMIT_BYTES as usize));
    // From the first line to the last: a paste does not wait to be asked.
    let _hidden = Hidden::begin();
    let mut what = "Phrase (nothing is shown; it ends with 24 words or an empty line): ";
    loop {
        let line = PASSWORD.prompt(what)?;
        if line.trim().is_empty() {
            ensure!(!text.is_empty(), "what was typed is empty");
            return Ok(text);
        }
        ensure!(
            text.len() + line.len() < PHRASE_LIMIT_BYTES as usize,
            "a phrase is shorter than {PHRASE_LIMIT_BYTES} bytes"
        );
        text.push_str(&line);
        if is_whole(&text) {
            return Ok(text);
        }
        text.push('\n');
        what = "and further: ";
    }
}

impl Variables {
    /// What they hold, if they are there. Empty ones count as not there.
    fn read(&self) -> anyhow::Result<Option<Zeroizing<String>>> {
        let found = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
        match (found(self.password), found(self.file)) {
            (None, None) => Ok(None),
            (Some(password), None) => match password.into_string() {
                Ok(password) => Ok(Some(Zeroizing::new(password))),
                Err(_) => bail!("{}: the password in it is not UTF-8", self.password),
            },
            (None, Some(file)) => read_file(&file)
                .map(Some)
                .map_err(|problem| anyhow!("{}: {}: {problem}", self.file, file.to_string_lossy())),
            (Some(_), Some(_)) => bail!(
                "{} and {} are both there: leave one of them out",
                self.password,
                self.file
            ),
        }
    }

    /// A password that can't be recovered later: at a terminal it is typed
    /// twice.
    fn read_new(&self, wallet: &str) -> anyhow::Result<Zeroizing<String>> {
        let password = match self.read()? {
            Some(password) => password,
            None => {
                let password = self.prompt(&format!("New password for the wallet {wallet}: "))?;
                ensure!(!password.is_empty(), "an empty password protects nothing");
                let again = self.prompt("The same again: ")?;
                ensure!(password == again, "the two passwords differ");
                password
            }
        };
        ensure!(
            !password.contains(char::is_control),
            "the password holds a control character, which nobody could type again"
        );
        Ok(password)
    }

    fn prompt(&self, what: &str) -> anyhow::Result<Zeroizing<String>> {
        if !io::stderr().is_terminal() {
            let mut problem = format!(
                "nobody can be asked for a password here: run it at a terminal, or set {} or {}",
                self.password, self.file
            );
            for name in [self.password, self.file] {
                if env::var_os(name).is_some() {
                    problem.push_str(&format!("; {name} is there, and empty"));
                }
            }
            bail!(problem);
        }
        let _hidden = Hidden::begin();
        let typed = rpassword::prompt_password(what).context("the terminal cannot be read")?;
        Ok(Zeroizing::new(typed))
    }
}

/// The password that a file holds: all of it but the end of its last line.
fn read_file(file: &OsStr) -> Result<Zeroizing<String>, String> {
    let opened = File::open(file).map_err(|error| error.to_string())?;
    let mut text = Zeroizing::new(String::with_capacity(PASSWORD_LIMIT_BYTES as usize + 1));
    let read = opened
        .take(PASSWORD_LIMIT_BYTES + 1)
        .read_to_string(&mut text);
    read.map_err(|error| error.to_string())?;
    if text.len() as u64 > PASSWORD_LIMIT_BYTES {
        return Err(format!("longer than {PASSWORD_LIMIT_BYTES} bytes"));
    }
    let line = text.strip_suffix('\n').unwrap_or(&text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    match line.is_empty() {
        true => Err("the password in it is empty".to_owned()),
        false => Ok(Zeroizing::new(line.to_owned())),
    }
}
