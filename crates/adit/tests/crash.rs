//! The node is killed with SIGKILL at any moment under load, again and again
//! on one data folder: whatever it has answered for is there after each start.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Process, Server, adit, ask, run};

const ROUNDS: u64 = 56;

const PAYERS: u64 = 6;

const MINERS: u64 = 2;

/// A peer whose chain gets adopted is this many blocks longer.
const RIVAL_BLOCKS: usize = 30;

#[test]
fn what_a_node_has_answered_for_survives_sigkill_at_any_moment() {
    let mut life = Life::begin();
    let mut adopted = 0;
    for round in 1..=ROUNDS {
        if round % 5 == 0 {
            life.check_offline();
        }
        if round % 7 == 0 {
            life.lose_the_index();
        }
        if round % 3 == 0 {
            life.kill_at_start();
        }
        let rival = (round % 6 == 0).then(|| life.rival());
        let node = life.start();
        life.check(&node);
        adopted += u32::from(life.load_and_kill(round, node, rival));
        if round % 8 == 0 {
            life.check_copy_with_torn_line();
        }
    }
    life.check(&life.start());
    life.check_offline();
    assert!(
        adopted > 1,
        "only {adopted} of the rivals' chains were adopted"
    );
}

/// A data folder, and what the nodes that lived in it have answered for.
struct Life {
    random: Random,
    folder: TempDir,
    data: PathBuf,
    promised: Promised,
}

#[derive(Default)]
struct Promised {
    /// The senders of transactions that were accepted, each in one alone.
    transactions: BTreeSet<String>,
    /// The answers to `/mine`.
    blocks: Vec<Value>,
    /// Whether a longer chain may have come and dropped some of the blocks.
    /// Their transactions must be there all the same.
    had_rival: bool,
}

impl Life {
    fn begin() -> Life {
        let given = std::env::var("CRASH_SEED").ok();
        let seed = given.map_or_else(seed_by_the_clock, |seed| seed.parse().unwrap());
        // Shown if the test fails.
        eprintln!("to kill at the same moments: CRASH_SEED={seed}");
        let folder = TempDir::new().unwrap();
        Life {
            random: Random(seed),
            data: folder.path().join("data"),
            folder,
            promised: Promised::default(),
        }
    }

    fn start(&self) -> Server {
        Server::start(&mut node_in(&self.data))
    }

    /// Reading everything again is no moment to die at either.
    fn kill_at_start(&mut self) {
        let process = Process::start(&mut node_in(&self.data));
        thread::sleep(self.random.milliseconds(0..40));
        process.kill();
    }

    /// Mines what waits into one block, and looks for everything that was
    /// promised.
    fn check(&mut self, node: &Server) {
        let pending = node.status()["pending"].as_u64().unwrap();
        let block = node.mine();
        let taken = block["transactions"].as_array().unwrap().len() as u64 - 1;
        assert_eq!(taken, pending, "{block}");
        assert_eq!(node.status()["pending"], 0);
        let chain = node.chain();
        self.promised.check_transactions(&chain);
        self.promised.check_blocks(&chain);
        self.promised.take_block(block);
    }

    /// Serves many clients for a random time, then dies. Returns whether it has
    /// adopted the rival's chain.
    fn load_and_kill(&mut self, round: u64, node: Server, rival: Option<Server>) -> bool {
        let until_death = match rival {
            None => self.random.milliseconds(5..200),
            Some(_) => self.random.milliseconds(20..500),
        };
        let address = node.address.clone();
        self.promised.had_rival |= rival.is_some();
        let promised = Mutex::new(&mut self.promised);
        let ended = thread::scope(|scope| {
            for payer in 0..PAYERS {
                let (address, promised) = (&address, &promised);
                scope
                    .spawn(move || pay_until_death(address, &format!("{round}-{payer}"), promised));
            }
            for _ in 0..MINERS {
                scope.spawn(|| mine_until_death(&address, &promised));
            }
            if let Some(rival) = &rival {
                scope.spawn(|| meet(&address, rival));
            }
            thread::sleep(until_death);
            node.process.kill()
        });
        ended.stderr.contains("adopted the peer's chain")
    }

    /// A node that forks off here and mines more than this one will.
    fn rival(&self) -> Server {
        let [export, data] = ["export", "rival"].map(|name| self.folder.path().join(name));
        let _ = fs::remove_dir_all(&data);
        let chain = |command: &str, data: &Path| {
            let mut adit = adit(["chain", command, "--data-dir"]);
            run(adit.arg(data).arg(&export)).expect_code(0)
        };
        chain("export", &self.data);
        chain("import", &data);
        let rival = Server::start(&mut node_in(&data));
        for _ in 0..RIVAL_BLOCKS {
            rival.mine();
        }
        rival
    }

