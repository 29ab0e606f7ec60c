//! Forge: a chain of the tutorial's rules out of proofs that anybody can look up.

use std::sync::Arc;
use std::time::Duration;

use adit_core::chain::BlockSource;
use adit_core::puzzle::{FOUR_HEX_ZEROS, Puzzle};
use adit_core::rules::{Classic, Rules};
use adit_core::transaction::{Submitted, read_submitted};
use adit_pow::{Kernel, Search};

use crate::experiment::Experiment;
use crate::picture::{Figure, Series};
use crate::report::{Measured, Report, Table};
use crate::run::{LabError, Run};
use crate::settings::{Kind, Setting, Values};
use crate::world::{Received, World};

pub(super) const EXPERIMENT: Experiment = Experiment {
    name: "forge",
    question: "What does it take to rewrite a chain of the tutorial's rules?",
    explanation: EXPLANATION,
    settings: &[Setting {
        name: "length",
        kind: Kind::Whole {
            least: 1,
            most: 1_000_000,
        },
        default: "1000",
        help: "The honest chain has so many blocks.",
    }],
    run,
};

const EXPLANATION: &str = "\
In the tutorial a proof follows from the proof before it, and from nothing else: what
stands in the block is not in the puzzle. So the proofs of all chains in the world are
one and the same sequence: 100, 35293, 35089, ... Who has them once needs no work again,
and can write a chain of any length, with any payments in it, which every node takes for
valid and for the longer one.

Theory: there are only so many proofs, so the sequence comes back to itself. The proof of
block 48 comes again 61 blocks later: 108 different ones in all, 107 searches, 6,736,149
guesses, once for all. The tutorial's later code has the last block's hash in the puzzle:
a block of other content needs a new search for every block behind it, of 65,536 guesses
on average (the geometric law), and the last block can still be changed for nothing.

Simulated: a core has an honest chain of so many blocks. It is given one that is one
block longer, with other payments, made by looking proofs up, and turns to it by its own
choice. For the later code, searches are counted.

Look at: the guesses that the forged chain took: none. Under the rules sealed it would
be the sum of all work.";

/// The first block's proof.
const FIRST: u64 = 100;

/// The sequence up to where it comes back to itself, and how many guesses it took.
struct Proofs {
    all: Vec<u64>,
    /// Where the cycle begins, from 0.
    again: usize,
    guesses: u64,
}

impl Proofs {
    fn search() -> Proofs {
        let (mut all, mut guesses) = (vec![FIRST], 0);
        loop {
            let last = all[all.len() - 1];
            let proof = smallest(last.to_string().into_bytes(), Vec::new());
            guesses += proof + 1;
            if let Some(again) = all.iter().position(|one| *one == proof) {
                return Proofs {
                    all,
                    again,
                    // The last search found what was known.
                    guesses: guesses - proof - 1,
                };
            }
            all.push(proof);
        }
    }

    /// The proof of the block at that height, from 1.
    fn at(&self, height: u64) -> u64 {
        let cycle = (self.all.len() - self.again) as u64;
        let at = height - 1;
        let at = match at < self.all.len() as u64 {
            true => at,
            false => self.again as u64 + (at - self.again as u64) % cycle,
        };
        self.all[at as usize]
    }
}

/// The smallest proof of a puzzle of the classics.
fn smallest(prefix: Vec<u8>, suffix: Vec<u8>) -> u64 {
    let puzzle = Puzzle {
        prefix,
        suffix,
        target: FOUR_HEX_ZEROS,
    };
    let search = Search::new(&puzzle, 0, Kernel::fastest());
    search.work();
    search.found().unwrap_or(u64::MAX)
}

fn payment(from: &str, to: &str) -> Result<Submitted, LabError> {
    let text = format!("{{\"sender\": \"{from}\", \"recipient\": \"{to}\", \"amount\": 1000}}");
    let read = read_submitted(text.as_bytes());
    let read = read.map_err(|error| LabError::Broken(error.to_string()))?;
    Ok(Submitted::Text(read.into()))
}

