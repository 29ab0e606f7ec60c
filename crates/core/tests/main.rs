//! What the core promises, one module a subject. `network` is the one to read
//! first: it runs whole nodes.

// In tests, a panic is the message.
#![allow(clippy::unwrap_used)]

mod chain;
mod classic;
mod json;
mod mining;
mod network;
mod offer;
mod peer;
mod pool;
mod reader;
mod reorganisation;
mod resolving;
mod restart;
mod seed;
mod transactions;
mod world;
