//! What a seed is like: how many nodes, which faults and how hard. It decides
//! nothing that happens later; each class of faults can be left out, and then
//! everything else stays as it was.

use std::time::Duration;

use crate::draws::{Draws, Purpose};

/// A class of faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// The network falls into parts, some of them deaf on one side only.
    Partitions,
    /// Messages are lost.
    Loss,
    /// Messages come twice.
    Duplication,
    /// Messages overtake each other by far.
    Reordering,
    /// Clocks are wrong, and step.
    Skew,
    /// Nodes lose their power, and what was not on the disk yet.
    Crashes,
    /// Up to a quarter of the nodes lie.
    Liars,
}

impl Fault {
    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Fault::Partitions => "partitions",
            Fault::Loss => "loss",
            Fault::Duplication => "duplication",
            Fault::Reordering => "reordering",
            Fault::Skew => "skew",
            Fault::Crashes => "crashes",
            Fault::Liars => "liars",
        }
    }
}

/// All of them.
pub const FAULTS: [Fault; 7] = [
    Fault::Partitions,
    Fault::Loss,
    Fault::Duplication,
    Fault::Reordering,
    Fault::Skew,
    Fault::Crashes,
    Fault::Liars,
];

/// One case: what happens in it follows from this alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// All draws follow from it.
    pub seed: u64,
    /// The nodes, liars among them.
    pub nodes: usize,
    /// The faults that happen.
    pub faults: Vec<Fault>,
    /// So many deeds of users, miners of mischief and bad luck are drawn.
    pub deeds: u64,
    /// Deeds that are left out.
    pub skipped: Vec<u64>,
}

/// A deed comes this often.
pub(super) const DEED_EVERY: Duration = Duration::from_millis(4_000);

impl Case {
    /// The case of a seed.
    pub fn of_seed(seed: u64) -> Case {
        let draws = Draws::new(seed);
        let drawn = |count| draws.draw(Purpose::Mix, 0, count);
        // Most classes are there most of the time, and each is missing at times.
        let faults = FAULTS.iter().enumerate();
        let faults = faults.filter(|(at, _)| drawn(10 + *at as u64) % 10 < 7);
        Case {
            seed,
            nodes: 3 + (drawn(1) % 5) as usize,
            faults: faults.map(|(_, fault)| *fault).collect(),
            deeds: 200 + drawn(2) % 300,
            skipped: Vec::new(),
        }
    }

    /// Whether faults of that class happen.
    pub fn has(&self, fault: Fault) -> bool {
        self.faults.contains(&fault)
    }

    /// How many of the nodes lie: the last ones.
    pub fn liars(&self) -> usize {
        match self.has(Fault::Liars) {
            true => (self.nodes / 4).max(usize::from(self.nodes > 3)),
            false => 0,
        }
    }

    /// Whether nodes ask their peers now and then, and not only when they hear of
    /// something new.
    pub(super) fn asks_by_itself(&self) -> bool {
        Draws::new(self.seed).below(3, Purpose::Mix, 0, 3) > 0
    }

    /// How long users and faults are busy.
    pub fn busy(&self) -> Duration {
        DEED_EVERY * u32::try_from(self.deeds).unwrap_or(u32::MAX)
    }

    /// The case as a test to paste.
    pub fn to_test(&self) -> String {
        let Case {
            seed,
            nodes,
            faults,
            deeds,
            skipped,
        } = self;
        let faults: Vec<String> = faults
            .iter()
            .map(|fault| format!("Fault::{fault:?}"))
            .collect();
        format!(
            "#[test]\nfn seed_{seed}() {{\n    let case = Case {{\n        seed: {seed},\n        \
             nodes: {nodes},\n        faults: vec![{}],\n        deeds: {deeds},\n        \
             skipped: vec!{skipped:?},\n    }};\n    run(&case).unwrap();\n}}\n",
            faults.join(", "),
        )
    }
}
