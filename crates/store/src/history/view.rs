//! Reading the history: one consistent view of it, for as long as it is held.
//! The view itself says up to which block it covers the main chain.

use std::path::{Path, PathBuf};

use adit_core::hash::Hash;
use adit_core::reorganisation::{BlockPlace, Reorganisation};
use redb::{Database, ReadOnlyTable, ReadableDatabase, ReadableTable};

use crate::database::health::Health;
use crate::error::HistoryError;
use crate::history::batch::count_of;
use crate::history::record::{
    COVERED_BYTES, KEY_BYTES, Key, NumberedReorganisation, PLACE_BYTES, REORGANISATION_BYTES,
    TransactionPlace, block_in, key_of_id, key_of_name, place_in, place_key, reorganisation_in,
};
use crate::history::tables::{ADDRESSES, COUNTS, COVERED, NEW_TIPS, REORGANISATIONS, TRANSACTIONS};

type PlaceTable = ReadOnlyTable<&'static [u8; PLACE_BYTES], ()>;
type CountTable = ReadOnlyTable<&'static [u8; KEY_BYTES], u64>;
type ReorganisationTable = ReadOnlyTable<u64, &'static [u8; REORGANISATION_BYTES]>;
type NewTipTable = ReadOnlyTable<&'static [u8; 32], u64>;

/// The history as it was at one moment.
pub struct HistoryView {
    transactions: PlaceTable,
    addresses: PlaceTable,
    counts: CountTable,
    reorganisations: ReorganisationTable,
    new_tips: NewTipTable,
    covered: Option<BlockPlace>,
    path: PathBuf,
    health: Health,
}

impl HistoryView {
    /// The newest view.
    pub(crate) fn open(
        database: &Database,
        path: &Path,
        health: &Health,
    ) -> Result<HistoryView, redb::Error> {
        health.guard(|| HistoryView::open_unguarded(database, path, health))
    }

    fn open_unguarded(
        database: &Database,
        path: &Path,
        health: &Health,
    ) -> Result<HistoryView, redb::Error> {
        let transaction = database.begin_read()?;
        let covered = transaction.open_table(COVERED)?;
        let covered = ReadableTable::<(), &[u8; COVERED_BYTES]>::get(&covered, ())?;
        Ok(HistoryView {
            transactions: transaction.open_table(TRANSACTIONS)?,
            addresses: transaction.open_table(ADDRESSES)?,
            counts: transaction.open_table(COUNTS)?,
            reorganisations: transaction.open_table(REORGANISATIONS)?,
            new_tips: transaction.open_table(NEW_TIPS)?,
            covered: covered.map(|bytes| block_in(bytes.value())),
            path: path.to_path_buf(),
            health: health.clone(),
        })
    }

    /// It knows the chain up to this block; `None` if it knows nothing.
    pub fn covered(&self) -> Option<BlockPlace> {
        self.covered
    }

    /// Where a transaction stands in the chain before a place, the newest
    /// first. Only the start of the identity is known: what is there has to be
    /// checked.
    pub fn places_before(
        &self,
        id: &Hash,
        before: TransactionPlace,
        limit: usize,
    ) -> Result<Vec<TransactionPlace>, HistoryError> {
        let found = self
            .health
            .guard(|| newest_first(&self.transactions, &key_of_id(id), before, limit));
        found.map_err(HistoryError::database(&self.path))
    }

    /// Where a transaction stands in the chain from a place on, the oldest
    /// first.
    pub fn places_from(
        &self,
        id: &Hash,
        from: TransactionPlace,
        limit: usize,
    ) -> Result<Vec<TransactionPlace>, HistoryError> {
        let found = self
            .health
            .guard(|| oldest_first(&self.transactions, &key_of_id(id), from, limit));
        found.map_err(HistoryError::database(&self.path))
    }

