//! `GET /metrics`: how the node is, for Prometheus. Everything is read at the
//! moment of the request; nothing is counted here.

use std::fmt;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, text};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use crate::driver::NodeHandle;

/// The format of the answer, as its specification names it.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

pub(super) async fn metrics(State(node): State<NodeHandle>) -> Response {
    let mut registry = Registry::with_prefix("adit");
    registry.register_collector(Box::new(AtThisMoment(node)));
    let mut body = String::new();
    text::encode(&mut body, &registry).expect("a String takes whatever is written to it");
    ([(CONTENT_TYPE, OPEN_METRICS)], body).into_response()
}

/// The node, as it is when the answer is written.
struct AtThisMoment(NodeHandle);

impl fmt::Debug for AtThisMoment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AtThisMoment")
    }
}

impl Collector for AtThisMoment {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let (view, mining) = (self.0.view(), self.0.mining());
        for (name, help, value) in [
            (
                "chain_length",
                "Blocks in the main chain",
                view.length as f64,
            ),
            (
                "pending_transactions",
                "Transactions that wait for a block",
                view.pending_count as f64,
            ),
            (
                "registered_nodes",
                "Registered nodes",
                view.peers.len() as f64,
            ),
            (
                "mining_searching",
                "1 while a proof is searched, else 0",
                f64::from(mining.is_searching),
            ),
            (
                "mining_threads",
                "Cores on which proofs are searched",
                mining.threads as f64,
            ),
            (
                "mining_guesses_per_second",
                "Guesses a second of searching, lately",
                mining.guesses_per_s,
            ),
        ] {
            write(&mut encoder, name, help, &ConstGauge::new(value))?;
        }
        let guesses = ConstCounter::new(mining.guesses);
        write(
            &mut encoder,
            "mining_guesses",
            "Guesses since the start",
            &guesses,
        )
    }
}

fn write(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    metric: &impl EncodeMetric,
) -> fmt::Result {
    metric.encode(encoder.encode_descriptor(name, help, None, metric.metric_type())?)
}
