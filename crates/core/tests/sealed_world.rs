//! What the modules about `sealed` build on: keys, a chain with its accounts in
//! memory, blocks that are changed after they were made, and seeded random
//! chains. Targets are so easy that blocks are found at once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use adit_core::address::Address;
use adit_core::block::{Block, BlockError};
use adit_core::hash::sha256;
use adit_core::json;
use adit_core::merkle;
use adit_core::rules::{
    AccountChange, Context, Rules, Sealed, TemplateContent, check_spend, verify_signature,
};
use adit_core::sealed::{Account, ChainId, Params, SealedTransaction, Transfer};
use adit_core::transaction::{Payment, Submitted};
use ed25519_zebra::{SigningKey, VerificationKeyBytes};
use ruint::aliases::U256;
use serde_json::{Value, json};

use crate::world::Dice;

/// When the test chains start, in milliseconds since 1970.
pub(crate) const START_MS: u64 = 1_795_300_000_000;

/// Somebody with a secret key.
pub(crate) struct Key {
    secret: SigningKey,
    pub(crate) address: Address,
}

/// The same keys as in `vectors/sealed_chain.json`, and more of them.
pub(crate) fn key(number: u64) -> Key {
    Key::of_secret(sha256(format!("adit test key {number}").as_bytes()).0)
}

impl Key {
    pub(crate) fn of_secret(secret: [u8; 32]) -> Key {
        let secret = SigningKey::from(secret);
        let address = Address(VerificationKeyBytes::from(&secret).into());
        Key { secret, address }
    }

    /// The canonical text of a transaction with this key's signature.
    pub(crate) fn sign(&self, transfer: &Transfer) -> Vec<u8> {
        let signature = self.secret.sign(&transfer.to_signed_bytes()).to_bytes();
        transfer.with_signature(&signature)
    }
}

/// Parameters under which every hash solves the puzzle.
pub(crate) fn easy_params(allocations: &[(&Key, u64)]) -> Params {
    Params {
        initial_target: U256::MAX,
        pow_limit: U256::MAX,
        allocations: allocations
            .iter()
            .map(|(key, amount)| (key.address, *amount))
            .collect(),
        ..Params::defaults("test")
    }
}

pub(crate) type Accounts = BTreeMap<Address, Account>;

/// The accounts after a block, from those before it, by the words of the
/// protocol; or the rule that it breaks. It shares no code with the core.
pub(crate) fn replay(
    params: &Params,
    before: Accounts,
    block: &Block,
) -> Result<Accounts, &'static str> {
    let view = block.sealed().unwrap();
    let mut accounts = before;
    if block.is_genesis() {
        for (address, amount) in &params.allocations {
            accounts.entry(*address).or_default().balance += amount;
        }
    }
    for one in view.transactions.iter().map(|one| &one.transfer) {
        let sender = accounts.entry(one.sender).or_default();
        if sender.nonce != one.nonce {
            return Err("nonce");
        }
        if sender.balance < one.amount + one.fee {
            return Err("balance");
        }
        sender.nonce += 1;
        sender.balance -= one.amount + one.fee;
        accounts.entry(one.recipient).or_default().balance += one.amount;
    }
    if let Some(reward) = view.reward {
        accounts.entry(reward.recipient).or_default().balance += reward.amount;
    }
    Ok(accounts)
}

/// A chain with its accounts.
pub(crate) struct SealedChain {
    pub(crate) rules: Sealed,
    pub(crate) blocks: Vec<Arc<Block>>,
    pub(crate) accounts: Accounts,
}

impl SealedChain {
    pub(crate) fn new(params: Params) -> SealedChain {
        SealedChain::of_rules(Sealed::with_params(params, Duration::from_millis(START_MS)).unwrap())
    }

    pub(crate) fn of_rules(rules: Sealed) -> SealedChain {
        let mut chain = SealedChain {
            blocks: Vec::new(),
            accounts: BTreeMap::new(),
            rules,
        };
        let genesis = chain.rules.genesis(Duration::ZERO);
        chain.push(genesis).unwrap();
        chain
    }

    pub(crate) fn tip(&self) -> &Block {
        self.blocks.last().unwrap()
    }

    /// One interval after the tip.
    pub(crate) fn next_ms(&self) -> u64 {
        let tip_ms = self.tip().sealed().unwrap().header.timestamp_ms;
        tip_ms + self.rules.params().block_interval_ms
    }

