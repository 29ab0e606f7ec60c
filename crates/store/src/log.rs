//! The block log and the pending log: what a line is, where it lies, how it is
//! written, read again, and found to be damaged. They are the truth; everything
//! else can be rebuilt from them.

pub(crate) mod damage;
pub(crate) mod damaged_block;
pub(crate) mod line;
pub(crate) mod pending;
pub(crate) mod position;
pub(crate) mod replay;
pub(crate) mod scan;
pub(crate) mod segments;
pub(crate) mod tail;
pub(crate) mod writer;
