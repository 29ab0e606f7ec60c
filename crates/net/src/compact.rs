//! A block without what the other side has: how it is made, and how the block is
//! made of it again (BIP 152). An id is of the Merkle leaf, so that it names one
//! text and not one of several with the same identity. Who is sent one, and who
//! is asked for what lacks, is not known here.

use std::collections::BTreeMap;
use std::sync::Arc;

use adit_core::block::Block;
use adit_core::hash::{Hash, sha256};
use adit_core::merkle;
use adit_core::rules::{Rules, Sealed};
use adit_core::sealed::{CompactHeader, Header, write_block};

use crate::branch::KnownHeader;
use crate::dice::siphash;
use crate::message::{Compact, ShortId};

/// A block has at most this many transactions: none is shorter than 64 bytes in
/// a block of 8 MiB.
pub const BLOCK_TRANSACTIONS_LIMIT: usize = 131_072;

/// A short id is the lowest 48 bits.
const SHORT_ID_MASK: u64 = (1 << 48) - 1;

/// The key of a compact block's ids: SHA-256 of its record and nonce.
fn key_of(record: &CompactHeader, nonce: u64) -> (u64, u64) {
    let bytes = [&record.to_bytes()[..], &nonce.to_be_bytes()].concat();
    let Hash(digest) = sha256(&bytes);
    let number = |at: usize| {
        let mut number = [0; 8];
        number.copy_from_slice(&digest[at..at + 8]);
        u64::from_be_bytes(number)
    };
    (number(0), number(8))
}

fn short_id(key: (u64, u64), leaf: &Hash) -> ShortId {
    ShortId(siphash(key, leaf) & SHORT_ID_MASK)
}

/// What a header's block says besides its transactions.
pub(crate) fn record_of(block: &Block) -> Option<CompactHeader> {
    let header = &block.sealed()?.header;
    Some(CompactHeader {
        merkle_root: header.merkle_root,
        timestamp_ms: header.timestamp_ms,
        proof: block.proof(),
    })
}

/// A block in its short form; `prefilled` are the places of those transactions
/// that the other side is likely to lack, besides the reward.
pub fn compact_of(block: &Block, nonce: u64, prefilled: &[u32]) -> Option<Compact> {
    let (record, start) = (record_of(block)?, block.parent()?);
    let key = key_of(&record, nonce);
    let mut compact = Compact {
        start,
        record,
        nonce,
        ids: Vec::new(),
        prefilled: Vec::new(),
    };
    for (place, text) in (0_u32..).zip(block.transactions()) {
        if place == 0 || prefilled.contains(&place) {
            compact.prefilled.push((place, text.into()));
        } else {
            compact.ids.push(short_id(key, &merkle::leaf(text)));
        }
    }
    Some(compact)
}

/// A block of which some transactions may still be missing.
#[derive(Debug)]
pub struct Partial {
    header: KnownHeader,
    texts: Vec<Option<Arc<[u8]>>>,
    /// The places of those that were not at hand.
    missing: Vec<u32>,
    /// The places that were prefilled, besides the reward.
    prefilled: Vec<u32>,
}

impl Partial {
    /// Fills in what is at hand: the prefilled ones, and of `known`, texts by
    /// their leaf, those whose ids fit. `None` if the places make no sense.
    pub fn fill<'a>(
        header: KnownHeader,
        compact: &Compact,
        known: impl Iterator<Item = (&'a Hash, &'a Arc<[u8]>)>,
    ) -> Option<Partial> {
        let count = compact.ids.len() + compact.prefilled.len();
        if count == 0 || count > BLOCK_TRANSACTIONS_LIMIT {
            return None;
        }
        let mut texts = vec![None; count];
        for (place, text) in &compact.prefilled {
            *texts.get_mut(usize::try_from(*place).ok()?)? = Some(Arc::clone(text));
        }
        let open: Vec<usize> = (0..count).filter(|place| texts[*place].is_none()).collect();
        let key = key_of(&compact.record, compact.nonce);
        let mut by_id: BTreeMap<ShortId, Option<usize>> = BTreeMap::new();
        for (place, id) in open.iter().zip(&compact.ids) {
            // Two places of one id: neither can be told from the other.
            let place = Some(*place);
            by_id
                .entry(*id)
                .and_modify(|place| *place = None)
                .or_insert(place);
        }
        for (leaf, text) in known {
            let Some(Some(place)) = by_id.get(&short_id(key, leaf)) else {
                continue;
            };
            let place = *place;
            match texts[place] {
                None => texts[place] = Some(Arc::clone(text)),
                // Two texts of one id: the sender has to say which.
                Some(_) => {
                    texts[place] = None;
                    by_id.insert(short_id(key, leaf), None);
                }
            }
        }
        let places = (0_u32..).zip(&texts);
        let missing = places.filter(|(_, text)| text.is_none());
        Some(Partial {
            header,
            missing: missing.map(|(place, _)| place).collect(),
            prefilled: compact
                .prefilled
                .iter()
                .map(|(place, _)| *place)
                .filter(|place| *place > 0)
                .collect(),
            texts,
        })
    }

    /// Whose block it is.
    pub fn header(&self) -> &KnownHeader {
        &self.header
    }

    /// The places of what is to be asked for.
    pub fn missing(&self) -> &[u32] {
        &self.missing
    }

    /// The places that others are likely to lack too: what was prefilled, and
    /// what had to be asked for.
    pub fn likely_missing(&self) -> Vec<u32> {
        let mut places = [&self.prefilled[..], &self.missing].concat();
        places.sort_unstable();
        places
    }

    /// Fills in what was asked for, in order; `false` if it is not as many.
    pub fn complete(&mut self, texts: &[Arc<[u8]>]) -> bool {
        if texts.len() != self.missing.len() {
            return false;
        }
        for (place, text) in self.missing.iter().zip(texts) {
            self.texts[*place as usize] = Some(Arc::clone(text));
        }
        true
    }

    /// The block, if these transactions are those of its header.
    pub fn block(&self, rules: &Sealed) -> Option<Block> {
        let mut list = vec![b'['];
        for (place, text) in self.texts.iter().enumerate() {
            if place > 0 {
                list.extend_from_slice(b", ");
            }
            list.extend_from_slice(text.as_ref()?);
        }
        list.push(b']');
        let fields = &self.header.fields;
        let header = Header {
            height: fields.height,
            merkle_root: self.header.record.merkle_root,
            params: None,
            previous_hash: fields.parent?,
            target: fields.sealed?.target,
            timestamp_ms: self.header.record.timestamp_ms,
        };
        let text = write_block(&header, self.header.record.proof, &list);
        let block = rules.read(&text).ok()?;
        (block.hash() == fields.hash).then_some(block)
    }
}
