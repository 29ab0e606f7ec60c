//! What the network's machine promises, one module a subject.

// In tests, a panic is the message.
#![allow(clippy::unwrap_used)]

mod address_book;
mod codec;
mod connections;
mod header_tree;
mod headers;
mod presync;
mod vectors;
mod world;
