//! How fast the history catches up with a chain of the classics, and how fast
//! look-ups are then: `cargo run --release --example history_load -- 100000`.
//! Each block has one transaction between two of 10,000 people, and the reward.

// What fails here is a failed measurement, and what it prints is the point.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use adit_core::archive::{Archive, ArchiveError, Change, Entry, MainChange};
use adit_core::block::Block;
use adit_core::hash::{Hash, sha256};
use adit_core::rules::{Classic, Context, Rules, TemplateContent, Weight};
use adit_core::transaction::{Submitted, recipient, sender};
use adit_store::{Durability, Listed, Snapshot, Store, TransactionPlace};

/// How many people pay one another.
const PEOPLE: u64 = 10_000;

/// This many look-ups of each kind are measured.
const LOOKS: u64 = 10_000;

const RULES: Classic = Classic::Published;

fn main() {
    let count = std::env::args().nth(1).and_then(|text| text.parse().ok());
    let count: u64 = count.unwrap_or(100_000);
    let folder = tempfile::tempdir().unwrap();
    let opened = Store::open(folder.path(), "a measurement", Durability::Full);
    let mut store = opened.unwrap().store;
    while store.next_unindexed().unwrap().is_some() {}
    fill(&mut store, count);
    let snapshot = store.reader().snapshot().unwrap();

    let mut history = store.reader().open_history().unwrap();
    let (start, start_cpu) = (Instant::now(), cpu_time());
    let tip = snapshot.tip().unwrap();
    while history
        .follow(&tip, &[], &snapshot, &list)
        .unwrap()
        .is_behind
    {}
    let (visible, cpu) = (start.elapsed(), cpu_time() - start_cpu);
    history.sync().unwrap();
    let transactions = 2 * (count - 1);
    println!(
        "{count} blocks, {transactions} transactions: {visible:.2?}, {cpu:.2?} of them at work, \
         {:.0} transactions/s of work, {:.2?} until durable",
        transactions as f64 / cpu.as_secs_f64(),
        start.elapsed()
    );
    let file = folder.path().join("history.redb");
    let bytes = std::fs::metadata(file).unwrap().len();
    println!("{} bytes a transaction on the disk", bytes / transactions);

    let view = history.view().unwrap();
    measure("a transaction's places", |number| {
        let id = sha256(&payment(number % (count - 1) + 2));
        let places = view.places_before(&id, TransactionPlace::LAST, 25);
        assert!(!places.unwrap().is_empty());
    });
    measure("a transaction with its block", |number| {
        let id = sha256(&payment(number % (count - 1) + 2));
        let places = view.places_before(&id, TransactionPlace::LAST, 1).unwrap();
        let block = snapshot.block_at(places[0].height).unwrap().unwrap();
        assert!(RULES.read_canonical(block).is_ok());
    });
    measure("somebody's newest 25", |number| {
        let name = person(number);
        let places = view.places_of_name(&name, TransactionPlace::LAST, 25);
        assert!(places.unwrap().len() <= 25);
    });
    measure("how many are somebody's", |number| {
        view.count_of_name(&person(number)).unwrap();
    });
    one_more(&mut store, &mut history, &snapshot, count + 1);
}

/// How long this thread has worked: others may have the processor in between.
fn cpu_time() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    let nanoseconds = text.split_whitespace().next().unwrap();
    Duration::from_nanos(nanoseconds.parse().unwrap())
}

/// What it takes to follow one block.
fn one_more(store: &mut Store, history: &mut adit_store::History, snapshot: &Snapshot, index: u64) {
    let tip = snapshot.tip().unwrap();
    let text = snapshot.text(&tip).unwrap().unwrap();
    let mut parent = RULES.read_canonical(text).unwrap();
    let mut times = Vec::new();
    for index in index..index + 1_000 {
        parent = append(store, &parent, index);
        store.sync().unwrap();
        let start = Instant::now();
        let snapshot = store.reader().snapshot().unwrap();
        let hash = parent.hash();
        while history
            .follow(&hash, &[], &snapshot, &list)
            .unwrap()
            .is_behind
        {}
        history.view().unwrap();
        times.push(start.elapsed());
    }
    times.sort_unstable();
    println!("one more block: {:.1?} (median)", times[times.len() / 2]);
}

fn measure(what: &str, mut look: impl FnMut(u64)) {
    let mut times = Vec::new();
    for number in 0..LOOKS {
        let start = Instant::now();
        look(number * 7_919);
        times.push(start.elapsed());
    }
    times.sort_unstable();
    let at = |share: usize| times[times.len() * share / 100];
    println!("{what}: {:.1?} (median), {:.1?} (99 %)", at(50), at(99));
}

fn fill(store: &mut Store, count: u64) {
    let mut last = RULES.genesis(Duration::from_secs(1));
    store.apply(&change(last)).unwrap();
    let text = store.text(&store.main_hash(1).unwrap().unwrap()).unwrap();
    last = RULES.read_canonical(text.unwrap()).unwrap();
    for index in 2..=count {
        last = append(store, &last, index);
    }
    store.checkpoint(std::iter::empty()).unwrap();
}

fn append(store: &mut Store, parent: &Block, index: u64) -> Block {
    let content = TemplateContent {
        now: Duration::from_secs(index),
        transactions: vec![Submitted::Text(payment(index).into())],
        reward_to: "3a2f0a5e0d7b4f1e9c8d6b5a49382716".to_owned(),
    };
    let context = Context {
        parent: parent.header(),
        grandparent: None,
        now: content.now,
    };
    let block = RULES.complete(context, &content, index);
    let text = block.text().to_vec();
    store.apply(&change(block)).unwrap();
    RULES.read_canonical(text).unwrap()
}

fn change(block: Block) -> Change {
    Change::Block {
        entry: Entry {
            height: block.height(),
            parent: block.parent(),
            total_weight: Weight::from(block.height()),
        },
        block: Arc::new(block),
        main: MainChange::Extend,
        accounts: Vec::new(),
    }
}

fn person(number: u64) -> String {
    let Hash(bytes) = sha256(&(number % PEOPLE).to_be_bytes());
    format!("somebody {:02x}{:02x}{:02x}", bytes[0], bytes[1], bytes[2])
}

/// The transaction of the block with that index.
fn payment(index: u64) -> Vec<u8> {
    let (sender, recipient) = (person(index * 31), person(index * 17 + 1));
    format!("{{\"amount\": {index}, \"recipient\": \"{recipient}\", \"sender\": \"{sender}\"}}")
        .into_bytes()
}

fn list(text: Vec<u8>, each: &mut dyn FnMut(Listed)) -> Result<(), ArchiveError> {
    let block = RULES.read_canonical(text);
    let block = block.map_err(|error| ArchiveError(Box::new(error)))?;
    let ids = RULES.transaction_ids(&block);
    for (id, text) in ids.into_iter().zip(block.transactions()) {
        each(Listed {
            id,
            sender: sender(text),
            recipient: recipient(text),
        });
    }
    Ok(())
}
