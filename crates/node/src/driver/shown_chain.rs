//! The main chain as it was last shown to anybody, and the one place where it is
//! noticed that it went over to another branch since. History, events, counters
//! and log are handed the record that is made here; whether it is a
//! reorganisation, the core's rule says.

use adit_core::archive::{Archive, ArchiveError, Change, MainChange};
use adit_core::chain::Chain;
use adit_core::reorganisation::{BlockPlace, Reorganisation, Tip};

/// What was shown of the main chain.
#[derive(Debug)]
pub(super) struct ShownChain {
    tip: Option<Tip>,
    /// Whether the core has said since that another branch is the main chain.
    is_reorganised: bool,
}

impl ShownChain {
    pub(super) fn of(chain: &Chain) -> ShownChain {
        ShownChain {
            tip: tip_of(chain),
            is_reorganised: false,
        }
    }

    /// Notes a change that nobody has been shown yet.
    pub(super) fn note(&mut self, change: &Change) {
        match change {
            Change::Block { main, .. } | Change::MainTip { main, .. } => {
                self.is_reorganised |= matches!(main, MainChange::Reorganise { .. });
            }
            // The chain starts over: what it was before is forgotten.
            Change::Rewind => (self.tip, self.is_reorganised) = (None, false),
            Change::Transaction(_) | Change::Peers(_) => {}
        }
    }

    /// The chain is shown as it is now. Returns what there is to tell, if that is
    /// more than that it has grown.
    pub(super) fn advance(
        &mut self,
        chain: &Chain,
        time_ms: u64,
        archive: &dyn Archive,
    ) -> Result<Option<Reorganisation>, ArchiveError> {
        let new_tip = tip_of(chain);
        let old_tip = std::mem::replace(&mut self.tip, new_tip);
        match (std::mem::take(&mut self.is_reorganised), old_tip, new_tip) {
            (true, Some(old_tip), Some(new_tip)) => {
                Reorganisation::between(old_tip, new_tip, time_ms, archive)
            }
            _ => Ok(None),
        }
    }
}

fn tip_of(chain: &Chain) -> Option<Tip> {
    let total_weight = chain.total_weight();
    chain.tip().map(|tip| Tip {
        block: BlockPlace {
            height: tip.height(),
            hash: tip.hash(),
        },
        total_weight,
    })
}
