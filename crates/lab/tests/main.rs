//! What whole networks do, one module a subject.

// In tests, a panic is the message.
#![allow(clippy::unwrap_used)]

mod attacks;
mod classics;
mod discovery;
mod draws;
mod experiments;
mod faults;
mod flood;
mod floods;
mod histories;
mod relay;
mod storm;
mod sync;
mod theory;
mod theory_selfish;
mod world;
