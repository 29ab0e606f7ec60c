//! The campaign of faults: small networks over the real core in which messages are
//! lost, clocks are wrong, the power goes and a quarter of the nodes lies. After each
//! event a naive model, which shares no code with the core, checks what that event
//! touched; then everything heals, and has to come to one chain on which nothing is
//! lost. What a seed is like is drawn from it, and a case that fails is shrunk to
//! what it needs.
//!
//! The modules in reading order; each uses only those above it.

mod mix;

mod model;

mod disk;

mod site;

mod world;

mod checks;

mod driver;

mod deeds;

mod liars;

mod adopt;

mod run;

mod shrink;

pub use mix::{Case, FAULTS, Fault};
pub use run::{Failure, Passed, run};
pub use shrink::{Shrunk, shrink};
