//! Throughput of a full sealed block of payments, each between two addresses of
//! its own, which is the worst case for a batch: reading, verifying one by one
//! and together, and checking and applying all of it.

use std::hint::black_box;
use std::time::Duration;

use adit_core::address::Address;
use adit_core::block::Block;
use adit_core::hash::sha256;
use adit_core::rules::{Context, Rules, Sealed, TemplateContent, verify_signature};
use adit_core::sealed::{Account, Params, SealedTransaction, Transfer};
use adit_core::transaction::Submitted;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ed25519_zebra::{SigningKey, VerificationKeyBytes};
use ruint::aliases::U256;

const START: Duration = Duration::from_millis(1_795_300_000_000);

/// More than fit into a block.
const PEOPLE: u64 = 2_600;

struct World {
    rules: Sealed,
    genesis: Block,
    block: Block,
}

impl World {
    fn new() -> World {
        let secrets: Vec<SigningKey> = (0..PEOPLE)
            .map(|number| SigningKey::from(sha256(&number.to_be_bytes()).0))
            .collect();
        let address = |secret: &SigningKey| Address(VerificationKeyBytes::from(secret).into());
        let params = Params {
            initial_target: U256::MAX,
            pow_limit: U256::MAX,
            allocations: secrets.iter().map(|one| (address(one), 1_000)).collect(),
            ..Params::defaults("bench")
        };
        let rules = Sealed::with_params(params, START).expect("they are in bounds");
        let pay = |secret: &SigningKey| {
            let transfer = Transfer {
                amount: 900,
                chain: rules.chain_id(),
                data: None,
                fee: 10,
                nonce: 0,
                recipient: Address(sha256(secret.as_ref()).0),
                sender: address(secret),
            };
            let signature = secret.sign(&transfer.to_signed_bytes()).to_bytes();
            let text = transfer.with_signature(&signature);
            let payment = rules.read_own_payment(&text).expect("it has its form");
            Submitted::Payment(payment)
        };
        let content = TemplateContent {
            now: START + Duration::from_secs(1),
            transactions: secrets.iter().map(pay).collect(),
            reward_to: address(&secrets[0]).to_string(),
        };
        let genesis = rules.genesis(START);
        let block = rules.complete(context(&genesis), &content, 0);
        World {
            rules,
            genesis,
            block,
        }
    }

    fn lookup(&self, address: &Address) -> Account {
        let balance = self.rules.params().allocations.get(address);
        Account {
            balance: balance.copied().unwrap_or_default(),
            nonce: 0,
        }
    }
}

fn context(genesis: &Block) -> Context<'_> {
    Context {
        parent: genesis.header(),
        grandparent: None,
        now: START + Duration::from_secs(2),
    }
}

fn throughput(criterion: &mut Criterion) {
    let world = World::new();
    let World { rules, block, .. } = &world;
    let texts: Vec<&[u8]> = block.transactions().skip(1).collect();
    let mut group = criterion.benchmark_group("sealed");
    group.sample_size(10);

    group.throughput(Throughput::Elements(1));
    let address = rules
        .params()
        .allocations
        .keys()
        .next()
        .map(Address::to_string);
    let address = address.unwrap_or_default();
    group.bench_function("read an address", |bench| {
        bench.iter(|| black_box(&address).parse::<Address>());
    });

    group.throughput(Throughput::Elements(texts.len() as u64));
    group.bench_function("read transactions", |bench| {
        bench.iter(|| {
            for text in &texts {
                black_box(SealedTransaction::read(black_box(text))).expect("it was read before");
            }
        });
    });
    group.bench_function("read a block from JSON", |bench| {
        bench.iter(|| rules.read(black_box(block.text())));
    });
    group.bench_function("verify one by one", |bench| {
        let view = block.sealed().expect("it is sealed");
        bench.iter(|| {
            for (text, transaction) in texts.iter().zip(&view.transactions) {
                verify_signature(text, transaction).expect("it is signed");
            }
        });
    });
    group.bench_function("verify as a batch", |bench| {
        bench.iter(|| {
            rules
                .check_signatures(black_box(block), &|_, _| false)
                .expect("all are signed")
        });
    });
    group.bench_function("apply", |bench| {
        bench.iter(|| rules.apply(black_box(block), &|address| world.lookup(address)));
    });
    group.bench_function("read, check and apply", |bench| {
        bench.iter(|| {
            let block = rules.read(block.text()).expect("it was read before");
            rules
                .check_stateless_and_signed(&block)
                .expect("it is valid");
            rules
                .check_contextual(context(&world.genesis), &block)
                .expect("it is valid there");
            rules
                .apply(&block, &|address| world.lookup(address))
                .expect("everybody can pay")
        });
    });
    group.finish();
}

criterion_group!(benches, throughput);
criterion_main!(benches);