    /// Where transactions stand whose identities begin between these two, in about the
    /// order of those. Only their start is known: what is there has to be checked.
    pub fn places_between(
        &self,
        first: &Hash,
        last: &Hash,
        limit: usize,
    ) -> Result<Vec<TransactionPlace>, HistoryError> {
        let from = place_key(&key_of_id(first), TransactionPlace::FIRST);
        let to = place_key(&key_of_id(last), TransactionPlace::LAST);
        let found = || -> Result<Vec<_>, redb::Error> {
            let range =
                ReadableTable::range::<&[u8; PLACE_BYTES]>(&self.transactions, &from..=&to)?;
            let places = range.take(limit).map(|item| Ok(place_in(item?.0.value())));
            places.collect()
        };
        self.health
            .guard(found)
            .map_err(HistoryError::database(&self.path))
    }

    /// Where the transactions of somebody stand in the chain before a place,
    /// the newest first: what they pay and what they are paid.
    pub fn places_of_name(
        &self,
        name: &str,
        before: TransactionPlace,
        limit: usize,
    ) -> Result<Vec<TransactionPlace>, HistoryError> {
        let found = self
            .health
            .guard(|| newest_first(&self.addresses, &key_of_name(name), before, limit));
        found.map_err(HistoryError::database(&self.path))
    }

    /// How many transactions somebody has in the chain.
    pub fn count_of_name(&self, name: &str) -> Result<u64, HistoryError> {
        let key = key_of_name(name);
        let count = self.health.guard(|| {
            let counted = ReadableTable::get(&self.counts, &key)?;
            match counted {
                Some(count) => Ok(count.value()),
                None => count_of(&self.addresses, &key),
            }
        });
        count.map_err(HistoryError::database(&self.path))
    }

    /// The reorganisations that were seen before that one, the newest first.
    pub fn reorganisations(
        &self,
        before: u64,
        limit: usize,
    ) -> Result<Vec<NumberedReorganisation>, HistoryError> {
        let list = || -> Result<Vec<_>, redb::Error> {
            let found = ReadableTable::range(&self.reorganisations, ..before)?;
            let newest = found.rev().take(limit).map(|item| {
                let (sequence, bytes) = item?;
                Ok(NumberedReorganisation {
                    sequence: sequence.value(),
                    reorganisation: reorganisation_in(bytes.value()),
                })
            });
            newest.collect()
        };
        self.health
            .guard(list)
            .map_err(HistoryError::database(&self.path))
    }

    /// The reorganisation by which that block came to be the tip.
    pub fn reorganisation_to(&self, tip: &Hash) -> Result<Option<Reorganisation>, HistoryError> {
        let look = || -> Result<Option<Reorganisation>, redb::Error> {
            let Some(sequence) = ReadableTable::get(&self.new_tips, &tip.0)? else {
                return Ok(None);
            };
            let bytes = ReadableTable::get(&self.reorganisations, sequence.value())?;
            Ok(bytes.map(|bytes| reorganisation_in(bytes.value())))
        };
        self.health
            .guard(look)
            .map_err(HistoryError::database(&self.path))
    }
}

impl std::fmt::Debug for HistoryView {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "HistoryView up to {:?}", self.covered)
    }
}

fn newest_first(
    table: &PlaceTable,
    key: &Key,
    before: TransactionPlace,
    limit: usize,
) -> Result<Vec<TransactionPlace>, redb::Error> {
    let bounds = place_key(key, TransactionPlace::FIRST)..place_key(key, before);
    let found = ReadableTable::range::<&[u8; PLACE_BYTES]>(table, &bounds.start..&bounds.end)?;
    let newest = found.rev().take(limit);
    newest.map(|item| Ok(place_in(item?.0.value()))).collect()
}

fn oldest_first(
    table: &PlaceTable,
    key: &Key,
    from: TransactionPlace,
    limit: usize,
) -> Result<Vec<TransactionPlace>, redb::Error> {
    let bounds = place_key(key, from)..=place_key(key, TransactionPlace::LAST);
    let found = ReadableTable::range::<&[u8; PLACE_BYTES]>(table, bounds.start()..=bounds.end())?;
    let oldest = found.take(limit);
    oldest.map(|item| Ok(place_in(item?.0.value()))).collect()
}
