//! The edge over real sockets: two that talk, and many that mean no good.

// In tests, a panic is the message.
#![allow(clippy::unwrap_used)]

mod gate;
mod hostile;
mod names;
mod support;
mod talking;
