//! What the API says of the chain: what waits, how it has grown, and all that
//! has a name. Pages of lists fit together while the lists change.

use adit_core::hash::sha256;
use serde_json::{Value, json};

use crate::support::{Server, adit};

fn json_at(node: &Server, path: &str) -> Value {
    node.get(path).expect_status(200).json()
}

/// Numbers that look random and are the same in every run.
struct Numbers {
    seed: u64,
    count: u64,
}

impl Numbers {
    fn of(seed: u64) -> Numbers {
        Numbers { seed, count: 0 }
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.count += 1;
        let hash = sha256(format!("{} {}", self.seed, self.count).as_bytes());
        u64::from_be_bytes(*hash.0.first_chunk().unwrap()) % limit
    }
}

fn pay(node: &Server, amount: u64) {
    let body = json!({ "sender": "a", "recipient": "b", "amount": amount });
    let answer = node.post("/transactions/new", &body.to_string());
    answer.expect_status(201);
}

/// Goes through a list to its end, page by page, with something happening
/// before each page.
fn walk(
    node: &Server,
    list: &str,
    items: &str,
    numbers: &mut Numbers,
    mut meanwhile: impl FnMut(&mut Numbers),
) -> Vec<Value> {
    let mut all = Vec::new();
    let mut cursor = String::new();
    loop {
        let limit = 1 + numbers.below(4);
        let page = json_at(node, &format!("{list}?limit={limit}{cursor}"));
        all.extend(page[items].as_array().unwrap().iter().cloned());
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return all,
        }
        meanwhile(numbers);
    }
}

#[test]
fn pages_fit_together_while_blocks_are_added() {
    let node = Server::adit(["--in-memory"]);
    for seed in 0..6 {
        let mut numbers = Numbers::of(seed);
        (0..numbers.below(8)).for_each(|_| drop(node.mine()));
        let length = node.status()["length"].as_u64().unwrap();
        let blocks = walk(&node, "/api/v1/blocks", "blocks", &mut numbers, |numbers| {
            (0..numbers.below(3)).for_each(|_| drop(node.mine()));
        });
        let indexes: Vec<u64> = blocks
            .iter()
            .map(|block| block["index"].as_u64().unwrap())
            .collect();
        let expected: Vec<u64> = (1..=length).rev().collect();
        assert_eq!(indexes, expected, "seed {seed}");
    }
}

#[test]
fn pages_of_what_waits_fit_together_while_transactions_come_and_go() {
    let node = Server::adit(["--in-memory"]);
    let mut next_amount = 0;
    for seed in 0..12 {
        let mut numbers = Numbers::of(seed);
        node.mine();
        let first = next_amount;
        let count = 1 + numbers.below(12);
        (first..first + count).for_each(|amount| pay(&node, amount));
        next_amount += count;
        let mut is_mined = false;
        let found = walk(
            &node,
            "/api/v1/mempool",
            "transactions",
            &mut numbers,
            |numbers| {
                if numbers.below(10) == 0 {
                    is_mined = true;
                    node.mine();
                }
                (0..numbers.below(2)).for_each(|_| {
                    pay(&node, next_amount);
                    next_amount += 1;
                });
            },
        );
        let amounts: Vec<u64> = found
            .iter()
            .map(|one| one["transaction"]["amount"].as_u64().unwrap())
            .collect();
        // In order and without repetition; a gap is what a block took meanwhile.
        assert!(
            amounts.is_sorted_by(|a, b| a < b),
            "seed {seed}: {amounts:?}"
        );
        assert_eq!(amounts[0], first, "seed {seed}");
        if !is_mined {
            let whole: Vec<u64> = (first..first + amounts.len() as u64).collect();
            assert_eq!(amounts, whole, "seed {seed}");
            assert!(amounts.len() as u64 >= count, "seed {seed}");
        }
    }
}

