//! One node of a case with what surrounds it: its disk, its clock, what waits there
//! for the disk, and what the model expects of it. It decides nothing; it opens the
//! node from its disk, as a program does that is started again.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use adit_core::archive::{Change, MemoryArchive};
use adit_core::block::Block;
use adit_core::branch::BranchSession;
use adit_core::chain::ChainError;
use adit_core::mempool::{FeeRate, Pending};
use adit_core::mining::Job;
use adit_core::node::{Config, Effect, Node};
use adit_core::rules::{Rules, Sealed};
use adit_core::sync::{Ask, Seen};

use super::disk::Disk;
use super::model::Name;

/// A peer's branch that is being taken.
pub(super) struct Adopting {
    /// How the peer was asked.
    pub(super) ask: Ask,
    /// What was seen of its chain.
    pub(super) seen: Seen,
    /// How far it is.
    pub(super) session: BranchSession,
    /// What is left of it.
    pub(super) blocks: VecDeque<Arc<Block>>,
    /// Whether it came as an honest node had it.
    pub(super) is_honest: bool,
}

/// A node and its surroundings.
pub(super) struct Site {
    /// `None` while it has no power.
    pub(super) node: Option<Node>,
    /// All blocks that it took.
    pub(super) archive: MemoryArchive,
    /// What outlives it.
    pub(super) disk: Disk,
    /// What waits until the disk is safe.
    pub(super) outbox: Vec<Effect>,
    /// How often it was started: what was planned for an earlier time is void.
    pub(super) life: u64,
    /// How far its clock is ahead.
    pub(super) ahead: Duration,
    /// The search that runs.
    pub(super) job: Option<Job>,
    /// The peers that are being asked, and whether each is to be asked again then.
    pub(super) asking: BTreeMap<usize, bool>,
    /// The branch that is being taken.
    pub(super) adopting: Option<Adopting>,
    /// Its tip, as the model has it.
    pub(super) tip: Option<Name>,
    /// Valid blocks that came before their time, with that, and whether they are to
    /// be taken wherever they stand.
    pub(super) deferred: BTreeSet<(Duration, Name, bool)>,
    /// The deed by which it will lose its power in the midst of what it next keeps.
    pub(super) doomed: Option<u64>,
    /// Whether it keeps next to nothing beside the main chain for its own sake.
    pub(super) keeps_few: bool,
    /// How it is configured.
    pub(super) config: Config,
}

/// How a node that mines for this address is configured; some never ask their peers
/// by themselves, but only when they hear of something.
pub(super) fn config(reward_to: String, asks_by_itself: bool) -> Config {
    Config {
        reward_to,
        resolve_every: asks_by_itself.then_some(Duration::from_secs(60)),
        mine_every: Some(Duration::from_millis(100)),
        mine_at_once: false,
        min_fee_rate: FeeRate(0),
        own_addresses: BTreeSet::new(),
    }
}

impl Site {
    /// A site without power, whose disk is empty.
    pub(super) fn new(config: Config) -> Site {
        Site {
            node: None,
            archive: MemoryArchive::default(),
            disk: Disk::default(),
            outbox: Vec::new(),
            life: 0,
            ahead: Duration::ZERO,
            job: None,
            asking: BTreeMap::new(),
            adopting: None,
            tip: None,
            deferred: BTreeSet::new(),
            doomed: None,
            keeps_few: false,
            config,
        }
    }

    /// The power goes: what was in memory is lost.
    pub(super) fn stop(&mut self) {
        self.node = None;
        self.outbox.clear();
        self.job = None;
        self.asking.clear();
        self.adopting = None;
        self.deferred.clear();
        self.doomed = None;
        self.life += 1;
    }

    /// Opens the node from its disk. With `is_indexed` the archive shows all up to
    /// the checkpoint, otherwise it is made from the log too. Returns what was wrong.
    pub(super) fn open(
        &mut self,
        rules: &Arc<Sealed>,
        now: Duration,
        is_indexed: bool,
    ) -> Result<(), String> {
        self.archive = MemoryArchive::default();
        let (covered, behind) = self.disk.blocks();
        if is_indexed {
            covered.iter().for_each(|change| self.archive.apply(change));
        }
        let replayed = match is_indexed {
            true => Vec::new(),
            false => covered,
        };
        let peers = self.disk.peers.iter().filter_map(|peer| peer.parse().ok());
        let mut node = Node::open(
            self.config.clone(),
            Arc::clone(rules) as Arc<dyn Rules>,
            self.archive.main().count() as u64,
            peers.collect(),
            self.disk.pending(),
            &self.archive,
        )
        .map_err(|error| format!("the node does not open: {error}"))?;
        let seen = replayed.into_iter().map(|change| (change, false));
        for (change, is_unseen) in seen.chain(behind.into_iter().map(|change| (change, true))) {
            let again = replay(&mut node, rules, change, is_unseen, &self.archive)?;
            self.archive.apply(&again);
        }
        node.replayed(now, &self.archive)
            .map_err(|error| format!("the node does not open: {error}"))?;
        self.node = Some(node);
        Ok(())
    }

    /// What waits in the node, as a checkpoint has it; `None` while that follows a
    /// reorganisation.
    pub(super) fn waiting(&self) -> Option<Vec<Pending>> {
        let node = self
            .node
            .as_ref()
            .filter(|node| node.is_mempool_current())?;
        let waiting = node.mempool().iter().map(|(text, origin)| Pending {
            text: text.into(),
            origin,
        });
        Some(waiting.collect())
    }
}

fn replay(
    node: &mut Node,
    rules: &Sealed,
    kept: &Change,
    is_unseen: bool,
    archive: &MemoryArchive,
) -> Result<Change, String> {
    let Change::Block {
        block, entry, main, ..
    } = kept
    else {
        return Err("only blocks are in the log of blocks".to_owned());
    };
    let text = block.text().to_vec();
    let read = rules
        .read_canonical(text)
        .map_err(|error| error.to_string())?;
    let again: Result<_, ChainError> = node.replay(read, is_unseen, archive);
    let again = again.map_err(|error| format!("a block of the log is refused: {error}"))?;
    let again = again.ok_or("a block is in the log twice")?;
    match &again {
        Change::Block {
            entry: as_read,
            main: to_main,
            ..
        } if as_read == entry && to_main == main => Ok(again),
        other => Err(format!(
            "a node that was started again differs: {other:?}, and not {entry:?}, {main:?}"
        )),
    }
}
