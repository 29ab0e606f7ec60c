//! `adit doctor`: checks another node from outside. It asks only for what
//! changes nothing: the chain, which it checks block by block, and whether the
//! tutorial's other endpoints are there. It says what is wrong, shows the
//! bytes, and says what to do.

use std::sync::Arc;
use std::time::Duration;

use adit_api::audit::{Audit, AuditedBlock, Verdict};
use adit_api::peer::PeerKind;
use adit_api::status::Status;
use adit_core::peer::PeerAddress;
use adit_core::rules::{Rules, by_name};
use adit_node::peers::audit::audit;
use adit_node::tls::with_tls;
use anyhow::{Result, bail};
use reqwest::header::ALLOW;
use reqwest::{Client, Method, StatusCode};
use serde::Serialize;

use crate::options::DoctorOptions;
use crate::rules;
use crate::terminal::escape::{visible, visible_json};
use crate::terminal::output::{Output, Style, counted};

/// An endpoint must answer within this time.
const ENDPOINT_TIMEOUT_MS: u64 = 5_000;

/// The answer to `GET /api/v1/status` is at most this long.
const STATUS_LIMIT_BYTES: usize = 64 * 1024;

/// This much of each of a block's texts is printed; with --json, more.
const PRINTED_LIMIT_BYTES: usize = 4 * 1024;

/// Lines are at most this long, whatever the terminal's width.
const WIDTH_LIMIT: usize = 100;

/// The endpoints besides `GET /chain`. A request with the method named here
/// would change something, so that none is made.
const ENDPOINTS: [(&str, &str); 4] = [
    ("GET", "/mine"),
    ("POST", "/transactions/new"),
    ("POST", "/nodes/register"),
    ("GET", "/nodes/resolve"),
];

/// Said of a node that runs an endpoint even when only asked about it.
const IGNORES_METHODS: &str = "it answers OPTIONS /chain with more than what may be done there: its \
                               methods do not count, and to ask about an endpoint would run it, so \
                               that none was asked about";

/// Something is wrong with the node; all of it was printed.
#[derive(Debug, thiserror::Error)]
#[error("the node is not healthy")]
pub(crate) struct Unhealthy;

/// Everything that was found.
#[derive(Debug, Serialize)]
struct Report {
    node: String,
    healthy: bool,
    endpoints: Vec<Endpoint>,
    audit: Audit,
}

#[derive(Debug, Serialize)]
struct Endpoint {
    method: &'static str,
    path: &'static str,
    state: EndpointState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum EndpointState {
    There,
    Missing,
    /// The node does not say, and to try it would change something.
    Unknown,
}

/// Checks the node; an unhealthy one is an error that was printed already.
pub(crate) fn run(options: &DoctorOptions, json: bool) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let report = runtime.block_on(examine(options))?;
    let mut output = Output::new(json);
    match json {
        true => output.document(serde_json::to_string(&report)?.as_bytes())?,
        false => Printer::new(&mut output).report(&report)?,
    }
    match report.healthy {
        true => Ok(()),
        false => Err(Unhealthy.into()),
    }
}

async fn examine(options: &DoctorOptions) -> Result<Report> {
    let node = &options.node;
    let client = with_tls(Client::builder())
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(Duration::from_millis(ENDPOINT_TIMEOUT_MS))
        .build()?;
    let rules = match (&options.rules, &options.chain) {
        (None, None) => own_rules(&client, node).await?,
        (name, chain) => rules::named(*name, chain.as_deref(), None)?,
    };
    let mut audit = audit(node, rules).await;
    let mut endpoints = Vec::new();
    // If the node is not there, nothing else is.
    if audit.verdict != Verdict::Unreachable || audit.kind != PeerKind::Unknown {
        let manner = manner(&client, node).await;
        if manner == Manner::IgnoresMethods {
            audit.notes.push(IGNORES_METHODS.to_owned());
        }
        for (method, path) in ENDPOINTS {
            let state = probe(&client, node, manner, method, path).await;
            endpoints.push(Endpoint {
                method,
                path,
                state,
            });
        }
    }
    let is_whole = endpoints
        .iter()
        .all(|endpoint| endpoint.state != EndpointState::Missing);
    Ok(Report {
        node: node.url(""),
        healthy: is_healthy(&audit) && is_whole,
        endpoints,
        audit,
    })
}

/// The rules that an adit node says it has; the tutorial's if it says nothing.
async fn own_rules(client: &Client, node: &PeerAddress) -> Result<Arc<dyn Rules>> {
    let name = match status(client, node).await {
        Some(status) => status.rules,
        None => return rules::named(None, None, None),
    };
    match by_name(&name) {
        Some(rules) => Ok(rules),
        None => bail!(
            "the node at {} has a chain of the rules {}: name its genesis block with \
             --chain FILE",
            node.url(""),
            visible(&name)
        ),
    }
}

