//! What `bench/sealed.py` measures with: chains of full blocks, signed payments
//! to submit, the check of signatures alone, and how the target follows the
//! hash power. Everything is made from fixed seeds, and no node is needed.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use adit_core::address::Address;
use adit_core::block::Block;
use adit_core::hash::{Hash, sha256};
use adit_core::rules::{Context, Rules, Sealed, TemplateContent, next_target, work};
use adit_core::sealed::{ChainId, DURATION_LIMIT_MS, Params, Transfer};
use adit_core::transaction::Submitted;
use anyhow::{Context as _, bail, ensure};
use ed25519_zebra::{SigningKey, VerificationKeyBytes};
use ruint::aliases::U256;
use serde_json::{Value, json};

const USAGE: &str = "usage: sealed_load COMMAND
  make FOLDER BLOCKS         chain.json, chain.jsonl, branch.json, posts.jsonl
  signatures FOLDER          checks those of chain.jsonl on two threads
  pay CHAIN SECRET COUNT     signed payments to oneself
  hard FILE                  a chain whose blocks nobody finds
  target                     how the target follows the hash power";

/// When the chains begin.
const START: Duration = Duration::from_millis(1_795_300_000_000);

/// This many payments fill a block of 1 MiB.
const PAYMENTS: usize = 2_800;

/// Payments go from one group of this many people to the next, so that each
/// changes two accounts that no other of its block does.
const GROUPS: usize = 4;

/// How many payments of each account there are to be submitted.
const POSTS_OF_ACCOUNT: u64 = 12;

/// How many threads the check of the signatures alone has.
const THREADS: usize = 2;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let told = match arguments[..] {
        ["make", folder, blocks] => make(Path::new(folder), blocks.parse()?)?,
        ["signatures", folder] => signatures(Path::new(folder))?,
        ["pay", chain, secret, count] => return pay(chain, secret, count.parse()?),
        ["hard", file] => hard(Path::new(file))?,
        ["target"] => target(),
        _ => bail!(USAGE),
    };
    Ok(writeln!(io::stdout(), "{told}")?)
}

/// Somebody with a secret key.
struct Person {
    secret: SigningKey,
    address: Address,
}

impl Person {
    fn of_secret(secret: Hash) -> Person {
        let secret = SigningKey::from(secret.0);
        let address = Address(VerificationKeyBytes::from(&secret).into());
        Person { secret, address }
    }

    fn pay(&self, chain: ChainId, nonce: u64, amount: u64, recipient: Address) -> Vec<u8> {
        let transfer = Transfer {
            amount,
            chain,
            data: None,
            // What a node asks of a payment of this length, and a little more.
            fee: 500,
            nonce,
            recipient,
            sender: self.address,
        };
        let signature = self.secret.sign(&transfer.to_signed_bytes());
        transfer.with_signature(&signature.to_bytes())
    }
}

/// All people of a chain and its rules.
struct World {
    people: Vec<Person>,
    rules: Sealed,
}

impl World {
    fn new() -> anyhow::Result<World> {
        let secret = |number| sha256(format!("adit bench account {number}").as_bytes());
        let numbers = 0..PAYMENTS * GROUPS;
        let people: Vec<Person> = numbers.map(|n| Person::of_secret(secret(n))).collect();
        let params = Params {
            // At least a millisecond lies between two blocks, so that the
            // target stays where it is: any guess is a proof.
            block_interval_ms: 1,
            initial_target: U256::MAX,
            pow_limit: U256::MAX,
            future_limit_ms: DURATION_LIMIT_MS,
            allocations: people.iter().map(|one| (one.address, 1_000_000)).collect(),
            ..Params::defaults("full blocks")
        };
        let rules = Sealed::with_params(params, START)?;
        Ok(World { people, rules })
    }

    fn person(&self, group: usize, at: usize) -> &Person {
        &self.people[group % GROUPS * PAYMENTS + at % PAYMENTS]
    }

