//! Each audit of a peer's chain takes a place: there are a few, and no more than
//! one for each peer, so that a slow one keeps no other from being audited. A
//! place is free again when the audit ends, however it ends. What an audit does
//! is not known here.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use adit_core::peer::PeerAddress;

/// This many peers' chains are audited at a time.
pub(crate) const AUDITS_LIMIT: usize = 4;

/// All places.
#[derive(Debug, Clone, Default)]
pub(crate) struct AuditPlaces {
    taken: Arc<Mutex<BTreeSet<PeerAddress>>>,
}

/// One that is taken; dropping it gives it back.
#[derive(Debug)]
pub(crate) struct AuditPlace {
    places: AuditPlaces,
    peer: PeerAddress,
}

/// Why there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoAuditPlace {
    #[error("this peer's chain is being audited already; try again when that is done")]
    SamePeer,
    #[error("{AUDITS_LIMIT} other peers' chains are being audited; try again when one is done")]
    Full,
}

impl AuditPlaces {
    /// Takes a place to audit that peer's chain.
    pub(crate) fn take(&self, peer: &PeerAddress) -> Result<AuditPlace, NoAuditPlace> {
        let mut taken = self.taken();
        if taken.contains(peer) {
            return Err(NoAuditPlace::SamePeer);
        }
        if taken.len() >= AUDITS_LIMIT {
            return Err(NoAuditPlace::Full);
        }
        taken.insert(peer.clone());
        Ok(AuditPlace {
            places: self.clone(),
            peer: peer.clone(),
        })
    }

    fn taken(&self) -> MutexGuard<'_, BTreeSet<PeerAddress>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for AuditPlace {
    fn drop(&mut self) {
        self.places.taken().remove(&self.peer);
    }
}