async fn status(client: &Client, node: &PeerAddress) -> Option<Status> {
    let request = client.get(node.url("/api/v1/status"));
    let mut response = request.send().await.ok()?.error_for_status().ok()?;
    let mut text = Vec::new();
    while let Some(piece) = response.chunk().await.ok()? {
        text.extend_from_slice(&piece);
        if text.len() > STATUS_LIMIT_BYTES {
            return None;
        }
    }
    serde_json::from_slice(&text).ok()
}

fn is_healthy(audit: &Audit) -> bool {
    audit.verdict == Verdict::Valid && audit.states_its_length() && audit.strict_zeros.is_none()
}

/// What a node makes of requests with a method that it was not written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    /// It says what it makes of them.
    Tells,
    /// It does not know the method, and says so whether the endpoint exists or
    /// not.
    Refuses,
    /// It runs what answers a GET or POST there, or might.
    IgnoresMethods,
}

/// Tries it where nothing can change: an `OPTIONS` of the chain, which is there.
async fn manner(client: &Client, node: &PeerAddress) -> Manner {
    let url = node.url("/chain");
    let Ok(mut answer) = client.request(Method::OPTIONS, &url).send().await else {
        return Manner::IgnoresMethods;
    };
    match answer.status() {
        StatusCode::METHOD_NOT_ALLOWED => Manner::Tells,
        status if !status.is_success() => Manner::Refuses,
        _ => {
            let names_methods = answer.headers().contains_key(ALLOW);
            let begin = loop {
                match answer.chunk().await {
                    Ok(Some(piece)) if piece.trim_ascii().is_empty() => {}
                    Ok(Some(piece)) => break piece.trim_ascii_start().first().copied(),
                    Ok(None) => break None,
                    Err(_) => return Manner::IgnoresMethods,
                }
            };
            // Some name the methods in the body too; a chain begins
            // differently.
            match begin {
                None => Manner::Tells,
                Some(byte) if names_methods && byte.is_ascii_alphabetic() => Manner::Tells,
                Some(_) => Manner::IgnoresMethods,
            }
        }
    }
}

/// Whether there is such an endpoint. If methods count, `OPTIONS` runs no view,
/// and a GET of what only takes a POST changes nothing either. Whether they do
/// is not known of a node that refuses `OPTIONS` altogether, or that has a
/// proxy in front that does.
async fn probe(
    client: &Client,
    node: &PeerAddress,
    manner: Manner,
    method: &str,
    path: &str,
) -> EndpointState {
    if manner == Manner::IgnoresMethods {
        return EndpointState::Unknown;
    }
    let url = node.url(path);
    let options = client.request(Method::OPTIONS, &url).send().await;
    let state_of = |status| state_of(manner, status);
    let mut state = options.map_or(EndpointState::Unknown, |answer| state_of(answer.status()));
    if state == EndpointState::Unknown && method == "POST" && manner == Manner::Tells {
        let get = client.get(&url).send().await;
        state = get.map_or(EndpointState::Unknown, |answer| state_of(answer.status()));
    }
    state
}

fn state_of(manner: Manner, status: StatusCode) -> EndpointState {
    match status {
        StatusCode::NOT_FOUND if manner == Manner::Refuses => EndpointState::Unknown,
        StatusCode::NOT_FOUND => EndpointState::Missing,
        StatusCode::METHOD_NOT_ALLOWED => EndpointState::There,
        status if status.is_success() => EndpointState::There,
        _ => EndpointState::Unknown,
    }
}

/// Prints for people, not wider than the terminal.
struct Printer<'a> {
    output: &'a mut Output,
    width: usize,
}

/// Behind these columns stands what is said.
const INDENT: usize = 11;

