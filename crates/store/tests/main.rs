//! What the store promises, one module a subject. Real files in temporary
//! folders; blocks made by the tutorial's rules, without solving puzzles.

// In tests, a panic is the message.
#![allow(clippy::unwrap_used)]

mod accounts;
mod crash;
mod damage;
mod history;
mod index;
mod locking;
mod long_branches;
mod order;
mod pending;
mod reading;
mod rot;
mod staging;
mod world;
