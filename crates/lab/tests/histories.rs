//! One seed is one history, on every machine and in every build.

use adit_core::hash::Hash;
use adit_lab::draws::Purpose;
use adit_lab::network::Network;

use crate::world::{SECOND, people, settings};

/// Blocks and payments for a minute, with a split in between.
fn history(seed: u64) -> Hash {
    let (people, rules) = people(20);
    let mut network = Network::new(settings(seed, 12, &rules, &people)).unwrap();
    let draws = network.draws;
    let start = network.now();
    let mut nonces = [0; 20];
    for number in 0..40 {
        let at = start
            + std::time::Duration::from_millis(draws.below(60_000, Purpose::Payment, 0, number));
        let from = draws.below(20, Purpose::Payment, 1, number) as usize;
        let to = people[(from + 1) % 20].address;
        let payment = people[from].payment(&rules, to, nonces[from], 5, 400);
        nonces[from] += 1;
        network.plan_payment(
            at,
            draws.below(12, Purpose::Payment, 2, number) as usize,
            payment,
        );
    }
    let mut at = start;
    for number in 0..15 {
        at += std::time::Duration::from_millis(draws.exponential(
            4_000,
            Purpose::Interval,
            0,
            number,
        ));
        network.plan_block(at, draws.below(12, Purpose::Finder, 0, number) as usize);
    }
    network.run_for(20 * SECOND).unwrap();
    let broken = network.split(|node| node % 2);
    network.run_for(20 * SECOND).unwrap();
    for [from, to] in broken {
        network.connect(from, to);
    }
    network.run_for(40 * SECOND).unwrap();
    network.trace()
}

#[test]
fn the_same_seed_is_the_same_history() {
    assert_eq!(history(1), history(1));
    assert_ne!(history(1), history(2));
}

/// The same in a debug build and in a release: a change of what nodes say, when,
/// or how it is drawn, changes this.
#[test]
fn a_history_is_the_same_in_every_build() {
    let expected = "a1c3a936afa548c671b69e899368bd5f9546eaf38303dbedf35b382297d6ed8f";
    assert_eq!(history(20_171_024).to_string(), expected);
}
