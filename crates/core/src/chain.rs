//! The tree of blocks and the choice of the main chain in it: the branch with
//! the greatest sum of weights wins, the first seen in a tie. It checks every
//! block by the rules and says what changes; it keeps only the newest blocks
//! itself and reads all others through the archive.
//!
//! 1. The archive shows the tip, and nothing behind it, when a block comes.
//! 2. No block of the tree outweighs the tip, unless somebody has said which block
//!    is the tip (`go_to`). A known block that comes again behind the tip is taken
//!    again then.
//! 3. `last` is not the tip, and where its branch leaves the main chain is kept
//!    only with it.
//! 4. What stands beside the main chain, came one by one and took less work than
//!    the tip is at most [`SIDE_BLOCKS_LIMIT`] blocks, none of them deeper below
//!    the tip than [`SIDE_DEPTH_LIMIT`] when it came.
//! 5. A block is checked from cheap to expensive: form, place and weight,
//!    signatures, accounts. If it is refused in one of the last two, it is
//!    refused again without them.
//!
//! No limit of ours decides what is valid: 4 only says what is kept for the time
//! being. A block that is not kept is forgotten, not remembered as invalid, and
//! says nothing against the peer that sent it. It may come again, and so may its
//! children: one by one, where each took as much work as the tip, and otherwise
//! as a branch that is heavier as a whole, to which no limit applies.

mod known;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::archive::{AccountsAt, Archive, ArchiveError, Entry, MainChange};
use crate::block::{Block, BlockError, HeaderFields};
use crate::hash::Hash;
use crate::invalid::InvalidBlocks;
use crate::rules::AccountChange;
use crate::rules::{Context, Rules, Weight};
use crate::sealed::Account;

/// A block that comes by itself, on a side branch, for less work than the tip,
/// is kept if it lies at most this far below the tip.
pub const SIDE_DEPTH_LIMIT: u64 = 1_000;

/// Of such blocks, at most this many are kept within `SIDE_DEPTH_LIMIT` of the
/// tip.
pub const SIDE_BLOCKS_LIMIT: usize = 4_096;

/// Why a block was not taken into the tree. Only `Invalid` says something about
/// the block; all others say what this node lacks, or does not keep now.
#[derive(Debug, thiserror::Error)]
pub enum ChainError {
    /// The rules refuse it.
    #[error(transparent)]
    Invalid(#[from] BlockError),
    /// Its parent is not known.
    #[error("block {height} stands on an unknown block{}", named(*.parent))]
    Orphan {
        /// The block's height.
        height: u64,
        /// What it names as its parent, if that is a hash at all.
        parent: Option<Hash>,
    },
    /// It stands on a side branch too far below the tip to be kept by itself.
    #[error(
        "block {height} stands on a side branch more than {limit} blocks below the tip ({tip}); \
         such blocks are taken only as part of a heavier chain"
    )]
    TooDeep {
        /// The block's height.
        height: u64,
        /// The tip's index.
        tip: u64,
        /// How far below the tip blocks are kept.
        limit: u64,
    },
    /// There are too many blocks on side branches already for one more to be
    /// kept by itself.
    #[error(
        "more than {limit} blocks on side branches; \
         further ones are taken only as part of a heavier chain"
    )]
    TooManySideBlocks {
        /// How many are kept.
        limit: usize,
    },
    /// Nobody asked for it, and it would take up disk space for ever for little
    /// or no work.
    #[error(
        "block {height} is valid, but it would stand beside the main chain and make nothing heavier; \
         such blocks are taken only as part of a heavier chain"
    )]
    NotHeavier {
        /// The block's height.
        height: u64,
    },
    /// No decision is possible any longer.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
}

fn named(parent: Option<Hash>) -> String {
    parent.map_or_else(String::new, |parent| format!(" {parent}"))
}

impl ChainError {
    /// The name of what the block was not taken for. Names never change.
    pub fn rule(&self) -> &'static str {
        match self {
            ChainError::Invalid(error) => error.rule(),
            ChainError::Orphan { .. } => "orphan",
            ChainError::TooDeep { .. } => "too-deep",
            ChainError::TooManySideBlocks { .. } => "side-blocks",
            ChainError::NotHeavier { .. } => "not-heavier",
            ChainError::Archive(_) => "archive",
        }
    }
}

