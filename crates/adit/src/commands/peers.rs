//! `adit peers`: the nodes that a running node looks at, and how their chains
//! compare with its own. The node has made the comparison.

use adit_api::peer::{Agreement, Peer, PeerList, TalkingPeer};
use adit_node::paths::segment;
use anyhow::Result;
use serde_json::json;

use crate::client::Client;
use crate::options::{PeersCommand, PeersOptions};
use crate::terminal::output::Output;
use crate::terminal::table::{Table, long, number, word};

const PATH: &str = "/api/v1/peers";

pub(crate) fn run(options: &PeersOptions, json: bool) -> Result<()> {
    let client = Client::of_operator(&options.node)?;
    let mut output = Output::new(json);
    let answer = match &options.command {
        None => client.get(PATH)?,
        Some(PeersCommand::Add { peers }) => {
            let peers: Vec<_> = peers.iter().map(ToString::to_string).collect();
            client.post(PATH, json!({ "nodes": peers }).to_string().as_bytes())?
        }
        Some(PeersCommand::Remove { peer }) => {
            let peer = peer.to_string();
            client.delete(&format!("{PATH}/{}", segment(&peer)))?;
            return match json {
                true => output.document(json!({ "removed": peer }).to_string().as_bytes()),
                false => output.line(&format!("{peer} is not asked any more")),
            };
        }
    };
    match json {
        true => output.document(&answer),
        false => write(&mut output, &client.parse::<PeerList>(PATH, &answer)?),
    }
}

fn write(output: &mut Output, list: &PeerList) -> Result<()> {
    let peers = &list.peers;
    if !list.own.is_empty() {
        let own = list.own.join(", ");
        output.line(&format!(
            "not peers, since the node itself answers there: {own}"
        ))?;
    }
    if !list.talking.is_empty() {
        write_talking(output, &list.talking)?;
        if peers.is_empty() {
            return Ok(());
        }
        output.line("")?;
    }
    if peers.is_empty() {
        return output.line("no node is registered; `adit peers add URL` does it");
    }
    let mut table = Table::new(&[
        long("peer"),
        word("agreement"),
        number("length"),
        number("lag"),
        word("asked").or_leave(),
        word("kind").or_leave(),
        long("problem").or_leave(),
    ]);
    for peer in peers {
        let asked = peer.asked_ms.map(|time_ms| match output.age(time_ms) {
            age if age.is_empty() => crate::terminal::output::utc(time_ms),
            age => age,
        });
        table.row([
            peer.id.clone(),
            peer.agreement.name().to_owned(),
            peer.length
                .map(|length| length.to_string())
                .unwrap_or_default(),
            peer.lag.map(|lag| lag.to_string()).unwrap_or_default(),
            asked.unwrap_or_default(),
            peer.kind.name().to_owned(),
            peer.problem.clone().unwrap_or_default(),
        ]);
    }
    table.write(output)
}

/// The nodes that it talks with by itself.
fn write_talking(output: &mut Output, peers: &[TalkingPeer]) -> Result<()> {
    let mut table = Table::new(&[
        long("talks with"),
        word("dialled"),
        word("agreement"),
        number("height"),
        number("ms"),
        number("bytes in"),
        number("bytes out"),
        number("first").or_leave(),
        long("at").or_leave(),
    ]);
    for peer in peers {
        let latency = peer.latency_ms.map(|latency| format!("{latency:.1}"));
        table.row([
            peer.id.clone(),
            peer.dialled.name().to_owned(),
            peer.agreement.name().to_owned(),
            peer.height
                .map(|height| height.to_string())
                .unwrap_or_default(),
            latency.unwrap_or_default(),
            peer.bytes_in.to_string(),
            peer.bytes_out.to_string(),
            peer.firsts.to_string(),
            peer.address.clone(),
        ]);
    }
    table.write(output)
}

/// "2 of 3 have the same chain, 1 refused".
pub(crate) fn gist(peers: &[Peer]) -> String {
    let count = |agreement: Agreement| {
        let those = peers.iter().filter(|one| one.agreement == agreement);
        those.count()
    };
    let mut parts = vec![format!(
        "{} of {} have the same chain",
        count(Agreement::Same),
        peers.len()
    )];
    for agreement in Agreement::ALL {
        match count(agreement) {
            _ if agreement == Agreement::Same => {}
            0 => {}
            others => parts.push(format!("{others} {}", agreement.name())),
        }
    }
    parts.join(", ")
}
