//! What gives memory out and takes it back. The C library's own keeps much of
//! what was freed for each of many threads: once texts as long as blocks were
//! held, several times what a node holds at a time. This one holds the least of
//! those that were tried (docs/performance.md). It decides nothing about what
//! is held.

use tikv_jemallocator::Jemalloc;

#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;
