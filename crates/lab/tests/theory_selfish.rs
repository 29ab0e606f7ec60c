//! What selfish mining earns, against tables that were computed independently.

use adit_lab::theory::selfish::{Policy, Strategy, bound, sm1_share, sm1_threshold};

use crate::theory::assert_near;

#[test]
fn selfish_mining() {
    let rows = [
        (0.100000, 0.0, 0.035641, 0.915800, 0.032640, 0.2793),
        (0.200000, 0.5, 0.182418, 0.850467, 0.155140, 0.5498),
        (0.250000, 0.5, 0.250000, 0.820000, 0.205000, 0.6617),
        (0.300000, 0.0, 0.273126, 0.788184, 0.215274, 0.8313),
        (0.300000, 0.5, 0.326874, 0.788184, 0.257637, 0.7892),
        (1.0 / 3.0, 0.0, 0.333333, 0.764706, 0.254902, 0.9573),
        (0.400000, 0.0, 0.483721, 0.704919, 0.340983, 1.3889),
        (0.400000, 0.5, 0.525581, 0.704919, 0.370492, 1.2806),
        (0.450000, 0.75, 0.695011, 0.634335, 0.440857, 1.9738),
    ];
    for (alpha, gamma, share, growth, before, deviation) in rows {
        let what = format!("{alpha} {gamma}");
        let earned = Policy::new(Strategy::Sm1, alpha, gamma).earnings;
        assert_near(earned.share, share, &what);
        assert_near(earned.growth, growth, &what);
        assert!(
            (earned.share * earned.growth - before).abs() < 2e-5,
            "{what}"
        );
        assert!(
            (earned.share_deviation - deviation).abs() < 1e-4,
            "{what}: {}",
            earned.share_deviation
        );
    }

    for (gamma, expected) in [
        (0.0, 0.333333),
        (0.25, 0.300000),
        (0.5, 0.250000),
        (0.75, 0.166667),
        (0.9, 0.083333),
        (1.0, 0.0),
    ] {
        assert_near(sm1_threshold(gamma), expected, "threshold");
    }
}

#[test]
fn stubborn_strategies() {
    let strategies = [
        Strategy::Sm1,
        Strategy::Lead,
        Strategy::Fork,
        Strategy::LeadFork,
        Strategy::Trail,
        Strategy::LeadTrail,
    ];
    let rows = [
        (
            0.3,
            0.5,
            [0.326874, 0.320294, 0.324300, 0.311281, 0.324775, 0.319661],
        ),
        (
            0.35,
            0.5,
            [0.416034, 0.419946, 0.420406, 0.422100, 0.415283, 0.421068],
        ),
        (
            0.4,
            0.0,
            [
                0.483721,
                0.291043,
                0.466571,
                0.000391987,
                0.488365,
                0.361244,
            ],
        ),
        (
            0.4,
            0.5,
            [0.525581, 0.547121, 0.539311, 0.565741, 0.525839, 0.549254],
        ),
        (
            0.45,
            0.25,
            [0.666186, 0.673772, 0.680467, 0.670752, 0.666596, 0.684677],
        ),
        (
            0.45,
            0.5,
            [0.680598, 0.722180, 0.703030, 0.753279, 0.680339, 0.723274],
        ),
        (
            0.45,
            0.75,
            [0.695011, 0.750259, 0.722617, 0.793275, 0.694599, 0.749140],
        ),
    ];
    for (alpha, gamma, expected) in rows {
        for (strategy, expected) in strategies.into_iter().zip(expected) {
            // It never overrides, so what it has left is a matter of the cut.
            if gamma == 0.0 && strategy == Strategy::LeadFork {
                continue;
            }
            let found = Policy::new(strategy, alpha, gamma).earnings.share;
            assert!(
                (found - expected).abs() < 5e-5,
                "{strategy:?} {alpha} {gamma}: {found}, expected {expected}"
            );
        }
    }
}

/// A lower bound near 2e-5; a debug build looks at some of them only.
#[test]
fn the_best_there_is() {
    let rows = [
        (
            0.250000,
            [
                (0.0, 0.195122, 0.250000),
                (0.5, 0.250000, 0.250000),
                (0.75, 0.277439, 0.286461),
            ],
            0.333333,
        ),
        (
            0.300000,
            [
                (0.0, 0.273126, 0.300000),
                (0.5, 0.326874, 0.326874),
                (0.75, 0.353748, 0.379419),
            ],
            0.428571,
        ),
        (
            1.0 / 3.0,
            [
                (0.0, 0.333333, 0.337051),
                (0.5, 0.384615, 0.391833),
                (0.75, 0.410256, 0.451771),
            ],
            0.500000,
        ),
        (
            0.375000,
            [
                (0.0, 0.421182, 0.425988),
                (0.5, 0.467365, 0.496197),
                (0.75, 0.490456, 0.556320),
            ],
            0.600000,
        ),
        (
            0.400000,
            [
                (0.0, 0.483721, 0.488664),
                (0.5, 0.525581, 0.572507),
                (0.75, 0.546512, 0.627814),
            ],
            0.666667,
        ),
        (
            0.425000,
            [
                (0.0, 0.558011, 0.568094),
                (0.5, 0.594287, 0.659922),
                (0.75, 0.612425, 0.706891),
            ],
            0.739130,
        ),
        (
            0.450000,
            [
                (0.0, 0.651773, 0.668941),
                (0.5, 0.680598, 0.759637),
                (0.75, 0.695011, 0.794690),
            ],
            0.818182,
        ),
    ];
    for (at, (alpha, columns, most)) in rows.into_iter().enumerate() {
        assert_near(bound(alpha), most, "bound");
        for (gamma, sm1, optimal) in columns {
            assert_near(sm1_share(alpha, gamma), sm1, "sm1");
            if cfg!(debug_assertions) && at > 1 {
                continue;
            }
            let found = Policy::new(Strategy::Optimal, alpha, gamma).earnings.share;
            assert!(
                (found - optimal).abs() < 1e-5,
                "{alpha} {gamma}: {found}, expected {optimal}"
            );
        }
    }
    let all = Policy::new(Strategy::Optimal, 0.3, 1.0).earnings.share;
    assert!((all - bound(0.3)).abs() < 1e-4, "{all}");
}
