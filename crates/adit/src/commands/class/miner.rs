//! The miners of a class's nodes: each is held to a pace, so that phones find their share
//! of the blocks. What is in a block, its node decides.

use std::time::{Duration, Instant};

use adit_api::template::Template;
use adit_core::hash::Hash;
use adit_core::puzzle::Puzzle;
use adit_http::ClassNode;
use adit_node::commands::submit_block::submit_block;
use adit_node::queries::template::template;
use adit_pow::{Kernel, Search};
use tokio::task::{block_in_place, spawn_blocking};

/// A template is renewed after this time, for newer transactions.
const CLASS_TEMPLATE_MS: u64 = 1_000;

/// At most this many guesses are made in one turn, whatever is owed.
const TURN_GUESSES_LIMIT: u64 = 20_000;

/// A search for one block at full speed ends after this.
const MINE_HERE_TIMEOUT_MS: u64 = 20_000;

/// What one node's miner works on.
pub(super) struct PacedMiner {
    work: Option<PacedSearch>,
    /// How many guesses it may make.
    owed: f64,
    last: Instant,
}

struct PacedSearch {
    template: Template,
    puzzle: Puzzle,
    made: Instant,
    next: u64,
}

impl PacedMiner {
    pub(super) fn new() -> PacedMiner {
        PacedMiner {
            work: None,
            owed: 0.0,
            last: Instant::now(),
        }
    }

    /// Makes the guesses that it may make since the last turn; hands in what it finds.
    pub(super) async fn turn(&mut self, node: &ClassNode, guesses_per_s: u64) {
        let passed = self.last.elapsed().as_secs_f64();
        self.last = Instant::now();
        self.owed += passed * guesses_per_s as f64;
        let guesses = (self.owed.max(0.0) as u64).min(TURN_GUESSES_LIMIT);
        self.owed = (self.owed - guesses as f64).clamp(0.0, guesses_per_s as f64);
        if guesses == 0 {
            return;
        }
        let is_fresh = |work: &PacedSearch| {
            let tip = node.node.status().tip.map(|tip| tip.to_string());
            let age = Duration::from_millis(CLASS_TEMPLATE_MS);
            tip.as_ref() == Some(&work.template.previous_hash) && work.made.elapsed() < age
        };
        if !self.work.as_ref().is_some_and(is_fresh) {
            self.work = work_at(node).await;
        }
        let Some(work) = &mut self.work else { return };
        let first = work.next;
        work.next = first.saturating_add(guesses);
        let solved =
            block_in_place(|| (first..work.next).find(|proof| work.puzzle.is_solved_by(*proof)));
        if let Some(proof) = solved {
            hand_in(node, &work.template, proof).await;
            self.work = None;
        }
    }
}

/// Makes one block at once, at full speed.
pub(super) async fn mine_one(node: &ClassNode) -> Result<(), String> {
    let work = work_at(node)
        .await
        .ok_or("no block can be made there now; try again")?;
    let puzzle = work.puzzle.clone();
    let search = std::sync::Arc::new(Search::new(&puzzle, work.next, Kernel::fastest()));
    let searching = std::sync::Arc::clone(&search);
    let limit = Duration::from_millis(MINE_HERE_TIMEOUT_MS);
    let ended = tokio::time::timeout(limit, spawn_blocking(move || searching.work())).await;
    search.stop();
    match ended.ok().and_then(|_| search.found()) {
        Some(proof) => {
            hand_in(node, &work.template, proof).await;
            Ok(())
        }
        None => Err("no block was found in time".to_owned()),
    }
}

async fn work_at(node: &ClassNode) -> Option<PacedSearch> {
    let text = template(&node.node, &node.address.to_string()).await.ok()?;
    let template: Template = serde_json::from_slice(&text).ok()?;
    let target: Hash = template.target.parse().ok()?;
    let puzzle = Puzzle {
        prefix: template.prefix.clone().into_bytes(),
        suffix: template.suffix.clone().into_bytes(),
        target: target.0,
    };
    Some(PacedSearch {
        template,
        puzzle,
        made: Instant::now(),
        next: 0,
    })
}

async fn hand_in(node: &ClassNode, template: &Template, proof: u64) {
    let block = format!("{}{proof}{}", template.before_proof, template.behind_proof);
    if let Err(error) = submit_block(&node.node, block.into_bytes().into()).await {
        // A phone was faster.
        tracing::debug!(%error, node = node.name, "a block came too late");
    }
}
