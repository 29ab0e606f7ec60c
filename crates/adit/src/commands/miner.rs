//! `adit miner`: searches for the blocks of a node that may be elsewhere. It asks for a
//! template, searches until there is a proof, a newer tip or a newer template, and hands
//! in what it finds. What is in a block, and whether it is taken, the node decides.

mod search;

use std::num::NonZeroU64;
use std::time::Duration;

use adit_api::offer::{Offered, Outcome};
use adit_api::status::Status;
use adit_api::template::Template;
use adit_core::hash::Hash;
use adit_core::puzzle::Puzzle;
use adit_core::rules::Sealed;
use adit_node::paths::segment;
use adit_pow::Kernel;
use anyhow::Result;
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, sleep, timeout};

use self::search::{Effort, Searching};
use crate::client::{Client, ClientError};
use crate::options::{Interval, MinerOptions, WalletOptions, say};
use crate::terminal::escape::{visible_error, visible_json};
use crate::terminal::output::{Output, Style, counted};
use crate::wallet;

/// How often the node is asked whether its tip is another.
const TIP_INTERVAL_MS: u64 = 250;

/// Under rules whose proofs take no time, it rests this long after each block.
const MINER_REST_MS: u64 = 10_000;

/// After the node was lost, or took nothing, the next try comes this much later; the
/// pause doubles with each failed try,
const PAUSE_MS: u64 = 250;

/// up to this one.
const LONGEST_PAUSE_MS: u64 = 10_000;

/// How often it is said how fast the search goes.
const RATE_INTERVAL_MS: u64 = 10_000;

const TEMPLATE: &str = "/api/v1/template";

struct Miner<'a> {
    client: &'a Client,
    output: Output,
    reward_to: String,
    effort: Effort,
    rest: Duration,
    blocks_wanted: Option<NonZeroU64>,
    blocks_found: u64,
    rate_told: Instant,
}

/// How a search ended.
enum Ended {
    Found(u64),
    /// There is a newer tip, or the template is worth no more.
    Outdated,
}

pub(crate) fn run(options: &MinerOptions, json: bool) -> Result<()> {
    let client = Client::new(&options.node)?;
    let status: Status = client.read("/api/v1/status")?;
    let is_sealed = status.rules == Sealed::NAME;
    let reward_to = match is_sealed {
        true => address(options)?,
        false => options.named().to_owned(),
    };
    let mut miner = Miner {
        client: &client,
        output: Output::new(json),
        reward_to,
        effort: Effort {
            threads: options.threads,
            niceness: options.nice,
            kernel: options.kernel.unwrap_or_else(Kernel::fastest),
        },
        rest: match options.every {
            Some(Interval(every)) => every.unwrap_or_default(),
            None if is_sealed => Duration::ZERO,
            None => Duration::from_millis(MINER_REST_MS),
        },
        blocks_wanted: options.blocks,
        blocks_found: 0,
        rate_told: Instant::now(),
    };
    client.block_on(async {
        let mut interrupted = signal(SignalKind::interrupt())?;
        let mut terminated = signal(SignalKind::terminate())?;
        let done = tokio::select! {
            done = miner.mine() => done,
            _ = interrupted.recv() => Ok(()),
            _ = terminated.recv() => Ok(()),
        };
        let found = counted(miner.blocks_found, "block");
        miner.note(&format!("{found} found; stopped"));
        done
    })
}

fn address(options: &MinerOptions) -> Result<String> {
    let beside = WalletOptions {
        folder: options.wallets.clone(),
        name: String::new(),
    };
    Ok(wallet::address_named(&options.owner()?, &beside)?.to_string())
}

