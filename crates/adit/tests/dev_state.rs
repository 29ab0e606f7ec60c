//! The chain of `adit dev` in a file: saved, loaded, and kept from one run to the
//! next.

use std::fs;
use std::io::{BufReader, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;
use tempfile::tempdir;

use crate::dev::Dev;
use crate::raw::read_answer;
use crate::support::{PATIENCE, adit, run, until};

/// Says that a longer state comes than is taken. Returns the answer's status.
fn post_too_long(address: &str) -> u16 {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    let head = format!(
        "POST /api/v1/dev/state HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\
         Content-Length: 1000000000\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    read_answer(&mut BufReader::new(stream)).unwrap().status
}

/// Of two states that come at once, the second is told to come again; it is not read,
/// and its connection can't go on.
#[test]
fn a_state_that_is_not_read_ends_its_connection_and_says_so() {
    let dev = begin(&[]);
    let address = &dev.server.address;
    let post = || {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let head = format!(
            "POST /api/v1/dev/state HTTP/1.1\r\nHost: {address}\r\nContent-Length: 1000000\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream
    };
    let _first = post();
    let refused = until("the first is being read", || {
        let mut second = BufReader::new(post());
        second
            .get_ref()
            .set_read_timeout(Some(Duration::from_millis(500)))
            .unwrap();
        read_answer(&mut second).ok()
    });
    assert_eq!(refused.status, 503, "{}", refused.text());
    assert_eq!(refused.header("connection"), Some("close"));
    // One that has come whole ends nothing.
    let refused = dev.server.post("/api/v1/dev/state", "no state\n");
    assert!([409, 503].contains(&refused.status));
}

/// The same chain each time.
const SAME: [&str; 2] = ["--genesis-time", "2026-01-01T00:00:00Z"];

fn begin(arguments: &[&str]) -> Dev {
    Dev::start(&[&SAME[..], arguments].concat())
}

/// A chain with a payment in a block and one that waits, a day ahead.
fn lived() -> Dev {
    let dev = begin(&["--no-mining"]);
    dev.told(&["time", "move", "1day"]);
    dev.pay(0, "1");
    dev.told(&["mine", "30"]);
    dev.pay(1, "2");
    dev
}

#[test]
fn a_state_that_says_another_time_of_its_genesis_block_is_refused() {
    let dev = lived();
    let saved = dev
        .server
        .get("/api/v1/dev/state")
        .expect_status(200)
        .text();
    let genesis_ms = "\"genesis_time_ms\":1767225600000";
    assert!(
        saved.contains(genesis_ms),
        "{}",
        saved.lines().next().unwrap()
    );
    let other = saved.replace(genesis_ms, "\"genesis_time_ms\":1767225600001");
    let refused = dev
        .server
        .post("/api/v1/dev/state", &other)
        .expect_status(409);
    let detail = refused.json()["detail"].take();
    assert!(
        detail.as_str().unwrap().contains("1767225600001"),
        "{detail}"
    );
}

#[test]
fn what_waits_twice_in_a_state_is_counted_once() {
    let dev = lived();
    let saved = dev
        .server
        .get("/api/v1/dev/state")
        .expect_status(200)
        .text();
    let mut lines: Vec<&str> = saved.lines().collect();
    let header = lines[0].replace("\"pending\":1", "\"pending\":2");
    lines[0] = &header;
    lines.insert(2, lines[1]);
    let twice = lines.join("\n") + "\n";
    let loaded = dev
        .server
        .post("/api/v1/dev/state", &twice)
        .expect_status(200);
    let loaded = loaded.json();
    assert_eq!(
        (&loaded["pending"], &loaded["left_out"]),
        (&1.into(), &1.into())
    );
    assert_eq!(dev.server.status()["pending"], 1);
}

fn is_as(dev: &Dev, tip: &serde_json::Value) {
    assert_eq!(dev.tip()["hash"], tip["hash"]);
    assert_eq!(dev.balance(1), 10_001_000_000);
    assert_eq!(dev.server.status()["pending"], 1);
    let day_ms = 24 * 3_600_000;
    let offset_ms = dev.told(&["time"])["offset_ms"].as_i64().unwrap();
    assert!((offset_ms - day_ms).abs() < 60_000, "{offset_ms}");
}

#[test]
fn a_chain_is_saved_and_loaded_with_what_waits_and_its_time() {
    let folder = tempdir().unwrap();
    let file = folder.path().join("state.jsonl");
    let file = file.to_str().unwrap();
    let dev = lived();
    let tip = dev.tip();
    dev.tell(&["save", file]).expect_code(0);
    // The blocks are as `adit chain export` writes them.
    let text = fs::read_to_string(file).unwrap();
    assert_eq!(text.lines().count(), 1 + 1 + 31);
    assert_eq!(dev.tell(&["save", "-"]).expect_code(0).stdout, text);

    // In the same chain, whatever has become of it, and in another run.
    dev.told(&["snapshot"]);
    dev.told(&["mine", "100"]);
    let loaded = dev.told(&["load", file]);
    assert_eq!(
        (&loaded["pending"], &loaded["left_out"]),
        (&1.into(), &0.into())
    );
    is_as(&dev, &tip);
    dev.tell(&["revert"])
        .expect_code(1)
        .expect_error(["no snapshot"]);
    dev.told(&["reset"]);
    dev.told(&["load", file]);
    is_as(&dev, &tip);
    let other = begin(&["--no-mining"]);
    other.told(&["mine", "3"]);
    other.told(&["load", file]);
    is_as(&other, &tip);
    other.told(&["mine"]);
    assert_eq!(other.balance(1), 10_003_000_000);
    other.pay(2, "1");
}

#[test]
fn what_is_no_state_of_this_chain_changes_nothing() {
    let folder = tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let dev = lived();
    let good = path("good");
    dev.tell(&["save", &good]).expect_code(0);
    let text = fs::read_to_string(&good).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    dev.told(&["mine", "3"]);
    let (tip, status) = (dev.tip(), dev.told(&["status"]));
    let without = |at: usize| {
        let mut lines = lines.clone();
        lines.remove(at);
        lines.join("\n")
    };
    let random: Vec<u8> = (0..200_000_u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    let cases: [(&str, Vec<u8>, &str); 12] = [
        ("empty", Vec::new(), "no state"),
        ("random", random, "no state"),
        ("one line", vec![b' '; 100_000], "no state"),
        ("no end", without(lines.len() - 1).into(), "not whole"),
        ("no beginning", without(0).into(), "no state"),
        ("a gap", without(20).into(), "no valid chain"),
        ("no transaction", without(1).into(), "line 2"),
        (
            "a digit",
            text.replacen("\"amount\": 2000000", "\"amount\": 3000000", 1)
                .into(),
            "line 2",
        ),
        (
            "a block",
            text.replacen("\"proof\": 0", "\"proof\": 1", 1).into(),
            "no valid chain",
        ),
        (
            "a form",
            text.replacen("_state\":1", "_state\":2", 1).into(),
            "form 2",
        ),
        (
            "a time",
            text.replacen("offset_ms\":", "offset_ms\":99999999999", 1)
                .into(),
            "9999",
        ),
        (
            "a count",
            text.replacen("\"pending\":1", "\"pending\":18446744073709551615", 1)
                .into(),
            "line 3",
        ),
    ];
    for (name, bytes, expected) in cases {
        let file = path("bad");
        fs::write(&file, bytes).unwrap();
        dev.tell(&["load", &file])
            .expect_code(1)
            .expect_error([expected]);
        let _ = name;
    }
    let stranger = Dev::start(&["--accounts", "3"]);
    let refused = stranger.tell(&["load", &good]).expect_code(1);
    refused.expect_error(["--accounts", "--mnemonic"]);
    // More than it takes, by what it says and by what it sends.
    let address = &dev.server.address;
    assert_eq!(post_too_long(address), 413);
    let after = dev.told(&["status"]);
    assert_eq!(
        (dev.tip(), &after["snapshots"]),
        (tip, &status["snapshots"])
    );
    dev.told(&["mine"]);
}

fn stop(dev: Dev) {
    dev.server.process.signal(Signal::TERM);
    dev.server.process.ended().expect_code(0);
}

#[test]
fn a_chain_goes_on_in_the_next_run_where_it_ended() {
    let folder = tempdir().unwrap();
    let file = folder.path().join("state.jsonl");
    let state = ["--state", file.to_str().unwrap()];
    // No genesis time: it is that of the file.
    let dev = Dev::start(&state);
    dev.pay(0, "1");
    let chain = dev.told["chain"].clone();
    stop(dev);
    let saved = fs::read(&file).unwrap();

    // A run that is killed leaves the file as it was.
    let dev = Dev::start(&state);
    assert_eq!((&dev.told["chain"], dev.length()), (&chain, 2));
    dev.pay(1, "2");
    let server = dev.server;
    server.process.kill();
    assert_eq!(fs::read(&file).unwrap(), saved);

    let dev = Dev::start(&state);
    assert_eq!((dev.length(), dev.balance(1)), (2, 10_001_000_000));
    dev.pay(1, "2");
    stop(dev);
    let dev = Dev::start(&state);
    assert_eq!((dev.length(), dev.balance(1)), (3, 10_003_000_000));
    stop(dev);
    assert_eq!(names_in(folder.path()), ["state.jsonl"]);

    let other = run(&mut adit(
        ["dev", "-p", "0", "--accounts", "3"].iter().chain(&state),
    ));
    let other = other.expect_code(1);
    other.expect_error(["--accounts"]);
    fs::write(&file, "{}").unwrap();
    let damaged = run(&mut adit(["dev", "-p", "0"].iter().chain(&state))).expect_code(1);
    damaged.expect_error(["--state", "no state"]);
    assert_eq!(
        fs::read(&file).unwrap(),
        b"{}",
        "nothing is written over it"
    );
}

fn names_in(folder: &Path) -> Vec<String> {
    let files = fs::read_dir(folder).unwrap().map(Result::unwrap);
    files
        .map(|file| file.file_name().into_string().unwrap())
        .collect()
}

#[test]
fn what_can_be_no_file_is_refused_at_the_start() {
    let folder = tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    let made = Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    for (file, wrong) in [
        (pipe, "it is no file"),
        ("/dev/zero".into(), "it is no file"),
        (folder.path().join("nowhere/state"), "there is no folder"),
    ] {
        let file = file.to_str().unwrap();
        let ended = run(&mut adit(["dev", "-p", "0", "--state", file]));
        ended.expect_code(1).expect_error(["--state", wrong, file]);
    }
}
