//! Nodes of the classic rules that talk by themselves, beside the tutorial's node
//! and one that only asks: one chain.

use crate::interop::Python;
use crate::p2p::{agree, length, place, talks};
use crate::support::{Server, adit, run, until};

fn node<'a>(options: impl IntoIterator<Item = &'a str>) -> Server {
    let common = ["--in-memory", "--resolve-every", "1s"];
    Server::adit(common.into_iter().chain(options))
}

#[test]
fn without_a_network_s_name_nobody_is_talked_with() {
    let one = node([]);
    assert!(one.status()["p2p"].is_null());
    let refused = run(&mut adit([
        "node",
        "-p",
        "0",
        "--in-memory",
        "--p2p-port",
        "0",
    ]));
    refused.expect_code(1).expect_error(["--network NAME"]);
}

#[test]
fn classics_of_one_network_share_the_longest_chain() {
    let one = node(["--network", "class"]);
    for _ in 0..40 {
        one.mine();
    }
    let there = place(&one);
    let other = node(["--network", "class", "--connect", &there]);
    agree(&[&one, &other]);
    assert_eq!(length(&other), 41);
    other.mine();
    agree(&[&one, &other]);
    let url = format!("http://{}", one.address);
    let invite = run(&mut adit(["invite", "--node", &url])).expect_code(0);
    let joined = ["join", invite.stdout.trim(), "-p", "0", "--in-memory"];
    let joined = Server::start(&mut adit(joined));
    agree(&[&one, &other, &joined]);
    let stranger = node(["--network", "another", "--connect", &there]);
    // One that talks with nobody asks the first by HTTP, and is asked by it.
    let asking = node([]);
    asking.register([one.address.as_str()]);
    one.register([asking.address.as_str()]);
    agree(&[&one, &other, &asking]);
    asking.mine();
    agree(&[&one, &other, &asking]);
    assert_eq!(length(&stranger), 1);
    assert!(talks(&stranger).is_empty());
}

#[test]
fn a_python_node_behind_one_of_them_is_in_the_same_chain() {
    let Some(python) = Python::find() else { return };
    let one = node(["--network", "class"]);
    let other = node(["--network", "class", "--connect", &place(&one)]);
    let theirs = python.node([]);
    theirs.register([one.address.as_str()]);
    one.register([theirs.address.as_str()]);
    let all_have = |count: usize| {
        for (node, name) in [(&one, "one"), (&other, "other"), (&theirs, "python")] {
            until(&format!("{name} has {count} blocks"), || {
                (node.chain().len() == count).then_some(())
            });
        }
        assert_eq!(one.chain(), other.chain());
        assert_eq!(one.chain(), theirs.chain());
    };
    for _ in 0..3 {
        theirs.mine();
    }
    all_have(4);
    other.mine();
    until("python looks", || {
        theirs.get("/nodes/resolve");
        (theirs.chain().len() == 5).then_some(())
    });
    all_have(5);
}
