//! Whole networks in one thread, over the very code that decides in a node: the
//! core and the network's machine. Links delay, lose and break, miners are drawn,
//! and one seed is one history, whatever the machine.
//!
//! The modules in reading order; each uses only those above it.

pub mod draws;

pub mod agenda;

pub mod chain;

pub mod link;

pub mod participant;

pub mod network;

pub mod statistics;
