//! What liars send: blocks with their work and one thing wrong, early ones in
//! floods, rivals of the tip, and answers that are not what they have. Whether a
//! block is valid, only the model says.

use std::sync::Arc;
use std::time::Duration;

use adit_core::archive::Archive;
use adit_core::block::HeaderFields;
use adit_core::hash::{Hash, sha256};
use adit_core::json;
use adit_core::merkle;
use adit_core::rules::{Context, Rules, TemplateContent};
use adit_core::sealed::{SealedTransaction, block_hash, header_text};
use adit_core::transaction::{Payment, Submitted};
use serde_json::{Value, json};

use super::mix::Fault;
use super::world::{Message, World, Wrong};

/// More early blocks than a node holds.
const FLOOD: u64 = 70;

/// What is wrong with a block.
const LIES: u64 = 12;

/// Where a liar's block stands.
struct Place {
    parent: HeaderFields,
    grandparent: Option<HeaderFields>,
    now: Duration,
}

impl World {
    /// A liar sends a block to everybody.
    pub(super) fn lie(&mut self, number: u64) -> Result<(), Wrong> {
        let liars = self.case.liars();
        if liars == 0 || !self.case.has(Fault::Liars) {
            return Ok(());
        }
        let at = self.case.nodes - 1 - self.pick(liars as u64, 1, number) as usize;
        let kind = self.pick(LIES, 2, number);
        let Some(place) = self.place(at, kind == 8)? else {
            return Ok(());
        };
        let texts = match kind {
            9 => {
                let steps = (0..FLOOD).rev();
                let limit_ms = self.rules.params().future_limit_ms;
                let later = |step: u64| Duration::from_millis(limit_ms + 1_000 + step * 900);
                let blocks = steps.map(|step| {
                    let now = self.agenda.now() + later(step);
                    self.block(at, &Place { now, ..place }, Vec::new())
                });
                blocks.collect()
            }
            _ => vec![self.craft(at, kind, &place, number)?],
        };
        for text in texts {
            let text: Arc<[u8]> = text.into();
            for to in (0..self.case.nodes).filter(|to| *to != at) {
                self.send(at, to, Message::Block(Arc::clone(&text)));
            }
        }
        Ok(())
    }

    /// What a liar answers in place of its blocks; `None` for the truth.
    pub(super) fn lie_in_answer(&mut self, at: usize, texts: &[Vec<u8>]) -> Option<Vec<Vec<u8>>> {
        let is_liar = at >= self.case.nodes - self.case.liars();
        let drawn = self.drawn(8, crate::draws::Purpose::Lie, at as u64);
        if !is_liar || !self.is_busy || drawn > 3 {
            return None;
        }
        let mut texts = texts.to_vec();
        match drawn {
            0 => texts.reverse(),
            1 => texts.last_mut()?.truncate(40),
            2 => {
                let kind = self.drawn(LIES, crate::draws::Purpose::Lie, 100 + at as u64);
                let place = self.place(at, false).ok()??;
                texts.push(self.craft(at, kind, &place, kind).ok()?);
            }
            _ => {
                let middle = texts.len() / 2;
                let mut block: Value = serde_json::from_slice(texts.get(middle)?).ok()?;
                block["transactions"][0]["amount"] = json!(7_000_000);
                texts[middle] = worked_for(block)?;
            }
        }
        Some(texts)
    }

    /// Behind the liar's tip, or beside it.
    fn place(&self, at: usize, is_beside: bool) -> Result<Option<Place>, Wrong> {
        let site = &self.sites[at];
        let Some(tip) = site.node.as_ref().and_then(|node| node.chain().tip()) else {
            return Ok(None);
        };
        let header = |hash: &Hash| site.archive.header(hash).map_err(|error| error.to_string());
        let tip = *tip.header();
        let parent = match tip.parent {
            Some(before) if is_beside => header(&before)?,
            _ => Some(tip),
        };
        let Some(parent) = parent else {
            return Ok(None);
        };
        let grandparent = match parent.parent {
            Some(before) => header(&before)?,
            None => None,
        };
        let now = self.agenda.now();
        Ok(Some(Place {
            parent,
            grandparent,
            now,
        }))
    }

