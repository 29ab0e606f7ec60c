//! Templates for miners outside the node, kept while they are worth it: the driver is
//! asked once for a tip and a moment, however many miners ask, and each of them is
//! served from what was made before. What a template says is not known here.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use adit_core::hash::Hash;
use adit_core::mining::DRAFT_AGE_MS;
use adit_core::node::BlockDraft;
use bytes::Bytes;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

/// At most this many templates are made at a time; others wait,
const TEMPLATES_AT_ONCE_LIMIT: usize = 2;

/// this long.
const TEMPLATE_PLACE_TIMEOUT_MS: u64 = 2_000;

/// Of one draft, this many templates are kept, each for another miner,
pub(crate) const TEMPLATES_KEPT_LIMIT: usize = 256;

/// and no more than are together this long. Further ones are made each time.
const TEMPLATES_KEPT_LIMIT_BYTES: usize = 16 * 1024 * 1024;

/// All that is kept, and places for making more.
pub(crate) struct Templates {
    kept: Mutex<Option<Kept>>,
    places: Semaphore,
}

struct Kept {
    draft: Arc<BlockDraft>,
    made: Instant,
    by_owner: BTreeMap<String, Bytes>,
    bytes: usize,
}

impl Default for Templates {
    fn default() -> Templates {
        Templates {
            kept: Mutex::default(),
            places: Semaphore::new(TEMPLATES_AT_ONCE_LIMIT),
        }
    }
}

impl Templates {
    /// The template that was made for them, if it still is worth it.
    pub(crate) fn of(&self, tip: Option<Hash>, owner: &str) -> Option<Bytes> {
        let kept = self.kept();
        let kept = kept.as_ref().filter(|kept| kept.is_fresh(tip))?;
        kept.by_owner.get(owner).cloned()
    }

    /// What templates can be made from, if that still is worth it.
    pub(crate) fn draft(&self, tip: Option<Hash>) -> Option<Arc<BlockDraft>> {
        let kept = self.kept();
        let kept = kept.as_ref().filter(|kept| kept.is_fresh(tip))?;
        Some(Arc::clone(&kept.draft))
    }

    /// Templates are made from this from now on.
    pub(crate) fn keep_draft(&self, draft: &Arc<BlockDraft>) {
        *self.kept() = Some(Kept {
            draft: Arc::clone(draft),
            made: Instant::now(),
            by_owner: BTreeMap::new(),
            bytes: 0,
        });
    }

    /// Keeps a template that was made from that draft, if there is room.
    pub(crate) fn keep(&self, draft: &Arc<BlockDraft>, owner: &str, template: &Bytes) {
        let mut kept = self.kept();
        let Some(kept) = kept.as_mut().filter(|kept| Arc::ptr_eq(&kept.draft, draft)) else {
            return;
        };
        let bytes = kept.bytes.saturating_add(template.len());
        if kept.by_owner.len() < TEMPLATES_KEPT_LIMIT && bytes <= TEMPLATES_KEPT_LIMIT_BYTES {
            kept.bytes = bytes;
            kept.by_owner.insert(owner.to_owned(), template.clone());
        }
    }

    /// A place to make one; `None` if all stay taken.
    pub(crate) async fn place(&self) -> Option<SemaphorePermit<'_>> {
        let limit = Duration::from_millis(TEMPLATE_PLACE_TIMEOUT_MS);
        timeout(limit, self.places.acquire()).await.ok()?.ok()
    }

    fn kept(&self) -> MutexGuard<'_, Option<Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn is_fresh(&self, tip: Option<Hash>) -> bool {
        tip == Some(self.draft.parent().hash)
            && self.made.elapsed() < Duration::from_millis(DRAFT_AGE_MS)
    }
}
