//! A naive model of sealed chains, which shares no code with the core: blocks are
//! read as any JSON, hashed, judged and executed in full by the words of the
//! protocol, with unbounded integers, and nothing is ever forgotten. It knows what
//! is valid and what each block leaves behind; what a node does with that, it does
//! not know.

use std::collections::{BTreeMap, BTreeSet};

use num_bigint::{BigInt, Sign};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

/// A hash as the JSON has it: 64 lower-case hex digits.
pub(super) type Name = String;

/// An account: what it owns, and how often it has sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Holding {
    /// In base units.
    pub(super) balance: u64,
    /// The nonce of its next transaction.
    pub(super) nonce: u64,
}

/// A valid block, and what it leaves behind.
#[derive(Debug, Clone)]
pub(super) struct Judged {
    /// Its hash.
    pub(super) name: Name,
    /// The hash before.
    pub(super) parent: Name,
    /// The genesis block's is 1.
    pub(super) height: u64,
    /// In milliseconds since 1970.
    pub(super) timestamp_ms: u64,
    /// The work of all blocks up to this one.
    pub(super) total_work: BigInt,
    /// All accounts that ever owned something.
    pub(super) accounts: BTreeMap<String, Holding>,
    /// Its transactions but for the reward: who sent which one of theirs, and its text.
    pub(super) payments: Vec<(String, u64, String)>,
    target: BigInt,
}

/// The chain as its genesis block describes it.
struct Parameters {
    interval_ms: u64,
    half_life_ms: u64,
    initial_target: BigInt,
    pow_limit: BigInt,
    reward: u64,
    block_limit_bytes: usize,
    chain: String,
}

/// All blocks that were ever seen, valid or not.
pub(super) struct Model {
    parameters: Parameters,
    genesis: Name,
    /// The transactions that their senders did sign.
    signed: BTreeSet<String>,
    blocks: BTreeMap<Name, Result<Judged, String>>,
}

impl Model {
    /// The model of the chain that begins with this block.
    pub(super) fn new(genesis: &[u8]) -> Model {
        let block = object(genesis).expect("the genesis block is written by the rules");
        let name = name_of(&block);
        let params = &block["params"];
        let number = |field: &str| params[field].as_u64().expect("the rules wrote a number");
        let target = |field: &str| big(params[field].as_str().expect("the rules wrote a target"));
        let allocations = params["allocations"].as_object().expect("an object");
        let accounts = allocations.iter().map(|(owner, amount)| {
            let balance = amount.as_u64().expect("the rules wrote an amount");
            (owner.clone(), Holding { balance, nonce: 0 })
        });
        let parameters = Parameters {
            interval_ms: number("block_interval_ms"),
            half_life_ms: number("half_life_ms"),
            initial_target: target("initial_target"),
            pow_limit: target("pow_limit"),
            reward: number("reward"),
            block_limit_bytes: usize::try_from(number("max_block_bytes")).unwrap_or(usize::MAX),
            chain: name[..16].to_owned(),
        };
        let first = Judged {
            name: name.clone(),
            parent: "0".repeat(64),
            height: 1,
            timestamp_ms: block["timestamp"].as_u64().expect("a time"),
            total_work: work(&parameters.initial_target),
            accounts: accounts.collect(),
            payments: Vec::new(),
            target: parameters.initial_target.clone(),
        };
        Model {
            parameters,
            genesis: name.clone(),
            signed: BTreeSet::new(),
            blocks: BTreeMap::from([(name, Ok(first))]),
        }
    }

    /// Somebody has signed this transaction with their own key.
    pub(super) fn was_signed(&mut self, text: &[u8]) {
        self.signed
            .insert(String::from_utf8_lossy(text).into_owned());
    }

    /// A block that was judged before.
    pub(super) fn block(&self, name: &str) -> Option<&Judged> {
        self.blocks.get(name)?.as_ref().ok()
    }

    /// What all accounts own together after this many blocks.
    pub(super) fn issued(&self, height: u64) -> u128 {
        let genesis = self.block(&self.genesis).expect("it is always there");
        let allocated = genesis.accounts.values().map(|one| u128::from(one.balance));
        allocated.sum::<u128>() + u128::from(self.parameters.reward) * u128::from(height - 1)
    }

    /// Reads and judges a block, its time against the clock apart. `Err` says what
    /// is wrong with it.
    pub(super) fn judge(&mut self, text: &[u8]) -> Result<&Judged, String> {
        let block = object(text)?;
        let name = name_of(&block);
        if !self.blocks.contains_key(&name) {
            let judged = self.examine(&block, &name, text);
            // Nothing is known of a block whose parent has not come.
            if matches!(&judged, Err(why) if why == ORPHAN) {
                return Err(ORPHAN.to_owned());
            }
            self.blocks.insert(name.clone(), judged);
        }
        self.blocks[&name].as_ref().map_err(Clone::clone)
    }

