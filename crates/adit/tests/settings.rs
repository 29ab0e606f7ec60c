//! How a node is told what to do, by flag, variable or `.env`; what it says
//! when that is impossible; and how it ends.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::Signal;
use serde_json::Value;
use tempfile::{TempDir, tempdir};

use crate::raw::read_answer;
use crate::support::{Ended, PATIENCE, Server, adit, free_port, run};

#[test]
fn a_flag_wins_over_the_variable_and_the_variable_over_the_env_file() {
    let folder = tempdir().unwrap();
    let rules = |variable: Option<&str>, flag: Option<&str>| {
        let mut node = adit(["node", "-p", "0", "--in-memory"]);
        node.current_dir(folder.path())
            .envs(variable.map(|rules| ("ADIT_RULES", rules)))
            .args(flag.map(|rules| format!("--rules={rules}")));
        Server::start(&mut node).status()["rules"].clone()
    };
    assert_eq!(rules(None, None), "classic");
    fs::write(folder.path().join(".env"), "ADIT_RULES=classic-2018\n").unwrap();
    assert_eq!(rules(None, None), "classic-2018");
    assert_eq!(rules(Some("classic"), None), "classic");
    assert_eq!(rules(Some("classic"), Some("classic-2018")), "classic-2018");
}

#[test]
fn a_variable_with_a_mistyped_name_is_refused_and_the_right_names_are_said() {
    let refused = run(adit(["node"]).env("ADIT_PROT", "5001")).expect_code(2);
    refused.expect_error(["ADIT_PROT", "ADIT_PORT"]);

    let folder = tempdir().unwrap();
    fs::write(folder.path().join(".env"), "ADIT_RESOLVE=1s\n").unwrap();
    let refused = run(adit(["node"]).current_dir(folder.path())).expect_code(2);
    refused.expect_error(["ADIT_RESOLVE ", ".env", "ADIT_RESOLVE_EVERY"]);
}

#[test]
fn a_setting_that_is_off_contradicts_nothing() {
    let folder = tempdir().unwrap();
    let mut node = adit(["node", "-p", "0", "--data-dir"]);
    node.arg(folder.path().join("data"))
        .env("ADIT_IN_MEMORY", "false");
    assert_eq!(Server::start(&mut node).status()["length"], 1);
}

#[test]
fn an_empty_variable_counts_as_none() {
    let mut node = adit(["node", "-p", "0", "--in-memory"]);
    for name in ["ADIT_PEER", "ADIT_RULES", "ADIT_DATA_DIR", "ADIT_ADVERTISE"] {
        node.env(name, "");
    }
    assert_eq!(Server::start(&mut node).status()["rules"], "classic");
}

#[test]
fn an_env_file_that_cannot_be_read_is_named() {
    let folder = tempdir().unwrap();
    fs::write(folder.path().join(".env"), "ADIT PORT 5001\n").unwrap();
    let refused = run(adit(["node"]).current_dir(folder.path())).expect_code(2);
    refused.expect_error([".env", "ADIT PORT 5001"]);
}

#[test]
fn of_another_projects_env_file_only_our_own_lines_count() {
    let folder = tempdir().unwrap();
    let file = folder.path().join(".env");
    let others = b"FOO=a b\nNAME=\xff\xfe\n'\"\nADITYA=x y\n";
    fs::write(
        &file,
        [&others[..], b"export ADIT_RULES=classic-2018\n"].concat(),
    )
    .unwrap();
    let mut node = adit(["node", "-p", "0", "--in-memory"]);
    let node = Server::start(node.current_dir(folder.path()));
    assert_eq!(node.status()["rules"], "classic-2018");
}

#[test]
fn a_folder_named_env_is_no_settings() {
    let folder = tempdir().unwrap();
    fs::create_dir(folder.path().join(".env")).unwrap();
    let mut node = adit(["node", "-p", "0", "--in-memory"]);
    assert_eq!(
        Server::start(node.current_dir(folder.path())).status()["length"],
        1
    );
}

#[test]
fn an_env_file_without_an_end_is_not_read() {
    let folder = tempdir().unwrap();
    let file = folder.path().join(".env");
    // Nobody ever writes into the pipe.
    assert!(
        Command::new("mkfifo")
            .arg(&file)
            .status()
            .unwrap()
            .success()
    );
    for problem in ["it is no file", "longer than"] {
        let asked = run(adit(["chain", "verify", "--data-dir", "nowhere"]).current_dir(&folder));
        let asked = asked.expect_error(["warning: .env is not read: ", problem]);
        asked.expect_error(["there is no chain in nowhere"]);
        fs::remove_file(&file).unwrap();
        File::create(&file).unwrap().set_len(1 << 40).unwrap();
    }
}

