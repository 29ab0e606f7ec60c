//! `adit completions` and `adit man`: what a shell and `man` are to know of the
//! commands. Both are made from the commands themselves.

use std::fs;

use anyhow::Context;
use clap::Command;
use clap_complete::generate;
use clap_mangen::{Man, generate_to};

use crate::options::{self, CompletionsOptions, ManOptions};
use crate::terminal::output::Output;

pub(crate) fn completions(wanted: &CompletionsOptions) -> anyhow::Result<()> {
    let mut script = Vec::new();
    generate(wanted.shell, &mut command(), "adit", &mut script);
    Output::new(false).exactly(&script)
}

pub(crate) fn man(wanted: &ManOptions) -> anyhow::Result<()> {
    let Some(folder) = &wanted.folder else {
        let mut page = Vec::new();
        // As in the pages that are written.
        let adit = command().disable_help_subcommand(true);
        Man::new(adit).render(&mut page)?;
        return Output::new(false).exactly(&page);
    };
    let written = fs::create_dir_all(folder).and_then(|()| generate_to(command(), folder));
    written.with_context(|| folder.display().to_string())
}

/// The values of this user's variables do not belong in what is kept.
fn command() -> Command {
    fn without_values(command: Command) -> Command {
        command
            .mut_args(|argument| argument.hide_env_values(true))
            .mut_subcommands(without_values)
    }
    without_values(options::command())
}
