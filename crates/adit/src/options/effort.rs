//! How much a machine is asked to do: intervals, threads and kernels, as they are typed.
//! Who does it is not known here.

use std::num::NonZeroUsize;
use std::time::Duration;

use adit_pow::Kernel;

/// Proofs are searched for on at most this many cores.
const MINING_THREADS_LIMIT: usize = 1_024;

/// A time between two looks; none is never.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Interval(pub(crate) Option<Duration>);

pub(super) fn read_interval(text: &str) -> Result<Interval, String> {
    if text == "0" {
        return Ok(Interval(None));
    }
    match humantime::parse_duration(text) {
        Ok(interval) if interval.is_zero() => Ok(Interval(None)),
        Ok(interval) => Ok(Interval(Some(interval))),
        Err(_) => Err("write it as 500ms, 10s or 2m, or 0 for never".to_string()),
    }
}

pub(super) fn read_threads(text: &str) -> Result<NonZeroUsize, String> {
    if text == "all" {
        return Ok(all_cores());
    }
    let threads = text.parse::<NonZeroUsize>().ok();
    let threads = threads.filter(|threads| threads.get() <= MINING_THREADS_LIMIT);
    threads.ok_or_else(|| format!("write it as a number from 1 to {MINING_THREADS_LIMIT}, or all"))
}

/// As many threads as run at the same time on this machine.
pub(crate) fn all_cores() -> NonZeroUsize {
    let cores = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let limit = NonZeroUsize::new(MINING_THREADS_LIMIT).expect("the limit is not 0");
    cores.min(limit)
}

pub(super) fn read_kernel(text: &str) -> Result<Kernel, String> {
    let named = Kernel::by_name(text).filter(|kernel| kernel.is_available());
    named.ok_or_else(|| {
        let kernels = Kernel::ALL.into_iter();
        let available = kernels.filter(|kernel| kernel.is_available());
        let names: Vec<_> = available.map(Kernel::name).collect();
        format!("this machine has {}", names.join(", "))
    })
}

/// At most this many threads share the trials of an experiment.
pub(crate) const LAB_THREADS_LIMIT: usize = 64;

pub(super) fn read_lab_threads(text: &str) -> Result<NonZeroUsize, String> {
    let number: Option<NonZeroUsize> = text.parse().ok();
    let number = number.filter(|number| number.get() <= LAB_THREADS_LIMIT);
    number.ok_or_else(|| format!("expected 1 to {LAB_THREADS_LIMIT} threads"))
}