    fn lose_the_index(&self) {
        let _ = fs::remove_file(self.data.join("index.redb"));
    }

    fn check_offline(&self) {
        verify(&self.data);
    }

    /// The last line of the block log is torn, as when the power goes: that
    /// block is gone, and what was in it waits again.
    fn check_copy_with_torn_line(&mut self) {
        let copy = self.folder.path().join("copy");
        let _ = fs::remove_dir_all(&copy);
        copy_folder(&self.data, &copy);
        let log = copy.join("blocks/000001.jsonl");
        let length = fs::metadata(&log).unwrap().len();
        let torn = fs::File::options().write(true).open(&log).unwrap();
        torn.set_len(length - 1 - self.random.below(100)).unwrap();
        let node = Server::start(&mut node_in(&copy));
        node.mine();
        self.promised.check_transactions(&node.chain());
        node.process.kill();
        verify(&copy);
    }
}

impl Promised {
    /// Each promised transaction is in the chain once, all others of ours at
    /// most once: those whose answer was lost may have been accepted.
    fn check_transactions(&self, chain: &[Value]) {
        let mut counts = BTreeMap::<&str, usize>::new();
        for sender in chain.iter().flat_map(senders) {
            *counts.entry(sender).or_default() += 1;
        }
        let twice: Vec<_> = counts.iter().filter(|(_, count)| **count > 1).collect();
        assert!(twice.is_empty(), "more than once in the chain: {twice:?}");
        let promised = self.transactions.iter();
        let lost: Vec<_> = promised
            .filter(|sender| !counts.contains_key(sender.as_str()))
            .collect();
        assert!(lost.is_empty(), "answered with 201 and lost: {lost:?}");
    }

    fn check_blocks(&mut self, chain: &[Value]) {
        let is_in_chain = |block: &Value| {
            let index = block["index"].as_u64().unwrap() as usize;
            chain.get(index - 1).is_some_and(|found| {
                ["index", "previous_hash", "proof", "transactions"]
                    .iter()
                    .all(|name| found[name] == block[name])
            })
        };
        if self.had_rival {
            self.blocks.retain(is_in_chain);
            self.had_rival = false;
        }
        let mut blocks = self.blocks.iter();
        if let Some(lost) = blocks.find(|block| !is_in_chain(block)) {
            panic!("answered with 200 and lost: {lost}");
        }
    }

    fn take_block(&mut self, block: Value) {
        self.transactions
            .extend(senders(&block).map(str::to_string));
        self.blocks.push(block);
    }
}

fn node_in(data: &Path) -> Command {
    let mut node = adit(["node", "-p", "0", "--resolve-every", "0", "--data-dir"]);
    node.arg(data);
    node
}

/// The senders of a block's transactions, rewards aside.
fn senders(block: &Value) -> impl Iterator<Item = &str> {
    let transactions = block["transactions"].as_array().unwrap();
    let senders = transactions
        .iter()
        .map(|transaction| transaction["sender"].as_str().unwrap());
    senders.filter(|sender| *sender != "0")
}

fn pay_until_death(address: &str, name: &str, promised: &Mutex<&mut Promised>) {
    for number in 0_u64.. {
        let sender = format!("{name}-{number}");
        let body = json!({ "sender": sender, "recipient": "somebody", "amount": number });
        let Ok(answer) = ask(address, "POST /transactions/new", &body.to_string()) else {
            return;
        };
        answer.expect_status(201);
        promised.lock().unwrap().transactions.insert(sender);
    }
}

fn mine_until_death(address: &str, promised: &Mutex<&mut Promised>) {
    while let Ok(answer) = ask(address, "GET /mine", "") {
        let block = answer.expect_status(200).json();
        promised.lock().unwrap().take_block(block);
    }
}

/// Registers the rival, and lets the node look at its chain.
fn meet(address: &str, rival: &Server) {
    let body = json!({ "nodes": [rival.address] }).to_string();
    if ask(address, "POST /nodes/register", &body).is_ok() {
        // What came of it, if anything, is in the node's log.
        let _ = ask(address, "GET /nodes/resolve", "");
    }
}

fn verify(data: &Path) {
    let verified = run(adit(["chain", "verify", "--json", "--data-dir"]).arg(data));
    assert_eq!(verified.expect_code(0).json()["valid"], true);
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy_folder(&entry.path(), &target),
            false => {
                fs::copy(entry.path(), target).unwrap();
            }
        }
    }
}

fn seed_by_the_clock() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::from(now.subsec_nanos())
}

/// SplitMix64: small, and good enough to choose moments.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }

    fn milliseconds(&mut self, range: std::ops::Range<u64>) -> Duration {
        Duration::from_millis(range.start + self.below(range.end - range.start))
    }
}
