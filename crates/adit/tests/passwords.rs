//! Passwords: one is the same on every keyboard, comes from where its owner put
//! it, and can be changed.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use serde_json::Value;

use crate::deprived::{NO_RENAMING, filtered};
use crate::support::{run, run_with_input};
use crate::terminal::answering;
use crate::wallet::{ABOUT, PASSWORD, SIGN, Wallets};

/// `Zoë Å`, as most keyboards send it, as some do that take letters apart, and
/// with a space that does not break.
const TOGETHER: &str = "Zo\u{eb} \u{c5}";
const APART: &str = "Zoe\u{308} A\u{30a}";
const UNBROKEN: &str = "Zoe\u{308}\u{a0}\u{212b}";

/// A key file from before passwords had one form: its password is [`APART`].
const OF_BEFORE: &str = r#"{"format": 1, "address": "adit10x2qhqzjqxakv80cgf20hc4wgmsnar4rxejmtclwkj7g5wuhztzs9g9ag7", "derivation": "BIP-39, SLIP-0010 ed25519, m/44'/1'/0'/0'",
 "kdf": {"name": "argon2id", "memory_kib": 65536, "passes": 3, "lanes": 4,
  "salt": "d647084b294979e3415978e7cc7b9b2c"},
 "cipher": {"name": "chacha20poly1305", "nonce": "5fd28129ebd0fe7f61c0f1eb",
  "encrypted_key": "188124d1d096881a4a95710adeb905e81e1b861c31d8492bae89fd259674007e61cdea1cf2fd22e7adb981d5ac8f5c00"}}"#;

#[test]
fn a_password_is_the_same_however_its_letters_are_sent() {
    let wallets = Wallets::new();
    for (number, made) in [TOGETHER, APART, UNBROKEN].into_iter().enumerate() {
        let name = format!("wallet{number}");
        let mut import = wallets.command(&["wallet", "import", "--name", &name]);
        let imported = run_with_input(import.env("ADIT_PASSWORD", made), ABOUT.as_bytes());
        imported.expect_code(0);
        for typed in [TOGETHER, APART, UNBROKEN] {
            run(&mut signing(&wallets, &name, typed)).expect_code(0);
        }
        let wrong = run(&mut signing(&wallets, &name, "Zoe A")).expect_code(1);
        wrong.expect_error(["the password is wrong"]);
    }
}

#[test]
fn a_key_file_of_before_still_opens() {
    let wallets = Wallets::new();
    fs::create_dir(wallets.folder()).unwrap();
    fs::write(wallets.file("default"), OF_BEFORE).unwrap();
    for typed in [APART, TOGETHER] {
        run(&mut signing(&wallets, "default", typed)).expect_code(0);
    }
}

#[test]
fn a_password_can_come_from_a_file() {
    let wallets = Wallets::new();
    wallets.import("default", ABOUT).expect_code(0);
    let file = wallets.folder().join("password");
    let sign = |written: &str| {
        fs::write(&file, written).unwrap();
        let mut sign = wallets.command(SIGN);
        run(sign
            .env_remove("ADIT_PASSWORD")
            .env("ADIT_PASSWORD_FILE", &file))
    };
    for written in ["correct horse", "correct horse\n", "correct horse\r\n"] {
        sign(written).expect_code(0);
    }
    for (written, problem) in [
        ("correct horse\n\n", "the password is wrong"),
        ("", "is empty"),
        ("\n", "is empty"),
        (&"x".repeat(5_000), "longer than 4096 bytes"),
    ] {
        sign(written).expect_code(1).expect_error([problem]);
    }
    fs::remove_file(&file).unwrap();
    let mut sign = wallets.command(SIGN);
    let refused = run(sign.env("ADIT_PASSWORD_FILE", &file)).expect_code(1);
    refused.expect_error(["ADIT_PASSWORD and ADIT_PASSWORD_FILE are both there"]);
    let refused = run(sign.env_remove("ADIT_PASSWORD")).expect_code(1);
    refused.expect_error(["ADIT_PASSWORD_FILE", "password: No such file"]);
}