    fn examine(
        &self,
        block: &Map<String, Value>,
        name: &str,
        text: &[u8],
    ) -> Result<Judged, String> {
        let field = |name: &str| block.get(name).ok_or(format!("no {name}"));
        let string = |name: &str| field(name)?.as_str().ok_or(format!("{name} is no string"));
        let number = |name: &str| field(name)?.as_u64().ok_or(format!("{name} is no number"));
        let parent = match self.blocks.get(string("previous_hash")?) {
            None => return Err(ORPHAN.to_owned()),
            Some(Err(_)) => return Err("behind an invalid block".to_owned()),
            Some(Ok(parent)) => parent,
        };
        let (height, timestamp_ms) = (number("index")?, number("timestamp")?);
        check(height == parent.height + 1, "height")?;
        check(number("version")? == 1, "version")?;
        check(
            timestamp_ms > parent.timestamp_ms,
            "not later than its parent",
        )?;
        check(text.len() <= self.parameters.block_limit_bytes, "too long")?;
        let target = big(string("target")?);
        check(target == self.target_behind(parent), "target")?;
        check(big(name) <= target, "no work")?;
        let transactions = field("transactions")?
            .as_array()
            .ok_or("transactions are no list")?;
        let texts: Vec<String> = transactions.iter().map(canonical).collect();
        let root = hex(&merkle(&texts));
        check(string("merkle_root")? == root, "Merkle root")?;
        let accounts = self.execute(parent, height, transactions, &texts)?;
        let sent = transactions
            .iter()
            .zip(texts)
            .skip(1)
            .map(|(payment, text)| {
                let sender = payment["sender"].as_str().unwrap_or_default().to_owned();
                (sender, payment["nonce"].as_u64().unwrap_or_default(), text)
            });
        Ok(Judged {
            name: name.to_owned(),
            parent: parent.name.clone(),
            height,
            timestamp_ms,
            total_work: &parent.total_work + work(&target),
            accounts,
            payments: sent.collect(),
            target,
        })
    }

    fn execute(
        &self,
        parent: &Judged,
        height: u64,
        transactions: &[Value],
        texts: &[String],
    ) -> Result<BTreeMap<String, Holding>, String> {
        let (reward, payments) = transactions.split_first().ok_or("no reward")?;
        let mut accounts = parent.accounts.clone();
        let mut fees = 0;
        for (payment, text) in payments.iter().zip(&texts[1..]) {
            check(self.signed.contains(text), "not signed by its sender")?;
            let number = |field: &str| payment[field].as_u64().ok_or(format!("no {field}"));
            let person = |field: &str| payment[field].as_str().ok_or(format!("no {field}"));
            check(person("chain")? == self.parameters.chain, "another chain")?;
            let (amount, fee) = (number("amount")?, number("fee")?);
            let sender = accounts.entry(person("sender")?.to_owned()).or_default();
            check(sender.nonce == number("nonce")?, "nonce")?;
            check(sender.balance >= amount + fee, "balance")?;
            sender.nonce += 1;
            sender.balance -= amount + fee;
            accounts
                .entry(person("recipient")?.to_owned())
                .or_default()
                .balance += amount;
            fees += fee;
        }
        let expected = self.parameters.reward + fees;
        check(reward["sender"].as_str() == Some("0"), "reward's sender")?;
        check(
            reward["amount"].as_u64() == Some(expected),
            "reward's amount",
        )?;
        check(reward["index"].as_u64() == Some(height), "reward's height")?;
        let miner = reward["recipient"].as_str().ok_or("reward's recipient")?;
        accounts.entry(miner.to_owned()).or_default().balance += expected;
        Ok(accounts)
    }

    /// The formula of docs/protocol.md.
    fn target_behind(&self, parent: &Judged) -> BigInt {
        let Parameters {
            interval_ms,
            half_life_ms,
            initial_target,
            pow_limit,
            ..
        } = &self.parameters;
        if parent.height <= 2 {
            return initial_target.clone();
        }
        let grandparent = self
            .block(&parent.parent)
            .expect("a valid block stands on another");
        let solve_ms = (parent.timestamp_ms - grandparent.timestamp_ms).min(*half_life_ms);
        let late_ms = BigInt::from(solve_ms) - BigInt::from(*interval_ms);
        // This division goes towards zero, and the shifts down.
        let exponent: BigInt = late_ms * 65_536 / BigInt::from(*half_life_ms);
        let steps: BigInt = exponent.clone() >> 16;
        let part: BigInt = exponent - (steps.clone() << 16);
        let square = part.clone() * part.clone();
        let cube = square.clone() * part.clone();
        let polynomial =
            BigInt::from(195_766_423_245_049_u64) * part + square * 971_821_376 + cube * 5_127;
        let factor: BigInt = ((polynomial + (BigInt::from(1) << 47)) >> 48) + 65_536;
        let product = parent.target.clone() * factor;
        let steps = i64::try_from(steps).expect("a late block counts as a half-life at most");
        let shifted: BigInt = match u32::try_from(steps) {
            Ok(up) => product << up,
            Err(_) => product >> steps.unsigned_abs(),
        };
        let next: BigInt = shifted >> 16;
        next.clamp(BigInt::from(1), pow_limit.clone())
    }
}