    pub(crate) fn context(&self, now_ms: u64) -> Context<'_> {
        Context {
            parent: self.tip().header(),
            grandparent: self.blocks.iter().rev().nth(1).map(|block| block.header()),
            now: Duration::from_millis(now_ms),
        }
    }

    pub(crate) fn account(&self, address: Address) -> Account {
        self.accounts.get(&address).copied().unwrap_or_default()
    }

    /// A payment as the sender's next one.
    pub(crate) fn transfer(&self, from: &Key, to: &Key, amount: u64, fee: u64) -> Transfer {
        Transfer {
            amount,
            chain: self.rules.chain_id(),
            data: None,
            fee,
            nonce: self.account(from.address).nonce,
            recipient: to.address,
            sender: from.address,
        }
    }

    pub(crate) fn pay(&self, from: &Key, to: &Key, amount: u64, fee: u64) -> Vec<u8> {
        from.sign(&self.transfer(from, to, amount, fee))
    }

    /// The next block with these transactions, valid or not.
    pub(crate) fn draft(&self, reward_to: &Key, transactions: &[Vec<u8>]) -> Block {
        self.draft_at(self.next_ms(), reward_to, transactions)
    }

    pub(crate) fn draft_at(&self, now_ms: u64, reward_to: &Key, texts: &[Vec<u8>]) -> Block {
        let content = TemplateContent {
            now: Duration::from_millis(now_ms),
            transactions: texts.iter().map(|text| drafted(text)).collect(),
            reward_to: reward_to.address.to_string(),
        };
        let context = self.context(now_ms);
        let puzzle = self.rules.puzzle(context, &content);
        let proof = (0..).find(|proof| puzzle.is_solved_by(*proof)).unwrap();
        self.rules.complete(context, &content, proof)
    }

    /// Everything that is asked of a block after the tip; what it changes.
    pub(crate) fn check(&self, block: &Block) -> Result<Vec<AccountChange>, BlockError> {
        self.rules.check_stateless_and_signed(block)?;
        if !self.blocks.is_empty() {
            let now_ms = block.sealed().unwrap().header.timestamp_ms;
            self.rules.check_contextual(self.context(now_ms), block)?;
        }
        self.rules.apply(block, &|address| self.account(*address))
    }

    /// Takes a block in if it is valid.
    pub(crate) fn push(&mut self, block: Block) -> Result<(), BlockError> {
        for change in self.check(&block)? {
            assert_eq!(change.before, self.account(change.address));
            self.accounts.insert(change.address, change.after);
        }
        self.blocks.push(Arc::new(block));
        Ok(())
    }

    pub(crate) fn mine(&mut self, reward_to: &Key, transactions: &[Vec<u8>]) {
        let block = self.draft(reward_to, transactions);
        self.push(block).unwrap();
    }

    /// Reads a block of this chain and checks it after the tip.
    pub(crate) fn try_text(&self, text: &[u8]) -> Result<Vec<AccountChange>, BlockError> {
        self.check(&self.rules.read(text)?)
    }

    /// The error of a transaction alone and with its sender's account.
    pub(crate) fn try_transaction(
        &self,
        text: &[u8],
    ) -> Result<(), adit_core::sealed::SealedTransactionError> {
        let transaction = self.rules.check_transaction(text)?;
        check_spend(&transaction, self.account(transaction.transfer.sender))
    }
}

/// A block's JSON, to be changed.
pub(crate) fn value_of(block: &Block) -> Value {
    serde_json::from_slice(block.text()).unwrap()
}

