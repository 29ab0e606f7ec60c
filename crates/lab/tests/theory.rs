//! What the formulas say, against tables that were computed independently.

use adit_lab::theory::double_spend::{
    Race, nakamoto, nakamoto_confirmations_for, silence, success_after,
};
use adit_lab::theory::fees::BulkQueue;
use adit_lab::theory::forks::{
    ManyMiners, growth_of_two, private_chain_bound, public_growth, rival, rival_by_mean_delay,
};
use adit_lab::theory::gossip;
use adit_lab::theory::majority::Majority;
use adit_lab::theory::partition::Partition;
use adit_lab::theory::selfish::sm1_share;
use adit_lab::theory::step::after_step;
use adit_lab::theory::target::Retarget;

/// As near as the six digits of a table say.
pub(crate) fn assert_near(found: f64, expected: f64, what: &str) {
    let last_digit = if expected.abs() < 0.001 { 5e-10 } else { 1e-6 };
    let near = last_digit + 1e-6 * expected.abs();
    assert!(
        (found - expected).abs() <= near,
        "{what}: {found}, expected {expected}"
    );
}

fn race(attacker: f64, confirmations: u64, beforehand: u64, give_up: Option<u64>) -> f64 {
    Race {
        attacker,
        confirmations,
        beforehand,
        give_up,
    }
    .success()
}

#[test]
fn double_spends() {
    let rows = [
        (0.1, 1, 0.204587, 0.200000, 0.031111, 0.031111),
        (0.1, 3, 0.013172, 0.017120, 0.003031, 0.003031),
        (0.1, 6, 0.000242803, 0.000591412, 0.000110317, 0.000110317),
        (0.2, 2, 0.203929, 0.208000, 0.072400, 0.072400),
        (0.3, 3, 0.324584, 0.326160, 0.180051, 0.180051),
        (0.3, 6, 0.132111, 0.156450, 0.089107, 0.089107),
        (0.4, 6, 0.503980, 0.493004, 0.381407, 0.381407),
        (0.45, 10, 0.685424, 0.657928, 0.583630, 0.583494),
    ];
    for (q, z, approximation, a, b, c) in rows {
        let what = format!("{q} {z}");
        assert_near(nakamoto(q, z), approximation, &what);
        assert_near(race(q, z, 1, None), a, &what);
        assert_near(race(q, z, 0, None), b, &what);
        assert_near(race(q, z, 0, Some(40)), c, &what);
    }
    assert_near(race(0.22, 3, 1, None), 0.148_867_6, "to be rounded");
}

#[test]
fn six_quick_blocks_are_worth_less() {
    let rows = [
        (0.25, 0.014593),
        (0.5, 0.033632),
        (0.75, 0.071113),
        (1.0, 0.132111),
        (1.5, 0.315690),
        (2.0, 0.528910),
        (3.0, 0.840013),
    ];
    for (kappa, expected) in rows {
        assert_near(success_after(0.3, 6, kappa), expected, &format!("{kappa}"));
    }
}

