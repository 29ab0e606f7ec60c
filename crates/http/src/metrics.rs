//! `GET /metrics`: how the node is, for Prometheus. Everything is read at the
//! moment of the request from where it is counted anyway; nothing is counted
//! here. `docs/metrics.md` lists all of it.

mod list;
mod older_text;
mod talk;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use adit_api::peer::{Agreement, Peer};
use adit_node::handle::NodeHandle;
use adit_node::p2p_view::MachineView;
use adit_node::queries::peers;
use axum::Extension;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::{ACCEPT, CONTENT_TYPE, VARY};
use axum::response::{IntoResponse, Response};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;
use tokio::time::timeout;

use self::list::List;
use crate::accept::best_of;
use crate::caller::Caller;
use crate::counters::{BUCKETS_MICROS, CLASSES, Counters, GROUPS};
use crate::process::Process;

/// The newer format of the answer, as its specification names it.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The older one.
const OLDER_TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Where a busy node does not say within this time how its peers are, only the
/// rest is given.
const PEERS_TIMEOUT_MS: u64 = 500;

/// How the node is, for Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "operations", operation_id = "getMetrics",
    responses((status = 200, description = "OpenMetrics 1.0.0, or the text format 0.0.4", content(
        (String = "application/openmetrics-text; version=1.0.0; charset=utf-8"),
        (String = "text/plain; version=0.0.4; charset=utf-8")))))]
pub(super) async fn metrics(
    State(node): State<NodeHandle>,
    Extension(counters): Extension<Arc<Counters>>,
    caller: Caller,
    headers: HeaderMap,
) -> Response {
    let format = best_of(&headers, &[OPEN_METRICS, OLDER_TEXT]);
    let limit = Duration::from_millis(PEERS_TIMEOUT_MS);
    let peers = timeout(limit, peers::list(&node)).await;
    let machine = match node.p2p() {
        Some(p2p) => timeout(limit, p2p.machine()).await.ok().flatten(),
        None => None,
    };
    let mut registry = Registry::default();
    registry.register_collector(Box::new(AtThisMoment {
        peers: peers
            .ok()
            .and_then(Result::ok)
            .map(|list| caller.may_see(list).peers),
        machine,
        node,
        counters,
    }));
    let mut body = String::new();
    text::encode(&mut body, &registry).expect("a String takes whatever is written to it");
    if format == OLDER_TEXT {
        body = older_text::from_open_metrics(&body);
    }
    ([(CONTENT_TYPE, format), (VARY, ACCEPT.as_str())], body).into_response()
}

/// The node, as it is when the answer is written.
struct AtThisMoment {
    node: NodeHandle,
    counters: Arc<Counters>,
    peers: Option<Vec<Peer>>,
    machine: Option<MachineView>,
}

impl fmt::Debug for AtThisMoment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AtThisMoment")
    }
}

impl Collector for AtThisMoment {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut list = List(&mut encoder);
        self.build(&mut list)?;
        self.chain(&mut list)?;
        self.peers(&mut list)?;
        if let Some((p2p, machine)) = self.node.p2p().zip(self.machine.as_ref()) {
            talk::encode(&mut list, p2p, machine)?;
        }
        self.mining(&mut list)?;
        self.store(&mut list)?;
        self.requests(&mut list)?;
        match Process::of_this_moment() {
            Some(process) => list.process(&process),
            None => Ok(()),
        }
    }
}

impl AtThisMoment {
    fn build(&self, list: &mut List<'_, '_>) -> fmt::Result {
        let mut metric = list.0.encode_descriptor(
            "adit_build",
            "Which adit runs, and the rules of its chain",
            None,
            MetricType::Info,
        )?;
        metric.encode_info(&[
            ("version", env!("CARGO_PKG_VERSION")),
            ("rules", self.node.rules().name()),
        ])
    }

