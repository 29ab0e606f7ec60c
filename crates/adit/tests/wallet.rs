//! `adit wallet` and `adit sign`: what is on the disk reveals the key to
//! nobody, the words bring it back, and signing needs no node.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use adit_core::rules::verify_signature;
use adit_core::sealed::SealedTransaction;
use adit_core::{hash, json as canonical_json};
use bip39::Mnemonic;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Ended, adit, run, run_with_input};

#[path = "../src/wallet/derivation.rs"]
mod derivation;

pub(crate) const PASSWORD: &str = "correct horse";

pub(crate) const ABOUT: &str = "abandon abandon abandon abandon abandon abandon abandon abandon abandon \
                     abandon abandon about";

#[test]
fn a_new_wallet_is_its_owners_alone_and_tells_nobody_the_key() {
    let wallets = Wallets::new();
    let made = wallets.run(&["wallet", "new", "--json"]).expect_code(0);
    let result = made.json();
    let phrase = result["phrase"].as_str().unwrap();
    assert_eq!(phrase.split(' ').count(), 24);
    assert_eq!(made.stderr, "");

    let file = wallets.file("default");
    assert_eq!(result["file"], file.to_str().unwrap());
    assert_eq!(mode(&file), 0o600);
    assert_eq!(mode(&wallets.folder()), 0o700);
    let others = fs::read_dir(wallets.folder()).unwrap();
    assert_eq!(others.count(), 1, "something else is left in the folder");

    let text = fs::read_to_string(&file).unwrap();
    let seed = Mnemonic::parse_normalized(phrase)
        .unwrap()
        .to_seed_normalized("");
    let key = derivation::derive(&seed, &[44, 1, 0, 0]);
    for secret in [&hex(&*key), &hex(&seed), PASSWORD, &phrase[..20]] {
        assert!(!text.contains(secret), "{secret} is in {text}");
    }
    let read: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(read["address"], result["address"]);
    assert_eq!(read["kdf"]["name"], "argon2id");
    assert_eq!(read["kdf"]["memory_kib"], 65_536);
}

#[test]
fn two_new_wallets_have_nothing_in_common() {
    let wallets = Wallets::new();
    let [one, other] = ["one", "other"].map(|name| {
        let made = wallets.run(&["wallet", "new", "--name", name, "--json"]);
        (made.expect_code(0).json(), wallets.read(name))
    });
    assert_ne!(one.0["phrase"], other.0["phrase"]);
    for (part, name) in [
        ("kdf", "salt"),
        ("cipher", "nonce"),
        ("cipher", "encrypted_key"),
    ] {
        assert_ne!(one.1[part][name], other.1[part][name], "{name}");
    }
}

#[test]
fn the_words_bring_the_same_address_back() {
    let wallets = Wallets::new();
    let made = wallets.run(&["wallet", "new", "--json"]).expect_code(0);
    let made = made.json();
    let phrase = made["phrase"].as_str().unwrap();
    // As somebody may have written them down.
    let written = format!("  {}\n", phrase.to_uppercase().replace(' ', "\t \n"));
    let back = wallets.import("back", &written).expect_code(0);
    let back = back.json();
    assert_eq!(back["address"], made["address"]);
    assert!(back.get("phrase").is_none(), "{back}");
}

/// The addresses were computed by another implementation (Python's hashlib,
/// hmac and OpenSSL).
#[test]
fn the_words_as_they_are_shown_bring_the_address_back() {
    let wallets = Wallets::new();
    let shown = wallets.run(&["wallet", "new"]).expect_code(0).stdout;
    let address = shown
        .lines()
        .find_map(|line| line.strip_prefix("address  "));
    let (_, words) = shown.split_once("shown again.\n\n").unwrap();
    assert_eq!(words.lines().count(), 6);
    assert!(words.lines().all(|line| line.len() <= 60), "{words}");
    let back = wallets.import("back", words).expect_code(0).json();
    assert_eq!(back["address"].as_str(), address);
}

