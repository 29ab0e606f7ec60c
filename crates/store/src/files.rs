//! The small files of a data folder, and what it takes until any file is on the
//! disk. What stands in the logs and databases is not known here.

pub(crate) mod durable;
pub(crate) mod lock;
pub(crate) mod peers;
pub(crate) mod staging;
