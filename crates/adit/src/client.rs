//! Asks a running node of a sealed chain, over HTTP. It believes the node what
//! the chain looks like; what it signs or proves it checks elsewhere.

use std::thread;
use std::time::{Duration, Instant};

use adit_core::address::Address;
use adit_core::hash::Hash;
use adit_core::sealed::ChainId;
use adit_core::sync::ChainReader;
use anyhow::{anyhow, bail, ensure};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::options::NodeToAsk;

/// The node must answer within this time.
const NODE_TIMEOUT_MS: u64 = 15_000;

/// An answer is at most this long; that to `/chain` is read only as far as its
/// first block.
const NODE_ANSWER_LIMIT_BYTES: usize = 1024 * 1024;

/// How often it is looked whether a transaction stands in a block.
const LOOK_INTERVAL_MS: u64 = 250;

/// A block is waited for so long.
const BLOCK_TIMEOUT_MS: u64 = 30 * 60 * 1000;

/// A node, and the way to it.
pub(crate) struct Client {
    address: String,
    http: reqwest::Client,
    runtime: Runtime,
}

/// Why a node's answer is of no use.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    /// Nobody answers, or not in time.
    #[error(
        "no node answers at http://{address}: {problem}; is it running? (--node or -p says where)"
    )]
    Unreachable { address: String, problem: String },
    /// It did not do what it was asked for, and says why.
    #[error("the node at http://{address} refused: {detail}")]
    Refused {
        address: String,
        status: u16,
        detail: String,
    },
    /// It answers something that no node does.
    #[error("what answers at http://{address} is no node of a sealed chain: {problem}")]
    NotANode { address: String, problem: String },
}

/// Which chain a node is on.
#[derive(Debug, Clone)]
pub(crate) struct Chain {
    pub(crate) id: ChainId,
    pub(crate) name: String,
    pub(crate) genesis: Hash,
}

/// What an address has; in base units.
#[derive(Debug, Deserialize)]
pub(crate) struct Holdings {
    pub(crate) balance: u64,
    pub(crate) nonce: u64,
    pub(crate) next_nonce: u64,
    pub(crate) pending: Vec<String>,
}

/// Where a transaction is.
#[derive(Debug, Deserialize)]
pub(crate) struct Whereabouts {
    pub(crate) block_index: Option<u64>,
    pub(crate) block_hash: Option<String>,
    pub(crate) confirmations: Option<u64>,
}

/// The problem of an answer by RFC 9457.
#[derive(Debug, Deserialize)]
struct Problem {
    title: Option<String>,
    detail: Option<String>,
}

