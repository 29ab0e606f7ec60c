//! The command line: it reads the settings, does one thing, and says how it
//! went. How things are done is not known here.

// It panics where nobody reads the error output: `options::say` does not.
#![warn(clippy::print_stderr)]

mod bench;
mod block;
mod branches;
mod chain;
mod client;
mod coins;
mod dev;
mod doctor;
mod escape;
mod fee;
mod log;
mod memory;
mod new_chain;
mod new_file;
mod node;
mod notary;
mod options;
mod output;
mod paying;
mod peers;
mod rules;
mod sealed_node;
mod segment;
mod send;
mod stats;
mod status;
mod table;
mod transactions;
mod wallet;
mod watch;

use std::process::ExitCode;

use doctor::Unhealthy;
use options::{Cli, Command};
use output::ReaderGone;

fn main() -> ExitCode {
    let cli = match options::read() {
        Ok(cli) => cli,
        Err(exit) => return exit,
    };
    let Cli { json, command } = cli;
    let done = match command {
        Command::Node(options) => node::run(options, json),
        Command::Status(options) => status::run(&options, json),
        Command::Block(options) => block::block(&options, json),
        Command::Blocks(options) => block::blocks(&options, json),
        Command::Tx(options) => transactions::tx(&options, json),
        Command::Address(options) => transactions::address(&options, json),
        Command::Mempool(options) => transactions::mempool(&options, json),
        Command::Peers(options) => peers::run(&options, json),
        Command::Tips(options) => branches::tips(&options, json),
        Command::Reorgs(options) => branches::reorgs(&options, json),
        Command::Stats(options) => stats::run(&options, json),
        Command::Watch(options) => watch::run(&options, json),
        Command::Mine(options) => block::mine(&options, json),
        Command::Doctor(options) => doctor::run(&options, json),
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
        Err(error) if error.is::<ReaderGone>() => ExitCode::SUCCESS,
        Err(error) if error.is::<Unhealthy>() => ExitCode::FAILURE,
        Err(error) => {
            options::print_error(&error, json);
            ExitCode::FAILURE
        }
    }
}