    /// The payments of the block in that place behind the genesis block.
    fn payments(&self, place: usize, amount: u64) -> Vec<Arc<[u8]>> {
        let chain = self.rules.chain_id();
        let nonce = (place / GROUPS) as u64;
        let payment = |at| {
            let recipient = self.person(place + 1, at + place).address;
            let sender = self.person(place, at);
            sender.pay(chain, nonce, amount, recipient).into()
        };
        (0..PAYMENTS).map(payment).collect()
    }

    /// A chain of this many full blocks behind its genesis block. Chains of
    /// different amounts part there.
    fn chain(&self, blocks: usize, amount: u64) -> Vec<Block> {
        let payments = side_by_side(blocks, |place| self.payments(place, amount));
        let read = |text: &Arc<[u8]>| {
            let payment = self.rules.read_own_payment(text);
            Submitted::Payment(payment.expect("it has its form"))
        };
        let mut chain = vec![self.rules.genesis(START)];
        for (place, transactions) in payments.into_iter().enumerate() {
            let now = START + Duration::from_millis(place as u64 + 1);
            let [.., parent] = &chain[..] else {
                break;
            };
            let grandparent = chain.len().checked_sub(2).map(|at| &chain[at]);
            let context = Context {
                parent: parent.header(),
                grandparent: grandparent.map(|block| block.header()),
                now,
            };
            let content = TemplateContent {
                now,
                transactions: transactions.iter().map(read).collect(),
                reward_to: self.people[0].address.to_string(),
            };
            chain.push(self.rules.complete(context, &content, 0));
        }
        chain
    }
}

/// What `job` makes of 0 to `count` - 1, on all cores.
fn side_by_side<T: Send>(count: usize, job: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= count {
                return done;
            }
            done.push((number, job(number)));
        }
    };
    let all: BTreeMap<usize, T> = thread::scope(|scope| {
        let workers: Vec<_> = (0..THREADS).map(|_| scope.spawn(work)).collect();
        let done = workers.into_iter().map(|worker| {
            let done = worker.join();
            done.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        });
        done.flatten().collect()
    });
    all.into_values().collect()
}

fn make(folder: &Path, blocks: usize) -> anyhow::Result<Value> {
    let world = World::new()?;
    fs::create_dir_all(folder)?;
    let genesis = world.rules.genesis_text().unwrap_or_default();
    fs::write(folder.join("chain.json"), genesis)?;

    let chain = world.chain(blocks, 1);
    let mut lines = BufWriter::new(File::create(folder.join("chain.jsonl"))?);
    for block in &chain {
        lines.write_all(block.text())?;
        lines.write_all(b"\n")?;
    }
    lines.flush()?;
    let tip = chain[blocks].hash().to_string();
    ensure!(chain[blocks].transactions().count() == PAYMENTS + 1);

    let branch = world.chain(blocks + 1, 2);
    let mut body = BufWriter::new(File::create(folder.join("branch.json"))?);
    for (at, block) in branch.iter().enumerate() {
        body.write_all(if at == 0 { b"{\"chain\": [" } else { b", " })?;
        body.write_all(block.text())?;
    }
    write!(body, "], \"length\": {}}}", branch.len())?;
    body.flush()?;

    let posts = side_by_side(POSTS_OF_ACCOUNT as usize, |nonce| {
        let mut lines = Vec::new();
        for (at, sender) in world.people.iter().enumerate() {
            let recipient = world.people[(at + 1) % world.people.len()].address;
            lines.extend(sender.pay(world.rules.chain_id(), nonce as u64, 1, recipient));
            lines.push(b'\n');
        }
        lines
    });
    fs::write(folder.join("posts.jsonl"), posts.concat())?;
    Ok(json!({
        "blocks": blocks,
        "payments_a_block": PAYMENTS,
        "tip": tip,
        "branch_tip": branch[blocks + 1].hash().to_string(),
        "posts": POSTS_OF_ACCOUNT as usize * world.people.len(),
        "reward_to": world.people[0].address.to_string(),
    }))
}

