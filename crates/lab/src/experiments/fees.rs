//! Fees: how long payments wait for a block, by what they pay.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use adit_core::address::Address;
use adit_core::rules::Sealed;
use adit_core::sealed::Params;
use ruint::aliases::U256;

use crate::chain::{CHAIN_START, Person};
use crate::draws::{Draws, Purpose};
use crate::experiment::Experiment;
use crate::picture::{Figure, Series};
use crate::report::{Measured, Report};
use crate::run::{LabError, PARTS, Run};
use crate::settings::{Kind, Setting, Values};
use crate::theory::fees::BulkQueue;
use crate::world::World;

pub(super) const EXPERIMENT: Experiment = Experiment {
    name: "fees",
    question: "How long does a payment wait, by what it pays?",
    explanation: EXPLANATION,
    settings: &[
        Setting {
            name: "load",
            kind: Kind::Number {
                least: 0.01,
                most: 0.97,
            },
            default: "0.5",
            help: "Payments that come, as a share of what blocks can take.",
        },
        Setting {
            name: "capacity",
            kind: Kind::Whole {
                least: 1,
                most: 100,
            },
            default: "10",
            help: "A block takes at most so many payments.",
        },
    ],
    run,
};

const EXPLANATION: &str = "\
A block has room for so many payments. Those that wait are taken by what they pay for
their length, the best first; the others wait for the next block. Nobody sets a price:
it comes about because people do not want to wait.

Theory: payments come as a Poisson stream, blocks at exponential times, each taking up to
B at once. How many wait is geometric (the bulk queue M/M[B]/1): with the ratio r for
which r + r^2 + ... + r^B is the number of payments that come for each block. The mean wait
follows by Little's law, W = L/lambda, whatever the order. By fees: who pays more than a
share u of the others sees only those that pay more still, so the wait is the derivative
of L at the load of these, W(u) = L'(lambda (1 - u)) (Huberman, Leshno and Moallemi,
2021).

Simulated: a core with real, signed payments of equal length, one at a time for an
account, in blocks of limited length. Payments are counted at the blocks, and each one's
wait by the chain: from when it was handed in to the block that it is in. Sigma is that of
the parts, which are independent.

Look at: at half the load hardly anybody waits for more than the next block. At 95 % the
cheapest wait for hundreds, and who pays a little more than half of the others for two.";

const BLOCK_TIME_MICROS: u64 = 600_000_000;

/// So many accounts take turns: more than ever wait.
const PAYERS: u64 = 1_200;

struct Scene {
    rules: Arc<Sealed>,
    payers: Vec<Person>,
    shop: Address,
}

/// A chain whose blocks have room for so many payments and no more.
fn scene(capacity: u64) -> Result<Scene, LabError> {
    let payers: Vec<Person> = (0..PAYERS).map(Person::new).collect();
    let shop = Person::new(1_000_000).address;
    let params = |bytes| Params {
        block_interval_ms: 1,
        half_life_ms: 2,
        initial_target: U256::MAX,
        pow_limit: U256::MAX,
        max_block_bytes: bytes,
        allocations: payers
            .iter()
            .map(|one| (one.address, 1_000_000_000_000))
            .collect(),
        ..Params::defaults("lab")
    };
    let rules = |bytes| {
        let rules = Sealed::with_params(params(bytes), CHAIN_START);
        rules.map_err(|error| LabError::Broken(error.to_string()))
    };
    use adit_core::rules::Rules;
    let large = rules(1_000_000)?;
    let payment = payers[0].payment(&large, shop, 0, 1, 500_000);
    let each = payment.text().len() as u64 + 2;
    let fixed = 1_000_000 - large.room_bytes() as u64;
    // Half a payment more: numbers may grow by some digits, and none fits in besides.
    let rules = rules(fixed + capacity * each + each / 2)?;
    Ok(Scene {
        rules: Arc::new(rules),
        payers,
        shop,
    })
}

/// What a part came to.
#[derive(Default)]
struct Part {
    /// Payments that waited at blocks, added up, and the blocks.
    waiting: f64,
    looks: f64,
    /// The waits in intervals, added up, and their number: of all, and by fives of
    /// their fees.
    all: (f64, f64),
    by_rank: [(f64, f64); 5],
}

fn part(
    scene: &Scene,
    queue: &BulkQueue,
    draws: Draws,
    part: u64,
    warm_up: u64,
    blocks: u64,
) -> Result<Part, LabError> {
    let miner = Person::new(2_000_000).address.to_string();
    let mut world = World::new(scene.rules.clone(), &[miner])?;
    let mean_us = (BLOCK_TIME_MICROS as f64 / queue.arrivals) as u64;
    let mut free: Vec<usize> = (0..scene.payers.len()).rev().collect();
    let mut nonces = vec![0_u64; scene.payers.len()];
    // Who waits: since when, and with which rank of fee.
    let mut waits: BTreeMap<Address, (usize, u64, f64)> = BTreeMap::new();
    let (mut at_us, mut paid, mut result) = (0_u64, 0, Part::default());
    let mut next_payment = draws.exponential(mean_us, Purpose::Payment, part, 0);
    for block in 0..warm_up + blocks {
        at_us += draws.exponential(BLOCK_TIME_MICROS, Purpose::Interval, part, block);
        while next_payment < at_us {
            let payer = free
                .pop()
                .ok_or_else(|| LabError::Broken("too many wait".to_owned()))?;
            // Equally long fees, so that their order is that of the rates.
            let fee = 100_000 + draws.below(900_000, Purpose::Experiment, part, paid);
            let person = &scene.payers[payer];
            world.now = CHAIN_START + Duration::from_micros(next_payment);
            let payment = person.payment(&scene.rules, scene.shop, nonces[payer], 1, fee);
            if !world.submit(0, payment)? {
                return Err(LabError::Broken("a payment was not accepted".to_owned()));
            }
            nonces[payer] += 1;
            let rank = (fee - 100_000) as f64 / 900_000.0;
            waits.insert(person.address, (payer, next_payment, rank));
            paid += 1;
            next_payment += draws.exponential(mean_us, Purpose::Payment, part, paid);
        }
        world.now = CHAIN_START + Duration::from_micros(at_us);
        let is_counted = block >= warm_up;
        if is_counted {
            result.waiting += waits.len() as f64;
            result.looks += 1.0;
        }
        let id = world.mine(0)?;
        let taken = world.table().block(id).sealed();
        let senders = taken.iter().flat_map(|block| &block.transactions);
        let senders: Vec<Address> = senders.map(|one| one.transfer.sender).collect();
        if senders.len() as u64 > queue.capacity {
            return Err(LabError::Broken("a block took too many".to_owned()));
        }
        for sender in senders {
            let Some((payer, since, rank)) = waits.remove(&sender) else {
                return Err(LabError::Broken("somebody paid twice".to_owned()));
            };
            free.push(payer);
            if is_counted {
                let wait = (at_us - since) as f64 / BLOCK_TIME_MICROS as f64;
                let by_rank = &mut result.by_rank[(rank * 5.0).min(4.0) as usize];
                for sum in [&mut result.all, by_rank] {
                    *sum = (sum.0 + wait, sum.1 + 1.0);
                }
            }
        }
    }
    Ok(result)
}

