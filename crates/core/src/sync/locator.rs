//! Where two chains part, found without sending either of them: a chain is named
//! by a few of its blocks, the newest of them one by one and older ones ever
//! further apart (as Bitcoin does). A node that has the highest of them knows what
//! the other lacks. How a locator travels, and what is sent for it, is not known
//! here.

use std::fmt;
use std::str::FromStr;

use crate::archive::{Archive, ArchiveError};
use crate::hash::{Hash, HashError};

/// A locator names at most this many blocks.
pub const LOCATOR_LIMIT: usize = 64;

/// This many of the newest blocks are named one by one.
const NAMED_ONE_BY_ONE: u64 = 10;

/// Some blocks of a chain, the newest first. Its text is their hashes with commas
/// between them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Locator(Vec<Hash>);

/// Why a text is no locator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LocatorError {
    /// It names too many blocks.
    #[error("a locator names at most {LOCATOR_LIMIT} blocks")]
    TooLong,
    /// A part of it is no hash.
    #[error("a locator is hashes of blocks with commas between them, the newest first: {0}")]
    NotAHash(#[from] HashError),
}

impl Locator {
    /// Names the main chain of this length.
    pub fn of_main_chain(length: u64, archive: &dyn Archive) -> Result<Locator, ArchiveError> {
        let mut hashes = Vec::new();
        for height in heights(length) {
            hashes.extend(archive.main_hash(height)?);
        }
        Ok(Locator(hashes))
    }

    /// Names one block.
    pub fn of_block(hash: Hash) -> Locator {
        Locator(vec![hash])
    }

    /// The blocks that it names, the newest first.
    pub fn into_hashes(self) -> Vec<Hash> {
        self.0
    }

    /// Whether it names no block.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether it names this block.
    pub fn names(&self, hash: &Hash) -> bool {
        self.0.contains(hash)
    }

    /// The height of the highest block that is named and in the main chain.
    pub fn highest_in_main_chain(
        &self,
        archive: &dyn Archive,
    ) -> Result<Option<u64>, ArchiveError> {
        let mut highest = None;
        for hash in &self.0 {
            if let Some(entry) = archive.entry(hash)?
                && highest < Some(entry.height)
                && archive.main_hash(entry.height)? == Some(*hash)
            {
                highest = Some(entry.height);
            }
        }
        Ok(highest)
    }
}

/// Which blocks of a chain of this length are named, the newest first: the
/// genesis block always is.
pub fn heights(length: u64) -> impl Iterator<Item = u64> {
    let one_by_one = (0..NAMED_ONE_BY_ONE).map_while(move |below| length.checked_sub(below));
    let further = (1..u64::BITS).scan(
        length.saturating_sub(NAMED_ONE_BY_ONE - 1),
        |height, step| {
            *height = height.checked_sub(1 << step)?;
            Some(*height)
        },
    );
    let above_genesis = one_by_one.chain(further).filter(|height| *height > 1);
    let genesis = (length > 0).then_some(1);
    above_genesis.take(LOCATOR_LIMIT - 1).chain(genesis)
}

impl fmt::Display for Locator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, hash) in self.0.iter().enumerate() {
            let comma = if position > 0 { "," } else { "" };
            write!(f, "{comma}{hash}")?;
        }
        Ok(())
    }
}

impl FromStr for Locator {
    type Err = LocatorError;

    fn from_str(text: &str) -> Result<Locator, LocatorError> {
        if text.is_empty() {
            return Ok(Locator::default());
        }
        if text.split(',').nth(LOCATOR_LIMIT).is_some() {
            return Err(LocatorError::TooLong);
        }
        let hashes = text.split(',').map(str::parse);
        Ok(Locator(hashes.collect::<Result<_, _>>()?))
    }
}