impl Miner<'_> {
    /// Ends after the blocks that are wanted, or with an error that will not pass.
    async fn mine(&mut self) -> Result<()> {
        let (node, reward_to) = (self.client.node().to_owned(), self.reward_to.clone());
        let threads = counted(self.effort.threads.get() as u64, "thread");
        self.note(&format!("mining at {node} on {threads}, for {reward_to}"));
        let path = format!("{TEMPLATE}?reward_to={}", segment(&self.reward_to));
        loop {
            let template = self.template(&path).await?;
            match self.search(&template).await? {
                Ended::Outdated => continue,
                Ended::Found(proof) => self.hand_in(&template, proof).await?,
            }
            if self
                .blocks_wanted
                .is_some_and(|wanted| self.blocks_found >= wanted.get())
            {
                return Ok(());
            }
            sleep(self.rest).await;
        }
    }

    /// Asks until there is one.
    async fn template(&mut self, path: &str) -> Result<Template> {
        let mut pause_ms = PAUSE_MS;
        loop {
            let error = match self.client.fetch(path).await {
                Ok(body) => match self.client.parse(TEMPLATE, &body) {
                    Ok(template) => {
                        if pause_ms > PAUSE_MS {
                            self.note("found the node again");
                        }
                        return Ok(template);
                    }
                    Err(error) => return Err(error.into()),
                },
                Err(error) => error,
            };
            if !is_passing(&error) {
                return Err(error.into());
            }
            if pause_ms == PAUSE_MS {
                self.note(&format!("{error}; trying again"));
            }
            sleep(Duration::from_millis(pause_ms)).await;
            pause_ms = (pause_ms * 2).min(LONGEST_PAUSE_MS);
        }
    }

    async fn search(&mut self, template: &Template) -> Result<Ended> {
        let target: Hash = template
            .target
            .parse()
            .map_err(|error| self.client.not_a_node(TEMPLATE, &error))?;
        let puzzle = Puzzle {
            prefix: template.prefix.clone().into_bytes(),
            suffix: template.suffix.clone().into_bytes(),
            target: target.0,
        };
        let mut searching = Searching::start(&puzzle, self.effort)?;
        let end = Instant::now() + Duration::from_millis(template.keep_ms);
        while Instant::now() < end {
            let found = timeout(Duration::from_millis(TIP_INTERVAL_MS), searching.ended()).await;
            if let Ok(found) = found {
                self.tell_rate(&searching);
                // No number that there is solves it: another template may be solved.
                return Ok(found.map_or(Ended::Outdated, Ended::Found));
            }
            self.tell_rate(&searching);
            // While the node is lost, the search goes on: it may be back in time.
            let tip = self.client.fetch("/api/v1/blocks/tip/hash").await;
            if tip.is_ok_and(|tip| tip != template.previous_hash.as_bytes()) {
                return Ok(Ended::Outdated);
            }
        }
        Ok(Ended::Outdated)
    }

    /// Hands a block in. That somebody was faster is no error.
    async fn hand_in(&mut self, template: &Template, proof: u64) -> Result<()> {
        let block = format!("{}{proof}{}", template.before_proof, template.behind_proof);
        let mut pause_ms = PAUSE_MS;
        loop {
            let path = "/api/v1/blocks";
            let error = match self.client.send(path, block.clone().into_bytes()).await {
                Ok(body) => {
                    let offered: Offered = self.client.parse(path, &body)?;
                    return self.tell_offered(&offered);
                }
                Err(error) => error,
            };
            match &error {
                ClientError::Refused {
                    rule: Some(rule), ..
                } if is_stale(rule) => {
                    return self.tell_stale(template, rule);
                }
                error if is_passing(error) => {
                    self.note(&format!("{error}; trying again"));
                    sleep(Duration::from_millis(pause_ms)).await;
                    pause_ms = (pause_ms * 2).min(LONGEST_PAUSE_MS);
                }
                _ => return Err(error.into()),
            }
        }
    }

    fn tell_offered(&mut self, offered: &Offered) -> Result<()> {
        let Offered {
            index,
            hash,
            outcome,
        } = offered;
        let is_ours = matches!(
            outcome,
            Outcome::Extended | Outcome::Reorganised | Outcome::HeldBack
        );
        self.blocks_found += u64::from(is_ours);
        let words = match outcome {
            Outcome::Extended => "it is the tip",
            Outcome::Reorganised => "it is the tip, on another branch",
            Outcome::Side => "beside the main chain: another came first",
            Outcome::Known => "it was there already",
            Outcome::HeldBack => "held back until its time",
        };
        match self.output.json {
            true => self
                .output
                .document(json!(offered).to_string().as_bytes())?,
            false => {
                let style = if is_ours { Style::Good } else { Style::Label };
                let what = self.output.styled(style, &format!("block {index}"));
                self.output.line(&format!("{what} {hash}: {words}"))?;
            }
        }
        self.output.flush()
    }

    fn tell_stale(&mut self, template: &Template, rule: &str) -> Result<()> {
        let index = template.index;
        match self.output.json {
            true => {
                let line = json!({ "index": index, "outcome": "stale", "rule": rule });
                self.output.document(line.to_string().as_bytes())?;
            }
            false => {
                let line = format!("block {index}: too late, another came first");
                let line = self.output.styled(Style::Label, &line);
                self.output.line(&line)?;
            }
        }
        self.output.flush()
    }

    /// Says now and then how fast it goes.
    fn tell_rate(&mut self, searching: &Searching) {
        if self.rate_told.elapsed() < Duration::from_millis(RATE_INTERVAL_MS) {
            return;
        }
        self.rate_told = Instant::now();
        let per_s = searching.guesses_per_s();
        let found = self.blocks_found;
        match self.output.json {
            true => say(&json!({ "guesses_per_s": per_s, "blocks_found": found }).to_string()),
            false => {
                let found = counted(found, "block");
                self.note(&format!(
                    "{:.1} million guesses a second, {found} found",
                    per_s / 1e6
                ));
            }
        }
    }

    /// What is no block goes to the error output.
    fn note(&self, text: &str) {
        match self.output.json {
            true => say(&visible_json(&json!({ "note": text }).to_string())),
            false => say(&visible_error(text)),
        }
    }
}

/// Whether a block was refused because others came before it.
fn is_stale(rule: &str) -> bool {
    ["not-heavier", "orphan"].contains(&rule)
}

/// Whether another try may go better.
fn is_passing(error: &ClientError) -> bool {
    match error {
        ClientError::Unreachable { .. } => true,
        ClientError::Refused { status, .. } => matches!(status, 429 | 500..),
        ClientError::NotANode { .. } => false,
    }
}
