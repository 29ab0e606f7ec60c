//! What a shell and `man` know of the commands, and the order in which options
//! may be typed.

use std::fs;
use std::process::Command;

use tempfile::TempDir;

use crate::support::{Server, adit, run};

/// What bash offers behind a line, with our script.
fn completed_by_bash(words: &[&str]) -> Vec<String> {
    let folder = TempDir::new().unwrap();
    let script = folder.path().join("adit.bash");
    let printed = run(&mut adit(["completions", "bash"])).expect_code(0);
    fs::write(&script, printed.stdout).unwrap();
    let line = format!(
        "source '{}'; COMP_WORDS=({}); COMP_CWORD={}; _adit adit '{}' ''; printf '%s\n' \"${{COMPREPLY[@]}}\"",
        script.display(),
        words.join(" "),
        words.len() - 1,
        words.last().unwrap(),
    );
    let bash = Command::new("bash").args(["-c", &line]).output().unwrap();
    assert!(bash.status.success(), "{bash:?}");
    let offered = String::from_utf8(bash.stdout).unwrap();
    offered.lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_commands_and_options() {
    assert_eq!(completed_by_bash(&["adit", "sta"]), ["status", "stats"]);
    assert_eq!(completed_by_bash(&["adit", "chain", "ve"]), ["verify"]);
    let options = completed_by_bash(&["adit", "send", "--wa"]);
    assert_eq!(options, ["--wallet-dir", "--wait"]);
}

#[test]
fn every_shell_gets_its_script() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = run(&mut adit(["completions", shell])).expect_code(0).stdout;
        for command in ["status", "notarize", "completions"] {
            assert!(script.contains(command), "no {command} for {shell}");
        }
    }
    run(&mut adit(["completions", "cmd"])).expect_code(2);
}

#[test]
fn every_command_has_a_manual_page_and_none_tells_of_its_user() {
    let folder = TempDir::new().unwrap();
    let pages = folder.path().join("new/man1");
    let mut man = adit(["man", pages.to_str().unwrap()]);
    run(man.env("ADIT_API_TOKEN", "a-secret-of-this-user-alone")).expect_code(0);
    let help = run(&mut adit(["--help"])).expect_code(0).stdout;
    let commands = help.lines().take_while(|line| *line != "Options:");
    let commands = commands.filter_map(|line| line.strip_prefix("  "));
    let names = commands.filter_map(|line| line.split_whitespace().next());
    let names: Vec<_> = names.filter(|name| *name != "help").collect();
    assert!(names.len() > 20, "{names:?}");
    for name in names {
        let page = fs::read_to_string(pages.join(format!("adit-{name}.1"))).unwrap();
        assert!(page.contains(".SH NAME"), "{name}: {page}");
        assert!(!page.contains("a-secret"), "{name}");
    }
    let page = run(&mut adit(["man"])).expect_code(0).stdout;
    assert_eq!(page, fs::read_to_string(pages.join("adit.1")).unwrap());
}

#[test]
fn which_node_is_asked_can_be_said_before_the_command() {
    let node = Server::adit(["--in-memory"]);
    let port = node.address.rsplit(':').next().unwrap();
    let url = format!("http://{}", node.address);
    for line in [
        vec!["-p", port, "status", "--json"],
        vec!["--json", "--node", &url, "status"],
    ] {
        let status = run(&mut adit(&line)).expect_code(0).json();
        assert_eq!(status["length"], 1, "{line:?}");
    }
    let refused = run(&mut adit(["-p", port, "stauts"])).expect_code(2);
    refused.expect_error(["stauts", "status"]);
}
