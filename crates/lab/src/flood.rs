//! Networks of thousands of cores that pass blocks on to their peers: who is joined
//! with whom, how long links take, and what happens, as a stream of events that a
//! picture can be made of. Cores decide what they take; nothing is asked for.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::time::Duration;

use adit_core::hash::{Hash, sha256};
use adit_core::rules::Rules;

use crate::block_table::BlockId;
use crate::chain::{CHAIN_START, Person};
use crate::draws::{Draws, Purpose};
use crate::run::LabError;
use crate::world::{Received, World};

/// How a network is.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// So many nodes of equal power.
    pub nodes: usize,
    /// Each with so many peers: an even number, or all others.
    pub peers: usize,
    /// How long a link takes.
    pub links: Links,
    /// The mean time between two blocks, in microseconds.
    pub interval_us: u64,
}

/// How long a link takes, in microseconds.
#[derive(Debug, Clone, Copy)]
pub enum Links {
    /// Drawn anew for each block, exponential with this mean.
    Exponential(u64),
    /// Always as long, and peers are served one after the other: the way, and what it
    /// takes to send the block once.
    Constant {
        /// The way.
        latency_us: u64,
        /// To send the block once.
        sending_us: u64,
    },
}

/// Something that happened. Times are in microseconds since the chain began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// A node found a block.
    Found {
        /// When.
        at_us: u64,
        /// Who.
        node: u32,
        /// What.
        block: BlockId,
    },
    /// A block is on its way.
    Sent {
        /// Since when.
        at_us: u64,
        /// Who sent it.
        from: u32,
        /// To whom.
        to: u32,
        /// What.
        block: BlockId,
        /// When it is there.
        arrives_us: u64,
    },
    /// A node took a block that it had not had.
    Took {
        /// When.
        at_us: u64,
        /// Who.
        node: u32,
        /// What.
        block: BlockId,
        /// What became of it.
        taken: Received,
    },
}

/// What came of a network's blocks.
#[derive(Debug, Clone, Default)]
pub struct Spread {
    /// How long each took till all had it, in microseconds.
    pub all_know_us: Vec<u64>,
    /// How long it took on average till one of the others had it.
    pub one_knows_us: Vec<f64>,
    /// Messages of all blocks.
    pub messages: u64,
    /// Links.
    pub links: u64,
    /// Blocks that are not in the main chain in the end.
    pub lost: u64,
    /// A hash of all that happened.
    pub trace: Option<Hash>,
}

struct Network<'a> {
    shape: Shape,
    draws: Draws,
    world: World,
    peers: Vec<Vec<u32>>,
    on_the_way: BinaryHeap<Reverse<(u64, u64, u32, u32)>>,
    sent: u64,
    /// Of each block: when it was found, how many have it, the sum of their waits.
    known: Vec<(u64, u32, f64)>,
    spread: Spread,
    trace: Trace,
    watch: &'a mut dyn FnMut(&Event),
}

/// A hash over everything, in pieces.
struct Trace {
    hash: Hash,
    piece: Vec<u8>,
}

impl Trace {
    fn add(&mut self, numbers: [u64; 4]) {
        const PIECE_BYTES: usize = 1 << 16;
        for number in numbers {
            self.piece.extend_from_slice(&number.to_be_bytes());
        }
        if self.piece.len() >= PIECE_BYTES {
            self.close();
        }
    }

    fn close(&mut self) {
        self.piece.extend_from_slice(&self.hash.0);
        self.hash = sha256(&self.piece);
        self.piece.clear();
    }
}

/// Who is joined with whom: all with all, or a few circles through all nodes, each in
/// an order of its own.
fn join(shape: &Shape, draws: Draws) -> Vec<Vec<u32>> {
    let count = shape.nodes as u32;
    if shape.peers + 1 >= shape.nodes {
        return (0..count)
            .map(|node| (0..count).filter(|other| *other != node).collect())
            .collect();
    }
    let mut peers = vec![Vec::new(); shape.nodes];
    for circle in 0..shape.peers as u64 / 2 {
        let mut order: Vec<u32> = (0..count).collect();
        for at in (1..shape.nodes).rev() {
            let other = draws.below(at as u64 + 1, Purpose::Topology, circle, at as u64);
            order.swap(at, other as usize);
        }
        for at in 0..shape.nodes {
            let (one, other) = (order[at], order[(at + 1) % shape.nodes]);
            if one != other && !peers[one as usize].contains(&other) {
                peers[one as usize].push(other);
                peers[other as usize].push(one);
            }
        }
    }
    peers
}