/// What every formula has to say where nothing is to be computed.
#[test]
fn at_the_edges() {
    for z in [1, 6, 1_000] {
        assert_eq!(race(0.0, z, 0, None), 0.0);
        assert_eq!(race(0.0, z, 1, None), 0.0);
        assert_eq!(race(0.5, z, 1, None), 1.0);
        assert_eq!(race(0.7, z, 0, None), 1.0);
        assert_eq!(race(1.0, z, 0, Some(40)), 1.0);
        assert_eq!((nakamoto(0.0, z), nakamoto(0.5, z)), (0.0, 1.0));
    }
    // Nothing is waited for: the attacker is ahead with the block it has.
    assert_eq!((race(0.1, 0, 1, None), nakamoto(0.1, 0)), (1.0, 1.0));
    assert_near(race(0.1, 0, 0, None), 1.0 / 9.0, "one to make up for");
    assert_eq!(race(0.0, 0, 1, None), 1.0);
    // An even race over so many steps.
    assert_near(race(0.5, 0, 0, Some(40)), 39.0 / 40.0, "even");
    assert_near(
        race(0.5 + 1e-12, 0, 0, Some(40)),
        39.0 / 40.0,
        "next to even",
    );
    // Far away, small, and still right: the least digits of the sum are kept.
    let far = race(0.1, 30, 1, None);
    assert!(far > 0.0 && far < 1e-10, "{far}");
    assert_eq!((sm1_share(0.0, 0.0), sm1_share(0.0, 1.0)), (0.0, 0.0));
    assert_near(sm1_share(0.5, 0.0), 1.0, "half");
    assert_eq!((rival(1, 3.0), rival(8, 0.0)), (0.0, 0.0));
    assert_eq!(
        (growth_of_two(1.0, 2.0), growth_of_two(0.3, 0.0)),
        (1.0, 1.0)
    );
    assert_eq!(private_chain_bound(0.0), 0.5);
    assert_eq!((gossip::all_know(1).0, gossip::one_knows(1)), (0.0, 0.0));
    assert_near(gossip::all_know(2).0, 1.0, "one link");
    let none = BulkQueue {
        arrivals: 0.0,
        capacity: 4,
    };
    assert!(none.waiting().unwrap() < 1e-50, "{:?}", none.waiting());
    assert_eq!(none.wait(), Some(1.0));
    let full = BulkQueue {
        arrivals: 4.0,
        capacity: 4,
    };
    assert_eq!((full.waiting(), full.wait_at(0.0)), (None, None));
    assert_near(
        full.wait_at(1.0).unwrap(),
        1.0,
        "who pays most waits for one block",
    );
}

#[test]
fn confirmations() {
    let rows = [
        (0.05, 4, 4, 3, 3, 1, 8, 7),
        (0.1, 5, 6, 4, 4, 2, 12, 11),
        (0.15, 8, 9, 7, 6, 4, 19, 17),
        (0.2, 11, 13, 11, 8, 6, 28, 26),
        (0.25, 15, 20, 17, 12, 10, 42, 40),
        (0.3, 24, 32, 29, 20, 17, 69, 67),
        (0.35, 41, 58, 55, 36, 32, 128, 124),
        (0.4, 89, 133, 128, 82, 77, 294, 289),
        (0.45, 340, 539, 530, 331, 321, 1191, 1181),
    ];
    let least = |attacker, beforehand, risk| {
        let race = Race {
            attacker,
            confirmations: 0,
            beforehand,
            give_up: None,
        };
        race.confirmations_for(risk)
    };
    for (q, approximation, a, b, a_percent, b_percent, a_million, b_million) in rows {
        assert_eq!(
            nakamoto_confirmations_for(q, 0.001),
            Some(approximation),
            "{q}"
        );
        let found = [0.001, 0.01, 1e-6].map(|risk| [least(q, 1, risk), least(q, 0, risk)]);
        let expected = [[a, b], [a_percent, b_percent], [a_million, b_million]];
        assert_eq!(found, expected.map(|pair| pair.map(Some)), "{q}");
    }
    assert_eq!(least(0.5, 0, 0.001), None);
    assert_eq!(least(0.0, 0, 0.001), Some(0));
}

