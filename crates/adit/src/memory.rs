//! How the C library's allocator gives memory back. Left to itself, glibc keeps
//! up to 64 MiB of what was freed for each of many threads, once a text as long
//! as a block was held: several times what a node ever holds at a time. It
//! decides nothing about what is held.
//!
//! The one call is `unsafe` because it is C's; it takes two numbers and reads
//! nothing of ours.

#![allow(unsafe_code)]

/// What is as long as this, or longer, is given back when it is freed.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const MAPPED_BYTES: i32 = 1024 * 1024;

/// So much that is free may be kept at the end of an arena.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const KEPT_BYTES: i32 = 4 * 1024 * 1024;

/// Threads share so many arenas.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const ARENAS: i32 = 2;

/// To be called before there are threads. Where the allocator is another one,
/// it does nothing.
pub(crate) fn give_back_what_is_freed() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    for (setting, value) in [
        (libc::M_MMAP_THRESHOLD, MAPPED_BYTES),
        (libc::M_TRIM_THRESHOLD, KEPT_BYTES),
        (libc::M_ARENA_MAX, ARENAS),
    ] {
        // SAFETY: `mallopt` takes two numbers; what it does not know, it refuses.
        unsafe { libc::mallopt(setting, value) };
    }
}
