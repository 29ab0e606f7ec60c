//! What a class is like, what its nodes are called, and what can be done in it. Who may
//! do so is not known here.

use adit_core::address::Address;
use adit_node::handle::NodeHandle;
use tokio::sync::oneshot;

/// What a class is like.
#[derive(Debug, Clone)]
pub struct ClassSettings {
    /// Where phones find it.
    pub join_url: String,
    /// At most this many take part, and get coins.
    pub pupils_limit: usize,
    /// At most this many from one address of the network.
    pub pupils_a_host_limit: usize,
    /// What each gets, in base units.
    pub grant: u64,
    /// How many guesses all who mine make in a second together, at a steady pace.
    pub guesses_per_s: u64,
    /// How long a block should take.
    pub block_interval_ms: u64,
}

/// One of its nodes.
#[derive(Clone)]
pub struct ClassNode {
    /// What the room calls it.
    pub name: String,
    /// Who is rewarded for its blocks.
    pub address: Address,
    /// The way to it.
    pub node: NodeHandle,
}

/// How fast blocks come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pace {
    /// Nobody searches.
    Stopped,
    /// A third of the guesses.
    Slow,
    /// As many as the chain was made for.
    #[default]
    Steady,
    /// Four times as many.
    Fast,
}

/// Something that the teacher does, or that somebody who joins causes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deed {
    /// Pay somebody what everybody gets once.
    Fund(Address),
    /// This node hears nobody from now on.
    Cut(usize),
    /// It hears the others again.
    Reconnect(usize),
    /// It makes a block at once.
    MineHere(usize),
    /// It makes blocks until its chain is the heaviest.
    MineAhead(usize),
    /// Its owner pays the same coins twice: where the others see it, and on its own chain.
    PayTwice(usize),
    /// How fast blocks come.
    SetPace(Pace),
    /// The class is over.
    End,
}

/// A deed that is to be done, and the way to say what came of it.
pub struct Order {
    /// What.
    pub deed: Deed,
    /// What came of it.
    pub done: oneshot::Sender<Result<(), String>>,
}

/// How far a double spend has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Cheat {
    /// Nothing was paid twice.
    #[default]
    None,
    /// It was paid twice, and each chain has one of the two.
    Paid,
}

impl Pace {
    /// All of them.
    pub(crate) const ALL: [Pace; 4] = [Pace::Stopped, Pace::Slow, Pace::Steady, Pace::Fast];

    /// How many guesses that is, of those at a steady pace.
    pub fn of(self, steady: u64) -> u64 {
        match self {
            Pace::Stopped => 0,
            Pace::Slow => steady / 3,
            Pace::Steady => steady,
            Pace::Fast => steady.saturating_mul(4),
        }
    }

    /// Its name in forms.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Pace::Stopped => "stopped",
            Pace::Slow => "slow",
            Pace::Steady => "steady",
            Pace::Fast => "fast",
        }
    }
}
