//! Cores beside each other over one table of blocks: each makes blocks, and takes
//! those that it is given, by the node's own rules and fork choice. Who finds a
//! block, and who is given one when, experiments decide.

use std::sync::Arc;
use std::time::Duration;

use adit_core::address::Address;
use adit_core::archive::{Archive, Change};
use adit_core::block::Block;
use adit_core::chain::{BlockSource, ChainError};
use adit_core::mempool::FeeRate;
use adit_core::node::{Config, Effect, Input, Node, Timer};
use adit_core::rules::{Rules, TemplateContent};
use adit_core::sealed::Account;
use adit_core::sync::RequestId;
use adit_core::transaction::Submitted;

use crate::block_table::{BlockId, BlockTable, Kept};
use crate::chain::CHAIN_START;

/// What became of a block that a core was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received {
    /// It is the tip, behind the one before.
    Extended,
    /// It is the tip of another branch; so many blocks were dropped.
    Reorganised(u64),
    /// It stands beside the main chain.
    Side,
    /// It was there already.
    Known,
    /// Its time has not come.
    Deferred,
    /// It was not taken.
    Refused,
}

struct Core {
    node: Node,
    kept: Kept,
    reward_to: String,
}

/// Some cores, and the time.
pub struct World {
    rules: Arc<dyn Rules>,
    table: BlockTable,
    cores: Vec<Core>,
    /// The time, since 1970; it is the same for all.
    pub now: Duration,
}

impl World {
    /// Cores of one chain that have its genesis block; those of the classics have
    /// the same one too.
    pub fn new(rules: Arc<dyn Rules>, reward_to: &[String]) -> Result<World, ChainError> {
        let mut world = World {
            rules,
            table: BlockTable::default(),
            cores: Vec::new(),
            now: CHAIN_START,
        };
        for reward_to in reward_to {
            world.add_core(reward_to)?;
        }
        Ok(world)
    }

    /// One core more, which has the genesis block.
    pub fn add_core(&mut self, reward_to: &str) -> Result<usize, ChainError> {
        let config = Config {
            reward_to: reward_to.to_owned(),
            resolve_every: None,
            mine_every: None,
            mine_at_once: false,
            min_fee_rate: FeeRate(0),
            own_addresses: Default::default(),
        };
        let kept = Kept::default();
        let (rules, none) = (Arc::clone(&self.rules), Vec::new());
        let node = Node::open(config, rules, 0, none, Vec::new(), &self.table.view(&kept))?;
        let number = self.cores.len();
        self.cores.push(Core {
            node,
            kept,
            reward_to: reward_to.to_owned(),
        });
        match self.table.is_empty() {
            true => self.tell(number, Input::Started).map(|_| ())?,
            false => self.give_genesis(number)?,
        }
        Ok(number)
    }

    fn give_genesis(&mut self, number: usize) -> Result<(), ChainError> {
        let genesis = Arc::clone(self.table.block(BlockId(0)));
        let input = Input::Block(genesis, BlockSource::InBranch);
        self.tell(number, input).map(|_| ())
    }

    /// The core makes a block of what waits there, without a search.
    pub fn mine(&mut self, who: usize) -> Result<BlockId, ChainError> {
        self.tell(who, Input::MakeBlock(RequestId(0)))?;
        Ok(self.tip(who))
    }

    /// The core is given a block by itself.
    pub fn give(&mut self, who: usize, block: BlockId) -> Result<Received, ChainError> {
        let block = Arc::clone(self.table.block(block));
        self.give_block(who, block, BlockSource::Single)
    }

    /// The core is given a block that nobody need have.
    pub fn give_block(
        &mut self,
        who: usize,
        block: Arc<Block>,
        source: BlockSource,
    ) -> Result<Received, ChainError> {
        let input = Input::Block(block, source);
        self.tell(who, input)
    }

    /// The core is given what it lacks of the branch that ends in that block.
    pub fn give_branch(&mut self, who: usize, tip: BlockId) -> Result<Received, ChainError> {
        self.give_branch_as(who, tip, BlockSource::Single)
    }

