//! Finds the proof of a puzzle. It knows nothing of blocks and rules: a puzzle
//! is bytes before, bytes after, and a target. `docs/mining.md` explains how.
//!
//! The modules in reading order; each uses only those above it.

mod sha256;

mod job;

#[cfg(target_arch = "x86_64")]
mod lanes;

#[cfg(target_arch = "x86_64")]
mod avx2;

#[cfg(target_arch = "x86_64")]
mod avx512;

#[cfg(target_arch = "x86_64")]
mod sha_ni;

#[cfg(target_arch = "x86_64")]
mod hybrid;

#[cfg(target_arch = "aarch64")]
mod arm;

mod kernel;

mod search;

pub mod measure;

pub use kernel::Kernel;
pub use search::{Search, search};
