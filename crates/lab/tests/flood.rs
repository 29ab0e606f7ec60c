//! Networks of many cores: one seed is one history.

use adit_core::hash::Hash;
use adit_lab::chain::workless_chain;
use adit_lab::draws::Draws;
use adit_lab::flood::{Event, Links, Shape, simulate};
use adit_lab::run::Run;

const SHAPE: Shape = Shape {
    nodes: 200,
    peers: 8,
    links: Links::Exponential(2_000_000),
    interval_us: 10_000_000,
};

fn history(seed: u64) -> Hash {
    let spread = simulate(
        workless_chain(&[]),
        SHAPE,
        Draws::new(seed),
        0,
        30,
        &mut |_| {},
    );
    spread.unwrap().trace.unwrap()
}

/// The same in a debug build and in a release, and whoever runs beside it.
#[test]
fn a_history_is_the_same_in_every_build_and_on_every_thread() {
    let histories = |threads| {
        let run = Run {
            seed: 1,
            trials: None,
            precision: None,
            threads,
            progress: &|_, _| true,
        };
        run.jobs(4, |seed| Ok(history(seed))).unwrap()
    };
    let (one, two) = (histories(1), histories(2));
    assert_eq!(one, two);
    assert_ne!(one[0], one[1]);
    let expected = "f5f4685ca5b6e4fa743d4b2d26dbdb51cd779270f2f33c3885c384598467e393";
    assert_eq!(one[3].to_string(), expected);
}

#[test]
fn every_node_takes_every_block_once_and_forks_end() {
    let (mut found, mut took, mut sent) = (0, 0, 0);
    let spread = simulate(
        workless_chain(&[]),
        SHAPE,
        Draws::new(5),
        0,
        40,
        &mut |event| match event {
            Event::Found { .. } => found += 1,
            Event::Took { .. } => took += 1,
            Event::Sent {
                at_us, arrives_us, ..
            } => {
                assert!(at_us <= arrives_us);
                sent += 1;
            }
        },
    );
    let spread = spread.unwrap();
    assert_eq!((found, took), (40, 40 * 199));
    assert_eq!(spread.messages, 40 * 2 * spread.links);
    assert!(sent < spread.messages && sent >= took);
    // Links that take a fifth of the interval lose some.
    assert!(spread.lost > 0);
}