#[test]
fn forks() {
    let rows = [
        (
            0.001,
            0.0009995,
            0.999001,
            [0.999500, 0.999520, 0.999680, 0.999820],
        ),
        (
            0.005,
            0.004988,
            0.995025,
            [0.997512, 0.997612, 0.998408, 0.999104],
        ),
        (
            0.01,
            0.009950,
            0.990099,
            [0.995050, 0.995248, 0.996832, 0.998218],
        ),
        (
            0.05,
            0.048771,
            0.952381,
            [0.976190, 0.977144, 0.984766, 0.991433],
        ),
        (
            0.1,
            0.095163,
            0.909091,
            [0.954545, 0.956369, 0.970941, 0.983668],
        ),
        (
            0.5,
            0.393469,
            0.666667,
            [0.833333, 0.840355, 0.895413, 0.942039],
        ),
        (
            1.0,
            0.632121,
            0.500000,
            [0.750000, 0.761585, 0.848858, 0.918358],
        ),
        (
            2.0,
            0.864665,
            0.333333,
            [0.666667, 0.685532, 0.813923, 0.903640],
        ),
    ];
    for (delay, sibling, growth, two) in rows {
        let many = ManyMiners { delay };
        assert!((many.sibling() - sibling).abs() < 1e-6, "{delay}");
        assert_near(many.growth(), growth, "growth");
        for (share, expected) in [0.5, 0.6, 0.8, 0.9].into_iter().zip(two) {
            assert_near(
                growth_of_two(share, delay),
                expected,
                &format!("{share} {delay}"),
            );
            assert_near(
                growth_of_two(1.0 - share, delay),
                expected,
                "the other way round",
            );
        }
        assert!((growth_of_two(0.5 + 1e-7, delay) - two[0]).abs() < 1e-6);
    }
    let rows = [
        (8, 0.080000, 0.025522, 0.025595),
        (16, 0.800000, 0.151245, 0.152879),
        (64, 6.400000, 0.371900, 0.376762),
        (64, 32.0, 0.889005, 0.905969),
        (64, 64.0, 0.984375, 0.991158),
        (100, 100.0, 0.990000, 0.994357),
        (128, 128.0, 0.992188, 0.995596),
    ];
    for (nodes, delay, expected, by_mean) in rows {
        assert_near(rival(nodes, delay), expected, &format!("{nodes} {delay}"));
        assert_near(rival_by_mean_delay(nodes, delay), by_mean, "mean delay");
    }

    for (delay, expected) in [
        (0.001, 0.499875),
        (0.01, 0.498750),
        (0.05, 0.493751),
        (0.1, 0.487508),
        (0.2, 0.475062),
        (0.5, 0.438447),
        (1.0, 0.381966),
        (2.0, 0.292893),
    ] {
        assert_near(private_chain_bound(delay), expected, "private chain");
        let most = private_chain_bound(delay);
        assert_near(public_growth(most, delay), most, "where both grow alike");
    }
}

#[test]
fn majorities() {
    let rows = [
        (0.510000, 7, 350.0, 935.2272, 178.5, 171.5),
        (0.550000, 2, 20.0, 44.49719, 11.0, 9.000000),
        (0.550000, 7, 70.0, 83.24662, 38.5, 31.5),
        (0.600000, 101, 505.0, 110.0909, 303.0, 202.0),
        (2.0 / 3.0, 7, 21.0, 12.96148, 14.0, 7.000000),
        (0.750000, 7, 14.0, 6.480741, 10.5, 3.500000),
        (0.900000, 7, 8.750000, 2.218530, 7.875000, 0.875000),
    ];
    for (attacker, behind, blocks, deviation, own, lost) in rows {
        let majority = Majority { attacker, behind };
        assert_near(majority.blocks(), blocks, "blocks");
        assert_near(majority.blocks_deviation(), deviation, "deviation");
        assert_near(majority.attacker_blocks(), own, "own");
        assert_near(majority.lost_blocks(), lost, "lost");
    }
    let majority = Majority {
        attacker: 0.6,
        behind: 7,
    };
    let (mut sum, mut mean) = (0.0, 0.0);
    for blocks in 0..4_000 {
        sum += majority.probability(blocks);
        mean += blocks as f64 * majority.probability(blocks);
    }
    assert!(
        (sum - 1.0).abs() < 1e-9 && (mean - 35.0).abs() < 1e-9,
        "{sum} {mean}"
    );
    assert_near(
        Majority {
            attacker: 0.6,
            behind: 1,
        }
        .probability(3),
        0.6 * 0.6 * 0.4,
        "three",
    );
}

#[test]
fn eclipses() {
    let rows = [
        (0.1, 0.1, 6, 0.000110317, 0.000219122, 0.008754),
        (0.1, 0.2, 6, 0.000110317, 0.000468437, 0.089107),
        (0.2, 0.1, 6, 0.008754, 0.016371, 0.089107),
        (0.2, 0.25, 6, 0.008754, 0.046648, 0.647742),
        (0.3, 0.2, 6, 0.089107, 0.280313, 1.0),
    ];
    for (q, w, z, without, cut_off, used) in rows {
        assert_near(race(q, z, 0, None), without, "without");
        assert_near(race(q / (1.0 - w), z, 0, None), cut_off, "cut off");
        assert_near(race(q + w, z, 0, None), used, "used");
    }
    assert_near(silence(6.9), 0.001_008, "silence");
}