#[test]
fn what_adit_is_and_can_do_is_said_whatever_the_settings_are() {
    let folder = tempdir().unwrap();
    fs::write(
        folder.path().join(".env"),
        "ADIT PORT 5001\nADIT_NOTHING=1\n",
    )
    .unwrap();
    for about in ["--version", "--help", "help"] {
        let mut asked = adit([about]);
        asked.current_dir(folder.path()).env("ADIT_PROT", "5001");
        let said = run(&mut asked).expect_code(0);
        assert!(said.stdout.contains("adit"), "{about}: {said:?}");
    }
}

#[test]
fn the_variables_that_kubernetes_makes_beside_a_service_called_adit_are_no_settings() {
    let mut node = adit([
        "node",
        "--in-memory",
        "--resolve-every",
        "0",
        "--log",
        "info",
    ]);
    for (name, value) in [
        ("ADIT_SERVICE_HOST", "10.0.0.1"),
        ("ADIT_SERVICE_PORT", "5000"),
        ("ADIT_SERVICE_PORT_HTTP", "5000"),
        ("ADIT_PORT", "tcp://10.0.0.1:5000"),
        ("ADIT_PORT_5000_TCP", "tcp://10.0.0.1:5000"),
        ("ADIT_PORT_5000_TCP_PROTO", "tcp"),
        ("ADIT_PORT_5000_TCP_PORT", "5000"),
        ("ADIT_PORT_5000_TCP_ADDR", "10.0.0.1"),
        ("ADIT_NODE_PORT", "udp://10.0.0.1:5000"),
        ("ADIT_NODE_SERVICE_HOST", "10.0.0.1"),
    ] {
        node.env(name, value);
    }
    assert_eq!(Server::start(node.args(["-p", "0"])).status()["length"], 1);
    // What is mistyped stays an error.
    for name in ["ADIT_PORTS", "ADIT_PORT_5000", "ADIT_SERVICE"] {
        let refused = run(adit(["status"]).env(name, "5000")).expect_code(2);
        refused.expect_error([name]);
    }
}

#[test]
fn a_tilde_in_a_setting_is_the_home_folder() {
    let (home, started_in) = (tempdir().unwrap(), tempdir().unwrap());
    fs::write(
        started_in.path().join(".env"),
        "ADIT_DATA_DIR=~/chains/one\n",
    )
    .unwrap();
    let mut node = adit(["node", "-p", "0"]);
    node.current_dir(started_in.path()).env("HOME", home.path());
    stopped(Server::start(&mut node));
    assert!(home.path().join("chains/one/blocks").is_dir());
    assert!(!started_in.path().join("~").exists());

    let refused = run(&mut adit(["--data-dir", "~somebody/x"])).expect_code(2);
    refused.expect_error(["~somebody/x", "whole path"]);
}

#[test]
fn what_others_put_beside_the_folders_in_memory_holds_nobody_up() {
    let shared_memory = Path::new("/dev/shm");
    if !shared_memory.is_dir() {
        return;
    }
    let other = tempfile::Builder::new()
        .prefix("adit-in-memory-")
        .tempdir_in(shared_memory)
        .unwrap();
    let made = Command::new("mkfifo")
        .arg(other.path().join("lock"))
        .status();
    assert!(made.unwrap().success());
    let mut node = adit(["node", "-p", "0", "--in-memory"]);
    assert_eq!(Server::start(&mut node).status()["length"], 1);
    assert!(other.path().is_dir());
}

#[test]
fn settings_that_contradict_each_other_are_refused_by_name() {
    let both = ["--in-memory", "--data-dir"];
    let refused = run(&mut adit(["--in-memory", "--data-dir", "somewhere"]));
    refused.expect_code(2).expect_error(both);
    let refused = run(adit(["--in-memory"]).env("ADIT_DATA_DIR", "somewhere"));
    refused.expect_code(2).expect_error(both);
}