#[test]
fn what_waits_is_listed_as_a_block_would_take_it() {
    let node = Server::adit(["--in-memory"]);
    assert_eq!(
        json_at(&node, "/api/v1/mempool"),
        json!({ "count": 0, "transactions": [], "next": null })
    );
    for amount in [3, 1, 2, 1] {
        pay(&node, amount);
    }
    let mempool = json_at(&node, "/api/v1/mempool");
    assert_eq!(mempool["count"], 4);
    let waiting = mempool["transactions"].as_array().unwrap();
    let amounts: Vec<&Value> = waiting
        .iter()
        .map(|one| &one["transaction"]["amount"])
        .collect();
    assert_eq!(amounts, [3, 1, 2, 1]);
    // A transaction can't be told from itself.
    assert_eq!(waiting[1]["id"], waiting[3]["id"]);
    let text = r#"{"amount": 3, "recipient": "b", "sender": "a"}"#;
    let id = sha256(text.as_bytes()).to_string();
    assert_eq!(waiting[0]["id"], id);
    assert_eq!(waiting[0]["status"], "pending");
    assert_eq!(waiting[0]["block_index"], Value::Null);
    let link = node.get("/api/v1/mempool?limit=2");
    let next = link.json()["next"].as_str().unwrap().to_string();
    assert_eq!(
        link.header("link").unwrap(),
        format!("</api/v1/mempool?cursor={next}&limit=2>; rel=\"next\"")
    );
    let block = node.mine();
    let taken = block["transactions"].as_array().unwrap();
    let taken: Vec<&Value> = taken.iter().map(|one| &one["amount"]).collect();
    assert_eq!(taken[..4], amounts, "a block takes them in that order");
}

#[test]
fn statistics_are_of_one_moment_while_blocks_come() {
    let node = Server::adit(["--in-memory"]);
    std::thread::scope(|scope| {
        let mining = scope.spawn(|| {
            for _ in 0..40 {
                node.mine();
            }
        });
        while !mining.is_finished() {
            let stats = json_at(&node, "/api/v1/stats?blocks=1000");
            assert_eq!(stats["total_weight"], stats["length"].to_string());
            let last = stats["series"].as_array().unwrap().last().unwrap();
            assert_eq!(stats["tip"], last["hash"]);
        }
    });
}

#[test]
fn statistics_are_those_of_the_last_blocks() {
    let node = Server::adit(["--in-memory"]);
    pay(&node, 1);
    pay(&node, 2);
    for _ in 0..5 {
        node.mine();
    }
    pay(&node, 3);
    let chain = node.chain();
    let seconds = |at: usize| chain[at]["timestamp"].as_f64().unwrap();
    let stats = json_at(&node, "/api/v1/stats?blocks=5");
    assert_eq!(
        (&stats["length"], &stats["window"], &stats["pending"]),
        (&json!(6), &json!(5), &json!(1))
    );
    assert_eq!(stats["total_weight"], "6");
    assert_eq!(stats["tip"], node.get("/api/v1/blocks/tip/hash").text());
    assert_eq!(stats["mean_transactions"], 7.0 / 5.0);
    assert_eq!(stats["difficulty"], 65_536.0);
    let interval_ms = (seconds(5) - seconds(1)) * 1_000.0 / 4.0;
    let found_ms = stats["mean_interval_ms"].as_f64().unwrap();
    assert!(
        (found_ms - interval_ms).abs() <= 1.0,
        "{found_ms}, {interval_ms}"
    );
    let guesses_per_s = stats["guesses_per_s"].as_f64().unwrap();
    let expected = 65_536.0 * 1_000.0 / found_ms;
    assert!((guesses_per_s / expected - 1.0).abs() < 1e-9);
    let series = stats["series"].as_array().unwrap();
    let indexes: Vec<&Value> = series.iter().map(|block| &block["index"]).collect();
    assert_eq!(indexes, [2, 3, 4, 5, 6]);
    for (block, expected) in series.iter().zip(&chain[1..]) {
        let count = expected["transactions"].as_array().unwrap().len();
        assert_eq!(block["transaction_count"], count);
        assert!(block["interval_ms"].as_i64().unwrap() >= 0, "{block}");
        assert_eq!(block["difficulty"], 65_536.0);
    }
    for (query, window) in [("", 6), ("?blocks=0", 1), ("?blocks=1000000", 6)] {
        let stats = json_at(&node, &format!("/api/v1/stats{query}"));
        assert_eq!(stats["window"], window, "{query}");
    }
    let one = json_at(&node, "/api/v1/stats?blocks=1");
    assert_eq!(one["mean_interval_ms"], Value::Null);
    assert_eq!(one["guesses_per_s"], Value::Null);
    let whole = json_at(&node, "/api/v1/stats");
    assert_eq!(
        whole["series"][0]["interval_ms"],
        Value::Null,
        "the genesis block's"
    );
}

