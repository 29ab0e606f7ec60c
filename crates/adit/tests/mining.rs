//! A node that makes blocks on its own: how it is told to, what it says about
//! that, and that it stops when it should.

use rustix::process::Signal;

use crate::support::{Server, adit, run, until};

fn miner<'a>(options: impl IntoIterator<Item = &'a str>) -> Server {
    Server::adit(["--in-memory"].into_iter().chain(options))
}

fn length(node: &Server) -> u64 {
    node.status()["length"].as_u64().unwrap()
}

fn gauge(node: &Server, name: &str) -> f64 {
    let answer = node.get("/metrics").expect_status(200);
    let text = answer.text();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let value = line.unwrap_or_else(|| panic!("no {name} in {text}"));
    value.trim().parse().unwrap()
}

#[test]
fn a_node_makes_blocks_on_its_own_when_it_is_told_to() {
    let node = miner(["--mine=2", "--mine-every=20ms"]);
    node.pay("us", "them");
    until("ten blocks are made", || (length(&node) > 10).then_some(()));
    let chain = node.chain();
    let payments = chain.iter().map(|block| &block["transactions"]);
    let payments = payments.filter(|list| list[0]["sender"] == "us").count();
    assert_eq!(payments, 1, "the payment is in one block");
}

#[test]
fn a_node_makes_no_block_on_its_own_unless_it_is_told_to() {
    let node = miner([]);
    node.mine();
    let searched = node.status()["mining"]["guesses"].clone();
    assert_ne!(searched, 0);
    for _ in 0..20 {
        assert_eq!(node.status()["mining"]["searching"], false);
        assert_eq!(node.status()["mining"]["guesses"], searched);
    }
    assert_eq!(length(&node), 2);
}

#[test]
fn status_and_metrics_say_how_fast_it_mines_and_with_what() {
    let node = miner(["--mine=1", "--mine-every=0", "--kernel=scalar"]);
    until("guesses are counted", || {
        let mining = &node.status()["mining"];
        let rate = mining["guesses_per_s"].as_f64().unwrap();
        (mining["guesses"].as_u64().unwrap() > 100_000 && rate > 1_000.0).then_some(())
    });
    let mining = &node.status()["mining"];
    assert_eq!(mining["kernel"], "scalar");
    assert_eq!(mining["threads"], 1);
    assert!(gauge(&node, "adit_mining_guesses_total") > 100_000.0);
    assert!(gauge(&node, "adit_mining_guesses_per_second") > 1_000.0);
    assert_eq!(gauge(&node, "adit_mining_threads"), 1.0);
    assert!(gauge(&node, "adit_chain_length") >= 2.0);
    assert_eq!(gauge(&node, "adit_pending_transactions"), 0.0);
    assert_eq!(gauge(&node, "adit_registered_nodes"), 0.0);

    let told = run(&mut adit(["status", "--node", &node.address])).expect_code(0);
    let line = told.stdout.lines().find(|line| line.starts_with("mining"));
    assert!(
        line.unwrap().contains("scalar on 1 core"),
        "{}",
        told.stdout
    );
}

#[test]
fn two_that_mine_all_the_time_come_to_one_chain() {
    let first = miner(["--mine=1", "--mine-every=50ms", "--rules=classic-2018"]);
    let options = ["--mine=1", "--mine-every=50ms", "--rules=classic-2018"];
    let second = miner(options.into_iter().chain(["--peer", &first.address]));
    first.register([&*second.address]);
    let made_by = |node: &Server| {
        let chain = node.chain();
        let names = chain.iter().filter_map(|block| {
            let rewarded = &block["transactions"].as_array().unwrap().last()?["recipient"];
            rewarded.as_str().map(str::to_string)
        });
        names.collect::<std::collections::BTreeSet<_>>()
    };
    until("one chain holds blocks of both", || {
        (made_by(&first).len() == 2 && made_by(&second).len() == 2).then_some(())
    });
}

#[test]
fn a_node_that_mines_ends_when_it_is_told_to() {
    let node = miner(["--mine", "--mine-every=0"]);
    until("it mines", || (length(&node) > 1).then_some(()));
    node.process.signal(Signal::TERM);
    node.process.ended().expect_code(0);
}

#[test]
fn what_cannot_mine_is_refused_by_name() {
    for (options, named) in [
        (&["--mine=0"][..], ["--mine", "from 1 to 1024, or all"]),
        (&["--mine=1025"], ["--mine", "from 1 to 1024, or all"]),
        (&["--mine=some"], ["--mine", "from 1 to 1024, or all"]),
        (&["--mine", "--mine-every=soon"], ["--mine-every", "500ms"]),
        (&["--mine-every=1s"], ["--mine-every", "--mine["]),
        (
            &["--kernel=abacus"],
            ["--kernel", "this machine has scalar"],
        ),
    ] {
        let refused = run(&mut adit(options.iter().copied())).expect_code(2);
        refused.expect_error(named);
    }
    let refused = run(adit(["node"]).env("ADIT_MINE", "many")).expect_code(2);
    refused.expect_error(["--mine", "from 1 to 1024, or all"]);
}

#[test]
fn the_bench_measures_every_kernel_of_this_machine_against_the_library() {
    let measured = run(&mut adit(["bench", "pow", "--json"]))
        .expect_code(0)
        .json();
    let puzzles = measured["puzzles"].as_array().unwrap();
    let names: Vec<&str> = puzzles
        .iter()
        .map(|table| table["puzzle"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["classic", "classic-2018", "sealed"]);
    for table in puzzles {
        let rows = table["kernels"].as_array().unwrap();
        let named = |name: &str| rows.iter().find(|row| row["kernel"] == name);
        assert_eq!(rows[0]["ratio"], 1.0, "the library itself comes first");
        assert!(
            named("scalar").is_some() && named(measured["fastest"].as_str().unwrap()).is_some()
        );
        for row in rows {
            assert!(row["guesses_per_s"].as_f64().unwrap() > 0.0, "{row}");
            assert!(row["cycles"].as_f64().unwrap() > 0.0, "{row}");
        }
    }
    assert_eq!(measured["threads"][0]["threads"], 1);
    for figure in ["stop_ms", "classic_block_ms"] {
        assert!(measured[figure].as_f64().unwrap() > 0.0, "{measured}");
    }
}
