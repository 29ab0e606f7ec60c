//! Asks the peers for damaged blocks: first by hash, as only adit serves them,
//! then by reading the chains of the others, which can only send all of it.
//! What each of them costs has a bound, and none waits for another. Whether a
//! block is the one that lay on the disk, the store says.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use adit_core::archive::{Archive, ArchiveError};
use adit_core::block::BlockError;
use adit_core::hash::Hash;
use adit_core::peer::PeerAddress;
use adit_core::rules::Rules;
use adit_core::sync::{ChainReader, ReadError};
use adit_store::{DamagedBlock, Reader, StoreError};
use reqwest::{Client, StatusCode};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout, timeout_at};

use crate::peers::fetch::{self, FetchError, Packing, Piece, Pieces};
use crate::peers::unread::{TooManyLargeBlocks, Unread, UnreadBudget};
use crate::{open_files, repeated};
use adit_api::headers::NODE_HEADER;

/// A peer must have sent a block that it was asked for by hash within this time.
const BLOCK_ANSWER_TIMEOUT_MS: u64 = 30_000;

/// A peer must have sent its chain, as far as it is read, within this time.
const CHAIN_ANSWER_TIMEOUT_MS: u64 = 600_000;

/// After this time, a peer that still answers makes room for the next.
const MENDING_TURN_MS: u64 = 2_000;

/// This many chains are read at a time, not counting those that take longer.
const CHAINS_AT_ONCE_LIMIT: usize = 4;

/// This many peers are asked at a time in all, by hash and for their chain.
const MENDERS_LIMIT: usize = 64;

/// One of this many open files may be the connection to one of them.
const MENDERS_SHARE: usize = 16;

/// A chain that did not hold what was looked for is read again this much later.
const CHAIN_PAUSE_MS: u64 = 600_000;

/// All chains together may hold this much of blocks that are not whole yet.
const CHAINS_LIMIT_BYTES: usize = 64 * 1024 * 1024;

/// This many answers wait until those before are written to the disk.
const HEARD_LIMIT: usize = 4;

/// Asks the peers, and remembers which it asked in vain.
pub(super) struct Menders {
    asking: Arc<Asking>,
    /// When these peers' chains were read and held nothing that was looked for.
    read_in_vain: BTreeMap<PeerAddress, Instant>,
}

struct Asking {
    client: Client,
    rules: Arc<dyn Rules>,
    /// Knows which blocks are stored; a folder that can't be opened has none.
    stored: Option<Reader>,
    places: Semaphore,
    turns: Semaphore,
    unread: UnreadBudget,
}

/// The blocks that nobody has sent yet.
struct Wanted(Mutex<BTreeMap<Hash, DamagedBlock>>);

/// What came of an ask.
enum MendingOutcome {
    /// A block with the hash of one that is wanted.
    Block(Hash, Vec<u8>),
    /// The peer was asked by hash; whether it is one that serves blocks so.
    Asked {
        peer: PeerAddress,
        serves_blocks: bool,
    },
    /// The peer's chain was read in vain.
    Read(PeerAddress),
}