/// Lets a network find so many blocks. `number` distinguishes networks of one seed;
/// `watch` sees what happens.
pub fn simulate(
    rules: Arc<dyn Rules>,
    shape: Shape,
    draws: Draws,
    number: u64,
    blocks: u64,
    watch: &mut dyn FnMut(&Event),
) -> Result<Spread, LabError> {
    let draws = Draws::new(draws.draw(Purpose::Node, number, 0));
    let people = (0..shape.nodes as u64).map(|node| Person::new(node % 64));
    let reward_to: Vec<String> = people.take(64).map(|one| one.address.to_string()).collect();
    let mut world = World::new(rules, &[])?;
    for node in 0..shape.nodes {
        world.add_core(&reward_to[node % reward_to.len()])?;
    }
    let peers = join(&shape, draws);
    let links = peers
        .iter()
        .map(|of_node| of_node.len() as u64)
        .sum::<u64>()
        / 2;
    let mut network = Network {
        shape,
        draws,
        world,
        peers,
        on_the_way: BinaryHeap::new(),
        sent: 0,
        known: vec![(0, shape.nodes as u32, 0.0)],
        spread: Spread {
            links,
            ..Spread::default()
        },
        trace: Trace {
            hash: Hash([0; 32]),
            piece: Vec::new(),
        },
        watch,
    };
    let mut at_us = 0;
    for count in 0..blocks {
        at_us += draws.exponential(shape.interval_us, Purpose::Interval, 0, count);
        network.arrive_until(at_us)?;
        network.find(at_us, count)?;
    }
    network.arrive_until(u64::MAX)?;
    network.finish(blocks)
}

impl Network<'_> {
    fn set_time(&mut self, at_us: u64) {
        self.world.now = CHAIN_START + Duration::from_micros(at_us);
    }

    fn find(&mut self, at_us: u64, count: u64) -> Result<(), LabError> {
        self.set_time(at_us);
        let nodes = self.shape.nodes as u64;
        let node = self.draws.below(nodes, Purpose::Finder, 0, count) as u32;
        let block = self.world.mine(node as usize)?;
        self.known.push((at_us, 1, 0.0));
        self.trace
            .add([1, at_us, u64::from(node), u64::from(block.0)]);
        (self.watch)(&Event::Found { at_us, node, block });
        self.tell_peers(at_us, node, block);
        Ok(())
    }

    fn tell_peers(&mut self, at_us: u64, from: u32, block: BlockId) {
        let nodes = self.shape.nodes as u64;
        for place in 0..self.peers[from as usize].len() {
            let to = self.peers[from as usize][place];
            self.spread.messages += 1;
            // What it has already would change nothing on its arrival.
            if self.world.kept(to as usize).has(block) {
                continue;
            }
            let takes_us = match self.shape.links {
                Links::Exponential(mean_us) => {
                    let link = u64::from(from.min(to)) * nodes + u64::from(from.max(to));
                    self.draws
                        .exponential(mean_us, Purpose::Latency, link, u64::from(block.0))
                }
                Links::Constant {
                    latency_us,
                    sending_us,
                } => latency_us + sending_us * (place as u64 + 1),
            };
            self.sent += 1;
            let arrives_us = at_us + takes_us;
            self.on_the_way
                .push(Reverse((arrives_us, self.sent, to, block.0)));
            (self.watch)(&Event::Sent {
                at_us,
                from,
                to,
                block,
                arrives_us,
            });
        }
    }

    fn arrive_until(&mut self, end_us: u64) -> Result<(), LabError> {
        while let Some(Reverse((at_us, _, node, block))) = self.on_the_way.peek().copied() {
            if at_us > end_us {
                break;
            }
            self.on_the_way.pop();
            self.arrive(at_us, node, BlockId(block))?;
        }
        Ok(())
    }

    fn arrive(&mut self, at_us: u64, node: u32, block: BlockId) -> Result<(), LabError> {
        let who = node as usize;
        if self.world.kept(who).has(block) {
            return Ok(());
        }
        self.set_time(at_us);
        // With what it stands on, where that is slower on its way.
        let mut lacks = vec![block];
        while let Some(parent) = self.world.parent(lacks[lacks.len() - 1]) {
            if self.world.kept(who).has(parent) {
                break;
            }
            lacks.push(parent);
        }
        for block in lacks.into_iter().rev() {
            let taken = self.world.give(who, block)?;
            if !self.world.kept(who).has(block) {
                return Err(LabError::Broken(format!("a valid block came to {taken:?}")));
            }
            let (found_us, have, waits) = &mut self.known[block.0 as usize];
            *have += 1;
            *waits += (at_us - *found_us) as f64;
            if *have as usize == self.shape.nodes {
                let others = (self.shape.nodes - 1).max(1) as f64;
                self.spread.all_know_us.push(at_us - *found_us);
                self.spread.one_knows_us.push(*waits / others);
            }
            self.trace
                .add([2, at_us, u64::from(node), u64::from(block.0)]);
            (self.watch)(&Event::Took {
                at_us,
                node,
                block,
                taken,
            });
            self.tell_peers(at_us, node, block);
        }
        Ok(())
    }

    fn finish(mut self, blocks: u64) -> Result<Spread, LabError> {
        let longest = (0..self.shape.nodes)
            .map(|node| self.world.length(node))
            .max();
        let longest = longest.unwrap_or(1);
        if (0..self.shape.nodes).any(|node| self.world.length(node) != longest) {
            return Err(LabError::Broken(
                "nodes have chains of several lengths".to_owned(),
            ));
        }
        self.spread.lost = blocks + 1 - longest;
        self.trace.close();
        self.spread.trace = Some(self.trace.hash);
        Ok(self.spread)
    }
}