    /// The same, as a branch that is known as a whole to be heavier, or block by block.
    pub fn give_branch_as(
        &mut self,
        who: usize,
        tip: BlockId,
        source: BlockSource,
    ) -> Result<Received, ChainError> {
        let mut branch = Vec::new();
        let mut next = Some(tip);
        while let Some(id) = next.filter(|id| !self.cores[who].kept.has(*id)) {
            branch.push(id);
            next = self.parent(id);
        }
        let mut taken = Received::Known;
        for id in branch.into_iter().rev() {
            let block = Arc::clone(self.table.block(id));
            taken = self.give_block(who, block, source)?;
        }
        Ok(taken)
    }

    /// The block that would be made there now, with this proof; nobody has it.
    pub fn draft(&self, who: usize, proof: u64, transactions: Vec<Submitted>) -> Option<Block> {
        let core = &self.cores[who];
        let content = TemplateContent {
            now: self.now,
            transactions,
            reward_to: core.reward_to.clone(),
        };
        let next = core.node.chain().next(self.now)?;
        Some(self.rules.complete(next, &content, proof))
    }

    /// Lets a transaction wait at a core. Returns whether it was accepted.
    pub fn submit(&mut self, who: usize, submitted: Submitted) -> Result<bool, ChainError> {
        let core = &mut self.cores[who];
        let view = self.table.view(&core.kept);
        core.node.let_wait(self.now, submitted, &view)
    }

    fn tell(&mut self, who: usize, input: Input) -> Result<Received, ChainError> {
        let core = &mut self.cores[who];
        let length = core.node.chain().length();
        let view = self.table.view(&core.kept);
        let effects = core.node.handle(self.now, input, &view)?;
        let (mut taken, mut is_following) = (Received::Known, false);
        for effect in effects {
            match effect {
                Effect::Persist(change) => {
                    if let Change::Block { main, .. } = &change {
                        use adit_core::archive::MainChange::{Extend, Reorganise, Side};
                        taken = match main {
                            Side => Received::Side,
                            Extend => Received::Extended,
                            Reorganise { fork } => Received::Reorganised(length - fork),
                        };
                    }
                    self.table.keep(&mut core.kept, change);
                }
                Effect::Refused(_) => taken = Received::Refused,
                Effect::SetTimer(Timer::Retry, _) => taken = Received::Deferred,
                Effect::SetTimer(Timer::UpdateMempool, _) => is_following = true,
                _ => {}
            }
        }
        if is_following {
            // What waits follows a long reorganisation in steps, at once.
            self.tell(who, Input::Timer(Timer::UpdateMempool))?;
        }
        Ok(taken)
    }

    /// A core.
    pub fn node(&self, who: usize) -> &Node {
        &self.cores[who].node
    }

    /// What a core has.
    pub fn kept(&self, who: usize) -> &Kept {
        &self.cores[who].kept
    }

    /// How many cores there are.
    pub fn cores(&self) -> usize {
        self.cores.len()
    }

    /// All blocks.
    pub fn table(&self) -> &BlockTable {
        &self.table
    }

    /// The last block of a core's main chain.
    pub fn tip(&self, who: usize) -> BlockId {
        let main = self.cores[who].kept.main();
        *main.last().expect("every core has the genesis block")
    }

    /// How long a core's main chain is.
    pub fn length(&self, who: usize) -> u64 {
        self.cores[who].kept.main().len() as u64
    }

    /// The block before that one.
    pub fn parent(&self, id: BlockId) -> Option<BlockId> {
        self.table
            .entry(id)
            .parent
            .and_then(|parent| self.table.id(&parent))
    }

    /// An account at a core's tip.
    pub fn account(&self, who: usize, owner: &Address) -> Result<Account, ChainError> {
        let view = self.table.view(&self.cores[who].kept);
        Ok(view.account(owner)?)
    }

    /// Who made a block, where coins belong to keys.
    pub fn finder(&self, id: BlockId) -> Option<Address> {
        let sealed = self.table.block(id).sealed()?;
        sealed.reward.map(|reward| reward.recipient)
    }
}