/// Why a peer's chain is not read any further.
#[derive(Debug, thiserror::Error)]
enum ChainError {
    #[error("{0}")]
    Read(#[from] ReadError),
    #[error("{0}")]
    Block(#[from] BlockError),
    #[error("expected block {expected}, found block {found}")]
    Place { expected: u64, found: u64 },
    #[error(transparent)]
    Full(#[from] TooManyLargeBlocks),
    #[error("{0}")]
    Store(#[from] StoreError),
    #[error("{0}")]
    Archive(#[from] ArchiveError),
}

impl Menders {
    pub(super) fn new(rules: Arc<dyn Rules>, stored: Option<Reader>) -> Menders {
        let places = open_files::for_peers(MENDERS_LIMIT, MENDERS_SHARE);
        Menders {
            asking: Arc::new(Asking {
                client: fetch::client(),
                rules,
                stored,
                places: Semaphore::new(places),
                turns: Semaphore::new(CHAINS_AT_ONCE_LIMIT),
                unread: UnreadBudget::new(CHAINS_LIMIT_BYTES),
            }),
            read_in_vain: BTreeMap::new(),
        }
    }

    /// Asks these peers for the blocks, and hands over what is sent, until `mend`
    /// has taken all of them or nobody has another.
    pub(super) async fn ask(
        &mut self,
        peers: &[PeerAddress],
        blocks: &[DamagedBlock],
        mut mend: impl FnMut(&DamagedBlock, &[u8]) -> bool,
    ) {
        let wanted = Wanted::of(blocks);
        let (sender, mut heard) = mpsc::channel(HEARD_LIMIT);
        // Dropped with all that is under way.
        let mut asks = JoinSet::new();
        for peer in peers {
            let (asking, wanted) = (Arc::clone(&self.asking), Arc::clone(&wanted));
            let (peer, sender) = (peer.clone(), sender.clone());
            asks.spawn(async move { asking.by_hash(peer, &wanted, &sender).await });
        }
        // A peer that has not answered by then is waited for beside the others.
        let turn_end = Instant::now() + Duration::from_millis(MENDING_TURN_MS);
        let mut others: Vec<PeerAddress> = peers.to_vec();
        let mut unasked_count = peers.len();
        while unasked_count > 0
            && let Ok(Some(heard)) = timeout_at(turn_end, heard.recv()).await
        {
            match heard {
                MendingOutcome::Asked {
                    peer,
                    serves_blocks,
                } => {
                    unasked_count -= 1;
                    others.retain(|other| *other != peer || !serves_blocks);
                }
                heard => self.take(heard, &wanted, &mut mend),
            }
            if wanted.is_empty() {
                return;
            }
        }
        let pause = Duration::from_millis(CHAIN_PAUSE_MS);
        self.read_in_vain.retain(|_, read| read.elapsed() < pause);
        for peer in others {
            if !self.read_in_vain.contains_key(&peer) {
                let (asking, wanted) = (Arc::clone(&self.asking), Arc::clone(&wanted));
                let sender = sender.clone();
                asks.spawn(async move { asking.by_chain(peer, wanted, sender).await });
            }
        }
        drop(sender);
        while let Some(heard) = heard.recv().await {
            self.take(heard, &wanted, &mut mend);
            if wanted.is_empty() {
                return;
            }
        }
    }

    fn take(
        &mut self,
        heard: MendingOutcome,
        wanted: &Wanted,
        mend: &mut impl FnMut(&DamagedBlock, &[u8]) -> bool,
    ) {
        match heard {
            MendingOutcome::Block(hash, text) => {
                // Another peer may have sent it too.
                let block = wanted.lock().get(&hash).cloned();
                if block.is_some_and(|block| mend(&block, &text)) {
                    wanted.lock().remove(&hash);
                }
            }
            MendingOutcome::Read(peer) => {
                self.read_in_vain.insert(peer, Instant::now());
            }
            MendingOutcome::Asked { .. } => {}
        }
    }
}

impl Wanted {
    fn of(blocks: &[DamagedBlock]) -> Arc<Wanted> {
        let blocks = blocks.iter().map(|block| (block.hash, block.clone()));
        Arc::new(Wanted(Mutex::new(blocks.collect())))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Hash, DamagedBlock>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    fn contains(&self, hash: &Hash) -> bool {
        self.lock().contains_key(hash)
    }

    /// None of them stands beyond this index.
    fn last_height(&self) -> u64 {
        let blocks = self.lock();
        blocks.values().map(|block| block.height).max().unwrap_or(0)
    }
}

impl Asking {
    /// Asks a peer for one block after another, as long as it sends them.
    async fn by_hash(
        &self,
        peer: PeerAddress,
        wanted: &Wanted,
        sender: &mpsc::Sender<MendingOutcome>,
    ) {
        let place = self.places.acquire().await;
        let blocks: Vec<DamagedBlock> = wanted.lock().values().cloned().collect();
        let mut serves_blocks = false;
        for block in blocks {
            if !wanted.contains(&block.hash) {
                continue;
            }
            let limit = Duration::from_millis(BLOCK_ANSWER_TIMEOUT_MS);
            let answer = timeout(limit, self.block(&peer, &block)).await;
            let Ok(Some((text, is_of_adit))) = answer else {
                tracing::debug!(%peer, hash = %block.hash, "the peer does not send the block");
                serves_blocks = false;
                break;
            };
            serves_blocks = is_of_adit;
            match text.map(|text| self.rules.read_canonical(text)) {
                None if is_of_adit => {}
                None => break,
                Some(Ok(read)) if read.hash() == block.hash => {
                    let found = MendingOutcome::Block(block.hash, read.text().to_vec());
                    if sender.send(found).await.is_err() {
                        return;
                    }
                }
                Some(_) => {
                    if let Some(left_out) = repeated::turn_of_news("another-block") {
                        tracing::warn!(%peer, hash = %block.hash, left_out,
                            "the peer sent another block than was asked for");
                    }
                    break;
                }
            }
        }
        drop(place);
        let asked = MendingOutcome::Asked {
            peer,
            serves_blocks,
        };
        // Perhaps nobody wants to know any longer.
        let _ = sender.send(asked).await;
    }

    /// Returns what a peer sends for a block's hash, at most as long as the block,
    /// and whether it is an adit node; `None` if it does not answer.
    async fn block(
        &self,
        peer: &PeerAddress,
        block: &DamagedBlock,
    ) -> Option<(Option<Vec<u8>>, bool)> {
        let url = peer.url(&format!("/api/v1/block/{}/raw", block.hash));
        let mut answer = self.client.get(url).send().await.ok()?;
        let is_of_adit = answer.headers().contains_key(NODE_HEADER);
        if answer.status() != StatusCode::OK {
            return Some((None, is_of_adit));
        }
        let mut text = Vec::new();
        while let Some(piece) = answer.chunk().await.ok()? {
            text.extend_from_slice(&piece);
            if text.len() > block.length_bytes as usize {
                return Some((None, false));
            }
        }
        Some((Some(text), is_of_adit))
    }

    /// Reads a peer's chain when there is a place for it.
    async fn by_chain(
        self: Arc<Self>,
        peer: PeerAddress,
        wanted: Arc<Wanted>,
        sender: mpsc::Sender<MendingOutcome>,
    ) {
        let _place = self.places.acquire().await;
        let limit = Duration::from_millis(CHAIN_ANSWER_TIMEOUT_MS);
        let reading = timeout(limit, self.chain(&peer, wanted, &sender));
        let error = match self.in_turn(reading).await {
            Ok(Ok(Ok(()))) => None,
            Ok(Ok(Err(error))) => Some(error.to_string()),
            Ok(Err(FetchError::Http(error))) if error.is_connect() => return,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some(FetchError::Endless(CHAIN_ANSWER_TIMEOUT_MS).to_string()),
        };
        if let Some(error) = error {
            tracing::debug!(%peer, error, "the peer's chain was not read to the damaged block");
        }
        let _ = sender.send(MendingOutcome::Read(peer)).await;
    }

    /// A reading that takes long gives the turn to the next and goes on beside it.
    async fn in_turn<T>(&self, reading: impl Future<Output = T>) -> T {
        let turn = self.turns.acquire().await;
        let mut reading = std::pin::pin!(reading);
        match timeout(Duration::from_millis(MENDING_TURN_MS), &mut reading).await {
            Ok(read) => read,
            Err(_) => {
                drop(turn);
                reading.await
            }
        }
    }

    async fn chain(
        self: &Arc<Self>,
        peer: &PeerAddress,
        wanted: Arc<Wanted>,
        sender: &mpsc::Sender<MendingOutcome>,
    ) -> Result<Result<(), ChainError>, FetchError> {
        let answer = fetch::get_chain(&self.client, peer, [], Packing::Plain).await?;
        if answer.status() != StatusCode::OK {
            return Err(FetchError::Status(answer.status()));
        }
        let (asking, sender) = (Arc::clone(self), sender.clone());
        let unread = Arc::new(self.unread.of_chain());
        let held = Arc::clone(&unread);
        let read = move |pieces| asking.look_through(pieces, &held, &wanted, &sender);
        tokio::select! {
            read = fetch::read(answer, read) => read,
            () = unread.lost() => Ok(Err(TooManyLargeBlocks.into())),
        }
    }

    /// Looks through a chain as it comes, on a thread that may block. All blocks
    /// before a stored one are stored too: it goes on only as long as each block
    /// is one of ours, so that nobody makes it read much that is of no use.
    fn look_through(
        &self,
        mut pieces: Pieces,
        unread: &Unread,
        wanted: &Wanted,
        sender: &mpsc::Sender<MendingOutcome>,
    ) -> Result<Option<()>, ChainError> {
        let stored = self.stored.as_ref().map(Reader::snapshot).transpose()?;
        let mut chain = ChainReader::of_answer().taking(self.rules.reading());
        let (mut height, mut ended) = (0, false);
        while !ended {
            match pieces.next() {
                Some(Piece::Bytes(bytes)) => chain.feed(&bytes),
                Some(Piece::End) => {
                    chain.end();
                    ended = true;
                }
                None => return Ok(None),
            }
            while let Some(text) = chain.next_block()? {
                let block = self.rules.read_canonical(text)?;
                height += 1;
                if block.height() != height {
                    return Err(ChainError::Place {
                        expected: height,
                        found: block.height(),
                    });
                }
                let hash = block.hash();
                if wanted.contains(&hash) {
                    let found = MendingOutcome::Block(hash, block.text().to_vec());
                    if sender.blocking_send(found).is_err() {
                        return Ok(None);
                    }
                } else if let Some(stored) = &stored
                    && stored.entry(&hash)?.is_none()
                {
                    return Ok(Some(()));
                }
                if height >= wanted.last_height() || !pieces.is_wanted() {
                    return Ok(Some(()));
                }
            }
            unread.hold(chain.unread_bytes())?;
        }
        Ok(Some(()))
    }
}
