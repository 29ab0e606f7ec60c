//! The program `adit` from outside: as processes, over HTTP, by signals, exit
//! codes and files. One module a subject.

// In tests, a panic is the message.
#![allow(clippy::unwrap_used)]

mod bad_bodies;
mod bad_chains;
mod bad_clients;
mod bad_http;
mod bad_peers;
mod bad_registrations;
mod blocks;
mod chain_commands;
mod compose;
mod crash;
mod endless_peers;
mod foreign_pages;
mod gzip;
mod interop;
mod mining;
mod notary;
mod peer;
mod raw;
mod sealed;
mod sealed_hostile;
mod sending;
mod settings;
mod slow_peers;
mod support;
mod verify_py;
mod wallet;
