//! The lines of blocks, as the overlay and the index show them together. Each
//! block is in one line and stays there; the main chain goes along some of the
//! lines. So a branch of any length becomes the main chain by naming the lines
//! that it is in, and no block is written again. Which branch that is, the core
//! decides.

use adit_core::address::Address;
use adit_core::archive::Entry;
use adit_core::hash::Hash;
use adit_core::sealed::Account;

use crate::index::account_overlay::AccountOverlay;
use crate::index::overlay::{Overlay, Stretch};
use crate::index::record::{BlockRecord, Line, MainRecord, Row, RowKey};
use crate::index::view::IndexView;
use crate::log::position::Location;

/// All lines, as of the last change.
pub(crate) struct Lines<'a> {
    pub(crate) overlay: &'a Overlay,
    pub(crate) view: &'a IndexView,
}

/// Where a new block is placed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NewPlace {
    /// The number of its line,
    pub(crate) number: u32,
    /// how the line is then,
    pub(crate) line: Line,
    /// and the bytes of the block's chain.
    pub(crate) chain_bytes: u64,
}

/// Where the accounts are that were changed since the last checkpoint.
#[derive(Clone, Copy)]
pub(crate) enum RecentAccounts<'a> {
    /// In memory, at the one that writes the index.
    Overlay(&'a AccountOverlay),
    /// Among the recent changes of the index.
    Index,
}

/// The lines that a chain goes along, up to its last block.
#[derive(Debug)]
pub(crate) struct ChainLines {
    /// The index of its last block.
    height: u64,
    /// Up to this block it is the main chain,
    fork: u64,
    /// and above it goes along these.
    branch: Vec<Stretch>,
}

impl ChainLines {
    /// The last of its blocks that is in the main chain; 0 if none is.
    pub(crate) fn fork(&self) -> u64 {
        self.fork
    }

    fn line_above_fork(&self, height: u64) -> Option<u32> {
        let mut below = self.branch.iter().rev();
        let stretch = below.find(|stretch| stretch.first <= height);
        stretch.map(|stretch| stretch.line)
    }
}

