//! A run of headers behind one that is known: each is checked against the two
//! before it, and the work is summed. Nothing is kept, and no clock is asked;
//! who keeps what, and for how long, the header tree decides.

use adit_core::archive::{Archive, ArchiveError};
use adit_core::block::{BlockError, HeaderFields};
use adit_core::hash::Hash;
use adit_core::rules::{Context, Rules, Sealed, Weight};
use adit_core::sealed::CompactHeader;
use std::time::Duration;

/// A header with all that is known of it by its ancestors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownHeader {
    /// What the headers behind it are checked against.
    pub fields: HeaderFields,
    /// What does not follow from its ancestors.
    pub record: CompactHeader,
    /// The sum of the work from the genesis block to this one.
    pub total_weight: Weight,
}

impl KnownHeader {
    /// Its block's hash.
    pub fn hash(&self) -> Hash {
        self.fields.hash
    }
}

/// Where a run of headers begins: a header, the one before, and the work up to
/// it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The header that the next one stands behind.
    pub parent: HeaderFields,
    /// The one before it; `None` behind a genesis block.
    pub grandparent: Option<HeaderFields>,
    /// The sum of the work from the genesis block to `parent`.
    pub total_weight: Weight,
}

/// The header of a run that is refused, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("header {position} of {count}: {error}")]
pub struct InvalidHeader {
    /// Its place in the run; 0 is the first one.
    pub position: usize,
    /// How many headers the run has.
    pub count: usize,
    /// What is wrong with it.
    pub error: BlockError,
}

impl Place {
    /// The place behind a block that the archive has, on the main chain or
    /// beside it.
    pub fn in_archive(hash: &Hash, archive: &dyn Archive) -> Result<Option<Place>, ArchiveError> {
        let (Some(entry), Some(parent)) = (archive.entry(hash)?, archive.header(hash)?) else {
            return Ok(None);
        };
        let grandparent = match entry.parent {
            None => None,
            Some(grandparent) => archive.header(&grandparent)?,
        };
        Ok(Some(Place {
            parent,
            grandparent,
            total_weight: entry.total_weight,
        }))
    }

    /// Checks the next header, and goes behind it.
    pub fn step(
        &mut self,
        rules: &Sealed,
        record: &CompactHeader,
    ) -> Result<KnownHeader, BlockError> {
        let context = Context {
            parent: &self.parent,
            grandparent: self.grandparent.as_ref(),
            now: Duration::ZERO,
        };
        let fields = rules.check_header(context, record)?;
        *self = Place {
            parent: fields,
            grandparent: Some(self.parent),
            total_weight: self.total_weight.saturating_add(rules.weight(&fields)),
        };
        Ok(KnownHeader {
            fields,
            record: *record,
            total_weight: self.total_weight,
        })
    }

    /// Checks a run of headers. It costs what the good ones before the first
    /// bad one cost, and no more.
    pub fn check_run(
        mut self,
        rules: &Sealed,
        records: &[CompactHeader],
    ) -> Result<Vec<KnownHeader>, InvalidHeader> {
        let count = records.len();
        let mut headers = Vec::with_capacity(count);
        for (position, record) in records.iter().enumerate() {
            let header = self.step(rules, record).map_err(|error| InvalidHeader {
                position,
                count,
                error,
            })?;
            headers.push(header);
        }
        Ok(headers)
    }
}
