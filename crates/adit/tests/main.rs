//! The program `adit` from outside: as processes, over HTTP, by signals, exit
//! codes and files. One module a subject.

// In tests, a panic is the message.
#![allow(clippy::unwrap_used)]

mod bad_bodies;
mod chain_commands;
mod compose;
mod crash;
mod interop;
mod raw;
mod settings;
mod support;