#[test]
fn floods() {
    let rows = [
        (4, 0.916667, 0.533594, 0.611111, 9, 12),
        (8, 0.648214, 0.259808, 0.370408, 49, 56),
        (16, 0.414779, 0.124851, 0.221215, 225, 240),
        (64, 0.147758, 0.029456, 0.075052, 3969, 4032),
        (128, 0.084771, 0.014498, 0.042719, 16129, 16256),
    ];
    for (nodes, all, deviation, one, messages, all_messages) in rows {
        let (mean, sigma) = gossip::all_know(nodes);
        assert_near(mean, all, "all");
        assert_near(sigma, deviation, "deviation");
        assert_near(gossip::one_knows(nodes), one, "one");
        let links = nodes * (nodes - 1) / 2;
        assert_eq!(gossip::messages(nodes, links), (messages, all_messages));
    }
    let (two, all) = gossip::in_random_graph(10_000, 8).unwrap();
    assert_near(two, 1.535057, "two");
    assert_near(all, 2.686349, "all");
    assert_near(gossip::hops(10_000, 8).unwrap(), 4.733179, "hops");
    assert_eq!(gossip::in_random_graph(100, 2), None);
}

#[test]
fn queues() {
    let rows = [
        (
            1,
            0.5,
            0.500000,
            1.000000,
            2.000000,
            [4.000000, 2.560000, 1.777778, 1.306122, 1.051940],
        ),
        (
            1,
            0.8,
            0.800000,
            4.000000,
            5.000000,
            [25.0, 6.250000, 2.777778, 1.562500, 1.085069],
        ),
        (
            4,
            0.5,
            0.741271,
            2.865047,
            1.432523,
            [2.593391, 1.717736, 1.268826, 1.048984, 1.000317],
        ),
        (
            4,
            0.8,
            0.912707,
            10.45563,
            3.267384,
            [15.6867, 3.986163, 1.848067, 1.158235, 1.001615],
        ),
        (
            4,
            0.95,
            0.979588,
            47.98975,
            12.62888,
            [250.0525, 7.630031, 2.365033, 1.238117, 1.002848],
        ),
        (
            10,
            0.5,
            0.868822,
            6.623212,
            1.324642,
            [2.307178, 1.546723, 1.170851, 1.015664, 1.000001],
        ),
        (
            10,
            0.95,
            0.990652,
            105.972,
            11.15495,
            [220.0575, 6.730575, 2.107818, 1.146605, 1.000093],
        ),
        (
            100,
            0.8,
            0.995418,
            217.2528,
            2.715660,
            [12.69525, 3.250755, 1.544072, 1.047354, 1.000000],
        ),
        (
            100,
            0.95,
            0.998976,
            975.7147,
            10.27068,
            [202.0586, 6.188875, 1.951675, 1.094430, 1.000000],
        ),
    ];
    for (capacity, load, ratio, waiting, wait, by_rank) in rows {
        let queue = BulkQueue {
            arrivals: load * capacity as f64,
            capacity,
        };
        assert_near(queue.ratio().unwrap(), ratio, "ratio");
        assert_near(queue.waiting().unwrap(), waiting, "waiting");
        assert_near(queue.wait().unwrap(), wait, "wait");
        for (rank, expected) in [0.0, 0.25, 0.5, 0.75, 0.95].into_iter().zip(by_rank) {
            let found = queue.wait_at(rank).unwrap();
            assert_near(found, expected, &format!("{capacity} {load} {rank}"));
        }
    }
}