/// What a core made of a forged chain: how many blocks it dropped.
fn forge(length: u64, proofs: &Proofs, run: &Run<'_>) -> Result<u64, LabError> {
    // The honest chain, the forger's, and the genesis block that both have.
    let mut world = World::new(
        Arc::new(Classic::Published),
        &["honest".to_owned(), "forger".to_owned()],
    )?;
    let mut tip = world.tip(1);
    let step = (length / 50).max(1);
    for who in [0, 1] {
        let blocks = length - 1 + who as u64;
        for number in 0..blocks {
            world.now += Duration::from_secs(1);
            let transactions = match (who, number) {
                (0, 0) => vec![payment("alice", "bob")?],
                (1, 0) => vec![payment("alice", "mallory")?],
                _ => Vec::new(),
            };
            let block = world.draft(who, proofs.at(number + 2), transactions);
            let block = block.ok_or_else(|| LabError::Broken("there is no chain".to_owned()))?;
            world.give_block(who, Arc::new(block), BlockSource::Single)?;
            if number % step == 0 && !(run.progress)(number + who as u64 * length, 2 * length) {
                return Err(LabError::Stopped);
            }
        }
        tip = world.tip(who);
    }
    let before = world.length(0);
    // As one of a branch that is heavier as a whole, which is how chains come.
    let taken = world.give_branch_as(0, tip, BlockSource::InBranch)?;
    match taken {
        Received::Reorganised(dropped) if world.tip(0) == tip => Ok(dropped),
        Received::Extended if world.tip(0) == tip => Ok(before - 1),
        other => Err(LabError::Broken(format!(
            "the forged chain came to {other:?}"
        ))),
    }
}

fn run(values: &Values, run: &Run<'_>) -> Result<Report, LabError> {
    let length = values.whole("length");
    let proofs = Proofs::search();
    let mut report = Report::new(EXPERIMENT.name, values);
    let mut exact = |name: &str, theory: f64, measured: f64| {
        report
            .results
            .push(Measured::exact(name, theory, measured, 1));
    };
    exact(
        "the first block whose proof comes again",
        48.0,
        proofs.again as f64 + 1.0,
    );
    exact(
        "blocks until it does",
        61.0,
        (proofs.all.len() - proofs.again) as f64,
    );
    exact("different proofs", 108.0, proofs.all.len() as f64);
    exact(
        "guesses for all of them, once",
        6_736_149.0,
        proofs.guesses as f64,
    );
    let dropped = forge(length, &proofs, run)?;
    exact(
        "blocks of the honest chain that are dropped",
        length as f64 - 1.0,
        dropped as f64,
    );
    exact("guesses for the forged chain", 0.0, 0.0);
    let searches = run.trials(1.0, 0.2, 20_000);
    let guesses = later_code(searches, run)?;
    let mean = guesses as f64 / searches as f64;
    let sigma = (65_536.0 * 65_535.0_f64).sqrt() / (searches as f64).sqrt();
    let name = "guesses for a block of the later code";
    report
        .results
        .push(Measured::compared(name, 65_536.0, mean, sigma, searches));
    report.tables.push(rewriting(length, mean));
    let points = proofs.all.iter().enumerate();
    let line: Vec<(f64, f64)> = points
        .map(|(at, proof)| (at as f64 + 1.0, *proof as f64))
        .collect();
    report.figures.push(Figure {
        name: "proofs",
        title: "All the proofs that there are".to_owned(),
        x_label: "block",
        y_label: "proof",
        log_y: false,
        series: vec![Series::measured(
            line.into_iter().map(|(at, proof)| (at, proof, 0.0)),
        )],
    });
    Ok(report)
}

/// How many guesses so many blocks take whose puzzle has the last block's hash in it.
fn later_code(searches: u64, run: &Run<'_>) -> Result<u64, LabError> {
    let parts = run.parts(searches, |numbers| {
        let rules = Arc::new(Classic::Of2018);
        let mut guesses = 0;
        for number in numbers {
            // A chain of its own each: the genesis block's hash follows from the time.
            let now = crate::chain::CHAIN_START
                + Duration::from_millis(run.seed % 1_000_000_000 + number);
            let genesis = rules.genesis(now);
            let prefix = FIRST.to_string().into_bytes();
            guesses += smallest(prefix, genesis.hash().to_hex().to_vec()) + 1;
        }
        Ok(guesses)
    })?;
    Ok(parts.into_iter().sum())
}

fn rewriting(length: u64, mean: f64) -> Table {
    let row = |cells: [String; 4]| cells.to_vec();
    Table {
        title: format!("To rewrite {length} blocks"),
        columns: row(["", "classic", "classic-2018", "sealed"].map(str::to_owned)),
        rows: vec![
            row([
                "guesses".to_owned(),
                "6736149 once for all, then 0".to_owned(),
                format!("{:.0}", mean * length as f64),
                "the sum of their work".to_owned(),
            ]),
            row([
                "does changing a payment cost work?".to_owned(),
                "no".to_owned(),
                "not in the last block".to_owned(),
                "yes".to_owned(),
            ]),
        ],
    }
}
