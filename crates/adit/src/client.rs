//! Asks a running node over HTTP: all commands go through here. Answers are
//! bounded in length and time; a refusal becomes an error that says what to do.
//! What an answer means is not known here.

use std::error::Error;
use std::io;
use std::time::Duration;

use adit_api::problem::ProblemDocument;
use adit_node::tls::{NO_TLS, SPEAKS_TLS, with_tls};
use anyhow::Context;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{RequestBuilder, Response, StatusCode};
use serde::de::DeserializeOwned;
use tokio::runtime::Runtime;

use crate::options::{NodeToAsk, OperatedNode};
use crate::wallet::coins::Coins;

/// The node must answer within this time, unless a command has its own.
const NODE_TIMEOUT_MS: u64 = 15_000;

/// A connection must be there within this time.
const CONNECT_TIMEOUT_MS: u64 = 5_000;

/// An answer is at most this long: a page of a hundred transactions of the
/// greatest length, and a block of the greatest, are shorter.
const NODE_ANSWER_LIMIT_BYTES: usize = 16 * 1024 * 1024;

const TOO_SLOW: &str = "it takes too long";

/// Behind every amount in a node's words.
const IN_BASE_UNITS: &str = " base units";

/// A node, and the way to it.
pub(crate) struct Client {
    node: String,
    /// The option that named it.
    said_by: &'static str,
    http: reqwest::Client,
    runtime: Runtime,
}

/// Why a node's answer is of no use.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    /// Nobody answers, or not in time.
    #[error("no node answers at {node}: {problem}; is it running? ({said_by} says where)")]
    Unreachable {
        node: String,
        /// The option that named it.
        said_by: &'static str,
        problem: String,
    },
    /// It did not do what it was asked to do, and says why.
    #[error("the node at {node} refused: {detail}{}", advice(*.status, rule.as_deref()))]
    Refused {
        node: String,
        status: u16,
        /// The name of the rule that did not hold, if it says one.
        rule: Option<String>,
        detail: String,
    },
    /// It answers something that no node does.
    #[error("what answers at {node} is no node of adit that this one knows: {problem}")]
    NotANode { node: String, problem: String },
}

impl Client {
    pub(crate) fn new(node: &NodeToAsk) -> anyhow::Result<Client> {
        Client::sending(node, HeaderMap::new())
    }

    /// For what only the operator may do. Only these commands send the token:
    /// not every node should be told it.
    pub(crate) fn of_operator(node: &OperatedNode) -> anyhow::Result<Client> {
        let mut headers = HeaderMap::new();
        if let Some(token) = node.token.token()? {
            let mut bearer = HeaderValue::try_from(format!("Bearer {}", token.text()))?;
            bearer.set_sensitive(true);
            headers.insert(AUTHORIZATION, bearer);
        }
        Client::sending(&node.node, headers)
    }

