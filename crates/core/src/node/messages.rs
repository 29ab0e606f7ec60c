//! What a node is told, and what it says: its configuration, inputs, effects and
//! answers. What follows from which, its siblings decide.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::points::{BlockMaking, ChainPoint};
use crate::address::AddressError;
use crate::archive::Change;
use crate::block::Block;
use crate::chain::{BlockSource, ChainError};
use crate::hash::Hash;
use crate::mempool::{FeeRate, MempoolFull, RejectReason};
use crate::mempool_update::LeftOut;
use crate::mining::{HeldUp, Job};
use crate::peer::PeerAddress;
use crate::reorganisation::BlockPlace;
use crate::sync::{Ask, PeerReport, RequestId, Resolved, Seen, TooManyPeers};
use crate::transaction::Submitted;

/// What a node is told at its start.
#[derive(Debug, Clone)]
pub struct Config {
    /// Who gets the reward of the blocks that are made here.
    pub reward_to: String,
    /// How often the peers are asked for their chains without a request.
    pub resolve_every: Option<Duration>,
    /// How long this node rests after a block of its own before it makes the
    /// next without a request; `None` makes blocks only on request.
    pub mine_every: Option<Duration>,
    /// Whether a block is made for every transaction, at once: for chains on
    /// which any proof is one.
    pub mine_at_once: bool,
    /// The lowest fee for its length with which a transaction may wait, under
    /// rules that know fees.
    pub min_fee_rate: FeeRate,
    /// The addresses under which this node itself is found.
    pub own_addresses: BTreeSet<PeerAddress>,
}

/// Something happened.
#[derive(Debug)]
pub enum Input {
    /// The node was started, and everything stored was read.
    Started,
    /// The time that was asked for with [`Effect::SetTimer`] has come.
    Timer(Timer),
    /// A transaction was submitted; the rules have read it.
    Transaction(RequestId, Submitted),
    /// A transaction came from a peer; the rules have read it. Nothing is promised
    /// of it: it waits, but is not kept.
    RelayedTransaction(RequestId, Submitted),
    /// Somebody wants a block to be made.
    Mine(RequestId),
    /// The proof of a job was found.
    Proof {
        /// The job's number.
        job: u64,
        /// What solves its puzzle.
        proof: u64,
    },
    /// Peers were named.
    Register(RequestId, Vec<PeerAddress>),
    /// A peer is no longer wanted.
    Unregister(RequestId, PeerAddress),
    /// Somebody wants the peers' chains to be looked at.
    Resolve(RequestId),
    /// The same for this peer's chain alone, of which it says that it is new.
    ResolvePeer(RequestId, PeerAddress),
    /// A block came from elsewhere.
    Block(Arc<Block>, BlockSource),
    /// Somebody offers a block, and wants to know what becomes of it.
    SubmitBlock(RequestId, Arc<Block>),
    /// The blocks of a branch go on after a pause, in which others have their
    /// turn.
    BranchPaused,
    /// A peer that was asked has answered; the blocks of its branch, if it is
    /// heavier, came before, as [`Input::Block`], for as long as
    /// `Node::is_asked`. If that is over, it changes nothing.
    PeerAnswered(Ask, PeerReport, Seen),
    /// Somebody wants the chain to start over.
    Rewind(RequestId),
    /// Somebody wants the chain to be as it was at that point.
    GoTo(RequestId, Box<ChainPoint>),
    /// Somebody wants a block to be made without a search: any guess is a proof.
    MakeBlock(RequestId),
    /// Somebody says when blocks are to be made without a request.
    SetBlockMaking(RequestId, BlockMaking),
    /// A request that waits for peers is to wait no longer.
    DeadlineReached(RequestId),
    /// The client that waited for an answer has gone.
    Cancelled(RequestId),
}

/// What a node wants to be woken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timer {
    /// To ask the peers for their chains.
    AskPeers,
    /// To make a block.
    Mine,
    /// To take newer transactions into the block that is being made.
    Renew,
    /// To try a block again that came too early.
    Retry,
    /// To make blocks again where none could be made.
    Resume,
    /// To go on with what a long reorganisation means to the waiting transactions.
    UpdateMempool,
}

/// Something is to be done.
#[derive(Debug)]
pub enum Effect {
    /// Keep this; it must be durable before any later effect leaves the node.
    Persist(Change),
    /// A transaction that a peer relayed waits now. It is not to be kept.
    Waits(Submitted),
    /// A block was made here.
    Made(Arc<Block>),
    /// Answer this request.
    Answer(RequestId, Answer),
    /// Search for this job's proof, and no longer for any other.
    Mine(Job),
    /// Stop searching for a proof.
    StopMining,
    /// Ask this peer for its chain.
    Ask(Ask),
    /// This is no longer a peer: end whatever is under way with it.
    Forget(PeerAddress),
    /// Tell these peers that there is a new chain to look at.
    Announce(Vec<PeerAddress>),
    /// What dropped blocks held that does not wait again; it is still in the
    /// log, in those blocks.
    LeftOut(LeftOut),
    /// A block was not taken.
    Refused(ChainError),
    /// A transaction no longer waits, since no block can take it: the block
    /// made here was refused for it.
    Evicted(Hash, ChainError),
    /// Come back then.
    SetTimer(Timer, Duration),
}

/// The answer to a request.
#[derive(Debug)]
pub enum Answer {
    /// The transaction waits, and will be in the block of this height, unless
    /// another node's block comes before.
    Accepted {
        /// The block's height.
        block_height: u64,
    },
    /// The transaction can't wait.
    MempoolFull(MempoolFull),
    /// The transaction may not wait.
    Rejected(RejectReason),
    /// A block was made.
    Mined(Arc<Block>),
    /// Too many wait for blocks already.
    MiningBusy,
    /// No block can be made for some time.
    HeldUp(HeldUp),
    /// Under these rules a block needs an address to reward.
    NobodyToReward(AddressError),
    /// The chain has started over.
    Rewound,
    /// The chain ends in this block again.
    WentTo(BlockPlace),
    /// There is no such block to go to.
    UnknownBlock(BlockPlace),
    /// Blocks are made as was said.
    BlockMakingSet,
    /// The peers were registered; these are all of them.
    Registered(Vec<PeerAddress>),
    /// The peer is no longer one.
    Unregistered {
        /// Whether it was one.
        was_registered: bool,
    },
    /// The peers were not registered.
    TooManyPeers(TooManyPeers),
    /// All peers have answered, or failed to.
    Resolved(Resolved),
    /// What became of the block that was offered.
    BlockSubmitted(Outcome),
}

/// What becomes of a block that comes from elsewhere.
#[derive(Debug)]
pub enum Outcome {
    /// It is the tip, on the one before.
    Extended,
    /// It stands on a branch beside the main chain.
    Side,
    /// It is the tip, on another branch than the one before.
    Reorganised,
    /// It was there already.
    Known,
    /// Its time has not come; it is tried again then.
    Deferred,
    /// It was not taken.
    Refused(ChainError),
}