/// Where the target neither rises nor falls, in the rule's whole numbers.
#[test]
fn targets() {
    let rows = [
        (1.0001, Some(5678.4148)),
        (1.01, Some(50.5926)),
        (1.2, Some(3.1860)),
        (1.5, Some(1.7160)),
        (2.0, Some(1.2551)),
        (5.0, Some(1.0065)),
        (10.0, Some(0.9991)),
        (30.0, Some(0.9983)),
        (60.0, Some(0.9979)),
        (144.0, Some(0.9975)),
        (1000.0, Some(0.9941)),
        (3600.0, Some(0.9838)),
        (8640.0, Some(0.9671)),
        (20000.0, Some(0.9513)),
        (60000.0, Some(0.6633)),
        (65600.0, None),
        (86400.0, None),
    ];
    for (half_life, expected) in rows {
        let found = Retarget { half_life }.equilibrium();
        let near = match (found, expected) {
            (Some(found), Some(expected)) => (found / expected - 1.0_f64).abs() < 2e-3,
            (found, expected) => found == expected,
        };
        assert!(near, "{half_life}: {found:?}, expected {expected:?}");
    }
    let rule = Retarget { half_life: 30.0 };
    let rows = [
        (
            2.000000,
            [0.6495, 0.7556, 0.8836, 0.9796],
            [0.6551, 0.7600, 0.8861, 0.9797],
            47.49,
        ),
        (
            10.0,
            [0.3669, 0.5558, 0.7837, 0.9547],
            [0.3671, 0.5571, 0.7858, 0.9565],
            104.05,
        ),
        (
            0.500000,
            [1.7091, 1.5048, 1.2582, 1.0733],
            [1.7724, 1.5394, 1.2678, 1.0713],
            17.17,
        ),
        (
            0.100000,
            [7.3603, 5.5008, 3.2562, 1.5728],
            [8.7870, 6.6796, 3.6184, 1.5930],
            3.62,
        ),
        (
            1.0 / 30.0,
            [21.4884, 15.4909, 8.2513, 2.8215],
            [28.2926, 24.2444, 15.6997, 5.4718],
            1.11,
        ),
    ];
    for (factor, formula, simulated, blocks) in rows {
        let times = [15.0, 30.0, 60.0, 120.0];
        for ((time, formula), simulated) in times.into_iter().zip(formula).zip(simulated) {
            let found = rule.halving_law(1.0 / factor, time);
            assert!(
                (found / formula - 1.0).abs() < 1.5e-3,
                "{factor} {time}: {found}, expected {formula}"
            );
            let is_worth_it = time <= 30.0 || !cfg!(debug_assertions);
            if is_worth_it {
                let found = after_step(factor, 30.0, time);
                let near = (found.next_block / simulated - 1.0).abs() < 0.04;
                assert!(near, "{factor} {time}: {found:?}, simulated {simulated}");
                // Those runs begin with the target in its usual noise, and ours with the
                // target that the power had before: up to 1.6 % fewer blocks.
                if time == 30.0 {
                    assert!(
                        (found.blocks / blocks - 1.0).abs() < 0.016,
                        "{factor}: {found:?}, simulated {blocks}"
                    );
                }
            }
        }
    }
    // 200,000 runs of another program that begin as ours do: 3.5664, +- 0.0045.
    let found = after_step(0.1, 30.0, 30.0);
    assert!((found.blocks - 3.5664).abs() < 0.015, "{found:?}");
    assert_near(Retarget { half_life: 5.0 }.lie(1.0), 1.148698, "a lie");
    let (harder, easier) = rule.largest_steps(10_000.0);
    assert_near(harder, 1.023_370, "harder");
    assert_near(easier, 1.954_320, "easier");
}

#[test]
fn partitions() {
    // Nobody in one part, nothing to drop.
    let (mean, deviation) = Partition {
        share: 0.0,
        intervals: 12.0,
    }
    .dropped();
    assert_eq!((mean, deviation), (0.0, 0.0));
    // The mean of the lesser of two equal Poisson numbers, by Bessel functions.
    let (mean, _) = Partition {
        share: 0.5,
        intervals: 2.0,
    }
    .dropped();
    assert!((mean - 0.476_222_388_4).abs() < 1e-6, "{mean}");
}