/// The block that somebody makes who works for what it says: with the Merkle
/// root of its transactions and a proof for its own target.
pub(crate) fn worked_for(mut block: Value) -> Vec<u8> {
    let leaves: Vec<_> = block["transactions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|transaction| merkle::leaf(&canonical(transaction)))
        .collect();
    block["merkle_root"] = json!(merkle::root(&leaves).to_string());
    proven(block)
}

/// The same with the Merkle root as it stands there.
pub(crate) fn proven(mut block: Value) -> Vec<u8> {
    let target = block["target"].as_str().unwrap().parse();
    let target: adit_core::hash::Hash = target.unwrap();
    for proof in 0_u64.. {
        block["proof"] = json!(proof);
        let text = canonical(&block);
        let seal = sha256(&adit_core::sealed::header_text(&text));
        if adit_core::sealed::block_hash(seal, proof) <= target {
            return text;
        }
    }
    unreachable!()
}

pub(crate) fn canonical(value: &Value) -> Vec<u8> {
    json::canonical(value.to_string().as_bytes(), usize::MAX).unwrap()
}

/// A chain of random payments between a few people, all of them valid.
pub(crate) fn random_chain(dice: &mut Dice, blocks: u64) -> SealedChain {
    let keys: Vec<Key> = (0..5).map(key).collect();
    let mut chain = SealedChain::new(easy_params(&[(&keys[0], 1_000_000), (&keys[1], 70)]));
    for _ in 0..blocks {
        let transactions = random_payments(&chain, &keys, dice);
        let miner = &keys[dice.below(5) as usize];
        let now_ms = chain.next_ms() + dice.below(20_000);
        let block = chain.draft_at(now_ms, miner, &transactions);
        chain.push(block).unwrap();
    }
    chain
}

/// Payments that are valid in this order after the tip.
pub(crate) fn random_payments(chain: &SealedChain, keys: &[Key], dice: &mut Dice) -> Vec<Vec<u8>> {
    let mut accounts = chain.accounts.clone();
    let mut texts = Vec::new();
    for _ in 0..dice.below(8) {
        let sender = &keys[dice.below(keys.len() as u64) as usize];
        let recipient = &keys[dice.below(keys.len() as u64) as usize];
        let account = accounts.entry(sender.address).or_default();
        let amount = dice.below(account.balance + 1);
        let fee = dice.below(account.balance - amount + 1);
        let transfer = Transfer {
            nonce: account.nonce,
            data: (dice.below(4) == 0).then(|| format!("note {amount} é")),
            ..chain.transfer(sender, recipient, amount, fee)
        };
        account.nonce += 1;
        account.balance -= amount + fee;
        accounts.entry(recipient.address).or_default().balance += amount;
        texts.push(sender.sign(&transfer));
    }
    texts
}

/// A transaction for a content, valid or not.
pub(crate) fn drafted(text: &[u8]) -> Submitted {
    match SealedTransaction::read(text) {
        Ok(transaction) => Submitted::Payment(Arc::new(Payment::of(text, &transaction))),
        Err(_) => Submitted::Text(text.into()),
    }
}

/// A transaction's text with one field written otherwise, and unsigned.
pub(crate) fn with_field(text: &[u8], field: &str, value: Value) -> Vec<u8> {
    let mut transaction: Value = serde_json::from_slice(text).unwrap();
    transaction[field] = value;
    canonical(&transaction)
}

/// Reads and verifies a transaction without asking for its chain.
pub(crate) fn is_signed(text: &[u8]) -> bool {
    let transaction = SealedTransaction::read(text).unwrap();
    verify_signature(text, &transaction).is_ok()
}

/// Any chain's id.
pub(crate) fn chain_id(hex: &str) -> ChainId {
    ChainId::from_hex(hex.as_bytes()).unwrap()
}

/// A signed payment.
pub(crate) fn payment_of(
    rules: &Sealed,
    from: &Key,
    to: &Key,
    nonce: u64,
    amount: u64,
    fee: u64,
) -> Vec<u8> {
    from.sign(&Transfer {
        amount,
        chain: rules.chain_id(),
        data: None,
        fee,
        nonce,
        recipient: to.address,
        sender: from.address,
    })
}

/// A block `wait_ms` after `parent` with these transactions, valid or not, but
/// worked for.
pub(crate) fn block_after(
    rules: &Sealed,
    parent: &Block,
    grandparent: Option<&Block>,
    wait_ms: u64,
    reward_to: Address,
    texts: &[Vec<u8>],
) -> Arc<Block> {
    let parent_ms = parent.sealed().unwrap().header.timestamp_ms;
    let now = Duration::from_millis(parent_ms + wait_ms);
    let content = TemplateContent {
        now,
        transactions: texts.iter().map(|text| drafted(text)).collect(),
        reward_to: reward_to.to_string(),
    };
    let context = Context {
        parent: parent.header(),
        grandparent: grandparent.map(Block::header),
        now,
    };
    let puzzle = rules.puzzle(context, &content);
    let proof = (0..).find(|proof| puzzle.is_solved_by(*proof)).unwrap();
    Arc::new(rules.complete(context, &content, proof))
}
