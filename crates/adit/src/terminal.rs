//! How something is said on a terminal: tables, escapes, lines of the log. What
//! is said is not known here.

pub(crate) mod escape;
pub(crate) mod log;
pub(crate) mod output;
pub(crate) mod progress;
pub(crate) mod table;
