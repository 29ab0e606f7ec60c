//! Nodes that find each other on a local network by themselves: three machines, as
//! network namespaces on one bridge, which the test makes. Where it may not make
//! any, it says so.

use std::process::Command;

use serde_json::Value;

use crate::p2p::Town;
use crate::support::{Server, adit, run, until, wrapped};

/// A local network.
struct Lan {
    machines: Vec<String>,
    bridge: String,
}

fn ip(arguments: &str) -> bool {
    let done = Command::new("ip").args(arguments.split(' ')).output();
    done.is_ok_and(|done| done.status.success())
}

impl Lan {
    /// `None` where no namespaces can be made.
    fn of(count: usize) -> Option<Lan> {
        let name = |what: &str| format!("adit-{}-{what}", std::process::id());
        let machines = (0..count).map(|number| name(&number.to_string())).collect();
        let lan = Lan {
            machines,
            bridge: name("lan"),
        };
        let bridge = &lan.bridge;
        let mut is_made = ip(&format!("netns add {bridge}"))
            && ip(&format!("-n {bridge} link add lan type bridge"))
            && ip(&format!("-n {bridge} link set lan up"));
        for (number, machine) in lan.machines.iter().enumerate() {
            let (port, host) = (format!("port{number}"), number + 1);
            is_made = is_made
                && ip(&format!("netns add {machine}"))
                && ip(&format!(
                    "link add eth0 netns {machine} type veth peer name {port} netns {bridge}"
                ))
                && ip(&format!("-n {bridge} link set {port} master lan up"))
                && ip(&format!("-n {machine} link set lo up"))
                && ip(&format!("-n {machine} addr add 10.77.0.{host}/24 dev eth0"))
                && ip(&format!("-n {machine} link set eth0 up"))
                && ip(&format!("-n {machine} route add default dev eth0"));
        }
        is_made.then_some(lan)
    }

    /// A command on one of the machines.
    fn on(&self, machine: usize, command: &Command) -> Command {
        let mut outer = Command::new("ip");
        outer.args(["netns", "exec", &self.machines[machine]]);
        wrapped(outer, command)
    }

    fn status(&self, machine: usize) -> Value {
        run(&mut self.on(machine, &adit(["status", "--json"]))).json()
    }

    fn talks(&self, machine: usize) -> usize {
        let peers = run(&mut self.on(machine, &adit(["peers", "--json"]))).json();
        peers["talking"].as_array().map_or(0, Vec::len)
    }
}

impl Drop for Lan {
    fn drop(&mut self) {
        for name in self.machines.iter().chain([&self.bridge]) {
            ip(&format!("netns del {name}"));
        }
    }
}

#[test]
fn on_a_local_network_nobody_has_to_name_anybody() {
    let Some(lan) = Lan::of(3) else {
        eprintln!("skipped: no network namespaces can be made");
        return;
    };
    let (town, stranger) = (Town::new(), Town::new());
    let node = |town: &Town, machine, port: &str, host: &str| {
        let reward = town.rich();
        let chain = town.file();
        let options = ["--in-memory", "--chain", chain, "--reward-to", &reward];
        let listen = ["node", "-p", port, "--host", host];
        Server::start(&mut lan.on(machine, &adit(listen.iter().chain(&options))))
    };
    let _nodes = [
        node(&town, 0, "5000", "0.0.0.0"),
        node(&town, 1, "5000", "0.0.0.0"),
        node(&town, 2, "5000", "0.0.0.0"),
        // Of another chain, or for its own machine only: nobody talks with these.
        node(&stranger, 2, "5001", "0.0.0.0"),
        node(&town, 1, "5001", "127.0.0.1"),
    ];
    for machine in 0..3 {
        until("it has found the others", || {
            (lan.talks(machine) == 2).then_some(())
        });
    }
    assert_eq!(lan.status(0)["p2p"]["port"], 15_000);
    let mined = run(&mut lan.on(0, &adit(["mine"])));
    mined.expect_code(0);
    for machine in 1..3 {
        until("the block has come", || {
            (lan.status(machine)["length"] == 2).then_some(())
        });
    }
    let alone = run(&mut lan.on(1, &adit(["-p", "5001", "peers", "--json"]))).json();
    assert_eq!(alone["talking"], serde_json::json!([]));
    let invite = run(&mut lan.on(0, &adit(["invite"]))).expect_code(0);
    assert!(
        invite
            .stdout
            .starts_with("adit:/ip4/10.77.0.1/tcp/15000/p2p/")
    );
}
