//! `adit dev` as those who come from Anvil or Ganache use it: how many accounts,
//! of which words, when blocks are made, the same chain each time, and wallets
//! that are ready.

use std::io::{BufReader, Write};
use std::net::TcpStream;

use serde_json::Value;

use crate::raw::read_answer;
use crate::sending::Network;
use crate::support::{PATIENCE, Process, Server, adit, run, until};
use crate::wallet::Wallets;

/// The words that everybody takes for tests.
const WORDS: &str = "abandon abandon abandon abandon abandon abandon abandon abandon abandon \
                     abandon abandon about";

/// A development chain, and what it said of itself.
pub(crate) struct Dev {
    pub(crate) server: Server,
    pub(crate) told: Value,
}

impl Dev {
    pub(crate) fn start(arguments: &[&str]) -> Dev {
        let process = Process::start(adit(["dev", "-p", "0", "--json"]).args(arguments));
        let told: Value = until("it says what there is", || {
            serde_json::from_str(process.stdout().lines().next()?).ok()
        });
        let address = told["url"].as_str().unwrap().replace("http://", "");
        Dev {
            server: Server { process, address },
            told,
        }
    }

    pub(crate) fn account(&self, number: usize) -> &str {
        self.told["accounts"][number]["address"].as_str().unwrap()
    }

    pub(crate) fn balance(&self, number: usize) -> u64 {
        let path = format!("/api/v1/address/{}", self.account(number));
        let state = self.server.get(&path).expect_status(200).json();
        state["balance"].as_u64().unwrap()
    }

    pub(crate) fn length(&self) -> u64 {
        self.server.status()["length"].as_u64().unwrap()
    }
}

#[test]
fn there_are_as_many_accounts_as_asked_for_with_what_was_asked_for() {
    let dev = Dev::start(&["--accounts", "3", "--balance", "12.5"]);
    assert_eq!(dev.told["accounts"].as_array().unwrap().len(), 3);
    assert_eq!(dev.balance(2), 12_500_000);
    for wrong in ["0", "1001", "-1", "x"] {
        run(&mut adit(["dev", "--accounts", wrong])).expect_code(2);
    }
}

#[test]
fn the_same_time_makes_the_same_chain() {
    let at = |time| Dev::start(&["--genesis-time", time]).told["chain"].clone();
    let first = at("2026-01-01T00:00:00Z");
    assert_eq!(first, at("2026-01-01T00:00:00Z"));
    assert_ne!(first, at("2026-01-01T00:00:01Z"));
    let before_all = adit(["dev", "--genesis-time", "1969-12-31T00:00:00Z"]);
    run(&mut { before_all }).expect_code(2);
}

#[test]
fn the_words_are_those_of_a_wallet() {
    let dev = Dev::start(&["--mnemonic", WORDS]);
    let wallets = Wallets::new();
    wallets.import("mine", WORDS).expect_code(0);
    let address = wallets.run(&["wallet", "address", "--name", "mine"]);
    assert_eq!(address.expect_code(0).stdout.trim(), dev.account(0));
    assert_ne!(dev.account(0), dev.account(1));
    assert_eq!(dev.balance(9), 10_000_000_000);
    let refused = run(&mut adit(["dev", "--mnemonic", "abandon ability"])).expect_code(2);
    refused.expect_error(["24 words"]);
}

#[test]
fn blocks_are_made_when_it_is_said() {
    let told_to = Dev::start(&["--no-mining"]);
    let pay = |dev: &Dev| {
        let command = ["send", "--from", "dev1", dev.account(2), "1", "--node"];
        let address = dev.server.address.clone();
        let sent = run(adit(command).args([&address, "--json"]));
        sent.expect_code(0);
    };
    pay(&told_to);
    let status = told_to.server.status();
    assert_eq!(
        (&status["length"], &status["pending"]),
        (&1.into(), &1.into())
    );
    run(&mut adit(["mine", "--node", &told_to.server.address])).expect_code(0);
    assert_eq!((told_to.length(), told_to.balance(2)), (2, 10_001_000_000));
    let by_time = Dev::start(&["--block-time", "50ms"]);
    until("blocks come by themselves", || {
        (by_time.length() > 3).then_some(())
    });
    // Both are chains to develop on: they can be started over.
    let reset = ["dev", "reset", "--node", &told_to.server.address];
    run(&mut adit(reset)).expect_code(0);
    assert_eq!(told_to.length(), 1);
}

#[test]
fn a_transaction_that_is_sent_again_is_answered_again_and_no_other_takes_its_nonce() {
    let dev = Dev::start(&["--genesis-time", "2026-01-01T00:00:00Z"]);
    let chain = dev.told["chain"].as_str().unwrap();
    let signed = |amount| {
        let arguments = ["sign", "--name", "dev0", "--to", dev.account(1), "--amount"];
        let arguments = arguments.into_iter().chain([amount, "--nonce", "0"]);
        run(&mut adit(arguments.chain(["--chain-id", chain])))
            .expect_code(0)
            .stdout
    };
    let (one, other) = (signed("1"), signed("2"));
    let send = |text: &str| dev.server.post("/api/v1/tx", text);
    let first = send(&one).expect_status(201).json();
    assert_eq!(dev.length(), 2);
    assert_eq!(send(&one).expect_status(201).json(), first);
    let refused = send(&other).expect_status(400).json();
    assert_eq!(refused["rule"], "nonce-used");
    assert_eq!((dev.length(), dev.balance(1)), (2, 10_001_000_000));
}

#[test]
fn wallets_are_ready_and_pay_nowhere_else() {
    let dev = Dev::start(&[]);
    let wallets = Wallets::new();
    let to = dev.account(3).to_owned();
    let node = ["--node", &dev.server.address];
    for number in 0..4 {
        let wallet = format!("dev{number}");
        let address = wallets.run(&["wallet", "address", "--from", &wallet]);
        assert_eq!(address.expect_code(0).stdout.trim(), dev.account(number));
    }
    let sent = wallets.run(&["send", "--from", "dev0", &to, "2", node[0], node[1]]);
    sent.expect_code(0);
    assert_eq!(dev.balance(3), 10_002_000_000);
    // A wallet of that name is the person's own.
    wallets.import("dev0", WORDS).expect_code(0);
    let own = wallets.run(&["wallet", "address", "--from", "dev0"]);
    assert_ne!(own.expect_code(0).stdout.trim(), dev.account(0));
    let network = Network::start(&[]);
    let node = ["--node", &network.node.address];
    let refused = wallets.run(&["send", "--from", "dev1", &to, "2", node[0], node[1]]);
    let refused = refused.expect_code(1);
    refused.expect_error(["everybody has the key of dev1", "class"]);
}

/// Behind a proxy, as docs/proxy.md shows it.
#[test]
fn it_answers_to_the_names_that_it_is_told() {
    let dev = Dev::start(&["--allowed-host", "node.example"]);
    for (host, status) in [("node.example", 200), ("other.example", 403)] {
        let mut asked = TcpStream::connect(&dev.server.address).unwrap();
        asked.set_read_timeout(Some(PATIENCE)).unwrap();
        let request = format!("GET /api/v1/status HTTP/1.1\r\nHost: {host}\r\n\r\n");
        asked.write_all(request.as_bytes()).unwrap();
        let answer = read_answer(&mut BufReader::new(asked)).unwrap();
        assert_eq!(answer.status, status, "{host}");
    }
}
