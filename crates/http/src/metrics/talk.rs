//! What is measured of the talk between nodes. Who the peers are is not told.

use std::fmt;

use adit_net::machine::Direction;
use adit_node::p2p_view::{MachineView, P2pView};
use adit_p2p::counts::Way;
use prometheus_client::encoding::NoLabelSet;
use prometheus_client::metrics::MetricType;

use super::list::List;

/// Writes all of it.
pub(super) fn encode(list: &mut List<'_, '_>, p2p: &P2pView, machine: &MachineView) -> fmt::Result {
    let directions = [
        ("in", Direction::Inbound),
        ("out", Direction::Outbound),
        ("blocks-only", Direction::BlocksOnly),
        ("feeler", Direction::Feeler),
    ];
    let counts = directions.map(|(name, direction)| {
        let peers = machine.peers.iter();
        let those = peers.filter(|peer| peer.direction == direction);
        ([("dialled", name)], those.count() as u64)
    });
    let help = "Nodes that this one talks with, by which side dialled";
    gauges(list, "adit_p2p_peers", help, counts)?;
    let way = |way| match way {
        Way::In => "in",
        Way::Out => "out",
    };
    let messages = p2p.counts().messages();
    let labels = |said: Way, name| [("way", way(said)), ("message", name)];
    let each = messages.iter();
    let numbers = each.map(|(way, name, count)| (labels(*way, *name), count.messages));
    counters(list, "adit_p2p_messages", "Messages", numbers)?;
    let each = messages.iter();
    let bytes = each.map(|(way, name, count)| (labels(*way, *name), count.bytes));
    counters(list, "adit_p2p_bytes", "Bytes of messages", bytes)?;
    let gauge: [(&str, &str, u64); 5] = [
        (
            "adit_p2p_queued_bytes",
            "Bytes that wait to be sent",
            p2p.queued_bytes() as u64,
        ),
        (
            "adit_p2p_addresses",
            "Addresses of nodes that are known",
            machine.addresses as u64,
        ),
        (
            "adit_p2p_headers_ahead",
            "Headers whose blocks have not come yet",
            machine.headers_ahead as u64,
        ),
        (
            "adit_p2p_held_bytes",
            "Bytes of blocks that wait for others",
            machine.held_bytes as u64,
        ),
        (
            "adit_p2p_relayed_transactions",
            "Waiting transactions that are relayed",
            machine.waiting as u64,
        ),
    ];
    for (name, help, value) in gauge {
        list.gauge(name, help, value as f64)?;
    }
    let blocks = [
        ("at-once", machine.counts.compact_at_once),
        ("asked", machine.counts.compact_asked),
        ("whole", machine.counts.whole_blocks),
    ];
    let blocks = blocks.map(|(how, count)| ([("how", how)], count));
    let help = "Blocks that came, by what had to be asked for";
    counters(list, "adit_p2p_blocks", help, blocks)?;
    let bans = machine
        .bans
        .iter()
        .map(|(offence, count)| ([("offence", *offence)], *count));
    let help = "Peers that were banned, by what they did";
    counters(list, "adit_p2p_bans", help, bans)?;
    let refusals = p2p.counts().refusals();
    let refusals = refusals.map(|(reason, count)| ([("reason", reason)], count));
    let help = "Connections that were not let in";
    counters(list, "adit_p2p_refused", help, refusals)?;
    let help = "Connections on which no hands were shaken";
    let failed = p2p.counts().handshakes_failed();
    list.counter("adit_p2p_failed_handshakes", help, failed)?;
    let help = "Peers that were dropped because they did not read";
    list.counter("adit_p2p_dropped", help, p2p.counts().dropped())
}

fn gauges<const N: usize>(
    list: &mut List<'_, '_>,
    name: &str,
    help: &str,
    values: impl IntoIterator<Item = ([(&'static str, &'static str); N], u64)>,
) -> fmt::Result {
    let mut metric = list
        .0
        .encode_descriptor(name, help, None, MetricType::Gauge)?;
    for (labels, value) in values {
        metric.encode_family(&labels)?.encode_gauge(&value)?;
    }
    Ok(())
}

fn counters<const N: usize>(
    list: &mut List<'_, '_>,
    name: &str,
    help: &str,
    values: impl IntoIterator<Item = ([(&'static str, &'static str); N], u64)>,
) -> fmt::Result {
    let mut metric = list
        .0
        .encode_descriptor(name, help, None, MetricType::Counter)?;
    for (labels, value) in values {
        let mut one = metric.encode_family(&labels)?;
        one.encode_counter::<NoLabelSet, _, u64>(&value, None)?;
    }
    Ok(())
}
