//! Writes the main chain's table, and keeps account of how long its blocks are
//! together. A switch to a long branch takes the blocks from where they stand in
//! order; whether the branch may win, the core has decided.

use std::ops::Bound;

use adit_core::hash::Hash;
use redb::{ReadableTable, Table};

use crate::record::{BlockRecord, MAIN_BYTES, MainRecord};

/// So many blocks are read before they are written, in their order: 4 MB or so.
const SWITCH_PIECE_BLOCKS: usize = 65_536;

type MainTable<'a> = Table<'a, u64, &'static [u8; MAIN_BYTES]>;

/// A reorganisation that is too long for the overlay: the main chain is now
/// its first `fork` blocks and the line of ancestors of `tip`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Switch {
    pub(crate) tip: Hash,
    pub(crate) fork: u64,
}

/// The main chain's table, and how long its blocks are together.
pub(crate) struct MainWriter<'a> {
    table: MainTable<'a>,
    bytes: u64,
}

impl<'a> MainWriter<'a> {
    pub(crate) fn new(table: MainTable<'a>, bytes: u64) -> MainWriter<'a> {
        MainWriter { table, bytes }
    }

    /// How long the blocks are together.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Adds blocks behind the one at that index, where there are none.
    pub(crate) fn insert_behind(
        &mut self,
        index: u64,
        records: &[MainRecord],
    ) -> Result<(), redb::Error> {
        let lengths = records.iter().map(|record| record.location.length_bytes);
        self.bytes += lengths.map(u64::from).sum::<u64>();
        insert_behind(&mut self.table, index, records)
    }

    /// Removes all blocks behind the first `length` ones.
    pub(crate) fn cut(&mut self, length: u64) -> Result<(), redb::Error> {
        let last = self.table.last()?.map_or(0, |(index, _)| index.value());
        if last <= length {
            return Ok(());
        }
        let mut removed_bytes = 0;
        self.table.retain_in(length + 1.., |_, record| {
            removed_bytes += u64::from(MainRecord::location_in(record).length_bytes);
            false
        })?;
        self.bytes = self.bytes.saturating_sub(removed_bytes);
        Ok(())
    }

    /// Goes over to another branch. As far as it is the one that grew last, it
    /// stands in `branch` in its order; else each block is asked for its parent,
    /// which takes several times as long.
    pub(crate) fn switch(
        &mut self,
        Switch { tip, fork }: Switch,
        blocks: &impl ReadableTable<&'static [u8; 32], &'static [u8]>,
        branch: &impl ReadableTable<u64, &'static [u8; MAIN_BYTES]>,
    ) -> Result<(), redb::Error> {
        self.cut(fork)?;
        let first = branch.first()?.map(|(index, _)| index.value());
        let reaches_fork = first.is_some_and(|first| first <= fork + 1);
        // From the tip down.
        let mut piece = Vec::new();
        let mut next = Some(tip);
        while let Some(hash) = next {
            let Some(bytes) = blocks.get(&hash.0)? else {
                let what = format!("block {hash} is missing among the ancestors of another");
                return Err(redb::Error::Corrupted(what));
            };
            let BlockRecord {
                entry, location, ..
            } = BlockRecord::from_bytes(bytes.value());
            if entry.index <= fork {
                break;
            }
            let record = MainRecord { hash, location };
            if reaches_fork && is_at(branch, entry.index, record)? {
                self.insert_piece(entry.index, &mut piece)?;
                return self.insert_branch(fork, entry.index, branch);
            }
            piece.push(record);
            if piece.len() == SWITCH_PIECE_BLOCKS {
                self.insert_piece(entry.index - 1, &mut piece)?;
            }
            next = entry.parent;
        }
        self.insert_piece(fork, &mut piece)
    }

    /// Adds blocks that were gathered from the last one down.
    fn insert_piece(
        &mut self,
        behind: u64,
        piece: &mut Vec<MainRecord>,
    ) -> Result<(), redb::Error> {
        piece.reverse();
        self.insert_behind(behind, piece)?;
        piece.clear();
        Ok(())
    }

    /// Adds the branch's blocks behind the fork, up to the one at `last`.
    fn insert_branch(
        &mut self,
        fork: u64,
        last: u64,
        branch: &impl ReadableTable<u64, &'static [u8; MAIN_BYTES]>,
    ) -> Result<(), redb::Error> {
        let mut behind = fork;
        let mut piece = Vec::new();
        for item in branch.range(fork + 1..=last)? {
            piece.push(MainRecord::from_bytes(item?.1.value()));
            if piece.len() == SWITCH_PIECE_BLOCKS {
                self.insert_behind(behind, &piece)?;
                behind += piece.len() as u64;
                piece.clear();
            }
        }
        self.insert_behind(behind, &piece)
    }
}

/// Adds records behind the one at that index, where there are none. They go
/// into one gap together, in a third of the time that as many calls of `insert`
/// take.
pub(crate) fn insert_behind(
    table: &mut MainTable<'_>,
    index: u64,
    records: &[MainRecord],
) -> Result<(), redb::Error> {
    let mut gap = table.upper_bound_mut(Bound::Included(index))?;
    for (index, record) in (index + 1..).zip(records) {
        gap.insert_before(index, &record.to_bytes())?;
    }
    Ok(gap.close()?)
}

fn is_at(
    branch: &impl ReadableTable<u64, &'static [u8; MAIN_BYTES]>,
    index: u64,
    record: MainRecord,
) -> Result<bool, redb::Error> {
    let found = branch.get(index)?;
    Ok(found.is_some_and(|bytes| MainRecord::from_bytes(bytes.value()) == record))
}

#[cfg(test)]
mod tests {
    use adit_core::archive::Entry;
    use adit_core::rules::Weight;
    use redb::backends::InMemoryBackend;
    use redb::{Builder, Database, ReadableDatabase};

