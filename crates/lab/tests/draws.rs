//! What is drawn.

use adit_lab::draws::{Draws, Purpose};

#[test]
fn a_draw_depends_on_its_name_alone() {
    let draws = Draws::new(7);
    let one = draws.draw(Purpose::Latency, 3, 5);
    assert_eq!(one, Draws::new(7).draw(Purpose::Latency, 3, 5));
    for other in [
        Draws::new(8).draw(Purpose::Latency, 3, 5),
        draws.draw(Purpose::Loss, 3, 5),
        draws.draw(Purpose::Latency, 4, 5),
        draws.draw(Purpose::Latency, 3, 6),
    ] {
        assert_ne!(one, other);
    }
}

/// The mean of an exponential law is its standard deviation too, and half of its
/// draws are below ln 2 of it.
#[test]
fn waits_follow_the_exponential_law() {
    let (draws, mean, count) = (Draws::new(1), 1_000_000_u64, 100_000_u64);
    let waits = (0..count).map(|number| draws.exponential(mean, Purpose::Interval, 0, number));
    let waits: Vec<u64> = waits.collect();
    let found = waits.iter().sum::<u64>() / count;
    // Four sigma.
    assert!(found.abs_diff(mean) < 4 * mean / 316, "mean {found}");
    let below = waits.iter().filter(|wait| **wait < 693_147).count() as u64;
    assert!(
        below.abs_diff(count / 2) < 4 * 158,
        "{below} below the median"
    );
    let long = waits.iter().filter(|wait| **wait > 5 * mean).count() as f64;
    let expected = count as f64 * adit_lab::theory::functions::exp(-5.0);
    assert!(
        (long - expected).abs() < 4.0 * expected.sqrt(),
        "{long} long ones"
    );
}
