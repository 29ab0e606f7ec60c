//! What a node with ten thousand waiting payments does for a block template and
//! for a block that it finds, and what a bad block on top of a long stored one
//! costs it. Everything goes through `Node::handle`, as the driver calls it.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use adit_core::address::Address;
use adit_core::archive::MemoryArchive;
use adit_core::block::Block;
use adit_core::chain::BlockSource;
use adit_core::hash::sha256;
use adit_core::mempool::{FeeRate, Origin, Pending};
use adit_core::merkle;
use adit_core::node::{Config, Effect, Input, Node, Timer};
use adit_core::rules::{Rules, Sealed};
use adit_core::sealed::{Coinbase, Header, Params, Transfer, write_block};
use adit_core::sync::RequestId;
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use ed25519_zebra::{SigningKey, VerificationKeyBytes};
use ruint::aliases::U256;

const START: Duration = Duration::from_millis(1_795_300_000_000);

const WAITING: u64 = 10_000;

struct World {
    rules: Arc<Sealed>,
    reward_to: Address,
    texts: Vec<Arc<[u8]>>,
}

impl World {
    fn new() -> World {
        let secrets: Vec<SigningKey> = (0..WAITING)
            .map(|number| SigningKey::from(sha256(&number.to_be_bytes()).0))
            .collect();
        let address = |secret: &SigningKey| Address(VerificationKeyBytes::from(secret).into());
        let params = Params {
            initial_target: U256::MAX,
            pow_limit: U256::MAX,
            max_block_bytes: 8 * 1024 * 1024,
            allocations: secrets.iter().map(|one| (address(one), 1_000)).collect(),
            ..Params::defaults("bench")
        };
        let rules = Sealed::with_params(params, START).expect("they are in bounds");
        let pay = |secret: &SigningKey| {
            let transfer = Transfer {
                amount: 300,
                chain: rules.chain_id(),
                data: None,
                fee: 500,
                nonce: 0,
                recipient: Address(sha256(secret.as_ref()).0),
                sender: address(secret),
            };
            let signature = secret.sign(&transfer.to_signed_bytes()).to_bytes();
            Arc::from(transfer.with_signature(&signature))
        };
        World {
            texts: secrets.iter().map(pay).collect(),
            reward_to: address(&secrets[0]),
            rules: Arc::new(rules),
        }
    }

    /// A node with all of them waiting, and a search under way.
    fn node(&self) -> Running {
        let pending = self.texts.iter().map(|text| Pending {
            text: Arc::clone(text),
            origin: Origin::Accepted,
        });
        let config = Config {
            reward_to: self.reward_to.to_string(),
            resolve_every: None,
            mine_every: None,
            mine_at_once: false,
            min_fee_rate: FeeRate::DEFAULT,
            own_addresses: Default::default(),
        };
        let mut archive = MemoryArchive::default();
        let rules: Arc<dyn Rules> = Arc::clone(&self.rules) as Arc<dyn Rules>;
        let node = Node::open(config, rules, 0, vec![], pending.collect(), &archive);
        let mut node = node.expect("the archive is empty");
        let now = START + Duration::from_secs(60);
        let started = node.handle(now, Input::Started, &archive);
        for effect in started.expect("the archive can be read") {
            if let Effect::Persist(change) = effect {
                archive.apply(&change);
            }
        }
        node.replayed(now, &archive)
            .expect("the archive can be read");
        let mut running = Running { node, archive, now };
        running.handle(Input::Mine(RequestId(1)));
        running
    }

    /// A block with only its reward, whose target is not the one that follows.
    fn bad_block(&self, parent: &Block) -> Arc<Block> {
        let reward = Coinbase {
            amount: self.rules.params().reward,
            height: parent.height() + 1,
            recipient: self.reward_to,
        };
        let reward = reward.to_text();
        let parent_ms = parent.sealed().map_or(0, |view| view.header.timestamp_ms);
        let header = Header {
            height: parent.height() + 1,
            merkle_root: merkle::root(&[merkle::leaf(&reward)]),
            params: None,
            previous_hash: parent.hash(),
            target: U256::MAX - U256::ONE,
            timestamp_ms: parent_ms + 1_000,
        };
        let text = write_block(&header, 7, &[b"[", &reward[..], b"]"].concat());
        Arc::new(self.rules.read(&text).expect("it has its form"))
    }
}

struct Running {
    node: Node,
    archive: MemoryArchive,
    now: Duration,
}

impl Running {
    fn handle(&mut self, input: Input) -> Vec<Effect> {
        let effects = self.node.handle(self.now, input, &self.archive);
        let effects = effects.expect("the archive can be read");
        for effect in &effects {
            if let Effect::Persist(change) = effect {
                self.archive.apply(change);
            }
        }
        effects
    }

    fn renew(&mut self) -> Vec<Effect> {
        self.now += Duration::from_secs(1);
        self.handle(Input::Timer(Timer::Renew))
    }
}

fn job_in(effects: &[Effect]) -> Option<u64> {
    effects.iter().find_map(|effect| match effect {
        Effect::Mine(job) => Some(job.number),
        _ => None,
    })
}

fn waiting(criterion: &mut Criterion) {
    let world = World::new();
    let mut group = criterion.benchmark_group("10,000 waiting");
    group.sample_size(10);
    let mut running = world.node();
    group.bench_function("a new block template", |bench| {
        bench.iter(|| job_in(black_box(&running.renew())).expect("there is a search"));
    });
    group.bench_function("the block that was found", |bench| {
        let setup = || {
            let mut running = world.node();
            let job = job_in(&running.renew()).expect("there is a search");
            (running, job)
        };
        let find = |(mut running, job): (Running, u64)| {
            let effects = running.handle(Input::Proof { job, proof: 1 });
            assert!(running.node.mempool().is_empty(), "it took all of them");
            (running, effects)
        };
        bench.iter_batched(setup, find, BatchSize::PerIteration);
    });
    group.finish();

    let mut running = world.node();
    let job = job_in(&running.renew()).expect("there is a search");
    let mut long: Option<Arc<Block>> = None;
    for job in job..job + 4 {
        running.handle(Input::Mine(RequestId(job + 1)));
        running.now += Duration::from_secs(60);
        running.handle(Input::Proof { job, proof: 1 });
        let tip = running.node.chain().tip().map(Arc::clone);
        long = long.or(tip);
    }
    let long = long.expect("a block was made");
    assert!(long.height() + 2 < running.node.chain().length());
    let bad = world.bad_block(&long);
    let mut group = criterion.benchmark_group("a bad block");
    group.bench_function("on a stored block of 10,000 payments", |bench| {
        bench.iter(|| {
            let input = Input::Block(Arc::clone(&bad), BlockSource::Single);
            let effects = running.handle(black_box(input));
            assert!(matches!(effects[..], [Effect::Refused(_)]));
        });
    });
    group.finish();
}

criterion_group!(benches, waiting);
criterion_main!(benches);
