//! The index: where each block lies, and which form the main chain. What was
//! not written yet is in the overlays. The index can be rebuilt from the block
//! log.

pub(crate) mod account_overlay;
pub(crate) mod account_record;
pub(crate) mod account_view;
pub(crate) mod account_writer;
pub(crate) mod lines;
pub(crate) mod overlay;
pub(crate) mod recent_changes;
pub(crate) mod record;
pub(crate) mod tables;
pub(crate) mod view;
pub(crate) mod writer;
