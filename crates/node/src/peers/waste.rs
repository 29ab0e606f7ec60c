//! Peers of whose long answers nothing came: which of them are not asked again yet, and
//! what is said of them meanwhile. Why nothing came, the caller judges; how it
//! was asked for makes no difference.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use adit_core::peer::PeerAddress;
use adit_core::sync::{PEERS_LIMIT, PeerReport, Seen};
use tokio::time::Instant;

use crate::handle::NodeHandle;

/// What a peer sends beyond this without anything to adopt has consequences:
const WASTE_FREE_BYTES: u64 = 1024 * 1024;

/// it is not asked again before this time is over, and each further time after twice
/// as long,
const WASTE_PAUSE_MS: u64 = 10_000;

/// up to this.
const WASTE_PAUSE_LIMIT_MS: u64 = 600_000;

/// The peers that have wasted our time.
#[derive(Default)]
pub(super) struct WastePauses(Mutex<BTreeMap<PeerAddress, Pause>>);

struct Pause {
    /// It is not asked before.
    until: Instant,
    pause_ms: u64,
    /// What was said of it then, and seen.
    report: PeerReport,
    seen: Seen,
}

/// What a turn was worth.
pub(super) enum Worth {
    /// Something of it was adopted, or is about to be.
    Adopted,
    /// Nothing was, but for a reason that a pause would not help.
    Excused,
    /// Nothing was, and this is what is said of the peer.
    Nothing(PeerReport),
}

impl WastePauses {
    /// What was said of a peer, while it is not asked again yet.
    pub(super) fn pausing(&self, peer: &PeerAddress) -> Option<(PeerReport, Seen)> {
        let all = self.all();
        let pause = all.get(peer)?;
        let is_pausing = Instant::now() < pause.until;
        is_pausing.then(|| (pause.report.clone(), pause.seen.clone()))
    }

    /// A peer that sent much of which nothing came is not asked again at once, and
    /// ever more seldom.
    pub(super) fn note(
        &self,
        node: &NodeHandle,
        peer: &PeerAddress,
        (worth, seen): (Worth, &Seen),
        wasted_bytes: u64,
    ) {
        let mut all = self.all();
        let report = match worth {
            Worth::Adopted => {
                all.remove(peer);
                return;
            }
            Worth::Excused => return,
            Worth::Nothing(report) => report,
        };
        let before_ms = all.get(peer).map_or(0, |before| before.pause_ms);
        let Some(pause_ms) = pause_after(before_ms, wasted_bytes) else {
            return;
        };
        let pause = Pause {
            until: Instant::now() + Duration::from_millis(pause_ms),
            pause_ms,
            report,
            seen: seen.clone(),
        };
        all.insert(peer.clone(), pause);
        if all.len() > PEERS_LIMIT {
            let peers = &node.status().peers;
            all.retain(|peer, _| peers.contains(&peer.to_string()));
        }
    }

    /// Forgets one that is no longer a peer.
    pub(super) fn forget(&self, peer: &PeerAddress) {
        self.all().remove(peer);
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<PeerAddress, Pause>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long a peer is not asked again of whose answers nothing came, if it was not
/// for that long before. An answer that cost nothing makes none good that did.
fn pause_after(before_ms: u64, wasted_bytes: u64) -> Option<u64> {
    let pause_ms = (before_ms * 2).clamp(WASTE_PAUSE_MS, WASTE_PAUSE_LIMIT_MS);
    (wasted_bytes > WASTE_FREE_BYTES).then_some(pause_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_waste_costs_twice_the_pause_and_what_is_free_takes_none_back() {
        let mut pause_ms = 0;
        for expected_ms in [10_000, 20_000, 40_000] {
            assert_eq!(pause_after(pause_ms, WASTE_FREE_BYTES), None);
            pause_ms = pause_after(pause_ms, WASTE_FREE_BYTES + 1).expect("a pause");
            assert_eq!(pause_ms, expected_ms);
        }
        let longest = pause_after(u64::from(u32::MAX), u64::MAX);
        assert_eq!(longest, Some(WASTE_PAUSE_LIMIT_MS));
    }
}
