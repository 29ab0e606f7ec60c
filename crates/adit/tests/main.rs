//! The program `adit` from outside: as processes, over HTTP, by signals, exit
//! codes and files. One module a subject.

// In tests, a panic is the message.
#![allow(clippy::unwrap_used)]

mod adopting;
mod api;
mod api_lists;
mod bad_bodies;
mod bad_chains;
mod bad_clients;
mod bad_http;
mod bad_peers;
mod bad_registrations;
mod blocks;
mod chain_commands;
mod commands;
mod compose;
mod copied_folder;
mod crash;
mod damage;
mod deprived;
mod dev;
mod doctor;
mod endless_peers;
mod events;
mod exploring;
mod fake_node;
mod fees;
mod folders;
mod foreign_pages;
mod gzip;
mod half_closed;
mod half_life;
mod history;
mod interop;
mod keeping;
mod log;
mod mending;
mod metrics;
mod mining;
mod notary;
mod offers;
mod pages;
mod passwords;
mod paying;
mod peer;
mod peers;
mod raw;
mod removed_peers;
mod returning;
mod rot;
mod sealed;
mod sealed_hostile;
mod sending;
mod settings;
mod slow_peers;
mod slow_readers;
mod support;
mod terminal;
mod threads;
mod tls;
mod typing;
mod verify_py;
mod wallet;
mod watching;
mod who_may;
