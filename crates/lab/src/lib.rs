//! Whole networks in one thread, over the very code that decides in a node: the
//! core and the network's machine. Links delay, lose and break, miners are drawn,
//! and one seed is one history, whatever the machine.
//!
//! The modules in reading order; each uses only those above it.

pub mod draws;

pub mod agenda;

pub mod theory;

pub mod chain;

pub mod link;

pub mod participant;

pub mod network;

pub mod statistics;

pub mod faults;

pub mod block_table;

pub mod world;

pub mod settings;

pub mod picture;

pub mod report;

pub mod run;

pub mod flood;

pub mod experiment;

pub mod experiments;

pub mod page;