    fn chain(&self, list: &mut List<'_, '_>) -> fmt::Result {
        let view = self.node.status();
        let weight = view.total_weight.to_string().parse().unwrap_or(f64::MAX);
        list.gauge(
            "adit_chain_length",
            "Blocks in the main chain",
            view.length as f64,
        )?;
        list.gauge(
            "adit_chain_total_weight",
            "The sum of their weights",
            weight,
        )?;
        if let Some(time_ms) = view.tip_time_ms {
            list.gauge(
                "adit_chain_tip_time_seconds",
                "When the last block says it was made, since 1970",
                time_ms as f64 / 1_000.0,
            )?;
        }
        list.counter(
            "adit_chain_reorganisations",
            "Changes of the main chain to another branch",
            self.node.counters().reorganisations.load(Relaxed),
        )?;
        list.gauge(
            "adit_pending_transactions",
            "Transactions that wait for a block",
            view.pending_count as f64,
        )?;
        list.gauge(
            "adit_pending_bytes",
            "How long those are together",
            view.pending_bytes as f64,
        )?;
        list.gauge(
            "adit_registered_nodes",
            "Registered nodes",
            view.peers.len() as f64,
        )
    }

    fn peers(&self, list: &mut List<'_, '_>) -> fmt::Result {
        let Some(peers) = &self.peers else {
            return Ok(());
        };
        let mut metric = list.0.encode_descriptor(
            "adit_peers",
            "Registered nodes, by how their chain stands to ours",
            None,
            MetricType::Gauge,
        )?;
        for agreement in Agreement::ALL {
            let count = peers.iter().filter(|peer| peer.agreement == agreement);
            let labels = [("agreement", agreement.name())];
            let mut one = metric.encode_family(&labels)?;
            one.encode_gauge(&(count.count() as u64))?;
        }
        Ok(())
    }

    fn mining(&self, list: &mut List<'_, '_>) -> fmt::Result {
        let mining = self.node.mining();
        list.gauge(
            "adit_mining_searching",
            "1 while a proof is searched, else 0",
            f64::from(mining.is_searching),
        )?;
        list.gauge(
            "adit_mining_threads",
            "Cores on which proofs are searched",
            mining.threads as f64,
        )?;
        list.gauge(
            "adit_mining_guesses_per_second",
            "Guesses a second of searching, lately",
            mining.guesses_per_s,
        )?;
        list.counter("adit_mining_guesses", "Guesses", mining.guesses)
    }

    fn store(&self, list: &mut List<'_, '_>) -> fmt::Result {
        let counters = self.node.counters();
        let sync_time = Duration::from_micros(counters.sync_micros.load(Relaxed));
        list.counter(
            "adit_store_syncs",
            "How often something was made durable",
            counters.syncs.load(Relaxed),
        )?;
        list.counter(
            "adit_store_sync_seconds",
            "How long that took together",
            sync_time.as_secs_f64(),
        )?;
        let Ok(disk) = self.node.reader().disk_bytes() else {
            return Ok(());
        };
        list.gauge(
            "adit_store_blocks_bytes",
            "The block log",
            disk.blocks as f64,
        )?;
        list.gauge(
            "adit_store_pending_bytes",
            "The pending log",
            disk.pending as f64,
        )?;
        list.gauge(
            "adit_store_index_bytes",
            "Everything that can be made again from the logs",
            disk.height as f64,
        )
    }

    fn requests(&self, list: &mut List<'_, '_>) -> fmt::Result {
        let counters = &self.counters;
        list.gauge(
            "adit_http_open_connections",
            "Connections of clients",
            counters.open_connections.load(Relaxed) as f64,
        )?;
        let mut metric = list.0.encode_descriptor(
            "adit_http_requests",
            "Requests that were answered",
            None,
            MetricType::Counter,
        )?;
        for (group, name) in GROUPS {
            for (class, count) in CLASSES.iter().zip(counters.by_class(group)) {
                let labels = [("group", name), ("status", *class)];
                let mut one = metric.encode_family(&labels)?;
                one.encode_counter::<NoLabelSet, _, u64>(&count, None)?;
            }
        }
        let mut metric = list.0.encode_descriptor(
            "adit_http_request_duration_seconds",
            "From a request's head to the start of its answer",
            None,
            MetricType::Histogram,
        )?;
        for (group, name) in GROUPS {
            let (counts, sum) = counters.durations(group);
            let ends = BUCKETS_MICROS.iter().map(|micros| *micros as f64 / 1e6);
            let ends = ends.chain([f64::INFINITY]);
            let buckets: Vec<(f64, u64)> = ends.zip(counts).collect();
            let labels = [("group", name)];
            metric
                .encode_family(&labels)?
                .encode_histogram::<NoLabelSet>(
                    sum.as_secs_f64(),
                    counts.iter().sum(),
                    &buckets,
                    None,
                )?;
        }
        Ok(())
    }
}