impl Lines<'_> {
    /// A block, on the main chain or beside it.
    pub(crate) fn block(&self, hash: &Hash) -> Result<Option<BlockRecord>, redb::Error> {
        match self.overlay.block(hash) {
            Some(record) => Ok(Some(record)),
            None => self.view.block(hash),
        }
    }

    /// The main chain's block at that index.
    pub(crate) fn main_at(&self, height: u64) -> Result<Option<MainRecord>, redb::Error> {
        if height == 0 || height > self.overlay.main_length() {
            return Ok(None);
        }
        match self.line_at(height)? {
            Some(line) => Ok(Some(self.row(line, height)?.main)),
            None => Ok(None),
        }
    }

    /// Where the block after `entry.parent` is placed: in its parent's line, if
    /// that is the last block there, or in a new one.
    pub(crate) fn place(&self, entry: Entry, location: Location) -> Result<NewPlace, redb::Error> {
        let length_bytes = u64::from(location.length_bytes);
        let new = Line {
            first: entry.height,
            last: entry.height,
            parent: None,
        };
        let Some(parent) = entry.parent else {
            return Ok(NewPlace {
                number: self.overlay.next_line(),
                line: new,
                chain_bytes: length_bytes,
            });
        };
        let Some(record) = self.block(&parent)? else {
            let what = format!("block {parent} is missing, on which another stands");
            return Err(redb::Error::Corrupted(what));
        };
        let bytes_before = self.row(record.line, record.entry.height)?.chain_bytes;
        let line = self.line(record.line)?;
        let (number, line) = match line.last == record.entry.height {
            true => (
                record.line,
                Line {
                    last: entry.height,
                    ..line
                },
            ),
            false => (
                self.overlay.next_line(),
                Line {
                    parent: Some(record.line),
                    ..new
                },
            ),
        };
        Ok(NewPlace {
            number,
            line,
            chain_bytes: bytes_before.saturating_add(length_bytes),
        })
    }

    /// The lines along which a branch that ends in this line goes from the main
    /// chain's block `fork` on.
    pub(crate) fn stretches(&self, fork: u64, last: u32) -> Result<Vec<Stretch>, redb::Error> {
        let line_at_fork = self.line_at(fork)?;
        let mut stretches = Vec::new();
        let mut next = Some(last);
        while let Some(number) = next.filter(|number| Some(*number) != line_at_fork) {
            let line = self.line(number)?;
            stretches.push(Stretch {
                first: line.first.max(fork + 1),
                line: number,
            });
            next = line.parent.filter(|_| line.first > fork + 1);
        }
        stretches.reverse();
        Ok(stretches)
    }

    /// The lines that the chain of a block goes along. It looks line by line, not
    /// block by block.
    pub(crate) fn chain_of(&self, block: RowKey) -> Result<ChainLines, redb::Error> {
        let mut chain = ChainLines {
            height: block.height,
            fork: 0,
            branch: Vec::new(),
        };
        let RowKey {
            line: mut number,
            mut height,
        } = block;
        loop {
            let line = self.line(number)?;
            let is_main = line.first <= self.overlay.main_length()
                && self.line_at(line.first)? == Some(number);
            if is_main {
                chain.fork = height.min(self.stretch_end(line.first)?);
            }
            chain.branch.push(Stretch {
                first: line.first.max(chain.fork + 1),
                line: number,
            });
            match line.parent.filter(|_| !is_main) {
                Some(parent) => (number, height) = (parent, line.first - 1),
                None => break,
            }
        }
        chain.branch.reverse();
        Ok(chain)
    }

    /// The lines that the main chain goes along.
    pub(crate) fn main_chain(&self) -> ChainLines {
        ChainLines {
            height: self.overlay.main_length(),
            fork: self.overlay.main_length(),
            branch: Vec::new(),
        }
    }

    /// An account as the last block of a chain left it.
    pub(crate) fn account(
        &self,
        owner: &Address,
        chain: &ChainLines,
        recent: RecentAccounts<'_>,
    ) -> Result<Account, redb::Error> {
        let is_in_chain = |block: RowKey| {
            let line = match chain.line_above_fork(block.height) {
                Some(line) => Some(line),
                None => self.line_at(block.height)?,
            };
            Ok(line == Some(block.line))
        };
        let accounts = self.view.accounts();
        let in_memory = match recent {
            RecentAccounts::Overlay(overlay) => overlay.newest(owner, chain.height, is_in_chain)?,
            RecentAccounts::Index => None,
        };
        let newest = match in_memory {
            Some(account) => Some(account),
            None => {
                let looks_at_recent = matches!(recent, RecentAccounts::Index);
                accounts.newest(owner, chain.height, looks_at_recent, is_in_chain)?
            }
        };
        Ok(newest.unwrap_or_default())
    }

    /// The last block of the main chain in the line of the one at `index`.
    fn stretch_end(&self, height: u64) -> Result<u64, redb::Error> {
        let mut above = self.overlay.stretches().iter();
        let above = above.find(|stretch| stretch.first > height);
        let kept = self.view.next_stretch(height)?;
        let kept = kept.filter(|stretch| stretch.first <= self.overlay.kept_length());
        let next = kept.or(above.copied());
        Ok(next.map_or(self.overlay.main_length(), |next| next.first - 1))
    }

    /// The line in which the main chain's block at that index is.
    fn line_at(&self, height: u64) -> Result<Option<u32>, redb::Error> {
        match self.overlay.line_at(height) {
            Some(line) => Ok(Some(line)),
            None => self.view.line_at(height.min(self.overlay.kept_length())),
        }
    }

    fn line(&self, number: u32) -> Result<Line, redb::Error> {
        match self.overlay.line(number) {
            Some(line) => Ok(line),
            None => self.view.line(number),
        }
    }

    fn row(&self, line: u32, height: u64) -> Result<Row, redb::Error> {
        match self.overlay.row(line, height) {
            Some(row) => Ok(row),
            None => self.view.row(line, height),
        }
    }
}
