//! Payments from one wallet side by side, and fees that nobody means.

use std::fs::File;
use std::thread;

use serde_json::Value;

use crate::sending::{Network, development_chain};
use crate::support::{Ended, Server};
use crate::terminal::answering;
use crate::wallet::Wallets;

const COUNT: u64 = 10;

#[test]
fn payments_side_by_side_are_all_made() {
    let network = Network::start(&[]);
    let (node, wallets) = (&network.node, &network.wallets);
    let friend = wallets.make("friend");
    // The same amount: with the same nonce they would be the same payment. The
    // higher fee would take the other's place.
    side_by_side([wallets, wallets], node, |_, number| {
        let fee = if number == 0 { "0.001" } else { "0.002" };
        ["send", &friend, "1", "--fee", fee].map(str::to_owned)
    });
    node.mine();
    let paid = wallets.ask(node, &["balance", &friend]).expect_code(0);
    assert_eq!(paid.json()["balance"], 2 * COUNT * 1_000_000);
}

#[test]
fn a_wallet_on_two_machines_takes_the_next_nonce() {
    let node = development_chain();
    let (here, there) = (Wallets::with_funds(), Wallets::with_funds());
    let friend = here.make("friend");
    let amount = |round: u64, number: u64| 1 + round + number * COUNT;
    side_by_side([&here, &there], &node, |round, number| {
        let amount = amount(round, number).to_string();
        ["send", &friend, &amount, "--fee", "0.001"].map(str::to_owned)
    });
    let paid: u64 = (0..COUNT)
        .map(|round| amount(round, 0) + amount(round, 1))
        .sum();
    let balance = here.ask(&node, &["balance", &friend]).expect_code(0);
    assert_eq!(balance.json()["balance"], paid * 1_000_000);
}

#[test]
fn a_nonce_that_was_chosen_is_not_exchanged_for_another() {
    let (node, wallets) = (development_chain(), Wallets::with_funds());
    let friend = wallets.make("friend");
    wallets.ask(&node, &["send", &friend, "1"]).expect_code(0);
    let again = wallets.ask(&node, &["send", &friend, "2", "--nonce", "0"]);
    again.expect_code(1).expect_error(["nonce"]);
}

#[test]
fn an_absurd_fee_is_paid_only_when_it_is_meant() {
    let (node, wallets) = (development_chain(), Wallets::with_funds());
    let friend = wallets.make("friend");
    let file = wallets.file("friend");
    let file = file.to_str().unwrap();
    let sign = "sign --nonce 0 --chain-id 0123456789abcdef";
    let signed = |extras: &[&str]| {
        let sign: Vec<&str> = sign.split(' ').collect();
        wallets.run(&[&sign[..], &["--to", &friend, "--amount", "0.001"], extras].concat())
    };
    let absurd = |ended: Ended| {
        assert_eq!(ended.stdout, "");
        let ended = ended.expect_code(1);
        ended.expect_error(["a fee of", "very high", "nothing was paid", "--yes"])
    };
    absurd(wallets.ask(&node, &["send", &friend, "0.001", "--fee", "1000"]));
    absurd(wallets.ask(&node, &["send", &friend, "100", "--fee", "10.000001"]));
    absurd(wallets.ask(&node, &["notarize", file, "--fee", "1.000001"]));
    absurd(signed(&["--fee", "5"]));
    assert_eq!(node.status()["length"], 1);

    signed(&["--fee", "5", "--yes"]).expect_code(0);
    for (amount, fee, extra) in [
        ("0.001", "1000", Some("--yes")),
        ("100", "10", None),
        ("0", "1", None),
    ] {
        let arguments = ["send", &friend, amount, "--fee", fee];
        let arguments: Vec<&str> = arguments.into_iter().chain(extra).collect();
        wallets.ask(&node, &arguments).expect_code(0);
    }
}

#[test]
fn what_was_paid_is_said_although_the_result_cannot_be_written() {
    let (node, wallets) = (development_chain(), Wallets::with_funds());
    let friend = wallets.make("friend");
    let file = wallets.file("friend");
    let send = ["send", friend.as_str(), "1"];
    let notarize = ["notarize", file.to_str().unwrap()];
    let as_json = [&send[..], &["--json"][..]].concat();
    for (count, arguments) in [(1, &send[..]), (2, &as_json[..]), (3, &notarize[..])] {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let arguments = [arguments, &["--node", &node.address]].concat();
        let ended = wallets.command(&arguments).stdout(full).output().unwrap();
        assert_eq!(ended.status.code(), Some(1));
        let said = String::from_utf8(ended.stderr).unwrap();
        // Last, with what went wrong.
        let id = said.rsplit("the transaction ").next().unwrap();
        let path = format!("/api/v1/tx/{}", &id[..64]);
        let found = node.get(&path).expect_status(200).json();
        assert_eq!(found["block_index"], count + 1, "{found}");
    }
}

#[test]
fn somebody_at_a_terminal_is_asked_about_an_absurd_fee() {
    let (node, wallets) = (development_chain(), Wallets::with_funds());
    let friend = wallets.make("friend");
    let arguments = [
        "send",
        &friend,
        "1",
        "--fee",
        "500",
        "--node",
        &node.address,
    ];
    for (answer, length, said) in [("n\n", 1, "nothing was paid"), ("y\n", 2, "in block 2")] {
        let told = answering(&mut wallets.command(&arguments), &[("[y/N]", answer)]);
        assert!(told.contains("a fee of 500 coins"), "{told}");
        assert!(told.contains(said), "{told}");
        assert_eq!(node.status()["length"], length);
    }
}

/// Two that pay at the same time, `COUNT` times each, by the arguments for the
/// round and for which of the two it is.
fn side_by_side<const N: usize>(
    wallets: [&Wallets; 2],
    node: &Server,
    arguments: impl Fn(u64, u64) -> [String; N] + Sync,
) {
    let arguments = &arguments;
    let sent: Vec<Value> = thread::scope(|scope| {
        let paying = [0, 1].map(|number: u64| {
            let wallets = wallets[number as usize];
            scope.spawn(move || {
                let rounds = (0..COUNT).map(|round| arguments(round, number));
                let sent = rounds.map(|arguments| {
                    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
                    wallets.ask(node, &arguments).expect_code(0).json()
                });
                sent.collect::<Vec<Value>>()
            })
        });
        paying
            .into_iter()
            .flat_map(|one| one.join().unwrap())
            .collect()
    });
    let mut nonces: Vec<u64> = sent
        .iter()
        .map(|one| one["nonce"].as_u64().unwrap())
        .collect();
    nonces.sort_unstable();
    assert_eq!(nonces, (0..2 * COUNT).collect::<Vec<u64>>());
}
