//! How fast the kernels are, measured so that a noisy machine can be compared
//! with itself: the baseline and every kernel take short turns, and medians
//! over many rounds count. What is printed is decided elsewhere.

use std::hint::black_box;
use std::thread;
use std::time::{Duration, Instant};

use adit_core::puzzle::Puzzle;

use crate::job::Job;
use crate::kernel::Kernel;
use crate::search::{PIECE_GUESSES, Search, smallest};

/// The least time that one sample takes: much less than a time slice, so that
/// few of them are interrupted, and the median isn't.
const SAMPLE: Duration = Duration::from_micros(500);

/// A sample of threads takes longer: they have to be started first.
const THREADS_SAMPLE: Duration = Duration::from_millis(20);

/// How many dependent steps measure the core's clock.
const CLOCK_STEPS: u64 = 100_000;

/// Each guess has six digits here.
const FIRST_GUESS: u64 = 100_000;

/// What the baseline is called in tables.
pub const BASELINE: &str = "sha2 compress256, one block";

/// The speed of one core.
#[derive(Debug, Clone)]
pub struct Row {
    /// `None` for the baseline: [`BASELINE`].
    pub kernel: Option<Kernel>,
    /// The baseline's guesses are blocks.
    pub guesses_per_s: f64,
    /// How many times as fast as the baseline.
    pub ratio: f64,
    /// Cycles of the core's clock for each guess.
    pub cycles: f64,
}

/// The speed of several threads with the fastest kernel.
#[derive(Debug, Clone)]
pub struct Threads {
    /// How many.
    pub threads: usize,
    /// Of all threads together.
    pub guesses_per_s: f64,
    /// How many times as fast as one thread.
    pub ratio: f64,
}

/// A puzzle in the shape of each rule set's, without a solution.
pub fn puzzles() -> [(&'static str, Puzzle); 3] {
    let puzzle = |prefix: &[u8], suffix: &[u8]| Puzzle {
        prefix: prefix.to_vec(),
        suffix: suffix.to_vec(),
        target: [0; 32],
    };
    [
        ("classic", puzzle(b"35293", b"")),
        ("classic-2018", puzzle(b"35293", &[b'a'; 64])),
        ("sealed", puzzle(&[b'a'; 64], b"")),
    ]
}

/// Measures the baseline and each available kernel on one core, `rounds` times
/// in turn. `progress` is called after each round with its number from 1.
pub fn kernels(puzzle: &Puzzle, rounds: usize, mut progress: impl FnMut(usize)) -> Vec<Row> {
    let job = Job::new(puzzle);
    let kernels = Kernel::ALL
        .into_iter()
        .filter(|kernel| kernel.is_available());
    let subjects: Vec<Option<Kernel>> = [None].into_iter().chain(kernels.map(Some)).collect();
    let mut samples: Vec<Vec<Sample>> = vec![Vec::new(); subjects.len()];
    for round in 1..=rounds {
        let mut baseline_s = f64::NAN;
        for (subject, samples) in subjects.iter().zip(&mut samples) {
            let clock_before = cycle_s();
            let guess_s = match subject {
                None => baseline_guess_s(),
                Some(kernel) => kernel_guess_s(&job, *kernel),
            };
            let clock_s = cycle_s().min(clock_before);
            if subject.is_none() {
                baseline_s = guess_s;
            }
            samples.push(Sample {
                guess_s,
                ratio: baseline_s / guess_s,
                cycles: guess_s / clock_s,
            });
        }
        progress(round);
    }
    let row = |(kernel, samples): (Option<Kernel>, Vec<Sample>)| Row {
        kernel,
        guesses_per_s: 1.0 / median(samples.iter().map(|sample| sample.guess_s)),
        ratio: median(samples.iter().map(|sample| sample.ratio)),
        cycles: median(samples.iter().map(|sample| sample.cycles)),
    };
    subjects.into_iter().zip(samples).map(row).collect()
}

/// Measures the fastest kernel on one thread and on each of these numbers of
/// threads, `rounds` times in turn.
pub fn threads(
    puzzle: &Puzzle,
    numbers: &[usize],
    rounds: usize,
    mut progress: impl FnMut(usize),
) -> Vec<Threads> {
    let numbers: Vec<usize> = [1].iter().chain(numbers).copied().collect();
    let mut samples: Vec<Vec<(f64, f64)>> = vec![Vec::new(); numbers.len()];
    for round in 1..=rounds {
        let mut alone = f64::NAN;
        for (number, samples) in numbers.iter().zip(&mut samples) {
            let speed = threads_guesses_per_s(puzzle, *number);
            if *number == 1 {
                alone = speed;
            }
            samples.push((speed, speed / alone));
        }
        progress(round);
    }
    let row = |(threads, samples): (usize, Vec<(f64, f64)>)| Threads {
        threads,
        guesses_per_s: median(samples.iter().map(|(speed, _)| *speed)),
        ratio: median(samples.iter().map(|(_, ratio)| *ratio)),
    };
    numbers.into_iter().zip(samples).map(row).collect()
}

#[derive(Clone)]
struct Sample {
    guess_s: f64,
    ratio: f64,
    cycles: f64,
}

/// What a guess costs that only calls `sha2` for one block.
fn baseline_guess_s() -> f64 {
    let mut block = [b'0'; 64];
    seconds_each(|| {
        for guess in 0..PIECE_GUESSES {
            let mut state = [0; 8];
            block[..8].copy_from_slice(&guess.to_ne_bytes());
            sha2::block_api::compress256(&mut state, black_box(&[block]));
            black_box(state);
        }
    })
}

fn kernel_guess_s(job: &Job, kernel: Kernel) -> f64 {
    let candidates = kernel.candidates();
    let mut first = FIRST_GUESS;
    seconds_each(|| {
        black_box(smallest(
            job,
            candidates,
            first..=first + (PIECE_GUESSES - 1),
        ));
        first += PIECE_GUESSES;
    })
}

/// The seconds of one guess, if the function makes a `PIECE_GUESSES` of them.
fn seconds_each(mut guess_piece: impl FnMut()) -> f64 {
    let begin = Instant::now();
    let mut guesses = 0;
    loop {
        guess_piece();
        guesses += PIECE_GUESSES;
        let elapsed = begin.elapsed();
        if elapsed >= SAMPLE {
            return elapsed.as_secs_f64() / guesses as f64;
        }
    }
}

fn threads_guesses_per_s(puzzle: &Puzzle, threads: usize) -> f64 {
    let search = Search::new(puzzle, FIRST_GUESS, Kernel::fastest());
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| search.work());
        }
        // Until all threads run.
        thread::sleep(THREADS_SAMPLE / 2);
        let (begin, before) = (Instant::now(), search.guesses());
        thread::sleep(THREADS_SAMPLE);
        let speed = (search.guesses() - before) as f64 / begin.elapsed().as_secs_f64();
        search.stop();
        speed
    })
}

/// The seconds of one cycle, from a chain of additions and exclusive ors: each
/// needs the one before and takes one cycle.
fn cycle_s() -> f64 {
    let (summand, mask) = (black_box(0x9e37_79b9_u64), black_box(0x55_u64));
    let begin = Instant::now();
    let mut x = black_box(1_u64);
    for _ in 0..CLOCK_STEPS {
        x = x.wrapping_add(summand) ^ mask;
    }
    black_box(x);
    begin.elapsed().as_secs_f64() / (2 * CLOCK_STEPS) as f64
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