    use super::*;
    use crate::index_tables::{BLOCKS, BRANCH, MAIN};
    use crate::position::{Location, Position};

    fn location(index: u64) -> Location {
        Location {
            start: Position::START,
            length_bytes: 100 + index as u32,
            sum: 0,
        }
    }

    fn record(chain: u8, index: u64) -> MainRecord {
        let mut hash = [chain; 32];
        hash[..8].copy_from_slice(&index.to_be_bytes());
        MainRecord {
            hash: Hash(hash),
            location: location(index),
        }
    }

    fn put_block(table: &mut Table<'_, &[u8; 32], &[u8]>, index: u64) {
        let record = BlockRecord {
            entry: Entry {
                index,
                parent: Some(record(2, index - 1).hash),
                total_weight: Weight::from(index),
            },
            proof: 0,
            sealed: None,
            location: location(index),
        };
        let hash = super::tests::record(2, index).hash;
        table.insert(&hash.0, &record.to_bytes()[..]).unwrap();
    }

    /// A main chain of 20 blocks, and a branch of 30 that leaves it behind the
    /// tenth. The table of the branch begins with the block at `branch_first`,
    /// and without the last two. Of the branch's blocks only those at `known`
    /// can be asked for their parents.
    fn switched(
        branch_first: u64,
        known: std::ops::RangeInclusive<u64>,
    ) -> Result<(Vec<Hash>, u64), redb::Error> {
        let database: Database = Builder::new().create_with_backend(InMemoryBackend::new())?;
        let transaction = database.begin_write()?;
        let bytes = {
            let mut blocks = transaction.open_table(BLOCKS)?;
            known.for_each(|index| put_block(&mut blocks, index));
            let mut branch = transaction.open_table(BRANCH)?;
            let stored: Vec<_> = (branch_first..=38).map(|index| record(2, index)).collect();
            insert_behind(&mut branch, branch_first - 1, &stored)?;
            let mut main = MainWriter::new(transaction.open_table(MAIN)?, 0);
            let old: Vec<_> = (1..=20).map(|index| record(1, index)).collect();
            main.insert_behind(0, &old)?;
            let switch = Switch {
                tip: record(2, 40).hash,
                fork: 10,
            };
            main.switch(switch, &blocks, &branch)?;
            main.bytes()
        };
        transaction.commit()?;
        let main = database.begin_read()?.open_table(MAIN)?;
        let hashes = ReadableTable::range::<u64>(&main, ..)?
            .map(|item| Ok(MainRecord::from_bytes(item?.1.value()).hash));
        Ok((hashes.collect::<Result<_, redb::Error>>()?, bytes))
    }

    #[test]
    fn a_branch_that_stands_in_order_is_not_gone_down() {
        let kept = (1..=10).map(|index| record(1, index).hash);
        let expected: Vec<_> = kept.chain((11..=40).map(|i| record(2, i).hash)).collect();
        let bytes = (1..=40).map(|index| 100 + index).sum();
        // It may begin below the fork, and none below its end is asked.
        assert_eq!(switched(11, 38..=40).unwrap(), (expected.clone(), bytes));
        assert_eq!(switched(5, 38..=40).unwrap(), (expected.clone(), bytes));
        // Where it begins too late, all are.
        assert_eq!(switched(12, 10..=40).unwrap(), (expected, bytes));
        let error = switched(12, 38..=40).unwrap_err().to_string();
        assert!(error.contains("is missing"), "{error}");
    }
}