    /// A block with its work, in which one thing is wrong, or nothing.
    fn craft(
        &mut self,
        at: usize,
        kind: u64,
        place: &Place,
        number: u64,
    ) -> Result<Vec<u8>, Wrong> {
        let own = self.people[at].address;
        let other = self.people[(at + 1) % self.people.len()].address;
        let site = &self.sites[at];
        let account = site
            .archive
            .account(&own)
            .map_err(|error| error.to_string())?;
        let (balance, nonce) = (account.balance, account.nonce);
        let pay = |world: &mut World, to, nonce, amount, fee| {
            let text = world.people[at].pay(&world.rules, to, nonce, amount, fee);
            world.model.was_signed(&text);
            text
        };
        let payments = match kind {
            0 => self.forged(at).into_iter().collect(),
            1 => vec![pay(self, other, nonce + 1, 10, 1)],
            2 => self.old_payment(at, number).into_iter().collect(),
            3 => vec![pay(self, other, nonce, balance, 1)],
            10 => vec![
                pay(self, own, nonce, balance / 2, 3),
                pay(self, own, nonce + 1, balance / 2, 3),
            ],
            _ => Vec::new(),
        };
        let text = self.block(at, place, payments);
        let mut block: Value = serde_json::from_slice(&text).map_err(|error| error.to_string())?;
        let lie = match kind {
            4 => {
                block["merkle_root"] = json!("11".repeat(32));
                proven(block)
            }
            5 => {
                block["target"] = json!(format!("{}{}", "0f", "ff".repeat(31)));
                proven(block)
            }
            6 => {
                let parent_ms = place
                    .parent
                    .sealed
                    .as_ref()
                    .map(|sealed| sealed.timestamp_ms);
                block["timestamp"] = json!(parent_ms);
                proven(block)
            }
            7 => {
                block["transactions"][0]["amount"] = json!(1_000_001);
                worked_for(block)
            }
            11 => {
                block["index"] = json!(place.parent.height + 2);
                block["transactions"][0]["index"] = json!(place.parent.height + 2);
                worked_for(block)
            }
            _ => Some(text),
        };
        lie.ok_or_else(|| "a liar can't write its block".to_owned())
    }

    /// A payment that waits at the liar, with a signature that is none.
    fn forged(&self, at: usize) -> Option<Vec<u8>> {
        let node = self.sites[at].node.as_ref()?;
        let waiting = node.mempool().for_next_block(usize::MAX);
        let text = String::from_utf8(waiting.first()?.text().to_vec()).ok()?;
        let mut transaction: Value = serde_json::from_str(&text).ok()?;
        let signature = transaction["signature"].as_str()?.to_owned();
        let last = if signature.ends_with('0') { "1" } else { "0" };
        transaction["signature"] = json!(format!("{}{last}", &signature[..127]));
        json::canonical(transaction.to_string().as_bytes(), usize::MAX).ok()
    }

    /// A payment that is in the liar's chain already.
    fn old_payment(&self, at: usize, number: u64) -> Option<Vec<u8>> {
        let blocks = self.sites[at].archive.main();
        let payments: Vec<&[u8]> = blocks
            .flat_map(|block| block.transactions().skip(1))
            .collect();
        let count = payments.len() as u64;
        (count > 0).then(|| payments[self.pick(count, 3, number) as usize].to_vec())
    }

    fn block(&self, at: usize, place: &Place, payments: Vec<Vec<u8>>) -> Vec<u8> {
        let content = TemplateContent {
            now: place.now,
            transactions: payments.iter().filter_map(|text| submitted(text)).collect(),
            reward_to: self.people[at].address.to_string(),
        };
        let context = Context {
            parent: &place.parent,
            grandparent: place.grandparent.as_ref(),
            now: place.now,
        };
        let template = self.rules.template(context, &content);
        let proof = (0..).find(|proof| template.puzzle.is_solved_by(*proof));
        let proof = proof.expect("targets stay easy where the interval is kept");
        self.rules.finish(&template, proof).text().to_vec()
    }
}

fn submitted(text: &[u8]) -> Option<Submitted> {
    let transaction = SealedTransaction::read(text).ok()?;
    Some(Submitted::Payment(Arc::new(Payment::of(
        text,
        &transaction,
    ))))
}

/// The block with the Merkle root of its transactions, and its work.
fn worked_for(mut block: Value) -> Option<Vec<u8>> {
    let transactions = block["transactions"].as_array()?;
    let texts = transactions
        .iter()
        .map(canonical)
        .collect::<Option<Vec<_>>>()?;
    let leaves: Vec<Hash> = texts.iter().map(|text| merkle::leaf(text)).collect();
    block["merkle_root"] = json!(merkle::root(&leaves).to_string());
    proven(block)
}

/// The block with its work, whatever it says.
fn proven(mut block: Value) -> Option<Vec<u8>> {
    let target: Hash = block["target"].as_str()?.parse().ok()?;
    (0_u64..1_000_000).find_map(|proof| {
        block["proof"] = json!(proof);
        let text = canonical(&block)?;
        let seal = sha256(&header_text(&text));
        (block_hash(seal, proof) <= target).then_some(text)
    })
}

fn canonical(value: &Value) -> Option<Vec<u8>> {
    json::canonical(value.to_string().as_bytes(), usize::MAX).ok()
}