/// Where a block came from, as far as the bound on side branches depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlockSource {
    /// By itself: beside the main chain it is kept if it took as much work as
    /// the tip, or the limits leave room.
    Single,
    /// By itself, from anybody: beside the main chain it is kept only if it
    /// took as much work as the tip.
    Submitted,
    /// As one of a branch that is known as a whole to be heavier than the
    /// main chain, or read again from our own log.
    InBranch,
}

/// The fork choice, the same for all rules: whether a chain of the first weight
/// takes the place of one of the second. Of two that weigh the same, the first
/// seen stays.
pub fn outweighs(candidate: Weight, main: Weight) -> bool {
    candidate > main
}

/// What became of a block.
#[derive(Debug)]
pub struct Connected {
    /// The block.
    pub block: Arc<Block>,
    /// What is known of it now.
    pub entry: Entry,
    /// What it does to the main chain.
    pub main: MainChange,
    /// The tip before.
    pub old_tip: Option<Arc<Block>>,
    /// What it does to the accounts, compared with its parent.
    pub changes: Vec<AccountChange>,
    /// Whether it was in the tree already, and is only seen from elsewhere.
    pub was_known: bool,
}

/// A block that is in the tree, with what the next one is checked against.
#[derive(Clone, Copy)]
struct ChainEntry {
    header: HeaderFields,
    parent: Option<HeaderFields>,
    entry: Entry,
}

/// The last block of the main chain, which others want to see whole.
struct Tip {
    block: Arc<Block>,
    known: ChainEntry,
}

/// The tree of blocks, seen from its tip.
pub struct Chain {
    rules: Arc<dyn Rules>,
    tip: Option<Tip>,
    /// The last block connected that did not extend the main chain: the parent of
    /// the next one when a branch comes, whatever else comes in between.
    last: Option<ChainEntry>,
    /// Where the branch of `last` leaves the main chain, as far as known. It is
    /// kept so that a long branch need not be walked down when it wins.
    last_fork: Option<u64>,
    side: BTreeSet<(u64, Hash)>,
    side_depth_limit: u64,
    side_blocks_limit: usize,
    invalid: InvalidBlocks,
}

impl ChainEntry {
    /// Where the block after this one stands.
    fn context(&self, now: Duration) -> Context<'_> {
        Context {
            parent: &self.header,
            grandparent: self.parent.as_ref(),
            now,
        }
    }
}

impl Chain {
    /// The tree whose main chain the archive holds. Its tip is the main block
    /// at `length`; a `length` of 0 is the empty tree.
    pub fn open(
        rules: Arc<dyn Rules>,
        length: u64,
        archive: &dyn Archive,
    ) -> Result<Chain, ChainError> {
        let mut chain = Chain {
            rules,
            tip: None,
            last: None,
            last_fork: None,
            side: BTreeSet::new(),
            side_depth_limit: SIDE_DEPTH_LIMIT,
            side_blocks_limit: SIDE_BLOCKS_LIMIT,
            invalid: InvalidBlocks::default(),
        };
        if let Some(hash) = archive.main_hash(length)? {
            let tip = chain.stored_tip(&hash, archive)?;
            chain.tip = Some(tip.ok_or(ChainError::Orphan {
                height: length,
                parent: Some(hash),
            })?);
        }
        Ok(chain)
    }

    /// Other limits in place of [`SIDE_DEPTH_LIMIT`] and [`SIDE_BLOCKS_LIMIT`].
    pub fn limit_side_blocks(&mut self, depth: u64, blocks: usize) {
        (self.side_depth_limit, self.side_blocks_limit) = (depth, blocks);
    }

    /// The rules that decide.
    pub fn rules(&self) -> &Arc<dyn Rules> {
        &self.rules
    }

    /// The last block of the main chain; `None` while the tree is empty.
    pub fn tip(&self) -> Option<&Arc<Block>> {
        self.tip.as_ref().map(|tip| &tip.block)
    }