#[test]
fn known_words_have_known_addresses() {
    let art = format!("{}art", "abandon ".repeat(23));
    let hamster = "hamster diagram private dutch cause delay private meat slide toddler razor \
                   book happy fancy gospel tennis maple dilemma loan word shrug inflict delay \
                   length";
    let wallets = Wallets::new();
    for (name, phrase, address) in [
        (
            "about",
            ABOUT,
            "adit10x2qhqzjqxakv80cgf20hc4wgmsnar4rxejmtclwkj7g5wuhztzs9g9ag7",
        ),
        (
            "art",
            &*art,
            "adit1nkxm9qajwcjcd2kxqh06994k2ucx33wnjgsfsrw33vwf6mweczxs279956",
        ),
        (
            "hamster",
            hamster,
            "adit16wr9z658gsjn3lxpy9qa08au9g5jjhmhmqy6zhr4te79zwukh77smeh8yu",
        ),
    ] {
        let imported = wallets.import(name, phrase).expect_code(0);
        assert_eq!(imported.json()["address"], address);
    }
}

/// The test vectors 1 and 2 of SLIP-0010 for ed25519.
#[test]
fn keys_are_derived_as_slip_0010_says() {
    let first: Vec<u8> = (0..16).collect();
    let second: Vec<u8> = (0..64).map(|at| 0xff - 3 * at).collect();
    let cases: [(&[u8], &[u32], &str); 11] = [
        (
            &first,
            &[],
            "2b4be7f19ee27bbf30c667b642d5f4aa69fd169872f8fc3059c08ebae2eb19e7",
        ),
        (
            &first,
            &[0],
            "68e0fe46dfb67e368c75379acec591dad19df3cde26e63b93a8e704f1dade7a3",
        ),
        (
            &first,
            &[0, 1],
            "b1d0bad404bf35da785a64ca1ac54b2617211d2777696fbffaf208f746ae84f2",
        ),
        (
            &first,
            &[0, 1, 2],
            "92a5b23c0b8a99e37d07df3fb9966917f5d06e02ddbd909c7e184371463e9fc9",
        ),
        (
            &first,
            &[0, 1, 2, 2],
            "30d1dc7e5fc04c31219ab25a27ae00b50f6fd66622f6e9c913253d6511d1e662",
        ),
        (
            &first,
            &[0, 1, 2, 2, 1_000_000_000],
            "8f94d394a8e8fd6b1bc2f3f49f5c47e385281d5c17e65324b0f62483e37e8793",
        ),
        (
            &second,
            &[],
            "171cb88b1b3c1db25add599712e36245d75bc65a1a5c9e18d76f9f2b1eab4012",
        ),
        (
            &second,
            &[0],
            "1559eb2bbec5790b0c65d8693e4d0875b1747f4970ae8b650486ed7470845635",
        ),
        (
            &second,
            &[0, 2_147_483_647],
            "ea4f5bfe8694d8bb74b7b59404632fd5968b774ed545e810de9c32a4fb4192f4",
        ),
        (
            &second,
            &[0, 2_147_483_647, 1],
            "3757c7577170179c7868353ada796c839135b3d30554bbb74a4b1e4a5a58505c",
        ),
        (
            &second,
            &[0, 2_147_483_647, 1, 2_147_483_646, 2],
            "551d333177df541ad876a60ea71f00447931c0a9da16f227c11ea080d7391b8d",
        ),
    ];
    for (seed, path, expected) in cases {
        assert_eq!(hex(&*derivation::derive(seed, path)), expected, "{path:?}");
    }
}

#[test]
fn a_secret_key_of_a_development_chain_is_taken_too() {
    let wallets = Wallets::new();
    let secret = hash::sha256(b"adit test key 0").to_string();
    let imported = wallets.import("default", &secret).expect_code(0);
    // From the vectors of the protocol.
    let expected = "adit147n0lydu9j3v26vn099905fgzafurz2jdtytv5f7e92a9udmzefq5czcqu";
    assert_eq!(imported.json()["address"], expected);
    assert_eq!(wallets.read("default")["derivation"], Value::Null);
}

#[test]
fn wrong_words_are_refused_without_being_repeated() {
    let wallets = Wallets::new();
    for (phrase, problem) in [
        (ABOUT.replacen("abandon", "abandun", 3), "word 1 is not on"),
        (
            ABOUT.replace("abandon about", "abuot about"),
            "word 11 is not on",
        ),
        (ABOUT.replace("about", "abandon"), "checksum is wrong"),
        (ABOUT.replace(" about", ""), "found 11"),
        (String::new(), "no phrase on the standard input"),
    ] {
        let refused = wallets.import("default", &phrase).expect_code(1);
        assert_eq!(refused.stdout, "");
        for word in ["aband", "abuot", "about"] {
            assert!(!refused.stderr.contains(word), "{refused:?}");
        }
        refused.expect_error([problem]);
    }
    assert!(!wallets.folder().exists());
}