impl Client {
    pub(crate) fn new(node: &NodeToAsk) -> anyhow::Result<Client> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let http = reqwest::Client::builder()
            .no_proxy()
            .timeout(Duration::from_millis(NODE_TIMEOUT_MS))
            .build()?;
        Ok(Client {
            address: node.address(),
            http,
            runtime,
        })
    }

    /// The chain that the node is on.
    pub(crate) fn chain(&self) -> anyhow::Result<Chain> {
        let status: Value = self.get("/api/v1/status")?;
        let rules = status["rules"].as_str().unwrap_or("unknown");
        ensure!(
            rules == "sealed",
            "the node at http://{} has the rules {rules}, which know no signatures and balances; \
             a node of a sealed chain is needed (`adit --chain FILE`, or `adit dev` to try it)",
            self.address
        );
        let text = |name: &str| status["chain"][name].as_str().unwrap_or_default();
        let id = ChainId::from_hex(text("id").as_bytes());
        let genesis = Hash::from_hex(text("genesis").as_bytes());
        match (id, genesis) {
            (Some(id), Some(genesis)) if id == ChainId::of_genesis(genesis) => Ok(Chain {
                id,
                genesis,
                name: text("name").to_owned(),
            }),
            _ => Err(self
                .not_a_node("it does not say which chain it is on")
                .into()),
        }
    }

    pub(crate) fn holdings(&self, address: &Address) -> Result<Holdings, ClientError> {
        self.get(&format!("/api/v1/address/{address}"))
    }

    /// Hands a signed transaction in.
    pub(crate) fn submit(&self, transaction: &[u8]) -> Result<(), ClientError> {
        let request = self
            .http
            .post(self.url("/api/v1/tx"))
            .header("Content-Type", "application/json")
            .body(transaction.to_vec());
        self.answer(request).map(|_| ())
    }

    /// `None` if the node does not know it.
    pub(crate) fn transaction(&self, id: Hash) -> Result<Option<Whereabouts>, ClientError> {
        match self.get(&format!("/api/v1/tx/{id}")) {
            Ok(found) => Ok(Some(found)),
            Err(ClientError::Refused { status: 404, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The proof that a transaction stands in its block, in JSON.
    pub(crate) fn merkle_proof(&self, id: Hash) -> Result<Vec<u8>, ClientError> {
        let path = format!("/api/v1/tx/{id}/merkle-proof");
        self.answer(self.http.get(self.url(&path)))
    }

    /// The canonical text of the chain's first block.
    pub(crate) fn genesis(&self) -> anyhow::Result<Vec<u8>> {
        let mut reader = ChainReader::of_answer();
        let request = self.http.get(self.url("/chain"));
        self.runtime.block_on(async {
            let response = request
                .send()
                .await
                .map_err(|error| self.unreachable(&error))?;
            let mut response = response.error_for_status()?;
            while let Some(piece) = response.chunk().await? {
                reader.feed(&piece);
                if let Some(block) = reader.next_block()? {
                    return Ok(block);
                }
            }
            bail!("the chain of http://{} has no first block", self.address)
        })
    }

    /// Waits until the transaction has so many confirmations: 1 is a place in
    /// the last block.
    pub(crate) fn wait_for_block(
        &self,
        id: Hash,
        confirmations: u64,
    ) -> anyhow::Result<Whereabouts> {
        let start = Instant::now();
        let style = ProgressStyle::with_template("{spinner} {msg} {elapsed}")?;
        let spinner = ProgressBar::new_spinner().with_style(style);
        loop {
            let found = self.transaction(id)?.ok_or_else(|| {
                anyhow!("the node does not know the transaction {id} any more: send it anew")
            })?;
            let confirmed = found.confirmations.unwrap_or_default();
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
                Some(index) => format!("in block {index}, {confirmed} of {confirmations}"),
            });
            spinner.tick();
            thread::sleep(Duration::from_millis(LOOK_INTERVAL_MS));
        }
    }

    fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        let body = self.answer(self.http.get(self.url(path)))?;
        serde_json::from_slice(&body)
            .map_err(|error| self.not_a_node(&format!("its answer to {path}: {error}")))
    }

    /// The body of a good answer; what a bad one says is the error.
    fn answer(&self, request: reqwest::RequestBuilder) -> Result<Vec<u8>, ClientError> {
        self.runtime.block_on(async {
            let failed = |error: reqwest::Error| self.unreachable(&error);
            let mut response = request.send().await.map_err(failed)?;
            let status = response.status();
            let mut body = Vec::new();
            while let Some(piece) = response.chunk().await.map_err(failed)? {
                body.extend_from_slice(&piece);
                if body.len() > NODE_ANSWER_LIMIT_BYTES {
                    return Err(self.not_a_node("its answer is too long"));
                }
            }
            if status.is_success() {
                return Ok(body);
            }
            let problem = serde_json::from_slice::<Problem>(&body).ok();
            let detail = problem.and_then(|problem| problem.detail.or(problem.title));
            Err(ClientError::Refused {
                address: self.address.clone(),
                status: status.as_u16(),
                detail: detail.unwrap_or_else(|| status.to_string()),
            })
        })
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn unreachable(&self, error: &reqwest::Error) -> ClientError {
        let problem = match error {
            _ if error.is_timeout() => "it takes too long".to_owned(),
            _ if error.is_connect() => "no connection".to_owned(),
            _ => error.to_string(),
        };
        ClientError::Unreachable {
            address: self.address.clone(),
            problem,
        }
    }

    fn not_a_node(&self, problem: &str) -> ClientError {
        ClientError::NotANode {
            address: self.address.clone(),
            problem: problem.to_owned(),
        }
    }
}
