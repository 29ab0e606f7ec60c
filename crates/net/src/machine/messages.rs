//! What the machine is told, and what it says: its configuration, inputs and
//! effects. What follows from which, its siblings decide.

use std::sync::Arc;
use std::time::Duration;

use adit_core::block::{Block, BlockError};
use adit_core::chain::BlockSource;
use adit_core::hash::Hash;
use adit_core::rules::{Rules, Sealed, Weight};

use crate::address::{Identity, PeerAddress};
use crate::codec::DecodeError;
use crate::inventory::RelayTransaction;
use crate::message::Message;

/// A connection. Numbers are given by the edge, and none is given twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerId(pub u64);

/// The rules of the chain, and with them how it is fetched.
#[derive(Clone)]
pub enum ChainRules {
    /// Headers first.
    Sealed(Arc<Sealed>),
    /// Bodies only, since their hashes cover them.
    Classic(Arc<dyn Rules>),
}

/// What the machine is told at its start.
#[derive(Clone)]
pub struct Config {
    /// What is drawn is drawn from this.
    pub seed: [u8; 16],
    /// The rules.
    pub rules: ChainRules,
    /// A header chain with less work is not kept.
    pub min_work: Weight,
    /// By what this node shows who it is.
    pub identity: Identity,
    /// Where this node listens, as others are to dial it.
    pub listen: Vec<PeerAddress>,
    /// The fee rate below which nothing is taken here, in base units for 1,000
    /// bytes.
    pub min_fee_rate: u64,
    /// Whether it looks for peers by itself.
    pub dials: bool,
}

/// Which side dialled, and what for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// They dialled us.
    Inbound,
    /// We dialled them.
    Outbound,
    /// We dialled them for blocks alone, so that nobody can tell from what is
    /// relayed whom we know.
    BlocksOnly,
    /// We dialled them only to see whether they answer.
    Feeler,
}

/// What became of a block that was submitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is in the tree, or was already.
    Taken,
    /// Its time has not come: it is held.
    Deferred,
    /// It can never be valid.
    Invalid(BlockError),
    /// It is not kept now, which says nothing against it.
    NotKept,
}

/// Something happened.
#[derive(Debug)]
pub enum Input {
    /// A connection is there.
    Connected {
        /// Its number.
        peer: PeerId,
        /// Which side dialled.
        direction: Direction,
        /// Where the other side is, and who it has shown to be.
        address: PeerAddress,
    },
    /// An address did not answer.
    DialFailed(PeerAddress),
    /// A user, or somebody on the same network, names an address.
    HeardOf(PeerAddress),
    /// A message has come.
    Message(PeerId, Message),
    /// Bytes have come that are no message.
    Malformed(PeerId, DecodeError),
    /// A connection is gone.
    Disconnected(PeerId),
    /// What the core says to a block that was submitted.
    Decided(Hash, Verdict),
    /// The main chain ends in this block now.
    NewTip {
        /// The block.
        block: Arc<Block>,
        /// Whether it was made here.
        is_own: bool,
    },
    /// A transaction waits in the core's mempool now.
    TransactionWaits(RelayTransaction),
    /// The core refused it, or lets it wait no longer for another reason than a
    /// block.
    TransactionLeft(Arc<[u8]>),
    /// The time that was asked for has come.
    Timer,
}

/// Why a peer is banned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offence {
    /// It sent a header that nobody has worked for, or that is invalid.
    InvalidHeader,
    /// It answered a request with a body that is invalid, or of another block.
    InvalidBody,
    /// It sent bytes that are no message.
    MalformedMessage,
    /// Its second header chain was another than its first.
    ChangedChain,
}

/// Something is to be done.
#[derive(Debug)]
pub enum Effect {
    /// Send this.
    Send(PeerId, Message),
    /// Dial this address.
    Dial(PeerAddress, Direction),
    /// Hang up.
    Disconnect(PeerId),
    /// Hang up, and let it in no more for a day.
    Ban(PeerId, Offence),
    /// Hand this block to the core.
    SubmitBlock(Arc<Block>, BlockSource),
    /// Hand this transaction to the core; it has not been read yet.
    SubmitTransaction(Arc<[u8]>, PeerId),
    /// Come back then.
    SetTimer(Duration),
}

impl ChainRules {
    /// As any rules.
    pub fn rules(&self) -> &dyn Rules {
        match self {
            ChainRules::Sealed(rules) => &**rules,
            ChainRules::Classic(rules) => &**rules,
        }
    }

    /// As those of a sealed chain.
    pub fn sealed(&self) -> Option<&Arc<Sealed>> {
        match self {
            ChainRules::Sealed(rules) => Some(rules),
            ChainRules::Classic(_) => None,
        }
    }
}