#[test]
fn a_wallet_is_never_overwritten() {
    let wallets = Wallets::new();
    wallets.import("default", ABOUT).expect_code(0);
    let before = fs::read(wallets.file("default")).unwrap();
    for again in [
        wallets.run(&["wallet", "new"]),
        wallets.import("default", ABOUT),
    ] {
        assert_eq!(again.stdout, "", "no words of a wallet that is not kept");
        again
            .expect_code(1)
            .expect_error(["default.json already", "never overwritten", "--name"]);
    }
    // Nobody types a password in vain.
    let mut new = wallets.command(&["wallet", "new"]);
    let again = run(new.env_remove("ADIT_PASSWORD")).expect_code(1);
    again.expect_error(["never overwritten"]);
    assert_eq!(fs::read(wallets.file("default")).unwrap(), before);
}

#[test]
fn the_wrong_password_has_an_error_of_its_own() {
    let wallets = Wallets::new();
    wallets.import("default", ABOUT).expect_code(0);
    let mut sign = wallets.command(SIGN);
    let refused = run(sign.env("ADIT_PASSWORD", "incorrect horse")).expect_code(1);
    assert_eq!(refused.stdout, "");
    refused.expect_error(["the password is wrong", "default.json"]);
}

#[test]
fn a_password_comes_from_the_variable_or_a_terminal_and_never_from_a_flag() {
    let wallets = Wallets::new();
    for empty_or_none in [Some(""), None] {
        let mut new = wallets.command(&["wallet", "new"]);
        match empty_or_none {
            Some(empty) => new.env("ADIT_PASSWORD", empty),
            None => new.env_remove("ADIT_PASSWORD"),
        };
        let refused = run(&mut new).expect_code(1);
        refused.expect_error(["nobody can be asked", "ADIT_PASSWORD"]);
    }
    assert!(!wallets.folder().exists());
    let flag = wallets.run(&["wallet", "new", "--password", "x"]);
    flag.expect_code(2);
}

#[test]
fn a_changed_key_file_is_not_opened() {
    let wallets = Wallets::new();
    wallets.import("default", ABOUT).expect_code(0);
    let other = wallets.import("other", &format!("{}art", "abandon ".repeat(23)));
    let other = other.expect_code(0).json()["address"].clone();
    let honest = wallets.read("default");
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut file = honest.clone();
        change(&mut file);
        fs::write(wallets.file("default"), file.to_string()).unwrap();
        wallets.run(SIGN).expect_code(1)
    };
    // Otherwise anyone who can write the file could have coins sent to their
    // own address.
    changed(&|file| file["address"] = other.clone()).expect_error(["password is wrong"]);
    changed(&|file| file["kdf"]["salt"] = json!("00".repeat(16)))
        .expect_error(["password is wrong"]);
    changed(&|file| file["cipher"]["encrypted_key"] = json!("00".repeat(48)))
        .expect_error(["password is wrong"]);
    changed(&|file| file["cipher"]["nonce"] = json!("00")).expect_error(["nonce: expected 24"]);
    changed(&|file| file["kdf"]["memory_kib"] = json!(4_000_000_000_u32))
        .expect_error(["memory_kib: expected at most 1048576, found 4000000000"]);
    changed(&|file| file["kdf"]["passes"] = json!(1_000_000))
        .expect_error(["passes: expected at most 64"]);
    changed(&|file| file["kdf"]["name"] = json!("none")).expect_error(["expected argon2id"]);
    changed(&|file| file["format"] = json!(2)).expect_error(["expected format 1, found 2"]);
    changed(&|file| file["address"] = json!("adit1")).expect_error(["address: "]);
    changed(&|file| file["more"] = json!(1)).expect_error(["not a key file", "more"]);

    fs::write(wallets.file("default"), "x".repeat(20_000)).unwrap();
    let long = wallets.run(SIGN).expect_code(1);
    long.expect_error(["at most 16384 bytes"]);
}

