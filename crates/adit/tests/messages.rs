//! What is typed otherwise than it is meant, and what is said then: lists with
//! blanks in them, addresses to listen on, errors for programs to read.

use std::fs;
use std::io::{BufReader, Write};
use std::net::{TcpListener, TcpStream};

use serde_json::{Value, json};
use tempfile::tempdir;

use crate::raw::read_answer;
use crate::support::{Server, adit, free_port, run};

#[test]
fn blanks_and_commas_that_are_too_many_in_a_list_are_no_peers() {
    let lists = [
        (
            " localhost:1 , http://localhost:2,",
            vec!["localhost:1", "localhost:2"],
        ),
        (",localhost:1,\tlocalhost:1\n,", vec!["localhost:1"]),
        (" , ", vec![]),
    ];
    for (list, expected) in lists {
        let by_flag = Server::adit(["--in-memory", "--resolve-every", "0", "--peer", list]);
        let mut by_variable = adit(["-p", "0", "--in-memory", "--resolve-every", "0"]);
        let by_variable = Server::start(by_variable.env("ADIT_PEER", list));
        for node in [by_flag, by_variable] {
            assert_eq!(node.status()["nodes"], json!(expected), "{list:?}");
        }
    }
    let node = Server::adit([
        "--in-memory",
        "--allowed-host",
        " one.example, two.example ,",
    ]);
    for (name, status) in [
        ("one.example", 200),
        ("two.example", 200),
        ("three.example", 403),
    ] {
        let mut stream = TcpStream::connect(&node.address).unwrap();
        let request = format!("GET /api/v1/status HTTP/1.1\r\nHost: {name}\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let answer = read_answer(&mut BufReader::new(stream));
        assert_eq!(answer.unwrap().status, status, "{name:?}");
    }
    let body = r#"{"nodes": [" http://localhost:3 "]}"#;
    node.post("/nodes/register", body).expect_status(201);
    assert_eq!(node.status()["nodes"], json!(["localhost:3"]));
}

#[test]
fn where_it_listens_is_said_as_an_address_that_can_be_opened() {
    let has_ipv6 = TcpListener::bind("[::1]:0").is_ok();
    for (host, opened) in [
        ("0.0.0.0", "127.0.0.1:"),
        ("::", "[::1]:"),
        ("[::]", "[::1]:"),
        ("::1", "[::1]:"),
        ("[::1]", "[::1]:"),
    ] {
        if host.contains(':') && !has_ipv6 {
            continue;
        }
        for command in ["node", "dev"] {
            let mut starting = adit([command, "-p", "0", "--host", host, "--log", "info"]);
            starting.env("ADIT_IN_MEMORY", "true");
            let node = Server::start(&mut starting);
            assert!(
                node.address.starts_with(opened),
                "{command} {host}: {}",
                node.address
            );
            assert_eq!(node.status()["length"], 1);
            let said = node.process.stdout() + &node.process.stderr();
            for nowhere in ["http://0.0.0.0", "http://[::]"] {
                assert!(!said.contains(nowhere), "{command} {host}: {said}");
            }
        }
    }
    let refused = run(&mut adit(["--in-memory", "-p", "0", "--host", "[nowhere]"]));
    refused.expect_code(1).expect_error(["--host [nowhere]"]);
}

#[test]
fn with_json_an_error_of_any_command_is_one_object_on_the_error_output() {
    let folder = tempdir().unwrap();
    fs::write(folder.path().join(".env"), b"\xff\xfeA\0").unwrap();
    let port = free_port().to_string();
    let data = folder.path().join("none");
    let data = data.to_str().unwrap();
    let address = "adit147n0lydu9j3v26vn099905fgz";
    let commands: [(&[&str], i32, &str); 12] = [
        (&["status", "-p", &port], 1, "no node answers"),
        (&["blocks", "--limit", "0"], 2, "--limit"),
        (&["peers", "add"], 2, "URL"),
        (&["send", address, "1"], 2, "an address has 63 characters"),
        (&["wallet", "address"], 1, "there is no wallet"),
        (&["sign", "--amount", "x"], 2, "'x'"),
        (
            &["chain", "verify", "--data-dir", data],
            1,
            "there is no chain",
        ),
        (&["doctor", "ftp://a"], 2, "only http://"),
        (&["prove", "nothing"], 1, "the proof cannot be read"),
        (&["node", "--mine=none"], 2, "--mine"),
        (&["--nonsense"], 2, "--nonsense"),
        (&["chain"], 2, "--help"),
    ];
    for (arguments, code, says) in commands {
        let mut asked = adit(["--json"]);
        asked
            .args(arguments)
            .current_dir(&folder)
            .env("ADIT_WALLET_DIR", data);
        let ended = run(&mut asked).expect_code(code);
        assert_eq!(ended.stdout, "", "{arguments:?}");
        let lines: Vec<Value> = ended
            .stderr
            .lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{ended:?}")))
            .collect();
        let [warning, error] = &*lines else {
            panic!("{arguments:?}: {lines:?}");
        };
        let expected = ".env is not read: it is in UTF-16; save it in UTF-8";
        assert_eq!(warning["warning"], expected);
        let error = error["error"].as_str().unwrap();
        assert!(error.contains(says), "{arguments:?}: {error}");
        assert!(!error.starts_with("error"), "{error}");
    }
    // What is asked for is no error.
    let help = run(&mut adit(["--json", "--help"])).expect_code(0);
    assert!(help.stdout.contains("Usage") && help.stderr.is_empty());
}
