//! The headers whose blocks are not in the archive yet: what each branch is
//! worth, before a byte of its bodies has come. It decides which headers are
//! kept, which of them is the best, and which hashes are known to be invalid.
//! Who sent a header, and whether a branch is worth asking for, is not known
//! here.
//!
//! 1. Each header has its work, and stands behind another one of the tree or
//!    behind a block of the archive.
//! 2. No header of the tree, and none behind one, is among the invalid hashes.
//! 3. `best` is the heaviest header whose time has come, the first seen of
//!    several.
//! 4. At most [`HEADERS_LIMIT_COUNT`] headers are kept, [`FUTURE_HEADERS_LIMIT`]
//!    of them ahead of the clock, and [`INVALID_HASHES_LIMIT`] invalid hashes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use adit_core::archive::{Archive, ArchiveError};
use adit_core::chain::outweighs;
use adit_core::hash::Hash;
use adit_core::recent::Recent;
use adit_core::rules::Sealed;
use adit_core::sealed::CompactHeader;

use crate::branch::{InvalidHeader, KnownHeader, Place};

/// This many headers are kept whose blocks have not come: so far may headers
/// run ahead of bodies.
pub const HEADERS_LIMIT_COUNT: usize = 65_536;

/// This many headers are kept whose time has not come.
pub const FUTURE_HEADERS_LIMIT: usize = 1_024;

/// This many hashes of invalid blocks are remembered, the last ones.
pub const INVALID_HASHES_LIMIT: usize = 4_096;

/// Why a run of headers can't be taken.
#[derive(Debug, thiserror::Error)]
pub enum HeadersError {
    /// Nothing is known of the block that they stand behind.
    #[error("the headers stand behind block {start}, which is not known")]
    Orphan {
        /// That block.
        start: Hash,
    },
    /// They are, or stand behind, a block that was refused before.
    #[error("block {hash} was refused before")]
    KnownInvalid {
        /// That block.
        hash: Hash,
    },
    /// One of them is invalid, whichever peer sends it.
    #[error(transparent)]
    Invalid(#[from] InvalidHeader),
    /// No decision is possible any longer.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
}

/// What became of a run of headers.
#[derive(Debug, Default)]
pub struct Inserted {
    /// Those that are new, and whose time has come.
    pub new: Vec<KnownHeader>,
    /// How many wait for their time.
    pub early: usize,
    /// How many there was no room for: they may come again once bodies have
    /// come.
    pub left_out: usize,
}

#[derive(Debug)]
struct Kept {
    header: KnownHeader,
    /// Before this it is not valid, since it or one before it is ahead of the
    /// clock.
    due: Duration,
    /// Headers are numbered as they come.
    number: u64,
}

/// The tree.
pub struct HeaderTree {
    rules: Arc<Sealed>,
    headers: BTreeMap<Hash, Kept>,
    best: Option<Hash>,
    /// Those whose time has not come, by when it does.
    early: BTreeSet<(Duration, Hash)>,
    last_number: u64,
    invalid: Recent<Hash, ()>,
    limit_count: usize,
}

impl HeaderTree {
    /// An empty one.
    pub fn new(rules: Arc<Sealed>) -> HeaderTree {
        HeaderTree {
            rules,
            headers: BTreeMap::new(),
            best: None,
            early: BTreeSet::new(),
            last_number: 0,
            invalid: Recent::new(INVALID_HASHES_LIMIT),
            limit_count: HEADERS_LIMIT_COUNT,
        }
    }

    /// Another limit in place of [`HEADERS_LIMIT_COUNT`].
    pub fn limit_headers(&mut self, count: usize) {
        self.limit_count = count;
    }

    /// How many headers are kept.
    pub fn len(&self) -> usize {
        self.headers.len()
    }

    /// Whether none is kept.
    pub fn is_empty(&self) -> bool {
        self.headers.is_empty()
    }

    /// A header of the tree.
    pub fn get(&self, hash: &Hash) -> Option<&KnownHeader> {
        self.headers.get(hash).map(|kept| &kept.header)
    }

    /// The heaviest one whose time has come.
    pub fn best(&self) -> Option<&KnownHeader> {
        self.best.as_ref().and_then(|hash| self.get(hash))
    }

    /// Whether the block was refused before, or stands behind one that was.
    pub fn is_invalid(&self, hash: &Hash) -> bool {
        self.invalid.contains(hash)
    }

    /// The place behind a header of the tree or of the archive.
    pub fn place(&self, hash: &Hash, archive: &dyn Archive) -> Result<Option<Place>, ArchiveError> {
        let Some(kept) = self.headers.get(hash) else {
            return Place::in_archive(hash, archive);
        };
        let header = &kept.header;
        let grandparent = match header.fields.parent {
            None => None,
            Some(parent) => match self.get(&parent) {
                Some(parent) => Some(parent.fields),
                None => archive.header(&parent)?,
            },
        };
        Ok(Some(Place {
            parent: header.fields,
            grandparent,
            total_weight: header.total_weight,
        }))
    }

    /// Checks headers that stand behind the block `start`; nothing is kept.
    pub fn check(
        &self,
        start: Hash,
        records: &[CompactHeader],
        archive: &dyn Archive,
    ) -> Result<Vec<KnownHeader>, HeadersError> {
        if self.is_invalid(&start) {
            return Err(HeadersError::KnownInvalid { hash: start });
        }
        let place = self.place(&start, archive)?;
        let place = place.ok_or(HeadersError::Orphan { start })?;
        let run = place.check_run(&self.rules, records)?;
        match run.iter().find(|header| self.is_invalid(&header.hash())) {
            Some(known) => Err(HeadersError::KnownInvalid { hash: known.hash() }),
            None => Ok(run),
        }
    }