    fn sending(node: &NodeToAsk, headers: HeaderMap) -> anyhow::Result<Client> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("cannot start the runtime")?;
        // No proxy: it would be asked for this machine's own ports.
        let http = with_tls(reqwest::Client::builder())
            .no_proxy()
            .default_headers(headers)
            .connect_timeout(Duration::from_millis(CONNECT_TIMEOUT_MS))
            .build()?;
        Ok(Client {
            node: node.url(),
            said_by: node.said_by(),
            http,
            runtime,
        })
    }

    /// The node's URL.
    pub(crate) fn node(&self) -> &str {
        &self.node
    }

    /// The body of a good answer; what a bad one says is the error.
    pub(crate) fn get(&self, path: &str) -> Result<Vec<u8>, ClientError> {
        self.runtime.block_on(self.fetch(path))
    }

    /// The same, read as JSON.
    pub(crate) fn read<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        self.parse(path, &self.get(path)?)
    }

    /// The same, as one line of plain text.
    pub(crate) fn line(&self, path: &str) -> Result<String, ClientError> {
        let body = self.get(path)?;
        let line = String::from_utf8(body).map_err(|error| self.not_a_node(path, &error))?;
        Ok(line.trim_end().to_owned())
    }

    /// Reads the answer to `path`.
    pub(crate) fn parse<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &[u8],
    ) -> Result<T, ClientError> {
        serde_json::from_slice(body).map_err(|error| self.not_a_node(path, &error))
    }

    /// Hands JSON in.
    pub(crate) fn post(&self, path: &str, body: &[u8]) -> Result<Vec<u8>, ClientError> {
        self.runtime.block_on(self.send(path, body.to_vec()))
    }

    /// The same, for commands that do several things at once.
    pub(crate) async fn send(&self, path: &str, body: Vec<u8>) -> Result<Vec<u8>, ClientError> {
        let request = self.http.post(self.url(path)).body(body);
        let request = request.header("Content-Type", "application/json");
        self.answer(request.timeout(patience())).await
    }

    /// Tells the node to do something that takes up to `timeout`.
    pub(crate) fn tell(&self, path: &str, timeout: Duration) -> Result<Vec<u8>, ClientError> {
        let request = self.http.post(self.url(path)).timeout(timeout);
        self.runtime.block_on(self.answer(request))
    }

    /// Hands in a text that takes up to `timeout` to be read.
    pub(crate) fn hand_in(
        &self,
        path: &str,
        text: Vec<u8>,
        timeout: Duration,
    ) -> Result<Vec<u8>, ClientError> {
        let request = self.http.post(self.url(path)).timeout(timeout);
        let request = request.header("Content-Type", "application/x-ndjson");
        self.runtime.block_on(self.answer(request.body(text)))
    }

    pub(crate) fn delete(&self, path: &str) -> Result<(), ClientError> {
        let request = self.http.delete(self.url(path)).timeout(patience());
        self.runtime.block_on(self.answer(request)).map(|_| ())
    }

    /// Like `get`, for commands that ask several things at once.
    pub(crate) async fn fetch(&self, path: &str) -> Result<Vec<u8>, ClientError> {
        self.fetch_within(path, patience()).await
    }

    /// The same, in less time.
    pub(crate) async fn fetch_within(
        &self,
        path: &str,
        timeout: Duration,
    ) -> Result<Vec<u8>, ClientError> {
        self.answer(self.http.get(self.url(path)).timeout(timeout))
            .await
    }

    /// Starts reading a good answer that may have no end; the caller bounds it.
    pub(crate) async fn open(
        &self,
        path: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<Response, ClientError> {
        let mut request = self.http.get(self.url(path));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let sent = tokio::time::timeout(patience(), request.send()).await;
        let response = sent
            .map_err(|_| self.unreachable_for(TOO_SLOW.to_owned()))?
            .map_err(|error| self.unreachable(&error))?;
        match response.status().is_success() {
            true => Ok(response),
            false => Err(self.refusal(response).await),
        }
    }

    pub(crate) fn block_on<T>(&self, asking: impl Future<Output = T>) -> T {
        self.runtime.block_on(asking)
    }

    async fn answer(&self, request: RequestBuilder) -> Result<Vec<u8>, ClientError> {
        let response = request.send().await;
        let response = response.map_err(|error| self.unreachable(&error))?;
        match response.status().is_success() {
            true => self.body(response).await,
            false => Err(self.refusal(response).await),
        }
    }

    async fn body(&self, mut response: Response) -> Result<Vec<u8>, ClientError> {
        let mut body = Vec::new();
        let failed = |error| self.unreachable(&error);
        while let Some(piece) = response.chunk().await.map_err(failed)? {
            if body.len() + piece.len() > NODE_ANSWER_LIMIT_BYTES {
                return Err(ClientError::NotANode {
                    node: self.node.clone(),
                    problem: format!("its answer is longer than {NODE_ANSWER_LIMIT_BYTES} bytes"),
                });
            }
            body.extend_from_slice(&piece);
        }
        Ok(body)
    }

    async fn refusal(&self, response: Response) -> ClientError {
        let (status, path) = (response.status(), response.url().path().to_owned());
        let body = match self.body(response).await {
            Ok(body) => body,
            Err(error) => return error,
        };
        let mut rule = None;
        let detail = match serde_json::from_slice::<ProblemDocument>(&body) {
            Ok(problem) => {
                rule = problem.rule;
                let detail = in_coins(&problem.detail);
                match &rule {
                    Some(rule) => format!("{detail} (rule {rule})"),
                    None => detail,
                }
            }
            // A node says what it does not have; this one has no such list.
            Err(_) if status == StatusCode::NOT_FOUND => {
                format!("it knows no {path}; its adit may be older than this one")
            }
            Err(_) => status.to_string(),
        };
        ClientError::Refused {
            node: self.node.clone(),
            status: status.as_u16(),
            rule,
            detail,
        }
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.node)
    }

    fn unreachable(&self, error: &reqwest::Error) -> ClientError {
        self.unreachable_for(problem_of(error))
    }

    fn unreachable_for(&self, problem: String) -> ClientError {
        ClientError::Unreachable {
            node: self.node.clone(),
            said_by: self.said_by,
            problem,
        }
    }

    pub(crate) fn not_a_node(&self, path: &str, error: &dyn std::fmt::Display) -> ClientError {
        ClientError::NotANode {
            node: self.node.clone(),
            problem: format!("its answer to {path}: {error}"),
        }
    }
}

