//! What several blocks put into the history, or take out of it, gathered first
//! and then written in the order of the keys: a page of the database is then
//! copied once for all that changes in it.

use adit_core::hash::Hash;
use redb::{ReadableTable, Table, WriteTransaction};

use crate::database::insert_sorted;
use crate::history::record::{
    Key, PLACE_BYTES, PlaceKey, TransactionPlace, key_in, key_of_id, key_of_name, place_in,
    place_key,
};
use crate::history::tables::{ADDRESSES, COUNTS, TRANSACTIONS};

/// No count is kept for a name with at most this many transactions: finding
/// them is as quick. So a name that is used once takes no room for a count.
pub(crate) const COUNTED_FROM: u64 = 64;

/// This many places of one transaction in one block are known.
pub const SAME_TRANSACTION_LIMIT: u32 = 100;

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

    /// Writes all of it, and leaves it empty.
    pub(crate) fn insert(&mut self, transaction: &WriteTransaction) -> Result<(), redb::Error> {
        self.sort();
        self.write_counts(transaction, u64::saturating_add)?;
        insert_sorted(
            &mut transaction.open_table(TRANSACTIONS)?,
            &self.transactions,
            |key| (key, ()),
        )?;
        insert_sorted(
            &mut transaction.open_table(ADDRESSES)?,
            &self.addresses,
            |key| (key, ()),
        )?;
        self.clear();
        Ok(())
    }

    /// Takes all of it out again, and leaves it empty.
    pub(crate) fn remove(&mut self, transaction: &WriteTransaction) -> Result<(), redb::Error> {
        self.sort();
        self.write_counts(transaction, u64::saturating_sub)?;
        remove_all(
            &mut transaction.open_table(TRANSACTIONS)?,
            &self.transactions,
        )?;
        remove_all(&mut transaction.open_table(ADDRESSES)?, &self.addresses)?;
        self.clear();
        Ok(())
    }

    /// Brings the counts to what they will be when the places are written.
    fn write_counts(
        &self,
        transaction: &WriteTransaction,
        change: fn(u64, u64) -> u64,
    ) -> Result<(), redb::Error> {
        let mut counts = transaction.open_table(COUNTS)?;
        let addresses = transaction.open_table(ADDRESSES)?;
        for (key, count) in self.counts() {
            let counted = counts.get(key)?.map(|count| count.value());
            let before = match counted {
                Some(count) => count,
                None => count_of(&addresses, key)?,
            };
            let after = change(before, count);
            if after > COUNTED_FROM {
                counts.insert(key, after)?;
            } else if counted.is_some() {
                counts.remove(key)?;
            }
        }
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
        leave_out_repetitions(&mut self.transactions);
        self.addresses.sort_unstable();
    }

    fn clear(&mut self) {
        self.transactions.clear();
        self.addresses.clear();
    }
}

/// How many places a name has that is not counted.
pub(crate) fn count_of(
    table: &impl ReadableTable<&'static [u8; PLACE_BYTES], ()>,
    key: &Key,
) -> Result<u64, redb::Error> {
    let first = place_key(key, TransactionPlace::FIRST);
    let last = place_key(key, TransactionPlace::LAST);
    let mut count = 0;
    for item in table.range::<&[u8; PLACE_BYTES]>(&first..=&last)? {
        item?;
        count += 1;
    }
    Ok(count)
}

/// Under rules that do not look at transactions, one block may hold the same one
/// half a million times.
fn leave_out_repetitions(sorted: &mut Vec<PlaceKey>) {
    let (mut last, mut same) = (None, 0);
    sorted.retain(|place| {
        let of = (*key_in(place), place_in(place).height);
        same = match last == Some(of) {
            true => same + 1,
            false => 1,
        };
        last = Some(of);
        same <= SAME_TRANSACTION_LIMIT
    });
}

fn remove_all(table: &mut PlaceTable<'_>, keys: &[PlaceKey]) -> Result<(), redb::Error> {
    for key in keys {
        table.remove(key)?;
    }
    Ok(())
}
