//! Asks a node of a sealed chain what a wallet and the notary need. It believes
//! what the node says about the chain; what is signed or proved is checked
//! elsewhere.

use std::thread;
use std::time::{Duration, Instant};

use adit_api::address::AddressState;
use adit_api::status::Status;
use adit_api::transaction::TransactionStatus;
use adit_core::address::Address;
use adit_core::hash::Hash;
use adit_core::mempool::FeeRate;
use adit_core::sealed::ChainId;
use adit_core::sync::ChainReader;
use anyhow::{anyhow, bail, ensure};
use indicatif::{ProgressBar, ProgressStyle};

use crate::client::{Client, ClientError};
use crate::options::NodeToAsk;

/// The chain's first block must be here within this time.
const GENESIS_TIMEOUT_MS: u64 = 15_000;

/// How often it is checked whether a transaction is in a block.
const LOOK_INTERVAL_MS: u64 = 250;

/// A block is waited for this long.
pub(crate) const BLOCK_TIMEOUT_MS: u64 = 30 * 60 * 1000;

/// A node whose chain has signatures and balances.
pub(crate) struct SealedNode {
    client: Client,
    /// The chain that it is on.
    pub(crate) chain: Chain,
    /// It takes no transaction that pays less for its length.
    pub(crate) min_fee_rate: FeeRate,
}

/// Which chain a node is on.
#[derive(Debug, Clone)]
pub(crate) struct Chain {
    pub(crate) id: ChainId,
    pub(crate) name: String,
    pub(crate) genesis: Hash,
}

/// What an address has; in base units.
#[derive(Debug)]
pub(crate) struct Holdings {
    pub(crate) balance: u64,
    pub(crate) nonce: u64,
    pub(crate) next_nonce: u64,
    pub(crate) pending: Vec<String>,
}

impl SealedNode {
    /// Fails unless the node says that its chain is sealed, and which it is.
    pub(crate) fn find(node: &NodeToAsk) -> anyhow::Result<SealedNode> {
        let client = Client::new(node)?;
        let status: Status = client.read("/api/v1/status")?;
        let (node, rules) = (client.node(), &status.rules);
        ensure!(
            rules == "sealed",
            "the node at {node} has the rules {rules}, which know no signatures and \
             balances; a node of a sealed chain is needed (`adit --chain FILE`, or `adit dev` to \
             try it)"
        );
        // An older node says nothing, and asks for nothing.
        let min_fee_rate = FeeRate(status.min_fee_rate.unwrap_or(0));
        let chain = status.chain.and_then(|chain| {
            let id = ChainId::from_hex(chain.id.as_bytes())?;
            let genesis = Hash::from_hex(chain.genesis.as_bytes())?;
            (id == ChainId::of_genesis(genesis)).then_some(Chain {
                id,
                name: chain.name,
                genesis,
            })
        });
        let chain =
            chain.ok_or_else(|| anyhow!("the node at {node} does not say which chain it is on"))?;
        Ok(SealedNode {
            client,
            chain,
            min_fee_rate,
        })
    }

    pub(crate) fn holdings(&self, address: &Address) -> Result<Holdings, ClientError> {
        let path = format!("/api/v1/address/{address}");
        let state: AddressState = self.client.read(&path)?;
        let (Some(balance), Some(nonce), Some(next_nonce)) =
            (state.balance, state.nonce, state.next_nonce)
        else {
            return Err(self
                .client
                .not_a_node(&path, &"it does not say what an address owns"));
        };
        Ok(Holdings {
            balance,
            nonce,
            next_nonce,
            pending: state.pending,
        })
    }

    /// Hands in a signed transaction.
    pub(crate) fn submit(&self, transaction: &[u8]) -> Result<(), ClientError> {
        self.client.post("/api/v1/tx", transaction).map(|_| ())
    }

    /// The proof that a transaction is in its block, in JSON.
    pub(crate) fn merkle_proof(&self, id: Hash) -> Result<Vec<u8>, ClientError> {
        self.client.get(&format!("/api/v1/tx/{id}/merkle-proof"))
    }

    /// The canonical text of the chain's first block. No more of the answer to
    /// `/chain` is read.
    pub(crate) fn genesis(&self) -> anyhow::Result<Vec<u8>> {
        let mut reader = ChainReader::of_answer();
        let node = self.client.node();
        let reading = async {
            let mut response = self.client.open("/chain", &[]).await?;
            while let Some(piece) = response.chunk().await? {
                reader.feed(&piece);
                if let Some(block) = reader.next_block()? {
                    return Ok(block);
                }
            }
            bail!("the chain of {node} has no first block")
        };
        let limit = Duration::from_millis(GENESIS_TIMEOUT_MS);
        self.client.block_on(async {
            let read = tokio::time::timeout(limit, reading).await;
            read.map_err(|_| anyhow!("the node at {node} takes too long"))?
        })
    }

    /// Waits until the transaction has this many confirmations: 1 is a place in
    /// the last block.
    pub(crate) fn wait_for_block(
        &self,
        id: Hash,
        confirmations: u64,
    ) -> anyhow::Result<TransactionStatus> {
        let start = Instant::now();
        let style = ProgressStyle::with_template("{spinner} {msg} {elapsed}")?;
        let spinner = ProgressBar::new_spinner().with_style(style);
        loop {
            let found = self.transaction(id)?.ok_or_else(|| {
                anyhow!("the node does not know the transaction {id} any more: send it again")
            })?;
            let confirmed = found.confirmations;
            if found.block_index.is_some() && confirmed >= confirmations {
                spinner.finish_and_clear();
                return Ok(found);
            }
            ensure!(
                start.elapsed() < Duration::from_millis(BLOCK_TIMEOUT_MS),
                "the transaction {id} still waits for a block after {} minutes: does anybody mine?",
                BLOCK_TIMEOUT_MS / 60_000
            );
            spinner.set_message(match found.block_index {
                None => "waiting for a block".to_owned(),
                Some(height) => format!("in block {height}, {confirmed} of {confirmations}"),
            });
            spinner.tick();
            thread::sleep(Duration::from_millis(LOOK_INTERVAL_MS));
        }
    }

    /// What has become of a transaction so far; `None` if the node does not know it.
    pub(crate) fn transaction(&self, id: Hash) -> Result<Option<TransactionStatus>, ClientError> {
        match self.client.read(&format!("/api/v1/tx/{id}")) {
            Ok(found) => Ok(Some(found)),
            Err(ClientError::Refused { status: 404, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
