//! Which variables of the environment and of a file `.env` are settings of
//! adit, and which only look like it. What the settings mean is not known here.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::builder::{PathBufValueParser, TypedValueParser};
use clap::error::ErrorKind;

use super::say::warn;
use crate::plain_file::open_plain;
use crate::wallet::password::PASSWORD_VARIABLES;

/// What adit's variables begin with.
const PREFIX: &str = "ADIT_";

/// The settings of the current folder.
const ENV_FILE: &str = ".env";

/// A longer one is no file of settings.
const ENV_FILE_LIMIT_BYTES: usize = 1024 * 1024;

/// These ask about the program and not about its settings.
pub(super) const ABOUT_ADIT: [&str; 4] = ["-h", "--help", "-V", "--version"];

/// Reads `.env`, refuses settings that are unknown, and returns the command as
/// it is to be read: without the variables that do not count.
pub(super) fn prepare(
    command: fn() -> clap::Command,
    arguments: &[OsString],
    json: bool,
) -> Result<clap::Command, clap::Error> {
    let is_about = |argument: &OsString| ABOUT_ADIT.iter().any(|about| argument == about);
    let is_help = arguments.get(1).is_some_and(|first| first == "help");
    if !is_help && !arguments.iter().any(is_about) {
        read_env_file(Path::new(ENV_FILE), &command(), json)?;
        refuse_unknown_variables(&command())?;
    }
    // A command holds the values that the variables had when it was made.
    Ok(without_foreign_variables(command()))
}

/// A path out of a flag or a variable. A shell turns `~` into the home folder,
/// but not in a variable or in `.env`.
pub(super) fn path() -> impl TypedValueParser<Value = PathBuf> {
    PathBufValueParser::new().try_map(|path| {
        if !path.as_os_str().as_encoded_bytes().starts_with(b"~") {
            return Ok(path);
        }
        let behind = path.strip_prefix("~");
        let behind = behind.map_err(|_| "write another user's home folder as a whole path")?;
        let home = dirs::home_dir().ok_or("this user has no home folder; write the whole path")?;
        Ok::<_, &str>(home.join(behind))
    })
}

/// The error for settings that can't be used.
pub(super) fn usage(mut command: clap::Command, problem: &str) -> clap::Error {
    command.error(ErrorKind::InvalidValue, problem)
}

/// The file may be another project's: of it only the lines are read that are
/// settings of adit. One that can't be read is no reason not to start.
fn read_env_file(file: &Path, command: &clap::Command, json: bool) -> Result<(), clap::Error> {
    let bytes = match read_whole(file) {
        Ok(bytes) => bytes,
        // A folder of that name is a virtual environment of Python.
        Err(error) if error.kind() == io::ErrorKind::NotFound || file.is_dir() => return Ok(()),
        Err(error) => {
            warn(&format!("{} is not read: {error}", file.display()), json);
            return Ok(());
        }
    };
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let lines = text.split(|byte| *byte == b'\n');
    let own: Vec<&[u8]> = lines.filter(|line| is_own_line(line)).collect();
    let own = own.join(&b'\n');
    dotenvy::from_read_iter(&*own)
        .load()
        .map_err(|error| usage(command.clone(), &format!("{}: {error}", file.display())))
}

fn read_whole(file: &Path) -> io::Result<Vec<u8>> {
    let file = open_plain(file)?;
    let mut bytes = Vec::new();
    let limit_bytes = ENV_FILE_LIMIT_BYTES as u64;
    file.take(limit_bytes + 1).read_to_end(&mut bytes)?;
    // No setting would be found in it, and nobody would know why.
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Err(io::Error::other("it is in UTF-16; save it in UTF-8"));
    }
    match bytes.len() <= ENV_FILE_LIMIT_BYTES {
        true => Ok(bytes),
        false => Err(io::Error::other(format!(
            "it is longer than {ENV_FILE_LIMIT_BYTES} bytes"
        ))),
    }
}

/// Whether the line names a setting of adit, or tries to.
fn is_own_line(line: &[u8]) -> bool {
    let line = line.trim_ascii_start();
    let exported = line.strip_prefix(b"export ");
    let name = exported.unwrap_or(line).trim_ascii_start();
    let behind = name.strip_prefix(b"ADIT");
    behind.is_some_and(|behind| matches!(behind.first(), Some(b'_' | b' ' | b'\t')))
}

fn refuse_unknown_variables(command: &clap::Command) -> Result<(), clap::Error> {
    let mut known = variables_of(command);
    // They have no flags: every process may read another's arguments.
    known.extend(PASSWORD_VARIABLES.map(str::to_owned));
    let unknown = std::env::vars_os()
        .filter(|(name, value)| !is_service_link(name, value))
        .map(|(name, _)| name.to_string_lossy().into_owned())
        .find(|name| name.starts_with(PREFIX) && !known.contains(name));
    match unknown {
        None => Ok(()),
        Some(name) => {
            let known = known.into_iter().collect::<Vec<_>>().join(", ");
            let problem = format!(
                "{name} is no setting of adit (environment or .env); the settings are {known}"
            );
            Err(usage(command.clone(), &problem))
        }
    }
}

/// Some variables count as not set: an empty one, since that is how files that
/// name all settings leave one out; and one that says where a service is.
fn without_foreign_variables(command: clap::Command) -> clap::Command {
    let is_foreign = |name: &OsStr| {
        let value = std::env::var_os(name);
        value.is_some_and(|value| value.is_empty() || is_service_link(name, &value))
    };
    command
        .mut_args(|argument| match argument.get_env() {
            Some(name) if is_foreign(name) => argument.env(None::<&str>),
            _ => argument,
        })
        .mut_subcommands(without_foreign_variables)
}

/// Whether Kubernetes made the variable, beside a service whose name begins
/// with adit: `ADIT_PORT=tcp://10.0.0.1:5000`, `ADIT_SERVICE_HOST`,
/// `ADIT_PORT_5000_TCP_ADDR` and so on (documented there as the environment
/// variables of services).
fn is_service_link(name: &OsStr, value: &OsStr) -> bool {
    let (name, value) = (name.to_string_lossy(), value.to_string_lossy());
    let is_address = || {
        let (protocol, _) = value.split_once("://").unwrap_or_default();
        ["tcp", "udp", "sctp"].contains(&protocol)
    };
    if name.ends_with("_SERVICE_HOST") || name.contains("_SERVICE_PORT") {
        return true;
    }
    if name.ends_with("_PORT") && is_address() {
        return true;
    }
    // ..._PORT_5000_TCP, and the same with _PROTO, _PORT, _ADDR
    let behind = name.rsplit_once("_PORT_").map(|(_, behind)| behind);
    behind.is_some_and(|behind| {
        let mut parts = behind.split('_');
        let is_number = |part: &str| part.parse::<u16>().is_ok();
        let is_protocol = |part: &str| ["TCP", "UDP", "SCTP"].contains(&part);
        parts.next().is_some_and(is_number) && parts.next().is_some_and(is_protocol)
    })
}

fn variables_of(command: &clap::Command) -> BTreeSet<String> {
    let own = command.get_arguments().filter_map(clap::Arg::get_env);
    own.map(|name| name.to_string_lossy().into_owned())
        .chain(command.get_subcommands().flat_map(variables_of))
        .collect()
}
