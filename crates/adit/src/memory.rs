//! The allocator. The C library's own keeps much of what was freed for each of
//! many threads: once texts as long as blocks were held, several times what a
//! node holds at a time. Of those that were tried, this one holds the least
//! (docs/performance.md). It decides nothing about what is held.

use tikv_jemallocator::Jemalloc;

#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;
