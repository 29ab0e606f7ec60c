//! What people type and paste: addresses from QR codes, phrases off a sheet of
//! paper, keys with a prefix.

use adit_core::hash::sha256;
use serde_json::Value;
use tempfile::TempDir;

use crate::sending::development_chain;
use crate::support::{Server, adit, run};
use crate::terminal::answering;
use crate::wallet::{ABOUT, PASSWORD, RECIPIENT, SIGN, Wallets};

#[test]
fn an_address_in_capitals_is_the_same_address() {
    let (node, wallets) = (development_chain(), Wallets::with_funds());
    let friend = wallets.make("friend");
    let capitals = friend.to_uppercase();
    let sent = wallets.ask(&node, &["send", &capitals, "1"]).expect_code(0);
    // Within the chain it stands in its one form.
    assert_eq!(sent.json()["recipient"], friend);
    let balance = wallets.ask(&node, &["balance", &capitals]).expect_code(0);
    assert_eq!(balance.json()["address"], friend);
    let address = wallets
        .ask(&node, &["address", &capitals, "--txs"])
        .expect_code(0);
    assert_eq!(address.json()["transactions"].as_array().unwrap().len(), 1);

    let get = |path: String| node.get(&path).expect_status(200);
    let account = get(format!("/api/v1/address/{capitals}")).json();
    assert_eq!(account, get(format!("/api/v1/address/{friend}")).json());
    assert_eq!(account["balance"], 1_000_000);
    let found = get(format!("/api/v1/search?q={capitals}")).json();
    assert_eq!(found["results"][0]["path"], format!("/address/{friend}"));
    let page = get(format!("/address/{capitals}"));
    assert!(page.text().contains(&friend), "{}", page.text());

    let folder = TempDir::new().unwrap();
    let file = folder.path().join("chain.json");
    let funds = format!("{capitals}=5");
    let mut new = adit(["chain", "new", "--name", "class", "--alloc", &funds]);
    new.args(["--difficulty", "65536"]);
    run(new.arg("--output").arg(&file)).expect_code(0);
    let other = Server::adit([
        "--in-memory",
        "--chain",
        file.to_str().unwrap(),
        "--reward-to",
        &capitals,
    ]);
    assert_eq!(other.mine()["transactions"][0]["recipient"], friend);
}

#[test]
fn an_address_in_both_cases_is_none() {
    let (node, wallets) = (development_chain(), Wallets::with_funds());
    for mixed in [
        RECIPIENT.replacen('a', "A", 1),
        RECIPIENT.to_uppercase().replacen('Q', "q", 1),
    ] {
        let refused = wallets.ask(&node, &["send", &mixed, "1"]).expect_code(2);
        refused.expect_error(["lower case"]);
        node.get(&format!("/api/v1/address/{mixed}"))
            .expect_status(400);
        let found = node
            .get(&format!("/api/v1/search?q={mixed}"))
            .expect_status(200);
        assert_eq!(found.json()["results"].as_array().unwrap().len(), 0);
    }
}

#[test]
fn a_wallet_on_this_machine_is_paid_by_its_name() {
    let (node, wallets) = (development_chain(), Wallets::with_funds());
    let friend = wallets.make("friend");
    let sent = wallets.ask(&node, &["send", "friend", "1"]).expect_code(0);
    assert_eq!(sent.json()["recipient"], friend);
    let balance = wallets.ask(&node, &["balance", "friend"]).expect_code(0);
    assert_eq!(balance.json()["address"], friend);
    assert_eq!(balance.json()["balance"], 1_000_000);
    let account = wallets.ask(&node, &["send", "dev1", "1"]).expect_code(0);
    let address = wallets.ask(&node, &["balance", "dev1"]).expect_code(0);
    assert_eq!(account.json()["recipient"], address.json()["address"]);

    let nobody = wallets.ask(&node, &["send", "freind", "1"]).expect_code(1);
    nobody.expect_error(["there is no wallet", "freind.json"]);
    // What begins like an address is not taken for a name.
    for address in [&friend[..20], "ADIT1", &format!("{friend}x")] {
        let refused = wallets.ask(&node, &["send", address, "1"]).expect_code(2);
        refused.expect_error(["address"]);
    }
    let refused = wallets.ask(&node, &["send", "a b", "1"]).expect_code(2);
    refused.expect_error(["no address", "no wallet"]);
}

#[test]
fn within_a_transaction_only_lower_case_counts() {
    let (node, wallets) = (development_chain(), Wallets::with_funds());
    let chain = node.status()["chain"]["id"].clone();
    let mut sign = SIGN.to_vec();
    *sign.last_mut().unwrap() = chain.as_str().unwrap();
    let signed = wallets.run(&sign).expect_code(0).stdout;
    let capitals = signed.replace(RECIPIENT, &RECIPIENT.to_uppercase());
    let refused = node.post("/api/v1/tx", &capitals).expect_status(400);
    assert!(refused.text().contains("lower case"), "{}", refused.text());
}