#[test]
fn list_needs_no_password_and_passes_over_what_is_no_wallet() {
    let wallets = Wallets::new();
    let none = wallets.run(&["wallet", "list", "--json"]).expect_code(0);
    assert_eq!(none.json(), json!({ "wallets": [] }));
    let none = wallets.run(&["wallet", "list"]).expect_code(0);
    assert!(none.stdout.contains("adit wallet new"), "{none:?}");

    let imported = wallets.import("b", ABOUT).expect_code(0);
    let address = imported.json()["address"].clone();
    wallets.import("a-2", ABOUT).expect_code(0);
    fs::write(wallets.file("broken"), "{}").unwrap();
    let mut list = wallets.command(&["wallet", "list", "--json"]);
    let listed = run(list.env_remove("ADIT_PASSWORD")).expect_code(0);
    let expected = json!([
        { "name": "a-2", "address": address },
        { "name": "b", "address": address },
    ]);
    assert_eq!(listed.json()["wallets"], expected);
    listed.expect_error(["\"warning\"", "broken.json"]);

    let mut one = wallets.command(&["wallet", "address", "--name", "b"]);
    let one = run(one.env_remove("ADIT_PASSWORD")).expect_code(0);
    assert_eq!(one.stdout, format!("{}\n", address.as_str().unwrap()));
}

#[test]
fn without_a_wallet_the_error_says_how_to_make_one() {
    let wallets = Wallets::new();
    for arguments in [SIGN, &["wallet", "address"], &["balance"]] {
        let refused = wallets.run(arguments).expect_code(1);
        refused.expect_error(["there is no wallet", "adit wallet new"]);
    }
    let long = "x".repeat(65);
    for name in ["../up", "", ".", "a/b", &long] {
        let refused = wallets.run(&["wallet", "new", "--name", name]);
        refused.expect_code(2).expect_error(["--name"]);
    }
}

#[test]
fn a_transaction_is_signed_without_a_node() {
    let wallets = Wallets::new();
    let imported = wallets.import("default", ABOUT).expect_code(0);
    let address = imported.json()["address"].clone();
    let mut arguments = SIGN.to_vec();
    arguments.extend(["--fee", "0.25", "--data", "Zoë \u{1f980}"]);
    let signed = wallets.run(&arguments).expect_code(0);
    let text = signed.stdout.trim_end();
    let canonical = canonical_json::canonical(text.as_bytes(), 10_000).unwrap();
    assert_eq!(canonical, text.as_bytes());
    let transaction = SealedTransaction::read(&canonical).unwrap();
    verify_signature(&canonical, &transaction).unwrap();
    let mut expected = json!({
        "amount": 1_500_000,
        "chain": "0123456789abcdef",
        "data": "Zoë \u{1f980}",
        "fee": 250_000,
        "nonce": 7,
        "recipient": RECIPIENT,
        "sender": address,
    });
    expected["signature"] = signed.json()["signature"].clone();
    assert_eq!(signed.json(), expected);

    let file = wallets.folder().join("signed.json");
    arguments.extend(["--json", "-o", file.to_str().unwrap()]);
    let written = wallets.run(&arguments).expect_code(0).json();
    assert_eq!(written["id"], transaction.id.to_string());
    assert_eq!(fs::read_to_string(file).unwrap(), signed.stdout);
}

#[test]
fn a_transaction_is_for_the_chain_of_a_genesis_file() {
    let wallets = Wallets::new();
    wallets.import("default", ABOUT).expect_code(0);
    let vectors = include_str!("../../core/tests/vectors/sealed_chain.json");
    let vectors: Value = serde_json::from_str(vectors).unwrap();
    let genesis = &vectors["blocks"][0];
    let file = wallets.folder().join("genesis.json");
    fs::write(&file, genesis["block"].to_string()).unwrap();
    let sign = |chain: &[&str]| wallets.run(&[&SIGN[..SIGN.len() - 2], chain].concat());
    let signed = sign(&["--genesis", file.to_str().unwrap()]).expect_code(0);
    let hash = genesis["hash"].as_str().unwrap();
    assert_eq!(signed.json()["chain"], hash[..16]);

    fs::write(&file, vectors["blocks"][1]["block"].to_string()).unwrap();
    let refused = sign(&["--genesis", file.to_str().unwrap()]).expect_code(1);
    refused.expect_error(["genesis.json is no genesis block"]);
    sign(&[])
        .expect_code(2)
        .expect_error(["--chain-id", "--genesis"]);
    sign(&["--chain-id", "0123456789ABCDEF"])
        .expect_code(2)
        .expect_error(["16 lower-case hex digits"]);
}

