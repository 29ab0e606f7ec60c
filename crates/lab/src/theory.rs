//! What theory says, each formula under the name of who found it. Nothing here
//! has seen a block: what experiments measure is compared with it, and neither is
//! made from the other.

pub mod functions;

pub mod double_spend;

pub mod withholding;

pub mod optimal;

pub mod selfish;

pub mod forks;

pub mod gossip;

pub mod majority;

pub mod fees;

pub mod partition;

pub mod target;

pub mod step;
