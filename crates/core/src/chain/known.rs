//! Blocks that are in the tree already become the tip: the genesis block or any other
//! that somebody names, and one that comes again behind the tip. Who may name one is
//! not known here.

use std::sync::Arc;

use super::{Chain, ChainEntry, ChainError, Connected, Tip};
use crate::archive::{Archive, Change, Entry, MainChange};
use crate::block::Block;
use crate::hash::Hash;

impl Chain {
    /// Goes back to the genesis block; every other block is forgotten.
    pub fn rewind(&mut self, archive: &dyn Archive) -> Result<(), ChainError> {
        if let Some(genesis) = archive.main_hash(1)? {
            self.tip = self.stored_tip(&genesis, archive)?;
        }
        (self.last, self.last_fork) = (None, None);
        self.side.clear();
        Ok(())
    }

    /// Makes a block of the tree the tip, whatever it weighs. Returns what the
    /// archive is to show then; `None` if the block is not known.
    pub(crate) fn go_to(
        &mut self,
        tip: &Hash,
        archive: &dyn Archive,
    ) -> Result<Option<Change>, ChainError> {
        let (Some(fork), Some(tip)) = (archive.fork(tip)?, self.stored_tip(tip, archive)?) else {
            return Ok(None);
        };
        let change = Change::MainTip {
            block: Arc::clone(&tip.block),
            main: MainChange::Reorganise { fork },
        };
        self.tip = Some(tip);
        (self.last, self.last_fork) = (None, None);
        self.side.clear();
        Ok(Some(change))
    }

    /// Makes a block that is in the tree already the tip.
    pub(super) fn take_again(
        &mut self,
        block: Arc<Block>,
        entry: Entry,
        archive: &dyn Archive,
    ) -> Result<Connected, ChainError> {
        self.check_contract(archive)?;
        let parent = self.parent_of(&block, archive)?;
        let changes = self.apply(&block, parent.as_ref(), archive)?;
        let old_tip = self.tip().cloned();
        let known = ChainEntry {
            header: *block.header(),
            parent: parent.map(|parent| parent.header),
            entry,
        };
        (self.last, self.last_fork) = (None, None);
        self.tip = Some(Tip {
            block: Arc::clone(&block),
            known,
        });
        self.check_invariants(entry);
        Ok(Connected {
            block,
            entry,
            main: MainChange::Extend,
            old_tip,
            changes,
            was_known: true,
        })
    }
}