#[test]
fn a_bad_value_is_refused_with_its_setting_and_what_it_could_be() {
    for (setting, value, hint) in [
        ("--port", "99999", "0..=65535"),
        ("--rules", "nonsense", "classic-2018"),
        ("--resolve-every", "soon", "10s"),
        ("--peer", "http//x", "http://host:port"),
        ("--peer", "localhost:5001,ftp://x", "only http://"),
        ("--advertise", "localhost:0", "1..65535"),
        ("--in-memory", "perhaps", "boolean"),
        ("--log", "inof", "info"),
        ("--log", "adit_node=loud", "info,adit_node=debug"),
    ] {
        let variable = setting
            .replace("--", "ADIT_")
            .replace('-', "_")
            .to_uppercase();
        let refused = run(adit(["node"]).env(variable, value)).expect_code(2);
        refused.expect_error([setting, value.split(',').next_back().unwrap(), hint]);
        if setting != "--in-memory" {
            let refused = run(&mut adit([setting, value])).expect_code(2);
            refused.expect_error([setting, hint]);
        }
    }
}

#[test]
fn a_port_that_is_taken_is_named_with_another_to_take() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let ended = run(&mut adit(["-p", &port.to_string(), "--in-memory"])).expect_code(1);
    let (this, next) = (format!("port {port} is taken"), format!("-p {}", port + 1));
    ended.expect_error([&*this, &*next]);
}

#[test]
fn a_second_node_on_a_data_folder_is_told_who_has_it() {
    let folder = tempdir().unwrap();
    let first = node_in(&folder);
    let second = run(&mut on_folder(&folder, &["-p", "0"])).expect_code(1);
    let holder = format!("process {}, port {}\n", first.process.id(), port_of(&first));
    let folder = folder.path().to_str().unwrap();
    let said = second.expect_error([folder, holder.trim_end(), "--data-dir"]);
    assert_eq!(said.stderr.matches("process").count(), 2, "{said:?}");
}

#[test]
fn a_data_folder_under_other_rules_is_not_touched() {
    let folder = tempdir().unwrap();
    let before = stopped(node_in(&folder));
    let other = run(&mut on_folder(
        &folder,
        &["-p", "0", "--rules", "classic-2018"],
    ));
    let hints = ["\"classic-2018\"", "\"classic\"", "--data-dir"];
    other.expect_code(1).expect_error(hints);
    assert_eq!(node_in(&folder).status()["tip"], before["tip"]);
}