#[test]
fn an_empty_password_is_named_as_empty() {
    let wallets = Wallets::new();
    wallets.import("default", ABOUT).expect_code(0);
    let mut sign = wallets.command(SIGN);
    let refused = run(sign.env("ADIT_PASSWORD", "")).expect_code(1);
    refused.expect_error(["ADIT_PASSWORD is there, and empty"]);
    let told = answering(sign.env_remove("ADIT_PASSWORD"), &[("default: ", "\n")]);
    assert!(told.contains("what was typed is empty"), "{told}");
    let mut new = wallets.command(&["wallet", "new", "--name", "new"]);
    let told = answering(new.env_remove("ADIT_PASSWORD"), &[("wallet new: ", "\n")]);
    assert!(
        told.contains("an empty password protects nothing"),
        "{told}"
    );
}

#[test]
fn a_password_nobody_could_type_again_is_not_taken() {
    let wallets = Wallets::new();
    let mut new = wallets.command(&["wallet", "new"]);
    let refused = run(new.env("ADIT_PASSWORD", "up\u{1b}[A")).expect_code(1);
    refused.expect_error(["control character"]);
    assert!(!wallets.folder().exists());
}

#[test]
fn a_changed_password_takes_the_others_place() {
    let wallets = Wallets::new();
    let made = wallets.import("default", ABOUT).expect_code(0).json();
    let before = fs::read(wallets.file("default")).unwrap();
    let mut change = wallets.command(&["wallet", "password", "--json"]);
    let refused = run(&mut change).expect_code(1);
    refused.expect_error(["ADIT_NEW_PASSWORD"]);
    let mut wrong = wallets.command(&["wallet", "password"]);
    wrong.env("ADIT_NEW_PASSWORD", TOGETHER);
    let refused = run(wrong.env("ADIT_PASSWORD", "wrong")).expect_code(1);
    refused.expect_error(["the password is wrong"]);
    assert_eq!(fs::read(wallets.file("default")).unwrap(), before);

    let changed = run(change.env("ADIT_NEW_PASSWORD", TOGETHER)).expect_code(0);
    assert_eq!(changed.json()["address"], made["address"]);
    assert!(changed.json().get("phrase").is_none());
    let old = run(&mut signing(&wallets, "default", PASSWORD)).expect_code(1);
    old.expect_error(["the password is wrong"]);
    run(&mut signing(&wallets, "default", APART)).expect_code(0);

    let after = fs::read(wallets.file("default")).unwrap();
    let [before, after]: [Value; 2] =
        [before, after].map(|text| serde_json::from_slice(&text).unwrap());
    assert_eq!(before["derivation"], after["derivation"]);
    assert_ne!(before["kdf"]["salt"], after["kdf"]["salt"]);
    let mode = fs::metadata(wallets.file("default"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(fs::read_dir(wallets.folder()).unwrap().count(), 1);
}

#[test]
fn a_password_that_cannot_be_changed_stays() {
    let wallets = Wallets::new();
    wallets.import("default", ABOUT).expect_code(0);
    let before = fs::read(wallets.file("default")).unwrap();
    let mut change = wallets.command(&["wallet", "password"]);
    change.env("ADIT_NEW_PASSWORD", TOGETHER);
    let Some(mut change) = filtered(&change, NO_RENAMING) else {
        return;
    };
    let refused = run(&mut change).expect_code(1);
    refused.expect_error(["default.json", "Permission denied"]);
    assert_eq!(fs::read(wallets.file("default")).unwrap(), before);
    assert_eq!(fs::read_dir(wallets.folder()).unwrap().count(), 1);
}

#[test]
fn a_password_is_changed_at_a_terminal_by_typing_it_twice() {
    let wallets = Wallets::new();
    wallets.import("default", ABOUT).expect_code(0);
    let mut change = wallets.command(&["wallet", "password"]);
    let typed = [
        ("Password of the wallet default: ", "correct horse\n"),
        ("New password for the wallet default: ", "battery staple\n"),
        ("The same again: ", "battery staple\n"),
    ];
    let told = answering(change.env_remove("ADIT_PASSWORD"), &typed);
    assert!(
        !told.contains("horse") && !told.contains("staple"),
        "{told}"
    );
    run(&mut signing(&wallets, "default", "battery staple")).expect_code(0);
}

fn signing(wallets: &Wallets, name: &str, password: &str) -> Command {
    let mut sign = wallets.command(SIGN);
    sign.args(["--name", name]).env("ADIT_PASSWORD", password);
    sign
}