fn patience() -> Duration {
    Duration::from_millis(NODE_TIMEOUT_MS)
}

/// What is said in coins here, a node says in base units.
fn in_coins(detail: &str) -> String {
    let mut parts = detail.split(IN_BASE_UNITS).peekable();
    let mut text = String::new();
    while let Some(part) = parts.next() {
        let before = part.trim_end_matches(|character: char| character.is_ascii_digit());
        let is_amount = parts.peek().is_some();
        match part[before.len()..].parse() {
            Ok(units) if is_amount => text += &format!("{before}{}", Coins(units).counted()),
            _ if is_amount => text += &format!("{part}{IN_BASE_UNITS}"),
            _ => text += part,
        }
    }
    text
}

/// Why an answer broke off, or never came.
pub(crate) fn problem_of(error: &reqwest::Error) -> String {
    match error {
        _ if error.is_timeout() => TOO_SLOW.to_owned(),
        _ if error.is_builder() && !SPEAKS_TLS => NO_TLS.to_owned(),
        _ if error.is_connect() => no_connection(innermost(error)),
        _ => innermost(error).to_string(),
    }
}

/// Nobody listens there, or there is more to say: the name is not known, or the
/// certificate is no good.
fn no_connection(cause: &(dyn Error + 'static)) -> String {
    match cause.downcast_ref::<io::Error>() {
        Some(error) if error.raw_os_error().is_some() => "no connection".to_owned(),
        _ => format!("no connection: {cause}"),
    }
}

/// What can be done about a refusal, where its own words do not say it.
fn advice(status: u16, rule: Option<&str>) -> &'static str {
    match (status, rule) {
        (_, Some("min-fee")) => "; without --fee adit offers what the node asks for",
        (405, _) => "; its version of adit may be another one than this",
        (429 | 503, _) => "; try again in a moment",
        _ => "",
    }
}

/// The innermost cause, which says most.
fn innermost<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    match error.source() {
        Some(source) => innermost(source),
        None => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_in_base_units_are_said_in_coins_and_other_words_stay() {
        for (said, shown) in [
            (
                "found 1000 base units: takes nothing below 20000 base units for 1000 bytes",
                "found 0.001 coins: takes nothing below 0.02 coins for 1000 bytes",
            ),
            (
                "expected 3 transactions, found 4",
                "expected 3 transactions, found 4",
            ),
            ("so many base units", "so many base units"),
            (
                "99999999999999999999999 base units",
                "99999999999999999999999 base units",
            ),
            ("12500000 base units", "12.5 coins"),
            ("1000000 base units", "1 coin"),
        ] {
            assert_eq!(in_coins(said), shown);
        }
    }
}