/// Reads the chain first, and then takes the time of the check alone.
fn signatures(folder: &Path) -> anyhow::Result<Value> {
    let rules = Sealed::new(&fs::read(folder.join("chain.json"))?)?;
    let file = fs::read(folder.join("chain.jsonl"))?;
    let texts = file.split(|byte| *byte == b'\n').skip(1);
    let texts = texts.filter(|text| !text.is_empty());
    let blocks: Result<Vec<Block>, _> = texts.map(|text| rules.read(text)).collect();
    let blocks = blocks?;
    let start = Instant::now();
    let checked = side_by_side(blocks.len(), |at| {
        rules.check_signatures(&blocks[at], &|_, _| false)
    });
    let seconds = start.elapsed().as_secs_f64();
    checked.into_iter().collect::<Result<Vec<()>, _>>()?;
    let transactions: usize = blocks
        .iter()
        .map(|one| one.transactions().count() - 1)
        .sum();
    Ok(json!({ "transactions": transactions, "seconds": seconds }))
}

fn pay(chain: &str, secret: &str, count: u64) -> anyhow::Result<()> {
    let chain = ChainId::from_hex(chain.as_bytes()).context("CHAIN: 16 hex digits")?;
    let person = Person::of_secret(secret.parse().ok().context("SECRET: 64 hex digits")?);
    let mut output = BufWriter::new(io::stdout().lock());
    for nonce in 0..count {
        output.write_all(&person.pay(chain, nonce, 1, person.address))?;
        output.write_all(b"\n")?;
    }
    Ok(output.flush()?)
}

fn hard(file: &Path) -> anyhow::Result<Value> {
    let params = Params {
        initial_target: U256::ONE,
        ..Params::defaults("hard")
    };
    let rules = Sealed::with_params(params, START)?;
    fs::write(file, rules.genesis_text().unwrap_or_default())?;
    Ok(json!({ "chain": rules.chain_id().to_string() }))
}

/// A chain whose blocks take random times, as hash power has it.
struct Simulation {
    params: Params,
    target: U256,
    dice: u64,
}

/// The first target is for 65,536 guesses in 10 seconds.
const USUAL_HASHES_PER_MS: f64 = 6.5536;

impl Simulation {
    fn new(seed: u64) -> Simulation {
        let params = Params::defaults("simulation");
        Simulation {
            target: params.initial_target,
            params,
            dice: seed,
        }
    }

    /// More than 0 and at most 1 (SplitMix64).
    fn uniform(&mut self) -> f64 {
        self.dice = self.dice.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.dice ^ (self.dice >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (((mixed ^ (mixed >> 31)) >> 12) as f64 + 1.0) / (1_u64 << 52) as f64
    }

    /// The time until the next block, exponentially distributed, in ms.
    fn block(&mut self, hashes_per_ms: f64) -> u64 {
        let guesses = f64::from(work(self.target));
        let solve_ms = -self.uniform().ln() * guesses / hashes_per_ms;
        let solve_ms = solve_ms.max(1.0) as u64;
        self.target = next_target(self.target, solve_ms, &self.params);
        solve_ms
    }
}

fn target() -> Value {
    let seeds = 0..20;
    let mean_interval = |seed| {
        let mut simulation = Simulation::new(seed);
        let total_ms: u64 = (0..2_000)
            .map(|block| {
                let factor = if block / 250 % 2 == 1 { 30.0 } else { 1.0 };
                simulation.block(USUAL_HASHES_PER_MS * factor)
            })
            .sum();
        total_ms as f64 / 2_000.0
    };
    let burst = |seed| {
        let mut simulation = Simulation::new(seed);
        for _ in 0..500 {
            simulation.block(USUAL_HASHES_PER_MS);
        }
        let week_ms = 7 * 24 * 3_600 * 1_000;
        simulation.target = next_target(simulation.target, week_ms, &simulation.params);
        let (mut blocks, mut elapsed_ms) = (0, 0);
        while elapsed_ms < 600_000 {
            elapsed_ms += simulation.block(USUAL_HASHES_PER_MS);
            blocks += 1;
        }
        blocks
    };
    json!({
        "interval_ms": Params::defaults("simulation").block_interval_ms,
        "mean_interval_ms": seeds.clone().map(mean_interval).collect::<Vec<f64>>(),
        "blocks_after_a_week": seeds.map(burst).collect::<Vec<u32>>(),
    })
}