#[test]
fn a_folder_that_holds_something_else_is_not_touched() {
    let folder = tempdir().unwrap();
    fs::write(folder.path().join("thesis.tex"), "chapter one").unwrap();
    let refused = run(&mut on_folder(&folder, &["-p", "0"])).expect_code(1);
    refused.expect_error([folder.path().to_str().unwrap(), "thesis.tex", "--data-dir"]);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_disk_of_its_own_can_be_the_data_folder() {
    let folder = tempdir().unwrap();
    fs::create_dir(folder.path().join("lost+found")).unwrap();
    stopped(node_in(&folder));
    assert!(folder.path().join("lost+found").is_dir());
}

#[test]
fn status_says_how_a_running_node_is_in_words_or_in_json() {
    let node = Server::adit(["--in-memory", "--peer", "localhost:1,127.0.0.2:2"]);
    let port = port_of(&node).to_string();
    let expected = node.status();
    assert_eq!(
        expected["nodes"],
        serde_json::json!(["127.0.0.2:2", "localhost:1"])
    );
    for arguments in [
        &["status", "--json", "-p", &port],
        &["--json", "status", "--node", &node.address],
    ] {
        let status = run(adit(arguments).env("ADIT_PORT", &port)).expect_code(0);
        assert_eq!(status.json(), expected);
    }
    let words = run(&mut adit(["status", "-p", &port]))
        .expect_code(0)
        .stdout;
    let tip = expected["tip"].as_str().unwrap();
    for text in [tip, "1 block", "classic", "127.0.0.2:2, localhost:1"] {
        assert!(words.contains(text), "no {text} in {words}");
    }
}

#[test]
fn status_without_a_node_fails_and_says_where_it_looked() {
    let port = free_port().to_string();
    let place = format!("http://127.0.0.1:{port}");
    let ended = run(&mut adit(["status", "-p", &port])).expect_code(1);
    ended.expect_error([&*place, "(-p, or --node if it is elsewhere, says where)"]);
    let ended = run(&mut adit(["status", "-p", &port, "--json"])).expect_code(1);
    let error: Value = serde_json::from_str(&ended.stderr).unwrap();
    assert!(error["error"].as_str().unwrap().contains(&place), "{error}");
}

#[test]
fn with_json_every_line_of_the_log_is_json() {
    for arguments in [
        ["--json", "node"],
        ["node", "--json"],
        ["--json", "--in-memory"],
    ] {
        let mut node = adit(arguments);
        node.envs([("ADIT_PORT", "0"), ("ADIT_IN_MEMORY", "true")]);
        let node = Server::start(&mut node);
        node.mine();
        let ended = ended_by(Signal::TERM, node);
        let lines: Vec<Value> = ended
            .stderr
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let messages = lines.iter().map(|line| &line["fields"]["message"]);
        // The miner gets ready at its own pace: one thread may have found a
        // proof before the one that reports the start gets to run.
        let (ready, others): (Vec<_>, Vec<_>) = messages.partition(|text| *text == "ready to mine");
        assert!(ready.len() <= 1);
        assert_eq!(others, ["listening", "block made", "stopping"]);
    }
}

#[test]
fn alone_it_runs_a_node_with_a_data_folder_for_each_port() {
    let home = tempdir().unwrap();
    for _ in 0..2 {
        let port = free_port();
        let mut alone = Command::new(env!("CARGO_BIN_EXE_adit"));
        at_home(&mut alone, &home).env("ADIT_PORT", port.to_string());
        let node = Server::start(&mut alone);
        node.mine();
        let length = stopped(node)["length"].as_u64().unwrap();
        assert!(
            home.path()
                .join(format!("data/adit/{port}/blocks"))
                .is_dir()
        );
        let mut show = adit(["chain", "show", "--json", "-p", &port.to_string()]);
        let last = run(at_home(&mut show, &home)).expect_code(0).json();
        assert_eq!(last["index"], length);
    }
}

/// 127.0.0.2 is this machine too, but not an address that the node knows for
/// its own: like that of a network card.
#[test]
fn a_node_that_was_registered_with_itself_finds_out() {
    let node = Server::start(&mut adit(["-p", "0", "--host", "0.0.0.0", "--in-memory"]));
    let port = node.address.rsplit(':').next().unwrap();
    let other = format!("127.0.0.2:{port}");
    node.register([other.as_str()]);
    let resolved: Value = serde_json::from_slice(&node.get("/nodes/resolve").body).unwrap();
    assert_eq!(resolved["message"], "Our chain is authoritative");
    let expected = serde_json::json!([{ "node": other, "outcome": "this node itself" }]);
    assert_eq!(resolved["peers"], expected);
    assert_eq!(node.status()["nodes"], serde_json::json!([]));
}

#[test]
fn in_memory_leaves_nothing_behind() {
    let home = tempdir().unwrap();
    let node = Server::start(at_home(&mut adit(["-p", "0", "--in-memory"]), &home));
    node.mine();
    let log = node.process.stderr();
    let (_, folder) = log.split_once("data=").unwrap();
    let folder = PathBuf::from(folder.lines().next().unwrap());
    assert!(folder.join("blocks").is_dir());
    ended_by(Signal::TERM, node);
    assert!(!folder.exists());
    assert!(fs::read_dir(home.path()).unwrap().next().is_none());
}

#[test]
fn told_to_stop_it_answers_what_is_under_way_and_keeps_everything() {
    for signal in [Signal::TERM, Signal::INT] {
        let folder = tempdir().unwrap();
        let node = node_in(&folder);
        node.register(["localhost:1"]);
        let mut miners: Vec<_> = (0..60).map(|_| Miner::connect(&node.address)).collect();
        miners.iter_mut().for_each(Miner::ask);
        let (first, others) = miners.split_at_mut(10);
        let mut answered: Vec<u64> = first.iter_mut().map(Miner::block_index).collect();
        node.pay("Ada", "Charles");
        node.process.signal(signal);
        answered.extend(others.iter_mut().map(Miner::block_index));
        answered.sort_unstable();
        assert_eq!(answered, (2..62).collect::<Vec<u64>>());
        assert_eq!(node.process.ended().expect_code(0).stdout, "");

        let node = node_in(&folder);
        let status = node.status();
        assert_eq!(status["nodes"], serde_json::json!(["localhost:1"]));
        let chain = node.chain();
        assert_eq!(chain.len(), 61);
        let is_paid = chain
            .iter()
            .any(|block| block["transactions"][0]["sender"] == "Ada");
        assert!(is_paid || status["pending"] == 1);
    }
}

#[test]
fn help_and_version_are_answered() {
    let help = run(&mut adit(["--help"])).expect_code(0).stdout;
    for command in ["node", "status", "chain"] {
        assert!(help.contains(&format!("\n  {command} ")), "{help}");
    }
    let help = run(&mut adit(["-p", "5001", "--help"]))
        .expect_code(0)
        .stdout;
    assert!(help.contains("--resolve-every"), "{help}");
    let version = run(&mut adit(["--version"])).expect_code(0).stdout;
    assert_eq!(version, concat!("adit ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn the_example_of_an_env_file_names_each_setting_with_its_default() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.env.example");
    let example = fs::read_to_string(example).unwrap();
    let settings = example.lines().filter(|line| line.starts_with("#ADIT_"));
    let settings = settings.map(|line| line[1..].split_once('=').unwrap());
    let settings: BTreeMap<_, _> = settings.collect();
    let help = run(&mut adit(["node", "--help"])).expect_code(0).stdout;
    let mut expected: BTreeMap<_, _> = help.split("[env: ").skip(1).map(setting_in_help).collect();
    // Options without a value: the help has nothing to say.
    for option in ["ADIT_IN_MEMORY", "ADIT_NO_P2P", "ADIT_NO_MDNS"] {
        assert_eq!(expected.insert(option, "false"), Some(""));
    }
    let help = run(&mut adit(["wallet", "address", "--help"]))
        .expect_code(0)
        .stdout;
    expected.extend(help.split("[env: ").skip(1).map(setting_in_help));
    // It has no flag, so that no other process reads it.
    expected.insert("ADIT_PASSWORD_FILE", "");
    assert_eq!(settings, expected);
    let in_force = example
        .lines()
        .find(|line| !line.is_empty() && !line.starts_with('#'));
    assert_eq!(in_force, None);
}

#[test]
fn an_unknown_option_or_command_is_wrong_usage() {
    for unknown in ["--nonsense", "frobnicate"] {
        run(&mut adit([unknown]))
            .expect_code(2)
            .expect_error([unknown]);
    }
}

/// The name of a variable and its default, from `NAME=]`, and perhaps
/// `[default: VALUE]` behind it or in the line below. A secret's value is not
/// shown: `NAME]`.
fn setting_in_help(text: &str) -> (&str, &str) {
    let (name, rest) = text.split_once(']').unwrap();
    let name = name.trim_end_matches('=');
    let mut lines = rest.lines().map(str::trim);
    let behind = lines.next().filter(|line| !line.is_empty());
    let default = behind.or(lines.next()).and_then(|line| {
        line.strip_prefix("[default: ")
            .and_then(|text| text.strip_suffix(']'))
    });
    (name, default.unwrap_or_default())
}

fn on_folder(folder: &TempDir, arguments: &[&str]) -> Command {
    let mut node = adit(["node", "--data-dir"]);
    node.arg(folder.path()).args(arguments);
    node
}

fn node_in(folder: &TempDir) -> Server {
    Server::start(&mut on_folder(folder, &["-p", "0"]))
}

/// As a user whose data is all in this folder.
fn at_home<'a>(command: &'a mut Command, home: &TempDir) -> &'a mut Command {
    let data = home.path().join("data");
    command.envs([("HOME", home.path()), ("XDG_DATA_HOME", &data)]);
    command.current_dir(Path::new("/"))
}

fn port_of(node: &Server) -> u16 {
    node.address.rsplit_once(':').unwrap().1.parse().unwrap()
}

fn ended_by(signal: Signal, node: Server) -> Ended {
    node.process.signal(signal);
    node.process.ended().expect_code(0)
}

/// Stops it; returns its last status.
fn stopped(node: Server) -> Value {
    let status = node.status();
    ended_by(Signal::TERM, node);
    status
}

/// A connection that the node has taken, to ask for a block on.
struct Miner(BufReader<TcpStream>);

impl Miner {
    fn connect(address: &str) -> Miner {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut miner = Miner(BufReader::new(stream));
        miner.send("/api/v1/status");
        assert_eq!(read_answer(&mut miner.0).unwrap().status, 200);
        miner
    }

    fn ask(&mut self) {
        self.send("/mine");
    }

    fn send(&mut self, path: &str) {
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        self.0.get_mut().write_all(request.as_bytes()).unwrap();
    }

    fn block_index(&mut self) -> u64 {
        let answer = read_answer(&mut self.0).unwrap().expect_status(200);
        answer.json()["index"].as_u64().unwrap()
    }
}
