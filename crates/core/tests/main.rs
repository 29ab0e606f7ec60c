//! What the core promises, one module a subject. `network` is the one to read
//! first: it runs whole nodes.

mod json;
mod network;
mod seed;
mod world;
