//! The kernels that this build has, and which of them the processor can run and
//! runs fastest. How each of them works is in its own file.

use std::hint::black_box;
use std::ops::Range;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use adit_core::puzzle::Puzzle;

use crate::job::{Chunk, Job};

/// `fastest` tries each kernel this often with `GUESSES_TO_TIME` guesses,
const RUNS_TO_TIME: u32 = 4;
const GUESSES_TO_TIME: u32 = 1_000;

/// but before that this often with `FIRST_GUESSES`,
const FIRST_RUNS: u32 = 3;
const FIRST_GUESSES: u32 = 50;

/// and with no more than those if they take this many times as long as the
/// best.
const FAR_BEHIND: u32 = 3;

/// A kernel's work: the first of these guesses (by their low four digits) whose
/// hash's first word is not above the target's. The range is within 0..10,000.
pub(crate) type Candidates = fn(&Chunk, Range<u32>) -> Option<u32>;

/// A way to search. All of them find the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kernel {
    /// One guess after the other with `sha2`.
    Scalar,
    /// The SHA extensions of x86-64, several guesses interleaved.
    ShaNi,
    /// Eight guesses at once in 256-bit vectors.
    Avx2,
    /// Sixteen guesses at once in 512-bit vectors.
    Avx512,
    /// Message schedules in 512-bit vectors, rounds by the SHA extensions.
    Hybrid,
    /// The SHA-2 instructions of 64-bit Arm.
    ArmSha2,
}

impl Kernel {
    /// All of them, in the order of tables.
    pub const ALL: [Kernel; 6] = [
        Kernel::Scalar,
        Kernel::ShaNi,
        Kernel::Avx2,
        Kernel::Avx512,
        Kernel::Hybrid,
        Kernel::ArmSha2,
    ];

    /// The name in tables and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Kernel::Scalar => "scalar",
            Kernel::ShaNi => "sha-ni",
            Kernel::Avx2 => "avx2",
            Kernel::Avx512 => "avx512",
            Kernel::Hybrid => "hybrid",
            Kernel::ArmSha2 => "arm-sha2",
        }
    }

    /// The kernel of this name.
    pub fn by_name(name: &str) -> Option<Kernel> {
        Kernel::ALL.into_iter().find(|kernel| kernel.name() == name)
    }

    /// Whether this processor can run it.
    pub fn is_available(self) -> bool {
        self == Kernel::Scalar || self.candidates().is_some()
    }

    /// The fastest that is available: each is tried for a moment, once in the
    /// program's life.
    pub fn fastest() -> Kernel {
        static FASTEST: OnceLock<Kernel> = OnceLock::new();
        *FASTEST.get_or_init(|| {
            let kernels = Kernel::ALL.into_iter();
            fastest_of(kernels.filter_map(|kernel| Some((kernel, kernel.candidates()?))))
        })
    }

    /// The kernel's code, if this processor can run it. The scalar kernel has
    /// none: the search does that work itself.
    #[cfg(target_arch = "x86_64")]
    #[allow(unsafe_code)]
    pub(crate) fn candidates(self) -> Option<Candidates> {
        use crate::{avx2, avx512, hybrid, sha_ni};
        let has_avx512 = is_x86_feature_detected!("avx512f");
        let has_sha = is_x86_feature_detected!("sha") && is_x86_feature_detected!("sse4.1");
        // SAFETY: a kernel is handed out if the processor has the features that
        // stand above its function, and not otherwise.
        match self {
            Kernel::ShaNi if has_sha => Some(|chunk, low| unsafe { sha_ni::candidate(chunk, low) }),
            Kernel::Avx2 if is_x86_feature_detected!("avx2") => {
                Some(|chunk, low| unsafe { avx2::candidate(chunk, low) })
            }
            Kernel::Avx512 if has_avx512 => {
                Some(|chunk, low| unsafe { avx512::candidate(chunk, low) })
            }
            Kernel::Hybrid if has_avx512 && has_sha && mixes_vectors_and_sha() => {
                Some(|chunk, low| unsafe { hybrid::candidate(chunk, low) })
            }
            _ => None,
        }
    }

    #[cfg(target_arch = "aarch64")]
    #[allow(unsafe_code)]
    pub(crate) fn candidates(self) -> Option<Candidates> {
        use crate::arm;
        if self == Kernel::ArmSha2 && std::arch::is_aarch64_feature_detected!("sha2") {
            // SAFETY: the processor has the features that stand above the function.
            Some(|chunk, low| unsafe { arm::candidate(chunk, low) })
        } else {
            None
        }
    }

    /// A platform without instructions of its own has only the scalar kernel.
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    pub(crate) fn candidates(self) -> Option<Candidates> {
        None
    }
}

