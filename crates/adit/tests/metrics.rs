//! `GET /metrics`: what is served is what `docs/metrics.md` lists, and it
//! counts what happened.

use std::collections::{BTreeMap, BTreeSet};

use crate::raw::Node;
use crate::support::Server;

const DOCUMENT: &str = include_str!("../../../docs/metrics.md");

fn metrics(node: &Server) -> String {
    let answer = node.get("/metrics").expect_status(200);
    let content_type = answer.header("content-type").unwrap();
    assert!(content_type.starts_with("application/openmetrics-text; version=1.0.0"));
    let text = answer.text();
    assert!(text.ends_with("# EOF\n"));
    text
}

/// The value of one sample; `name` with its labels.
#[track_caller]
fn value(text: &str, name: &str) -> f64 {
    let mut lines = text.lines();
    let line = lines.find_map(|line| line.strip_prefix(&format!("{name} ")));
    let line = line.unwrap_or_else(|| panic!("no {name} in {text}"));
    line.parse().unwrap()
}

/// Name and type of all metrics that are served.
fn served(text: &str) -> BTreeMap<&str, &str> {
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    types.map(|line| line.split_once(' ').unwrap()).collect()
}

#[test]
fn the_document_lists_what_is_served() {
    let node = Server::adit(["--in-memory", "--network", "metrics"]);
    let text = metrics(&node);
    let served = served(&text);
    let rows = DOCUMENT.lines().filter(|line| line.starts_with("| `"));
    let listed: BTreeMap<&str, &str> = rows
        .map(|row| {
            let cells: Vec<&str> = row.split('|').map(str::trim).collect();
            (cells[1].trim_matches('`'), cells[2])
        })
        .collect();
    assert_eq!(listed, served);
}

#[test]
fn every_metric_is_as_the_format_wants_it() {
    let node = Server::adit(["--in-memory"]);
    node.mine();
    let text = metrics(&node);
    let served = served(&text);
    let mut samples = BTreeSet::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (sample, number) = line.rsplit_once(' ').unwrap();
        assert!(number.parse::<f64>().is_ok(), "{line}");
        assert!(samples.insert(sample), "{sample} stands there twice");
        let name = sample.split('{').next().unwrap();
        let family = served.iter().find(|(family, kind)| {
            let rest = name.strip_prefix(**family);
            match **kind {
                "counter" => rest == Some("_total"),
                "info" => rest == Some("_info"),
                "histogram" => matches!(rest, Some("_bucket" | "_sum" | "_count")),
                _ => rest == Some(""),
            }
        });
        assert!(family.is_some(), "{sample} belongs to no metric");
    }
    for line in text.lines().filter(|line| line.starts_with("# HELP ")) {
        assert!(line.split(' ').count() > 3, "{line} does not help");
    }
}

/// What the older format's readers want: samples that are named like their family.
#[test]
fn who_asks_for_the_older_format_gets_it() {
    let node = Node::start();
    let asked = |accept: &str| node.request("GET", "/metrics", &[accept], b"");
    let older = asked("Accept: text/plain;version=0.0.4;q=0.6,*/*;q=0.5");
    let content_type = older.header("content-type");
    assert_eq!(
        content_type,
        Some("text/plain; version=0.0.4; charset=utf-8")
    );
    assert_eq!(older.header("vary"), Some("accept"));
    let text = older.text();
    let served = served(&text);
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let name = line.split(['{', ' ']).next().unwrap();
        let family = served.iter().find(|(family, kind)| match **kind {
            "histogram" => name.starts_with(**family),
            _ => name == **family,
        });
        assert!(family.is_some(), "{name} belongs to no metric");
    }
    let version = env!("CARGO_PKG_VERSION");
    let build = format!("adit_build_info{{version=\"{version}\",rules=\"classic\"}}");
    assert_eq!(value(&text, &build), 1.0);
    for accept in [
        "Accept: */*",
        "Accept: application/openmetrics-text;version=1.0.0,text/plain;q=0.5",
    ] {
        assert!(asked(accept).text().ends_with("# EOF\n"), "{accept}");
    }
}

#[test]
fn the_metrics_count_what_happened() {
    let node = Server::adit(["--in-memory", "--resolve-every", "0"]);
    node.pay("us", "them");
    node.mine();
    node.pay("us", "them");
    node.pay("us", "them");
    node.register(["localhost:1"]);
    node.chain();
    node.get("/api/v1/nothing").expect_status(404);
    node.status();
    let text = metrics(&node);
    let waiting = r#"{"amount": 1, "recipient": "them", "sender": "us"}"#;
    for (name, expected) in [
        ("adit_chain_length", 2.0),
        ("adit_chain_total_weight", 2.0),
        ("adit_chain_reorganisations_total", 0.0),
        ("adit_pending_transactions", 2.0),
        ("adit_pending_bytes", 2.0 * waiting.len() as f64),
        ("adit_registered_nodes", 1.0),
        ("adit_peers{agreement=\"not-asked\"}", 1.0),
        ("adit_peers{agreement=\"unreachable\"}", 0.0),
        (
            "adit_http_requests_total{group=\"transactions\",status=\"2xx\"}",
            3.0,
        ),
        (
            "adit_http_requests_total{group=\"mine\",status=\"2xx\"}",
            1.0,
        ),
        (
            "adit_http_requests_total{group=\"chain\",status=\"2xx\"}",
            1.0,
        ),
        (
            "adit_http_requests_total{group=\"nodes\",status=\"2xx\"}",
            1.0,
        ),
        (
            "adit_http_requests_total{group=\"api\",status=\"2xx\"}",
            1.0,
        ),
        (
            "adit_http_requests_total{group=\"api\",status=\"4xx\"}",
            1.0,
        ),
        (
            "adit_http_request_duration_seconds_count{group=\"transactions\"}",
            3.0,
        ),
        (
            "adit_http_request_duration_seconds_bucket{le=\"+Inf\",group=\"transactions\"}",
            3.0,
        ),
    ] {
        assert_eq!(value(&text, name), expected, "{name}");
    }
    let chain = node.chain();
    let time = value(&text, "adit_chain_tip_time_seconds");
    assert!((chain[1]["timestamp"].as_f64().unwrap() - time).abs() < 0.002);
    let log_bytes: usize = (1..=2)
        .map(|index| {
            let hash = node.get(&format!("/api/v1/block-height/{index}")).text();
            node.get(&format!("/api/v1/block/{hash}/raw")).body.len() + 1
        })
        .sum();
    assert_eq!(value(&text, "adit_store_blocks_bytes"), log_bytes as f64);
    assert!(value(&text, "adit_store_syncs_total") >= 5.0);
    assert!(value(&text, "adit_mining_guesses_total") >= 35_293.0);
    assert!(value(&text, "adit_http_open_connections") >= 1.0);
}

#[cfg(target_os = "linux")]
#[test]
fn the_process_tells_how_it_is() {
    let node = Server::adit(["--in-memory"]);
    let text = metrics(&node);
    let start = value(&text, "process_start_time_seconds");
    let now = std::time::SystemTime::now();
    let now = now.duration_since(std::time::UNIX_EPOCH).unwrap();
    let age = now.as_secs_f64() - start;
    assert!((-2.0..600.0).contains(&age), "started {age} s ago");
    assert!(value(&text, "process_resident_memory_bytes") > 1e6);
    assert!(value(&text, "process_open_fds") > 5.0);
    assert!(value(&text, "process_cpu_seconds_total") >= 0.0);
}
