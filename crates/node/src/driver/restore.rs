//! Brings the core to where it was when the last process ended. What it decided
//! then, it decides again.

use std::sync::Arc;

use adit_core::chain::ChainError;
use adit_core::node::{Config, Node};
use adit_core::rules::Rules;
use adit_store::{Opened, Store};

use super::error::DriverError;
use crate::clock::now;

/// What is believed of the block log while it is read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trust {
    /// That it holds what was accepted, signatures checked.
    Log,
    /// Nothing: it may have changed since.
    Nothing,
}

/// Brings the core to where it was: the main chain is in the index, and what the
/// index does not cover is read from the log again.
pub(crate) fn restore(
    config: Config,
    rules: Arc<dyn Rules>,
    opened: Opened,
    trust: Trust,
) -> Result<(Store, Node), DriverError> {
    let Opened {
        mut store,
        pending,
        without_sum,
    } = opened;
    for (place, error) in without_sum {
        // In the classics nobody signs anything.
        if rules.keeps_accounts() && rules.read_transaction(&pending[place].text).is_err() {
            return Err(error.into());
        }
    }
    let peers = store.peers();
    let peers = peers.iter().filter_map(|peer| peer.parse().ok()).collect();
    let length = store.length();
    let mut node = Node::open(config, Arc::clone(&rules), length, peers, pending, &store)?;
    while let Some(replayed) = store.next_unindexed()? {
        let block = rules.read_canonical(replayed.text);
        let change = block
            .and_then(|block| match trust {
                Trust::Log => Ok(block),
                Trust::Nothing => rules
                    .check_signatures(&block, &|_, _| false)
                    .map(|()| block),
            })
            .map_err(ChainError::from)
            .and_then(|block| node.replay(block, replayed.after_pending, &store));
        match change {
            Ok(Some(change)) => store.index(&change)?,
            Ok(None) => {}
            Err(error @ ChainError::Archive(_)) => return Err(error.into()),
            Err(error) => return Err(store.refused(&error.to_string()).into()),
        }
    }
    node.replayed(now(), &store)?;
    Ok((store, node))
}