#[test]
fn whatever_has_a_name_is_found_by_it() {
    let node = Server::adit(["--in-memory", "--resolve-every", "0"]);
    node.mine();
    node.register(["localhost:1"]);
    let hash = node.get("/api/v1/block-height/2").text();
    let search = |query: &str| json_at(&node, &format!("/api/v1/search?q={query}"));
    let block = json!([{ "kind": "block", "id": hash, "label": "block 2",
        "path": format!("/block/{hash}") }]);
    for query in ["2", &hash, &hash.to_uppercase(), &format!("%20{hash}+")] {
        assert_eq!(search(query)["results"], block, "{query}");
    }
    node.pay("ali & co", "2");
    let name = json!([{ "kind": "address", "id": "ali & co", "label": "address ali & co",
        "path": "/address/ali%20%26%20co" }]);
    assert_eq!(search("ali%20%26%20co")["results"], name);
    node.mine();
    assert_eq!(search("ali+%26+co")["results"], name);
    let kinds = |query: &str| -> Vec<String> {
        let found = search(query);
        let results = found["results"].as_array().unwrap().iter();
        let kinds = results.map(|one| one["kind"].as_str().unwrap().to_string());
        kinds.collect()
    };
    assert_eq!(kinds("2"), ["block", "address"], "one name, two things");
    let text = r#"{"amount": 1, "recipient": "2", "sender": "ali & co"}"#;
    let id = sha256(text.as_bytes()).to_string();
    let transaction = search(&id);
    assert_eq!(transaction["results"][0]["label"], "transaction in block 3");
    assert_eq!(transaction["results"][0]["path"], format!("/tx/{id}"));
    let peer = search("localhost:1");
    assert_eq!(peer["results"][0]["kind"], "peer");
    assert_eq!(peer["results"][0]["path"], "/peers/localhost:1/audit");
    assert_eq!(kinds("0"), ["address"], "who pays the rewards");
    for query in [
        "",
        "4",
        "-1",
        &hash[..3],
        &hash[60..],
        &"0".repeat(64),
        "%00%f0%9f%92%a9",
    ] {
        assert_eq!(search(query)["results"], json!([]), "{query}");
    }
    // The beginning of a hash, as pages show it or shorter, and what people paste.
    for query in [
        &hash[..32],
        &format!("{}%E2%80%A6", &hash[..12]),
        &format!("{}%E2%80%A6{}", &hash[..8], &hash[60..]),
        &format!("{}...", hash[..12].to_uppercase()),
        &format!("0x{}", &hash[..12]),
        &format!("http://localhost:5000/block/{hash}?x=1"),
        "/block/2",
    ] {
        let found = search(query);
        assert_eq!(found["results"][0]["id"], *hash, "{query}");
        assert_eq!(
            found["results"].as_array().unwrap().len(),
            1 + usize::from(query == "/block/2")
        );
    }
    assert_eq!(search("%232")["results"], search("2")["results"]);
    assert_eq!(search(&id[..16])["results"], transaction["results"]);
    assert_eq!(
        search(&format!("{}...{}", &id[..8], &id[60..]))["results"],
        transaction["results"]
    );
    assert_eq!(kinds("http://LOCALHOST:1/"), ["peer"]);
    let waits = r#"{"amount": 5, "recipient": "bob", "sender": "ali & co"}"#;
    node.post("/transactions/new", waits).expect_status(201);
    let waiting = search(&sha256(waits.as_bytes()).to_string()[..10]);
    assert_eq!(waiting["results"][0]["label"], "transaction that waits");
    assert_eq!(search("%20x%20")["query"], "x");
    let long = format!("/api/v1/search?q={}", "a".repeat(257));
    node.get(&long).expect_status(400);
}

#[test]
fn on_a_sealed_chain_addresses_are_found_too() {
    let node = Server::start(&mut adit(["dev", "-p", "0", "--log", "info"]));
    node.post("/api/v1/mine", "").expect_status(200);
    let block = json_at(&node, "/api/v1/blocks?limit=1")["blocks"][0].clone();
    let address = block["reward_to"].as_str().unwrap();
    let found = json_at(&node, &format!("/api/v1/search?q={address}"));
    assert_eq!(
        found["results"],
        json!([{ "kind": "address", "id": address, "label": format!("address {address}"),
            "path": format!("/address/{address}") }])
    );
}

#[test]
fn a_block_is_made_on_demand_and_described_as_any_other() {
    let node = Server::adit(["--in-memory"]);
    pay(&node, 1);
    let made = node.post("/api/v1/mine", "").expect_status(200).json();
    assert_eq!(made["index"], 2);
    assert_eq!(made["transaction_count"], 2);
    assert_eq!(made["confirmations"], 1);
    let hash = made["hash"].as_str().unwrap();
    assert_eq!(json_at(&node, &format!("/api/v1/block/{hash}")), made);
    assert_eq!(node.get("/api/v1/mine").status, 405);
}
