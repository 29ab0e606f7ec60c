//! The history: where transactions are, who is named in them, and which
//! reorganisations were seen. Consensus does not need it.

pub(crate) mod batch;
pub(crate) mod record;
pub(crate) mod tables;
pub(crate) mod view;
pub(crate) mod way;
pub(crate) mod writer;
