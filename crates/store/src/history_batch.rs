//! What several blocks put into the history, or take out of it, gathered first
//! and then written in the order of the keys: a page of the database is then
//! copied once for all that changes in it.

use std::ops::Bound;

use adit_core::hash::Hash;
use redb::{CursorError, ReadableTable, Table, WriteTransaction};

use crate::history_record::{
    Key, PLACE_BYTES, PlaceKey, TransactionPlace, key_in, key_of_id, key_of_name, place_key,
};
use crate::history_tables::{ADDRESSES, COUNTS, TRANSACTIONS};

/// What a transaction can be found by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its identity.
    pub id: Hash,
    /// Who pays, if anybody is named.
    pub sender: Option<String>,
    /// Who is paid, if anybody is named.
    pub recipient: Option<String>,
}

/// Places of transactions, not written yet.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    transactions: Vec<PlaceKey>,
    addresses: Vec<PlaceKey>,
}

type PlaceTable<'a> = Table<'a, &'static [u8; PLACE_BYTES], ()>;

impl Batch {
    /// How many transactions it holds.
    pub(crate) fn len(&self) -> usize {
        self.transactions.len()
    }

    /// A transaction stands there.
    pub(crate) fn push(&mut self, place: TransactionPlace, listed: &Listed) {
        self.transactions
            .push(place_key(&key_of_id(&listed.id), place));
        let sender = listed.sender.as_deref();
        let other = |recipient: &&str| Some(*recipient) != sender;
        let recipient = listed.recipient.as_deref().filter(other);
        for name in [sender, recipient].into_iter().flatten() {
            let key = key_of_name(name);
            self.addresses.push(place_key(&key, place));
        }
    }

    /// Writes all of it down. It is empty then.
    pub(crate) fn insert(&mut self, transaction: &WriteTransaction) -> Result<(), redb::Error> {
        self.sort();
        insert_sorted(
            &mut transaction.open_table(TRANSACTIONS)?,
            &self.transactions,
        )?;
        insert_sorted(&mut transaction.open_table(ADDRESSES)?, &self.addresses)?;
        let mut counts = transaction.open_table(COUNTS)?;
        for (key, added) in self.counts() {
            let before = counts.get(key)?.map_or(0, |count| count.value());
            counts.insert(key, before.saturating_add(added))?;
        }
        self.clear();
        Ok(())
    }

    /// Takes all of it out again. It is empty then.
    pub(crate) fn remove(&mut self, transaction: &WriteTransaction) -> Result<(), redb::Error> {
        self.sort();
        remove_all(
            &mut transaction.open_table(TRANSACTIONS)?,
            &self.transactions,
        )?;
        remove_all(&mut transaction.open_table(ADDRESSES)?, &self.addresses)?;
        let mut counts = transaction.open_table(COUNTS)?;
        for (key, removed) in self.counts() {
            let before = counts.get(key)?.map_or(0, |count| count.value());
            match before.saturating_sub(removed) {
                0 => drop(counts.remove(key)?),
                left => drop(counts.insert(key, left)?),
            }
        }
        self.clear();
        Ok(())
    }

    /// How often each name stands here, once it is sorted.
    fn counts(&self) -> impl Iterator<Item = (&Key, u64)> {
        let names = self
            .addresses
            .chunk_by(|one, next| key_in(one) == key_in(next));
        names.map(|places| (key_in(&places[0]), places.len() as u64))
    }

    fn sort(&mut self) {
        self.transactions.sort_unstable();
        self.addresses.sort_unstable();
    }

    fn clear(&mut self) {
        self.transactions.clear();
        self.addresses.clear();
    }
}

/// Adds sorted keys. Those that belong into one gap between keys of the table
/// go there together: all transactions of somebody do, when they are the newest.
fn insert_sorted(table: &mut PlaceTable<'_>, mut keys: &[PlaceKey]) -> Result<(), redb::Error> {
    while let Some(first) = keys.first() {
        let mut gap = table.lower_bound_mut(Bound::Included(first))?;
        let mut inserted = 0;
        for key in keys {
            match gap.insert_before(key, ()) {
                Ok(()) => inserted += 1,
                Err(CursorError::UnorderedKey) => break,
                Err(error) => return Err(error.into()),
            }
        }
        gap.close()?;
        if inserted == 0 {
            table.insert(first, ())?;
            inserted = 1;
        }
        keys = &keys[inserted..];
    }
    Ok(())
}

fn remove_all(table: &mut PlaceTable<'_>, keys: &[PlaceKey]) -> Result<(), redb::Error> {
    for key in keys {
        table.remove(key)?;
    }
    Ok(())
}
