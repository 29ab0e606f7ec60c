//! The command line: it reads the settings, does one thing, and says how it
//! went. How things are done is not known here.

// It panics where nobody reads the error output: `options::say` does not.
#![warn(clippy::print_stderr)]

mod client;
mod commands;
mod data_folders;
mod invite;
mod memory;
mod new_file;
mod options;
mod peers_listener;
mod plain_file;
mod rules;
mod terminal;
mod wallet;

use std::process::ExitCode;

use commands::doctor::Unhealthy;
use commands::lab::{Differs, Failed};
use commands::{
    bench, block, branches, chain, class, dev, doctor, invite as invitations, lab, miner, node,
    notary, peers, send, shell, stats, status, transactions, wallet as wallet_command, watch,
};
use options::{Cli, Command};
use terminal::output::ReaderGone;

fn main() -> ExitCode {
    let cli = match options::read() {
        Ok(cli) => cli,
        Err(exit) => return exit,
    };
    let Cli { json, command } = cli;
    let done = match command {
        Command::Node(options) => node::run(options, json),
        Command::Join(options) => invitations::join(*options, json),
        Command::Invite(options) => invitations::invite(&options, json),
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
        Command::Miner(options) => miner::run(&options, json),
        Command::Doctor(options) => doctor::run(&options, json),
        Command::Wallet(command) => wallet_command::run(&command, json),
        Command::Send(options) => send::send(options, json),
        Command::Balance(options) => send::balance(&options, json),
        Command::Sign(options) => send::sign(options, json),
        Command::Broadcast(options) => send::broadcast(&options, json),
        Command::Notarize(options) => notary::notarize(&options, json),
        Command::Prove(options) => notary::prove(&options, json),
        Command::Chain(command) => chain::run(command, json),
        Command::Dev(options) => dev::run(&options, json),
        Command::Class(options) => class::run(&options, json),
        Command::Lab(options) => lab::run(&options, json),
        Command::Bench(command) => bench::run(&command, json),
        Command::Completions(options) => shell::completions(&options),
        Command::Man(options) => shell::man(&options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is::<ReaderGone>() => ExitCode::SUCCESS,
        // What is wrong was printed.
        Err(error) if error.is::<Unhealthy>() => ExitCode::FAILURE,
        Err(error) if error.is::<Differs>() || error.is::<Failed>() => ExitCode::FAILURE,
        Err(error) => {
            options::print_error(&error, json);
            ExitCode::FAILURE
        }
    }
}
