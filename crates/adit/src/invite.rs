//! An invitation into a network, in one line: where somebody talks who is in it, and
//! which chain that is. Who writes it and who follows it is not known here.

use std::fmt;
use std::str::FromStr;

use adit_core::hash::Hash;
use adit_p2p::multiaddr::Multiaddr;
use anyhow::{Context, anyhow};

use crate::options::RulesName;

/// What an invitation starts with.
const SCHEME: &str = "adit:";

/// An invitation.
#[derive(Debug, Clone)]
pub(crate) struct Invite {
    /// Somebody who is in the network.
    pub(crate) address: Multiaddr,
    /// The chain.
    pub(crate) chain: InvitedChain,
}

/// Which chain somebody is invited to.
#[derive(Debug, Clone)]
pub(crate) enum InvitedChain {
    /// The sealed one with this genesis block.
    Sealed(Hash),
    /// The network of this name, under these classic rules.
    Classic(RulesName, String),
}

impl FromStr for Invite {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Invite> {
        let form = || {
            anyhow!(
                "expected an invitation, such as adit invite prints: \
                 adit:/ip4/192.168.1.7/tcp/15000/p2p/12D3KooW.../CHAIN"
            )
        };
        let rest = text.trim().strip_prefix(SCHEME).ok_or_else(form)?;
        // Three parts of two words each, and the chain.
        let (end, _) = rest.match_indices('/').nth(6).ok_or_else(form)?;
        let (address, chain) = rest.split_at(end);
        let address = address.parse().context("the invitation's address")?;
        let chain = chain.trim_start_matches('/');
        let chain = match chain.split_once('/') {
            None => InvitedChain::Sealed(chain.parse().map_err(|_| form())?),
            Some(("classic", name)) => InvitedChain::Classic(RulesName::Classic, name.to_owned()),
            Some(("classic-2018", name)) => {
                InvitedChain::Classic(RulesName::Classic2018, name.to_owned())
            }
            Some(_) => return Err(form()),
        };
        Ok(Invite { address, chain })
    }
}

impl fmt::Display for Invite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}/", self.address)?;
        match &self.chain {
            InvitedChain::Sealed(genesis) => write!(f, "{genesis}"),
            InvitedChain::Classic(rules, name) => write!(f, "{}/{name}", rules.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invitation_is_read_as_it_is_written() {
        let address = "adit:/ip4/192.168.1.7/tcp/15000/p2p/12D3KooWNcPikXQDxAwWTgMUWmdA4LPUiTmYzXdHwJ5mPgNnrfag";
        for chain in [&"5a".repeat(32), "classic/class-2026", "classic-2018/a"] {
            let text = format!("{address}/{chain}");
            assert_eq!(text.parse::<Invite>().unwrap().to_string(), text);
        }
        for wrong in ["", "/5a", "/other/name"] {
            assert!(format!("{address}{wrong}").parse::<Invite>().is_err());
        }
        assert!("adit:".parse::<Invite>().is_err());
    }
}