/// Why a block can't be judged yet.
pub(super) const ORPHAN: &str = "its parent is not known";

fn check(holds: bool, what: &str) -> Result<(), String> {
    match holds {
        true => Ok(()),
        false => Err(what.to_owned()),
    }
}

fn object(text: &[u8]) -> Result<Map<String, Value>, String> {
    let block: Value = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    match block {
        Value::Object(block) => Ok(block),
        _ => Err("no object".to_owned()),
    }
}

/// The hash of the seal and the proof.
fn name_of(block: &Map<String, Value>) -> Name {
    let mut header = block.clone();
    header.remove("transactions");
    let proof = header.remove("proof").unwrap_or_default();
    let seal = hex(&Sha256::digest(canonical(&Value::Object(header))));
    hex(&Sha256::digest(format!("{seal}{proof}")))
}

/// As Python writes it; serde_json keeps the members of an object in order.
fn canonical(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let parts = members.iter().map(|(name, value)| {
                let name = Value::from(name.as_str());
                format!("{}: {}", canonical(&name), canonical(value))
            });
            format!("{{{}}}", parts.collect::<Vec<_>>().join(", "))
        }
        Value::Array(list) => {
            let parts: Vec<String> = list.iter().map(canonical).collect();
            format!("[{}]", parts.join(", "))
        }
        other => ascii(&other.to_string()),
    }
}

/// Every other character as Python escapes it.
fn ascii(text: &str) -> String {
    let mut escaped = String::new();
    for character in text.chars() {
        if (' '..='~').contains(&character) {
            escaped.push(character);
        } else {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                escaped.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    escaped
}

/// RFC 6962.
fn merkle(texts: &[String]) -> [u8; 32] {
    match texts {
        [] => Sha256::digest([]).into(),
        [one] => Sha256::new()
            .chain_update([0])
            .chain_update(one)
            .finalize()
            .into(),
        many => {
            let half = many.len().next_power_of_two() / 2;
            let (left, right) = (merkle(&many[..half]), merkle(&many[half..]));
            Sha256::new()
                .chain_update([1])
                .chain_update(left)
                .chain_update(right)
                .finalize()
                .into()
        }
    }
}

fn work(target: &BigInt) -> BigInt {
    (BigInt::from(1) << 256) / (target + 1)
}

fn big(hex: &str) -> BigInt {
    BigInt::parse_bytes(hex.as_bytes(), 16).unwrap_or_else(|| BigInt::new(Sign::Minus, vec![1]))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// A chain with everything in it, made by an independent implementation.
    fn vectors() -> Value {
        let text = include_str!("../../../core/tests/vectors/sealed_chain.json");
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn the_model_takes_the_chain_of_the_vectors() {
        let vectors = vectors();
        let blocks = vectors["blocks"].as_array().unwrap();
        let text = |at: usize| canonical(&blocks[at]["block"]).into_bytes();
        let mut model = Model::new(&text(0));
        let mut work = model
            .block(blocks[0]["hash"].as_str().unwrap())
            .unwrap()
            .total_work
            .clone();
        for (at, block) in blocks.iter().enumerate().skip(1) {
            let transactions = block["block"]["transactions"].as_array().unwrap();
            transactions
                .iter()
                .for_each(|one| model.was_signed(canonical(one).as_bytes()));
            let judged = model.judge(&text(at)).unwrap();
            assert_eq!(block["hash"].as_str(), Some(&*judged.name));
            work += super::work(&big(block["block"]["target"].as_str().unwrap()));
            assert_eq!(judged.total_work, work);
        }
        let last = model
            .block(blocks.last().unwrap()["hash"].as_str().unwrap())
            .unwrap();
        for (owner, expected) in vectors["balances"].as_object().unwrap() {
            let has = last.accounts[owner];
            assert_eq!(Value::from(has.balance), expected["balance"], "{owner}");
            assert_eq!(Value::from(has.nonce), expected["nonce"], "{owner}");
        }
    }

    #[test]
    fn a_transaction_that_nobody_signed_makes_a_block_invalid() {
        let vectors = vectors();
        let blocks = vectors["blocks"].as_array().unwrap();
        let mut model = Model::new(canonical(&blocks[0]["block"]).as_bytes());
        let judged = blocks[1..]
            .iter()
            .map(|block| model.judge(canonical(&block["block"]).as_bytes()).map(drop));
        let judged: Vec<_> = judged.collect();
        assert!(
            judged.contains(&Err("not signed by its sender".to_owned())),
            "{judged:?}"
        );
    }
}