/// Whether rounds by the SHA extensions cost nothing more between 512-bit
/// vectors. They are encoded for 128 bits; Intel's processors then take
/// thousands of cycles to keep the upper parts of the registers, AMD's none.
#[cfg(target_arch = "x86_64")]
fn mixes_vectors_and_sha() -> bool {
    let maker = std::arch::x86_64::__cpuid(0);
    let name = [maker.ebx, maker.edx, maker.ecx].map(u32::to_le_bytes);
    name.as_flattened() == b"AuthenticAMD"
}

/// The fastest of these. A kernel that is far behind after few guesses is given
/// no more: nobody waits for a kernel that is slow here.
fn fastest_of(kernels: impl Iterator<Item = (Kernel, Candidates)>) -> Kernel {
    let mut best = (Kernel::Scalar, Duration::MAX);
    for (kernel, candidates) in kernels {
        let first = time(candidates, FIRST_GUESSES, FIRST_RUNS);
        let expected = first * (GUESSES_TO_TIME / FIRST_GUESSES);
        if expected / FAR_BEHIND > best.1 {
            continue;
        }
        let duration = time(candidates, GUESSES_TO_TIME, RUNS_TO_TIME);
        if duration < best.1 {
            best = (kernel, duration);
        }
    }
    best.0
}

/// The time for this many guesses, the least of several runs.
fn time(candidates: Candidates, guesses: u32, runs: u32) -> Duration {
    let job = Job::new(&Puzzle {
        prefix: b"0123456789".to_vec(),
        suffix: Vec::new(),
        target: [0; 32],
    });
    let chunk = job.chunk(0).expect("fourteen bytes stand in one block");
    let run = |_| {
        let begin = Instant::now();
        black_box(candidates(black_box(&chunk), 0..guesses));
        begin.elapsed()
    };
    (0..runs).map(run).min().expect("some runs")
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::thread::sleep;

    use super::*;

    #[test]
    fn a_kernel_that_is_far_behind_is_given_up_after_few_guesses() {
        static GUESSES: AtomicU32 = AtomicU32::new(0);
        let slow: Candidates = |_, low| {
            GUESSES.fetch_add(low.end - low.start, Ordering::Relaxed);
            sleep(Duration::from_micros(20) * (low.end - low.start));
            None
        };
        let quick: Candidates = |_, low| {
            sleep(Duration::from_nanos(500) * (low.end - low.start));
            None
        };
        let fastest = fastest_of([(Kernel::Avx2, quick), (Kernel::Hybrid, slow)].into_iter());
        assert_eq!(fastest, Kernel::Avx2);
        assert_eq!(GUESSES.load(Ordering::Relaxed), FIRST_RUNS * FIRST_GUESSES);
    }

    #[test]
    fn the_fastest_wins_wherever_it_stands() {
        let quick: Candidates = |_, _| None;
        let slow: Candidates = |_, low| {
            sleep(Duration::from_micros(1) * (low.end - low.start));
            None
        };
        for order in [[quick, slow], [slow, quick]] {
            let kernels = [Kernel::Avx2, Kernel::Avx512].into_iter().zip(order);
            let expected = if order[0] as usize == quick as usize {
                Kernel::Avx2
            } else {
                Kernel::Avx512
            };
            assert_eq!(fastest_of(kernels), expected);
        }
    }
}