#[test]
fn amounts_are_exact_decimals_of_six_digits() {
    let wallets = Wallets::new();
    wallets.import("default", ABOUT).expect_code(0);
    let sign = |amount: &str| {
        let mut arguments = SIGN.to_vec();
        arguments[4] = amount;
        wallets.run(&arguments)
    };
    for (amount, units) in [
        ("0", 0_u64),
        ("0.000001", 1),
        ("1.1", 1_100_000),
        ("007.70", 7_700_000),
        // A float has no such number.
        ("9007199253.740993", 9_007_199_253_740_993),
        ("9007199254.740991", 9_007_199_254_740_991),
    ] {
        let signed = sign(amount).expect_code(0).json();
        assert_eq!(signed["amount"], units, "{amount}");
    }
    for (amount, problem) in [
        ("1.0000000", "6 decimals, found 7"),
        ("9007199254.740992", "at most 9007199254.740991"),
        ("99999999999999999999999", "at most"),
        ("1e3", "as 2 or 1.5"),
        ("1,5", "as 2 or 1.5"),
        ("+1", "as 2 or 1.5"),
        (".5", "as 2 or 1.5"),
        ("1.", "as 2 or 1.5"),
        (" 1", "as 2 or 1.5"),
        ("1_000", "as 2 or 1.5"),
        ("", "--amount"),
    ] {
        let refused = sign(amount).expect_code(2);
        assert_eq!(refused.stdout, "");
        refused.expect_error([problem]);
    }
}

#[test]
fn what_no_chain_takes_is_wrong_usage() {
    let wallets = Wallets::new();
    let long = "x".repeat(8_193);
    for (option, value) in [
        ("--data", ""),
        ("--data", &*long),
        ("--fee", "free"),
        ("--nonce", "9007199254740992"),
        ("--to", &RECIPIENT.replacen('a', "A", 1)),
        ("--to", &RECIPIENT.replace('q', "p")),
    ] {
        let mut arguments = SIGN.to_vec();
        match arguments.iter().position(|argument| *argument == option) {
            Some(at) => arguments[at + 1] = value,
            None => arguments.extend([option, value]),
        }
        wallets
            .run(&arguments)
            .expect_code(2)
            .expect_error([option]);
    }
}

pub(crate) const RECIPIENT: &str =
    "adit147n0lydu9j3v26vn099905fgzafurz2jdtytv5f7e92a9udmzefq5czcqu";

/// The amount is the fifth, the chain stands at the end.
pub(crate) const SIGN: &[&str] = &[
    "sign",
    "--to",
    RECIPIENT,
    "--amount",
    "1.5",
    "--nonce",
    "7",
    "--chain-id",
    "0123456789abcdef",
];

/// A folder for wallets that is not there yet, and a password.
pub(crate) struct Wallets {
    home: TempDir,
}

impl Wallets {
    pub(crate) fn new() -> Wallets {
        Wallets {
            home: TempDir::new().unwrap(),
        }
    }

    /// Where the wallets are.
    pub(crate) fn folder(&self) -> PathBuf {
        self.home.path().join("wallets")
    }

    /// The key file of that name.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder().join(format!("{name}.json"))
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = adit(arguments);
        command
            .env("ADIT_WALLET_DIR", self.folder())
            .env("ADIT_PASSWORD", PASSWORD);
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        run(&mut self.command(arguments))
    }

    pub(crate) fn import(&self, name: &str, phrase: &str) -> Ended {
        let mut import = self.command(&["wallet", "import", "--json", "--name", name]);
        run_with_input(&mut import, phrase.as_bytes())
    }

    fn read(&self, name: &str) -> Value {
        serde_json::from_slice(&fs::read(self.file(name)).unwrap()).unwrap()
    }
}

fn mode(file: &Path) -> u32 {
    fs::metadata(file).unwrap().permissions().mode() & 0o777
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
