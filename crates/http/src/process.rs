//! What the operating system says of this process: how much memory it holds,
//! how long it has computed. Linux says it in files in `/proc`; elsewhere nothing
//! is known.

use std::fs;

/// This process.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Process {
    /// The memory that it holds.
    pub(crate) resident_bytes: u64,
    /// How long it has computed, on all cores together.
    pub(crate) cpu_s: f64,
    /// How many files it has open, connections included.
    pub(crate) open_files: usize,
    /// When it was started, since 1970.
    pub(crate) start_s: f64,
}

impl Process {
    /// Returns it as it is now; `None` where the system does not say.
    pub(crate) fn of_this_moment() -> Option<Process> {
        let page_bytes = rustix::param::page_size() as u64;
        let ticks_per_s = rustix::param::clock_ticks_per_second() as f64;
        let memory = fs::read_to_string("/proc/self/statm").ok()?;
        let resident_pages: u64 = memory.split(' ').nth(1)?.parse().ok()?;
        let stat = fs::read_to_string("/proc/self/stat").ok()?;
        // The second field is the program's name, in parentheses and with
        // whatever characters; those behind it count from the third (proc(5)).
        let (_, fields) = stat.rsplit_once(") ")?;
        let fields: Vec<&str> = fields.split(' ').collect();
        let ticks = |number: usize| fields.get(number - 3)?.parse::<f64>().ok();
        Some(Process {
            resident_bytes: resident_pages * page_bytes,
            cpu_s: (ticks(14)? + ticks(15)?) / ticks_per_s,
            open_files: fs::read_dir("/proc/self/fd").ok()?.count(),
            start_s: boot_s()? + ticks(22)? / ticks_per_s,
        })
    }
}

/// Returns when the machine was started, since 1970.
fn boot_s() -> Option<f64> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    let line = stat.lines().find_map(|line| line.strip_prefix("btime "))?;
    line.parse().ok()
}