    /// Where the next block of the main chain will stand.
    pub fn next(&self, now: Duration) -> Option<Context<'_>> {
        self.tip.as_ref().map(|tip| tip.known.context(now))
    }

    /// The number of blocks in the main chain.
    pub fn length(&self) -> u64 {
        self.tip().map_or(0, |tip| tip.height())
    }

    /// The sum of the weights of the main chain.
    pub fn total_weight(&self) -> Weight {
        self.tip
            .as_ref()
            .map_or(Weight::ZERO, |tip| tip.known.entry.total_weight)
    }

    /// Why the block was refused before, if it was, by checks that need not be
    /// made twice.
    pub fn known_invalid(&self, hash: &Hash) -> Option<&BlockError> {
        self.invalid.get(hash)
    }

    /// Checks a block and takes it into the tree; `None` when it is there
    /// already. The archive must show the change before the next call.
    ///
    /// # Panics
    ///
    /// When it does not: the accounts would be those of another block, and the
    /// node would silently part from the network.
    pub fn insert(
        &mut self,
        now: Duration,
        block: Arc<Block>,
        source: BlockSource,
        archive: &dyn Archive,
    ) -> Result<Option<Connected>, ChainError> {
        self.insert_knowing(now, block, source, archive, &|_, _| false)
    }

    /// As `insert`; the signatures of transactions that `is_checked` knows, by
    /// identity and text, are not checked again.
    pub(crate) fn insert_knowing(
        &mut self,
        now: Duration,
        block: Arc<Block>,
        source: BlockSource,
        archive: &dyn Archive,
        is_checked: &dyn Fn(&Hash, &[u8]) -> bool,
    ) -> Result<Option<Connected>, ChainError> {
        if let Some(entry) = archive.entry(&block.hash())? {
            let is_behind_tip = block.parent().is_some_and(|parent| self.is_tip(&parent));
            return match is_behind_tip {
                true => self.take_again(block, entry, archive).map(Some),
                false => Ok(None),
            };
        }
        if let Some(error) = self.invalid.get(&block.hash()) {
            return Err(error.clone().into());
        }
        self.check_contract(archive)?;
        self.rules.check_stateless(&block)?;
        let parent = self.parent_of(&block, archive)?;
        let ahead = match &parent {
            Some(parent) => self.check_place(now, parent, &block)?,
            None => None,
        };
        let weight_before = parent.as_ref().map(|parent| parent.entry.total_weight);
        let weight_before = weight_before.unwrap_or_default();
        let entry = Entry {
            height: block.height(),
            parent: block.parent(),
            total_weight: weight_before.saturating_add(self.rules.weight(block.header())),
        };
        let fork = match &parent {
            Some(parent) => self.fork_at(parent, archive)?,
            None => Some(0),
        };
        let main = self.choose(&block, entry, fork, archive)?;
        let is_limited = main == MainChange::Side
            && source != BlockSource::InBranch
            && !self.has_cost_as_much_as_the_tip(&block);
        if is_limited {
            self.check_side_room(&block, source)?;
        }
        // What takes long is checked when all else is in order: anyone who
        // wants to keep us busy has to work for it.
        let signed = self.rules.check_signatures(&block, is_checked);
        signed.map_err(|error| self.remember_invalid(&block, error))?;
        // A block whose time has not come has by now passed every check that
        // does not depend on what comes until then.
        if let Some(error) = ahead {
            return Err(error.into());
        }
        let changes = self.apply(&block, parent.as_ref(), archive)?;
        let old_tip = self.tip().cloned();
        let known = ChainEntry {
            header: *block.header(),
            parent: parent.map(|parent| parent.header),
            entry,
        };
        if main == MainChange::Side {
            if is_limited {
                self.side.insert((block.height(), block.hash()));
            }
            (self.last, self.last_fork) = (Some(known), fork);
        } else {
            if main != MainChange::Extend {
                // Below another branch the main chain is another one.
                (self.last, self.last_fork) = (None, None);
            }
            let block = Arc::clone(&block);
            self.tip = Some(Tip { block, known });
        }
        self.check_invariants(entry);
        Ok(Some(Connected {
            entry,
            main,
            old_tip,
            changes,
            block,
            was_known: false,
        }))
    }

    /// Checks that the block is valid where it stands. If all that is wrong is
    /// its time, that error is returned as the value.
    fn check_place(
        &self,
        now: Duration,
        parent: &ChainEntry,
        block: &Block,
    ) -> Result<Option<BlockError>, BlockError> {
        match self.rules.check_contextual(parent.context(now), block) {
            Ok(()) => Ok(None),
            Err(error) if error.ahead_until_ms().is_some() => Ok(Some(error)),
            Err(error) => Err(error),
        }
    }

    fn remember_invalid(&mut self, block: &Block, error: BlockError) -> BlockError {
        self.invalid.remember(block.hash(), error.clone());
        error
    }

    /// `taken` is what is known of the block that was taken last.
    fn check_invariants(&self, taken: Entry) {
        let tip = self.tip.as_ref().map(|tip| tip.known);
        assert!(taken.total_weight <= self.total_weight(), "invariant 2");
        let last = self.last.map(|last| last.header.hash);
        let tip_hash = tip.map(|tip| tip.header.hash);
        assert!(last.is_none() || last != tip_hash, "invariant 3");
        assert!(last.is_some() || self.last_fork.is_none(), "invariant 3");
        assert!(self.side.len() <= self.side_blocks_limit, "invariant 4");
        for known in [self.last, tip].into_iter().flatten() {
            let (header, entry) = (known.header, known.entry);
            debug_assert_eq!((header.height, header.parent), (entry.height, entry.parent));
            debug_assert_eq!(known.parent.map(|parent| parent.hash), header.parent);
        }
    }

    /// Checks that the archive shows every change that was made before this
    /// one. It is checked in every build: it takes two look-ups at most, and a
    /// breach would go unnoticed otherwise.
    fn check_contract(&self, archive: &dyn Archive) -> Result<(), ChainError> {
        let length = self.length();
        let tip = self.tip().map(|tip| tip.hash());
        let shown = match length {
            0 => None,
            _ => archive.main_hash(length)?,
        };
        let behind = archive.main_hash(length.saturating_add(1))?;
        assert_eq!(
            (shown, behind),
            (tip, None),
            "a chain makes one change, and then the archive shows it"
        );
        Ok(())
    }

    /// What the block does to the accounts.
    fn apply(
        &mut self,
        block: &Block,
        parent: Option<&ChainEntry>,
        archive: &dyn Archive,
    ) -> Result<Vec<AccountChange>, ChainError> {
        if !self.rules.keeps_accounts() {
            return Ok(Vec::new());
        }
        let before = match parent.map(|parent| parent.header.hash) {
            None => AccountsAt::before_genesis(),
            Some(parent) if self.is_tip(&parent) => AccountsAt::new(|owner| archive.account(owner)),
            Some(parent) => archive.accounts_at(&parent)?,
        };
        let changes = before.read(|accounts| self.rules.apply(block, accounts))?;
        let changes = changes.map_err(|error| self.remember_invalid(block, error))?;
        debug_assert_eq!(
            sum(&changes, |change| change.after),
            sum(&changes, |change| change.before) + self.rules.issued(block.height())
                - self.rules.issued(block.height().saturating_sub(1)),
            "a block makes no more coins than it issues"
        );
        Ok(changes)
    }

    fn choose(
        &self,
        block: &Block,
        entry: Entry,
        fork: Option<u64>,
        archive: &dyn Archive,
    ) -> Result<MainChange, ChainError> {
        if !outweighs(entry.total_weight, self.total_weight()) {
            return Ok(MainChange::Side);
        }
        if entry.parent == self.tip().map(|tip| tip.hash()) {
            return Ok(MainChange::Extend);
        }
        let fork = match fork {
            Some(fork) => fork,
            None => self.fork_below(block, archive)?,
        };
        Ok(MainChange::Reorganise { fork })
    }

    /// Where a branch that continues from `parent` leaves the main chain, if
    /// that is known without walking down the branch.
    fn fork_at(
        &self,
        parent: &ChainEntry,
        archive: &dyn Archive,
    ) -> Result<Option<u64>, ChainError> {
        let HeaderFields { height, hash, .. } = parent.header;
        if self.is_tip(&hash) {
            return Ok(Some(height));
        }
        if self.is_last(&hash) {
            return Ok(self.last_fork);
        }
        Ok((archive.main_hash(height)? == Some(hash)).then_some(height))
    }

    /// Where the branch of a block leaves the main chain.
    fn fork_below(&self, block: &Block, archive: &dyn Archive) -> Result<u64, ChainError> {
        let Some(parent) = block.parent() else {
            return Ok(0);
        };
        archive.fork(&parent)?.ok_or(ChainError::Orphan {
            height: block.height(),
            parent: Some(parent),
        })
    }

    fn parent_of(
        &self,
        block: &Block,
        archive: &dyn Archive,
    ) -> Result<Option<ChainEntry>, ChainError> {
        if block.is_genesis() {
            return Ok(None);
        }
        let orphan = || ChainError::Orphan {
            height: block.height(),
            parent: block.parent(),
        };
        let hash = block.parent().ok_or_else(orphan)?;
        let at_hand = [self.last, self.tip.as_ref().map(|tip| tip.known)];
        let mut at_hand = at_hand.into_iter().flatten();
        if let Some(known) = at_hand.find(|known| known.header.hash == hash) {
            return Ok(Some(known));
        }
        stored(&hash, archive)?.ok_or_else(orphan).map(Some)
    }

    fn is_tip(&self, hash: &Hash) -> bool {
        let tip = self.tip.as_ref();
        tip.is_some_and(|tip| tip.known.header.hash == *hash)
    }

    fn is_last(&self, hash: &Hash) -> bool {
        self.last.is_some_and(|last| last.header.hash == *hash)
    }

    fn stored_tip(&self, hash: &Hash, archive: &dyn Archive) -> Result<Option<Tip>, ChainError> {
        let (Some(known), Some(text)) = (stored(hash, archive)?, archive.text(hash)?) else {
            return Ok(None);
        };
        let block = Arc::new(self.rules.read_canonical(text)?);
        Ok(Some(Tip { block, known }))
    }

    /// Whether the block took as much work to make as the tip. Where a proof
    /// does not depend on the content, one proof makes any number of blocks.
    fn has_cost_as_much_as_the_tip(&self, block: &Block) -> bool {
        let tip_weight = self.tip().map(|tip| self.rules.weight(tip.header()));
        self.rules.proof_is_for_content()
            && self.rules.weight(block.header()) >= tip_weight.unwrap_or_default()
    }

    /// Whether one more block that is cheaper than the tip can be kept beside the
    /// main chain. One that is not costs as much as a block of the main chain:
    /// a peer that fills our disk with these could as well make that longer.
    fn check_side_room(&mut self, block: &Block, source: BlockSource) -> Result<(), ChainError> {
        let height = block.height();
        if source == BlockSource::Submitted {
            return Err(ChainError::NotHeavier { height });
        }
        let (tip, limit) = (self.length(), self.side_depth_limit);
        let lowest = tip.saturating_sub(limit);
        if height < lowest {
            return Err(ChainError::TooDeep { height, tip, limit });
        }
        self.side = self.side.split_off(&(lowest, Hash([0; 32])));
        let limit = self.side_blocks_limit;
        if self.side.len() >= limit {
            return Err(ChainError::TooManySideBlocks { limit });
        }
        Ok(())
    }
}

/// A block of the archive. No text is read for it.
fn stored(hash: &Hash, archive: &dyn Archive) -> Result<Option<ChainEntry>, ArchiveError> {
    let (Some(entry), Some(header)) = (archive.entry(hash)?, archive.header(hash)?) else {
        return Ok(None);
    };
    let parent = match entry.parent {
        None => None,
        Some(parent) => archive.header(&parent)?,
    };
    Ok(Some(ChainEntry {
        header,
        parent,
        entry,
    }))
}

/// What the changed accounts own together, before or after.
fn sum(changes: &[AccountChange], side: impl Fn(&AccountChange) -> Account) -> u128 {
    let balances = changes.iter().map(|change| side(change).balance);
    balances.map(u128::from).sum()
}
