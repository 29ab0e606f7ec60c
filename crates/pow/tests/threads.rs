//! Many threads at one puzzle find the same as one.

use std::thread;

use adit_core::puzzle::Puzzle;
use adit_pow::{Kernel, Search};

use crate::classic;
use crate::kernels::available;

fn work(search: &Search, threads: usize) {
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| search.work());
        }
    });
}

const MOST_THREADS: usize = if cfg!(miri) { 2 } else { 8 };

/// One guess in 4,096 solves these, so several threads often hit at once.
fn puzzles() -> impl Iterator<Item = Puzzle> {
    (0..if cfg!(miri) { 1 } else { 100 }).map(|number| {
        let mut target = [0xff; 32];
        target[0] = if cfg!(miri) { 7 } else { 0 };
        target[1] = 0x0f;
        Puzzle {
            target,
            ..classic(number)
        }
    })
}

#[test]
fn any_number_of_threads_finds_the_smallest() {
    for puzzle in puzzles() {
        let smallest = (0..).find(|proof| puzzle.is_solved_by(*proof));
        for kernel in available() {
            for threads in 1..=MOST_THREADS {
                let search = Search::new(&puzzle, 0, kernel);
                work(&search, threads);
                assert_eq!(
                    search.found(),
                    smallest,
                    "{}, {threads} threads",
                    kernel.name()
                );
            }
        }
    }
}

/// Guesses so long that a thread looks up in the middle of its chunk, and sees
/// that another one has hit above.
#[test]
#[cfg_attr(miri, ignore = "tens of thousands of guesses")]
fn a_hit_above_ends_nobodys_search_below() {
    for puzzle in puzzles().take(30) {
        let suffix = vec![b's'; 2_000];
        let puzzle = Puzzle { suffix, ..puzzle };
        let smallest = (0..).find(|proof| puzzle.is_solved_by(*proof));
        for threads in 2..=4 {
            let search = Search::new(&puzzle, 0, Kernel::fastest());
            work(&search, threads);
            assert_eq!(search.found(), smallest, "{threads} threads");
        }
    }
}

#[test]
#[cfg_attr(miri, ignore = "a hundred thousand guesses")]
fn threads_share_the_guesses_up_to_the_end() {
    let impossible = Puzzle {
        target: [0; 32],
        ..classic(100)
    };
    for threads in 1..=8 {
        let search = Search::new(&impossible, u64::MAX - 99_999, Kernel::fastest());
        work(&search, threads);
        assert_eq!(search.found(), None);
        assert_eq!(search.guesses(), 100_000, "{threads} threads");
    }
}

#[test]
#[cfg_attr(miri, ignore = "tens of thousands of guesses")]
fn a_search_that_was_stopped_found_nothing() {
    let impossible = Puzzle {
        target: [0; 32],
        ..classic(100)
    };
    for kernel in available() {
        let search = Search::new(&impossible, 0, kernel);
        thread::scope(|scope| {
            let workers = [0; 3].map(|_| scope.spawn(|| search.work()));
            while search.guesses() == 0 {
                thread::yield_now();
            }
            search.stop();
            for worker in workers {
                worker.join().unwrap();
            }
        });
        assert_eq!(search.found(), None, "{}", kernel.name());
    }
}

#[test]
fn what_is_found_stays_found_when_the_search_is_stopped_later() {
    let trivial = Puzzle {
        target: [0xff; 32],
        ..classic(100)
    };
    let search = Search::new(&trivial, 7, Kernel::fastest());
    assert_eq!(search.found(), None);
    search.work();
    search.stop();
    search.work();
    assert_eq!(search.found(), Some(7));
}
