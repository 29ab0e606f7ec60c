//! In which order the arguments are read: a command that was left out is `node`,
//! and what was said before a command counts as said behind it. What they mean
//! is not known here.

use std::ffi::OsString;

use clap::Command;

use super::environment::ABOUT_ADIT;

/// Which node is meant can be said before the command too: the options with
/// their values,
const BEFORE_COMMAND: [&str; 3] = ["-p", "--port", "--node"];

/// and one that has none.
const JSON: &str = "--json";

/// The arguments in the order in which the command line reads them.
pub(super) fn in_order(
    arguments: impl Iterator<Item = OsString>,
    adit: fn() -> Command,
) -> Vec<OsString> {
    let arguments: Vec<OsString> = arguments.collect();
    let (program, rest) = arguments.split_at(arguments.len().min(1));
    let (before, rest) = rest.split_at(before_command(rest));
    if is_of_node(before, rest) {
        return [program, &["node".into()], before, rest].concat();
    }
    let (json, node): (Vec<_>, Vec<_>) = before.iter().cloned().partition(|one| one == JSON);
    if node.is_empty() {
        return arguments;
    }
    let (commands, rest) = rest.split_at(named_commands(&adit(), rest).max(1));
    [program, &json, commands, &node, rest].concat()
}

/// Whether no command is named, and nothing is asked about the program.
fn is_of_node(before: &[OsString], rest: &[OsString]) -> bool {
    let says_a_node = before.iter().any(|argument| argument != JSON);
    rest.first().is_none_or(|first| {
        let first = first.to_string_lossy();
        first.starts_with('-') && (says_a_node || !ABOUT_ADIT.contains(&&*first))
    })
}

/// How many arguments at the front say which node is meant, and how it answers.
fn before_command(arguments: &[OsString]) -> usize {
    let mut count = 0;
    while let Some(text) = arguments
        .get(count)
        .map(|argument| argument.to_string_lossy())
    {
        let is_option = |option: &&str| {
            let value = text.strip_prefix(option);
            value.is_some_and(|value| match option.starts_with("--") {
                true => value.is_empty() || value.starts_with('='),
                false => true,
            })
        };
        count += match BEFORE_COMMAND.iter().find(|option| is_option(option)) {
            Some(option) if text == **option => 2,
            Some(_) => 1,
            None if text == JSON => 1,
            None => break,
        };
    }
    count.min(arguments.len())
}

/// How many arguments name a command, and one of its own, and so on.
fn named_commands(adit: &Command, arguments: &[OsString]) -> usize {
    let mut command = Some(adit);
    let named = arguments.iter().take_while(|argument| {
        command = command.and_then(|command| command.find_subcommand(argument));
        command.is_some()
    });
    named.count()
}

#[cfg(test)]
mod tests {
    use clap::Subcommand;

    use super::*;
    use crate::options::Command as Commands;

    fn ordered(line: &str) -> String {
        let arguments = line.split(' ').map(OsString::from);
        let adit = || Commands::augment_subcommands(Command::new("adit"));
        let ordered = in_order(arguments, adit);
        ordered.join(" ".as_ref()).to_string_lossy().into_owned()
    }

    #[test]
    fn a_node_is_what_no_command_means() {
        for (line, expected) in [
            ("adit", "adit node"),
            ("adit --json", "adit node --json"),
            ("adit -p 5001", "adit node -p 5001"),
            ("adit --mine -p 5001", "adit node --mine -p 5001"),
            ("adit -p 5001 --help", "adit node -p 5001 --help"),
            ("adit -p", "adit node -p"),
        ] {
            assert_eq!(ordered(line), expected);
        }
        for line in [
            "adit --help",
            "adit --json -V",
            "adit help",
            "adit stauts -p 1",
        ] {
            assert_eq!(ordered(line), line);
        }
    }

    #[test]
    fn which_node_is_meant_can_be_said_first() {
        for (line, expected) in [
            ("adit -p 5001 status", "adit status -p 5001"),
            ("adit -p5001 --json status", "adit --json status -p5001"),
            ("adit --port=5001 block 7", "adit block --port=5001 7"),
            (
                "adit --node http://a:1 send bob 1",
                "adit send --node http://a:1 bob 1",
            ),
            ("adit -p 5001 chain show 7", "adit chain show -p 5001 7"),
            ("adit -p 5001 stauts", "adit stauts -p 5001"),
            ("adit status -p 5001", "adit status -p 5001"),
        ] {
            assert_eq!(ordered(line), expected);
        }
    }
}
