//! `adit invite` prints in one line how others get into the network of a running
//! node, `adit join` runs a node that does. What they talk about is not known here.

use std::io::{IsTerminal, Write};

use adit_api::status::Status;
use adit_node::identity;
use adit_node::p2p::fetch_genesis;
use adit_p2p::multiaddr::Multiaddr;
use anyhow::{Context, Result, bail};
use fast_qr::qr::QRBuilder;
use serde_json::json;
use tempfile::NamedTempFile;

use crate::client::Client;
use crate::commands::node;
use crate::invite::{Invite, InvitedChain};
use crate::options::{JoinOptions, List, NodeToAsk, RulesName, warn};
use crate::terminal::output::Output;

const PATH: &str = "/api/v1/status";

/// Prints an invitation; on a terminal also as a QR code.
pub(crate) fn invite(options: &NodeToAsk, json: bool) -> Result<()> {
    let client = Client::new(options)?;
    let status: Status = client.parse(PATH, &client.get(PATH)?)?;
    let Some(p2p) = &status.p2p else {
        bail!(
            "this node does not talk with others by itself: start it without --no-p2p, and under \
             the classic rules with --network NAME"
        );
    };
    let addresses = p2p.addresses.iter().map(|address| address.parse());
    let addresses = addresses.collect::<Result<Vec<Multiaddr>, _>>()?;
    let Some(address) = addresses.into_iter().next() else {
        bail!("this node does not know at which address it is found; try again in a moment");
    };
    let invite = format!("adit:{address}/{}", p2p.chain);
    let is_reachable = !matches!(
        invite.parse::<Invite>()?.address.host,
        adit_p2p::multiaddr::Host::Ip(ip) if ip.is_loopback()
    );
    let mut output = Output::new(json);
    if json {
        let document = json!({ "invite": invite }).to_string();
        return output.document(document.as_bytes());
    }
    output.line(&invite)?;
    if std::io::stdout().is_terminal() {
        let code = QRBuilder::new(invite).build();
        let code = code.context("the invitation is too long for a QR code")?;
        output.line(&code.to_str())?;
    }
    if !is_reachable {
        warn(
            "only this machine can follow it: the node listens on it alone (see --host)",
            json,
        );
    }
    Ok(())
}

/// Runs a node in the network that somebody is invited to.
pub(crate) fn join(options: JoinOptions, json: bool) -> Result<()> {
    let JoinOptions {
        invite,
        folder,
        mut node,
    } = options;
    let invite: Invite = invite.parse()?;
    if folder.is_some() {
        node.data_dir = folder;
    }
    node.p2p.connect.push(List::of(invite.address.clone()));
    let genesis = match &invite.chain {
        InvitedChain::Classic(rules, network) => {
            node.rules = Some(*rules);
            node.p2p.network = Some(network.clone());
            return node::run(node, json);
        }
        InvitedChain::Sealed(genesis) => *genesis,
    };
    let kept = node.data_dir.as_deref().map(identity::read).transpose()?;
    let kept = kept.flatten().and_then(|identity| identity.chain);
    if kept == Some(genesis.to_string()) {
        node.rules = Some(RulesName::Sealed);
        return node::run(node, json);
    }
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_all().build()?;
    let text = runtime.block_on(fetch_genesis(&invite.address, genesis))?;
    // The node keeps its own copy in its folder.
    let mut file = NamedTempFile::with_prefix("adit-genesis-")?;
    file.write_all(&text)?;
    file.write_all(b"\n")?;
    file.flush()?;
    node.chain = Some(file.path().to_owned());
    node::run(node, json)
}
