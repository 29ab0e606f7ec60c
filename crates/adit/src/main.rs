//! The command line: reads the settings, does one thing, says how it went.

mod bench;
mod chain;
mod client;
mod coins;
mod dev;
mod new_chain;
mod node;
mod notary;
mod options;
mod rules;
mod send;
mod status;
mod wallet;

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
        Command::Wallet(command) => wallet::run(&command, json),
        Command::Send(options) => send::send(options, json),
        Command::Balance(options) => send::balance(&options, json),
        Command::Sign(options) => send::sign(options, json),
        Command::Broadcast(options) => send::broadcast(&options, json),
        Command::Notarize(options) => notary::notarize(&options, json),
        Command::Prove(options) => notary::prove(&options, json),
        Command::Chain(command) => chain::run(command, json),
        Command::Dev(options) => dev::run(&options, json),
        Command::Bench(command) => bench::run(&command, json),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            options::print_error(&error, json);
            ExitCode::FAILURE
        }
    }
}
