//! What the core promises, one module a subject. `network` is the one to read
//! first: it runs whole nodes.

// In tests, a panic is the message.
#![allow(clippy::unwrap_used)]

mod account_mempool;
mod account_mempool_model;
mod account_mempool_room;
mod address;
mod agenda;
mod branch;
mod chain;
mod classic;
mod compact_headers;
mod development;
mod headers;
mod held_up;
mod invalid_blocks;
mod json;
mod json_model;
mod json_strict;
mod locator;
mod mempool;
mod merkle;
mod mining;
mod network;
mod pausing;
mod peer;
mod peers;
mod reader;
mod relayed;
mod reorganisation;
mod resolving;
mod restart;
mod returning;
mod sealed_accounts;
mod sealed_blocks;
mod sealed_bodies;
mod sealed_chain;
mod sealed_deferred;
mod sealed_future_blocks;
mod sealed_genesis;
mod sealed_mining;
mod sealed_network;
mod sealed_node;
mod sealed_restart;
mod sealed_target;
mod sealed_transactions;
mod sealed_vectors;
mod sealed_world;
mod seed;
mod signature;
mod submitted_block;
mod transactions;
mod validation;
mod world;
