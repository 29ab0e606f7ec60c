//! The command line: reads the settings, does one thing, says how it went.

mod chain;
mod node;
mod options;
mod status;

use std::process::ExitCode;

use options::{Cli, Command};

fn main() -> ExitCode {
    let cli = match options::read() {
        Ok(cli) => cli,
        Err(exit) => return exit,
    };
    let Cli { json, command } = cli;
    let done = match command {
        Command::Node(options) => node::run(options, json),
        Command::Status(options) => status::run(&options, json),
        Command::Chain(command) => chain::run(command, json),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            options::print_error(&error, json);
            ExitCode::FAILURE
        }
    }
}
