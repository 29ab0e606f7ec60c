//! The small files of a data folder, and what it takes to get any file onto the
//! disk. What the logs and databases hold is not known here.

pub(crate) mod durable;
pub(crate) mod lock;
pub(crate) mod peers;
pub(crate) mod staging;