/// The mean over a fifth of the ranks: of an integral of `wait_at` by Simpson's rule.
fn mean_wait(queue: &BulkQueue, fifth: usize) -> f64 {
    const STEPS: usize = 200;
    let from = fifth as f64 / 5.0;
    let at = |step: usize| {
        queue
            .wait_at(from + step as f64 / STEPS as f64 / 5.0)
            .unwrap_or(f64::NAN)
    };
    let inner: f64 = (1..STEPS)
        .map(|step| at(step) * if step % 2 == 1 { 4.0 } else { 2.0 })
        .sum();
    (at(0) + at(STEPS) + inner) / (3.0 * STEPS as f64)
}

/// A ratio of two sums over parts, and its standard deviation.
fn ratio(parts: impl Iterator<Item = (f64, f64)>) -> (f64, f64) {
    let parts: Vec<(f64, f64)> = parts.collect();
    let (above, below) = parts
        .iter()
        .fold((0.0, 0.0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    let mean = above / below;
    let square: f64 = parts
        .iter()
        .map(|(above, below)| (above - mean * below) * (above - mean * below))
        .sum();
    let count = parts.len() as f64;
    (mean, (square * count / (count - 1.0)).sqrt() / below)
}

fn run(values: &Values, run: &Run<'_>) -> Result<Report, LabError> {
    let (load, capacity) = (values.number("load"), values.whole("capacity"));
    let queue = BulkQueue {
        arrivals: load * capacity as f64,
        capacity,
    };
    let scene = scene(capacity)?;
    // What one block says of the next fades in so many blocks.
    let relaxation = 1.0 / (1.0 - load) / (1.0 - load);
    let warm_up = (8.0 * relaxation).ceil() as u64;
    let blocks = run
        .trials(1.5 * relaxation.sqrt(), 0.06, 100_000)
        .max(PARTS * 20);
    let draws = run.draws();
    let parts = run.jobs(PARTS, |number| {
        part(&scene, &queue, draws, number, warm_up, blocks / PARTS)
    })?;
    let mut report = Report::new(EXPERIMENT.name, values);
    let known = |value: Option<f64>| value.unwrap_or(f64::NAN);
    let payments = parts.iter().map(|part| part.all.1).sum::<f64>() as u64;
    let (mean, sigma) = ratio(parts.iter().map(|part| (part.waiting, part.looks)));
    let name = "payments that wait";
    report.results.push(Measured::compared(
        name,
        known(queue.waiting()),
        mean,
        sigma,
        blocks,
    ));
    let (mean, sigma) = ratio(parts.iter().map(|part| part.all));
    let name = "mean wait, in intervals";
    report.results.push(Measured::compared(
        name,
        known(queue.wait()),
        mean,
        sigma,
        payments,
    ));
    let mut points = Vec::new();
    for fifth in 0..5 {
        let (mean, sigma) = ratio(parts.iter().map(|part| part.by_rank[fifth]));
        let count = parts.iter().map(|part| part.by_rank[fifth].1).sum::<f64>() as u64;
        let name = format!(
            "mean wait of those who pay more than {} to {} %",
            fifth * 20,
            fifth * 20 + 20
        );
        report.results.push(Measured::compared(
            name,
            mean_wait(&queue, fifth),
            mean,
            sigma,
            count,
        ));
        points.push((fifth as f64 / 5.0 + 0.1, mean, sigma));
    }
    report.results.push(Measured::shown(
        "ratio of the geometric law",
        queue.ratio(),
        None,
        0,
    ));
    for rank in [0.0, 0.25, 0.5, 0.75, 0.95] {
        let name = format!("wait of who pays more than {rank} of the others");
        report
            .results
            .push(Measured::shown(name, queue.wait_at(rank), None, 0));
    }
    let at = |number: u32| f64::from(number) / 60.0;
    let line = (0..=60).filter_map(|number| Some((at(number), queue.wait_at(at(number))?)));
    report.figures.push(Figure {
        name: "wait",
        title: format!("The wait by what one pays, load {load}, {capacity} to a block"),
        x_label: "share of the others that pay less",
        y_label: "intervals",
        log_y: false,
        series: vec![Series::theory("bulk queue", line), Series::measured(points)],
    });
    Ok(report)
}
