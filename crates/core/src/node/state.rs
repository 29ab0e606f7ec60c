//! What a node consists of, and what holds of it between two calls.
//!
//! 1. One call makes one change: of all its effects, at most one keeps a block
//!    or makes another one the tip.
//! 2. A search for a proof is for a block on the tip, except while a branch is
//!    taken in, between two of its blocks.
//! 3. What waits is judged by the accounts as they are at the tip.

use std::collections::BTreeSet;

use super::messages::{Config, Effect};
use crate::archive::{Archive, ArchiveError, Change};
use crate::chain::Chain;
use crate::future_blocks::FutureBlocks;
use crate::hash::Hash;
use crate::mempool::{Mempool, Pending};
use crate::mempool_update::SteppedUpdate;
use crate::mining::Mining;
use crate::sync::Peers;

/// A node, apart from the world.
pub struct Node {
    pub(super) config: Config,
    pub(super) chain: Chain,
    pub(super) mempool: Mempool,
    /// How far the waiting transactions have followed a long reorganisation, if
    /// they are not at its end.
    pub(super) stepped_update: Option<SteppedUpdate>,
    pub(super) update_at_once_limit: u64,
    pub(super) accounts_update_at_once_limit: u64,
    pub(super) update_step_blocks: usize,
    pub(super) peers: Peers,
    pub(super) mining: Mining,
    /// Whether the main chain has changed by a peer's blocks since the last
    /// peer's answer ended.
    pub(super) adopting: bool,
    /// What waited before the node was restarted, until all the blocks are
    /// there that are needed to judge it.
    pub(super) kept_pending: Vec<Pending>,
    pub(super) future_blocks: FutureBlocks,
    /// The identities of transactions that wait without a promise, and of some that
    /// wait no longer.
    pub(super) relayed: BTreeSet<Hash>,
}

impl Node {
    /// Checks what can be seen without a look at the world.
    pub(super) fn check_call(&self, effects: &[Effect]) {
        let changes_chain = |effect: &&Effect| {
            matches!(
                effect,
                Effect::Persist(Change::Block { .. } | Change::Rewind | Change::MainTip { .. })
            )
        };
        assert!(
            effects.iter().filter(changes_chain).count() <= 1,
            "invariant 1"
        );
        if let Some((_, template)) = self.mining.job().filter(|_| !self.adopting) {
            let tip = self.chain.tip().map(|tip| tip.hash());
            assert_eq!(Some(template.parent), tip, "invariant 2");
        }
    }

    /// Goes through everything to check that what should hold between two calls
    /// does, and that the waiting transactions are in order. The effects of the
    /// last call must have been carried out.
    ///
    /// # Panics
    ///
    /// When something does not hold.
    pub fn check_invariants(&self, archive: &dyn Archive) -> Result<(), ArchiveError> {
        self.mempool.check_invariants();
        if let Mempool::Accounts(mempool) = &self.mempool {
            for (owner, account) in mempool.accounts() {
                assert_eq!(*account, archive.account(owner)?, "invariant 3");
            }
        }
        Ok(())
    }
}
