//! Blocks in the log that are not what was written there: which and where, so
//! that they can be reported, and fetched from somebody who has them. It does
//! not know who that is.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::sync::{Mutex, PoisonError};

use adit_core::hash::Hash;

use crate::error::StoreError;
use crate::files::durable::Durability;
use crate::log::damaged_block::DamagedBlock;
use crate::log::line::sum_of;

/// This many damaged blocks are known at a time, and reported in the log.
/// Further ones are met again once these are mended.
pub const DAMAGED_BLOCKS_LIMIT: usize = 1_024;

impl DamagedBlock {
    /// Writes the block where it lay, if the text is what lay there.
    pub fn mend(&self, text: &[u8]) -> Result<bool, StoreError> {
        if text.len() != self.length_bytes as usize || sum_of(text) != self.sum {
            return Ok(false);
        }
        let file = OpenOptions::new().write(true).open(&self.file);
        let file = file.map_err(StoreError::io("open", &self.file))?;
        let line = [text, b"\n"].concat();
        file.write_all_at(&line, self.offset)
            .map_err(StoreError::io("write to", &self.file))?;
        Durability::Full.sync_file(&file, &self.file)?;
        tracing::info!(
            file = %self.file.display(),
            offset = self.offset,
            height = self.height,
            hash = %self.hash,
            "the damaged block was mended"
        );
        Ok(true)
    }
}

impl fmt::Display for DamagedBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} is damaged: in the {} bytes from byte {} on, expected block {} with the hash {}, \
             and found something else",
            self.file.display(),
            self.length_bytes,
            self.offset,
            self.height,
            self.hash
        )
    }
}

/// The damaged blocks that were met.
#[derive(Debug, Default)]
pub(crate) struct Damages(Mutex<BTreeMap<Hash, DamagedBlock>>);

impl Damages {
    /// One was met. It is reported once.
    pub(crate) fn note(&self, block: &DamagedBlock) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() < DAMAGED_BLOCKS_LIMIT && !known.contains_key(&block.hash) {
            tracing::error!("{block}; it is taken from a peer if one has it");
            known.insert(block.hash, block.clone());
        }
    }

    /// One was mended.
    pub(crate) fn forget(&self, hash: &Hash) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.remove(hash);
    }

    pub(crate) fn list(&self) -> Vec<DamagedBlock> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.values().cloned().collect()
    }
}