impl<'a> Printer<'a> {
    fn new(output: &'a mut Output) -> Printer<'a> {
        let width = output.columns().unwrap_or(WIDTH_LIMIT).min(WIDTH_LIMIT);
        Printer { output, width }
    }

    fn report(&mut self, report: &Report) -> Result<()> {
        let audit = &report.audit;
        let kind = match audit.kind {
            PeerKind::Adit => "adit",
            PeerKind::Python => "the tutorial's, or one that speaks as it does",
            PeerKind::Unknown => "of an unknown kind",
        };
        let node = format!("{}: {kind}", report.node);
        self.line(Style::Label, "node", &node)?;
        for note in &audit.notes {
            self.line(Style::Label, "note", note)?;
        }
        for endpoint in &report.endpoints {
            let name = format!("{} {}", endpoint.method, endpoint.path);
            match endpoint.state {
                EndpointState::There => self.line(Style::Good, "ok", &name)?,
                EndpointState::Missing => {
                    let text = format!("{name}: there is no such endpoint");
                    self.line(Style::Bad, "wrong", &text)?;
                }
                EndpointState::Unknown => {
                    let text = format!("{name}: not tried, since that would change something");
                    self.line(Style::Label, "?", &text)?;
                }
            }
        }
        self.chain(audit)?;
        match report.healthy {
            true => self.line(Style::Good, "healthy", "nothing is wrong"),
            false => self.line(Style::Bad, "unhealthy", "what is wrong stands above"),
        }
    }

    fn chain(&mut self, audit: &Audit) -> Result<()> {
        let rules = &audit.rules;
        if audit.verdict == Verdict::Valid {
            let blocks = counted(audit.length, "block");
            let tip = audit.tip.as_deref().unwrap_or_default();
            let text =
                format!("GET /chain: {blocks}, valid under the rules {rules}, the last is {tip}");
            match audit.states_its_length() {
                true => self.line(Style::Good, "ok", &text)?,
                false => self.line(Style::Bad, "wrong", &format!("{text}; but see the notes"))?,
            }
            if let (Some(zeros), Some(diagnosis)) = (audit.strict_zeros, &audit.diagnosis) {
                let text = format!("all of its proofs have {zeros} zeros or more");
                self.line(Style::Bad, "wrong", &text)?;
                self.line(Style::Label, "why", &diagnosis.cause)?;
                self.line(Style::Label, "what to do", &diagnosis.advice)?;
            }
            return Ok(());
        }
        let problem = audit.problem.as_deref().unwrap_or_default();
        let text = match audit.verdict {
            Verdict::Unreachable => format!("GET /chain: {problem}"),
            _ => format!("GET /chain, under the rules {rules}: {problem}"),
        };
        self.line(Style::Bad, "wrong", &text)?;
        if let Some(diagnosis) = &audit.diagnosis {
            self.line(Style::Label, "why", &diagnosis.cause)?;
            self.line(Style::Label, "what to do", &diagnosis.advice)?;
        }
        if let Some(guess) = &audit.guess {
            self.shown("The guess", &guess.text)?;
            self.shown("Its SHA-256, and the greatest that would do", &guess.sha256)?;
            self.raw(&guess.target)?;
        }
        if let Some(before) = &audit.before {
            self.block(before)?;
        }
        if let Some(block) = &audit.block {
            self.block(block)?;
        }
        self.output.line("")
    }

    fn block(&mut self, block: &AuditedBlock) -> Result<()> {
        let height = block.index;
        self.shown(&format!("Block {height} as it came"), &block.text)?;
        if let Some(canonical) = &block.canonical {
            self.shown(&format!("Block {height} in canonical form"), canonical)?;
        }
        if let Some(hash) = &block.our_hash {
            let claimed = block.claimed_previous_hash.as_deref();
            let next = format!("Its hash here, and the one that block {} names", height + 1);
            self.shown(&next, hash)?;
            self.raw(claimed.unwrap_or("(there is none)"))?;
        }
        Ok(())
    }

    /// A word in front, and text behind it, broken between words.
    fn line(&mut self, style: Style, label: &str, text: &str) -> Result<()> {
        let room = self.width.saturating_sub(INDENT).max(INDENT);
        let mut label = self.output.styled(style, &format!("{label:INDENT$}"));
        for line in wrapped(&visible(text), room) {
            self.output.line(&format!("{label}{line}"))?;
            label = " ".repeat(INDENT);
        }
        Ok(())
    }

    fn shown(&mut self, heading: &str, text: &str) -> Result<()> {
        self.output.line("")?;
        for line in wrapped(&format!("{heading}:"), self.width) {
            self.output.line(&line)?;
        }
        self.raw(text)
    }

    /// Text of the peer's, unbroken, so that it can be copied.
    fn raw(&mut self, text: &str) -> Result<()> {
        let end = text.floor_char_boundary(PRINTED_LIMIT_BYTES);
        let more = if end < text.len() { " ..." } else { "" };
        let text = visible_json(&text[..end]);
        self.output.line(&format!("  {text}{more}"))
    }
}

/// Lines of at most `width` characters, broken between words, and within those
/// that are longer.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut room = width;
    for (number, word) in text.split(' ').enumerate() {
        let length = word.chars().count();
        if number > 0 && length < room {
            lines.last_mut().expect("there is a line").push(' ');
            room -= 1;
        } else if number > 0 {
            lines.push(String::new());
            room = width;
        }
        for character in word.chars() {
            if room == 0 {
                lines.push(String::new());
                room = width;
            }
            lines.last_mut().expect("there is a line").push(character);
            room -= 1;
        }
    }
    lines
}