#[test]
fn a_phrase_is_read_however_it_was_written_down() {
    let wallets = Wallets::new();
    let words: Vec<&str> = ABOUT.split(' ').collect();
    let numbered = |mark: &str, end: &str| {
        let words = words.iter().enumerate();
        let lines = words.map(|(at, word)| format!("{}{mark}{word}{end}", at + 1));
        lines.collect::<String>()
    };
    let written = [
        words.join("\r\n"),
        numbered(". ", "\n"),
        numbered(".", "  "),
        numbered(") ", ",\n"),
        numbered(": ", "; "),
        numbered("\t", "\n"),
        words.join(", "),
        format!("\u{feff}{ABOUT}\n"),
        format!("\u{feff}\"{}\"", ABOUT.to_uppercase()),
        words.join("\u{a0}\u{200b}"),
        format!("   {}  \n\n", words.join("   ")),
    ];
    for (number, written) in written.iter().enumerate() {
        let imported = wallets
            .import(&format!("wallet{number}"), written)
            .expect_code(0);
        let address = &imported.json()["address"];
        assert_eq!(address, ADDRESS_OF_ABOUT, "{written:?}");
    }
    // What is wrong with it is still said by the word's own number.
    let wrong = numbered(". ", "\n").replace("7. abandon", "7. ab4ndon");
    let refused = wallets.import("wrong", &wrong).expect_code(1);
    refused.expect_error(["word 7 is not on"]);
}

#[test]
fn a_key_is_read_with_a_prefix_and_in_capitals() {
    let wallets = Wallets::new();
    let key = sha256(b"adit test key 0").to_string();
    let capitals = key.to_uppercase();
    let written = [
        format!("0x{key}"),
        format!("0X{capitals}\n"),
        capitals.clone(),
        format!("\u{feff}  0x{capitals}\r\n"),
    ];
    for (number, written) in written.iter().enumerate() {
        let imported = wallets
            .import(&format!("wallet{number}"), written)
            .expect_code(0);
        assert_eq!(imported.json()["address"], RECIPIENT, "{written}");
    }
    let long = wallets.import("long", &format!("0x0x{key}")).expect_code(1);
    assert!(!long.stderr.contains(&key), "{long:?}");
}

/// The second line of a phrase is not taken for the password.
#[test]
fn a_phrase_of_several_lines_is_pasted_at_a_terminal() {
    let wallets = Wallets::new();
    let typed = |name: &str, phrase: &str| {
        let arguments = ["wallet", "import", "--json", "--name", name];
        let mut import = wallets.command(&arguments);
        let password = format!("{PASSWORD}\n");
        let ask = format!("New password for the wallet {name}: ");
        let answers = [
            ("an empty line): ", phrase),
            (&*ask, &*password),
            ("The same again: ", &*password),
        ];
        let told = answering(import.env_remove("ADIT_PASSWORD"), &answers);
        assert!(!told.contains("abandon"), "it was shown: {told}");
        let last = told.lines().last().unwrap();
        serde_json::from_str::<Value>(last).unwrap_or_else(|error| panic!("{error}: {told}"))
    };
    let line = "abandon ".repeat(6);
    let long = format!("{line}\n{line}\n{line}\n{}art\n", "abandon ".repeat(5));
    let address = &typed("long", &long)["address"];
    assert_eq!(
        address,
        "adit1nkxm9qajwcjcd2kxqh06994k2ucx33wnjgsfsrw33vwf6mweczxs279956"
    );
    let short = format!("{}\nabandon about\n\n", "abandon ".repeat(10));
    assert_eq!(&typed("short", &short)["address"], ADDRESS_OF_ABOUT);
    let key = format!("0x{}\n", sha256(b"adit test key 0"));
    assert_eq!(&typed("key", &key)["address"], RECIPIENT);
}

const ADDRESS_OF_ABOUT: &str = "adit10x2qhqzjqxakv80cgf20hc4wgmsnar4rxejmtclwkj7g5wuhztzs9g9ag7";

#[test]
fn the_first_digits_of_a_hash_are_enough() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().to_str().unwrap();
    let node = Server::adit(["--data-dir", data, "--resolve-every", "0"]);
    node.pay("alice", "bob");
    node.mine();
    let hash = node.get("/api/v1/block-height/2").text();
    let id = sha256(br#"{"amount": 1, "recipient": "bob", "sender": "alice"}"#).to_string();
    let ask = |arguments: &[&str]| {
        let node = ["--node", &node.address];
        run(&mut adit(arguments.iter().chain(&node)))
    };
    let shown = format!("{}…{}", &hash[..8], &hash[60..]);
    let page = format!("http://localhost:5000/block/{hash}");
    for block in [&hash[..10], &shown, &page, "/block/2", "#2"] {
        let said = ask(&["block", block]).expect_code(0).stdout;
        assert!(said.contains(&hash), "{block}: {said}");
    }
    let said = ask(&["tx", &id[..10]]).expect_code(0).stdout;
    assert!(said.contains(&id), "{said}");
    // A transaction is no block, and nothing begins like nothing.
    ask(&["block", &id[..10]])
        .expect_code(1)
        .expect_error(["the node has no block"]);
    ask(&["tx", &hash[..10]])
        .expect_code(1)
        .expect_error(["the node has no transaction"]);
    ask(&["tx", "abc"])
        .expect_code(2)
        .expect_error(["four or more"]);

    node.process.signal(rustix::process::Signal::TERM);
    node.process.ended().expect_code(0);
    let offline = |block: &str| run(&mut adit(["chain", "show", "--data-dir", data, block]));
    let said = offline(&hash[..10]).expect_code(0).stdout;
    assert!(said.contains(&hash), "{said}");
    offline(&id[..10])
        .expect_code(1)
        .expect_error(["there is no block"]);
    offline("abc").expect_code(1).expect_error(["four or more"]);
}