    /// Keeps headers that were checked, and whose blocks the archive lacks.
    pub fn insert(
        &mut self,
        now: Duration,
        run: &[KnownHeader],
        archive: &dyn Archive,
    ) -> Result<Inserted, ArchiveError> {
        let mut inserted = Inserted::default();
        if self.headers.len() + run.len() > self.limit_count {
            self.keep_best_only();
        }
        for (position, header) in run.iter().enumerate() {
            let hash = header.hash();
            if self.headers.contains_key(&hash) || archive.entry(&hash)?.is_some() {
                continue;
            }
            let parent = header
                .fields
                .parent
                .and_then(|hash| self.headers.get(&hash));
            let due = self.rules.valid_from(&header.fields);
            let due = due.max(parent.map_or(Duration::ZERO, |parent| parent.due));
            let is_early = due > now;
            if self.headers.len() >= self.limit_count
                || is_early && self.early.len() >= FUTURE_HEADERS_LIMIT
            {
                inserted.left_out = run.len() - position;
                break;
            }
            self.last_number += 1;
            let (header, number) = (*header, self.last_number);
            self.headers.insert(
                hash,
                Kept {
                    header,
                    due,
                    number,
                },
            );
            if is_early {
                self.early.insert((due, hash));
                inserted.early += 1;
            } else {
                self.consider(hash);
                inserted.new.push(header);
            }
        }
        self.check_invariants();
        Ok(inserted)
    }

    /// The headers whose time has come by now.
    pub fn advance(&mut self, now: Duration) -> Vec<KnownHeader> {
        let mut come = Vec::new();
        while let Some((due, hash)) = self.early.first().copied()
            && due <= now
        {
            self.early.pop_first();
            self.consider(hash);
            come.extend(self.get(&hash).copied());
        }
        // A child may be due together with its parent.
        come.sort_by_key(|header| header.fields.height);
        come
    }

    /// When the next header is due.
    pub fn next_due(&self) -> Option<Duration> {
        self.early.first().map(|(due, _)| *due)
    }

    /// The headers of the tree up to this one, in their order: what is missing
    /// of its branch.
    pub fn branch_to(&self, hash: &Hash) -> Vec<KnownHeader> {
        let mut branch = Vec::new();
        let mut next = self.get(hash);
        while let Some(header) = next {
            branch.push(*header);
            next = header.fields.parent.and_then(|parent| self.get(&parent));
        }
        branch.reverse();
        branch
    }

    /// The archive has its block now.
    pub fn block_has_come(&mut self, hash: &Hash) {
        if self.take(hash) && self.best == Some(*hash) {
            self.choose_best();
        }
    }

    /// The block turned out to be invalid: it, and all behind it, are refused
    /// from now on. Returns them.
    pub fn invalidate(&mut self, hash: Hash) -> BTreeSet<Hash> {
        let mut refused = BTreeSet::from([hash]);
        // Parents come before their children.
        let mut by_height: Vec<_> = self
            .headers
            .values()
            .map(|kept| kept.header.fields)
            .collect();
        by_height.sort_by_key(|fields| fields.height);
        for fields in by_height {
            if fields
                .parent
                .is_some_and(|parent| refused.contains(&parent))
            {
                refused.insert(fields.hash);
            }
        }
        for hash in &refused {
            self.take(hash);
            self.invalid.insert(*hash, ());
        }
        self.choose_best();
        self.check_invariants();
        refused
    }

    fn take(&mut self, hash: &Hash) -> bool {
        let taken = self.headers.remove(hash);
        if let Some(kept) = &taken {
            self.early.remove(&(kept.due, *hash));
        }
        taken.is_some()
    }

    /// Whether a header is better than the best one so far.
    fn consider(&mut self, hash: Hash) {
        let weight = |hash: &Hash| self.get(hash).map(|header| header.total_weight);
        let best = self.best.as_ref().and_then(weight).unwrap_or_default();
        if weight(&hash).is_some_and(|weight| outweighs(weight, best)) {
            self.best = Some(hash);
        }
    }

    fn choose_best(&mut self) {
        let due = self.headers.values().filter(|kept| {
            let place = (kept.due, kept.header.hash());
            !self.early.contains(&place)
        });
        let best = due.max_by_key(|kept| (kept.header.total_weight, u64::MAX - kept.number));
        self.best = best.map(|kept| kept.header.hash());
    }

    /// There is no room: what is not of the best branch is forgotten.
    fn keep_best_only(&mut self) {
        let branch = self.best.map(|best| self.branch_to(&best));
        let kept: BTreeSet<Hash> = branch.iter().flatten().map(KnownHeader::hash).collect();
        self.headers.retain(|hash, _| kept.contains(hash));
        let headers = &self.headers;
        self.early.retain(|(_, hash)| headers.contains_key(hash));
    }

    fn check_invariants(&self) {
        assert!(self.headers.len() <= self.limit_count, "invariant 4");
        assert!(self.early.len() <= FUTURE_HEADERS_LIMIT, "invariant 4");
        let best = self.best.map(|hash| self.headers.contains_key(&hash));
        assert_ne!(best, Some(false), "invariant 3");
    }
}
