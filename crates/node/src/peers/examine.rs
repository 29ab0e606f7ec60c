//! Examines another node beside its chain: which rules it says it has, and whether
//! the tutorial's other endpoints are there. It asks for nothing that would change
//! anything on the other side. What is wrong with the chain, an audit says.

use std::time::Duration;

use adit_api::audit::{Audit, Verdict};
use adit_api::examination::{Endpoint, EndpointState, Examination};
use adit_api::peer::PeerKind;
use adit_api::status::Status;
use adit_core::peer::PeerAddress;
use reqwest::header::ALLOW;
use reqwest::{Client, Method, StatusCode};

use crate::tls::with_tls;

/// An endpoint must answer within this time.
const ENDPOINT_TIMEOUT_MS: u64 = 5_000;

/// The answer to `GET /api/v1/status` is at most this long.
const STATUS_LIMIT_BYTES: usize = 64 * 1024;

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

/// Returns the client that looks for endpoints: it follows no redirects, and waits
/// a bounded time.
pub fn client() -> reqwest::Result<Client> {
    with_tls(Client::builder())
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(Duration::from_millis(ENDPOINT_TIMEOUT_MS))
        .build()
}

/// Returns the name of the rules that an adit node says it has; none of a node that
/// says nothing.
pub async fn stated_rules(client: &Client, node: &PeerAddress) -> Option<String> {
    let request = client.get(node.url("/api/v1/status"));
    let mut response = request.send().await.ok()?.error_for_status().ok()?;
    let mut text = Vec::new();
    while let Some(piece) = response.chunk().await.ok()? {
        text.extend_from_slice(&piece);
        if text.len() > STATUS_LIMIT_BYTES {
            return None;
        }
    }
    let status: Status = serde_json::from_slice(&text).ok()?;
    Some(status.rules)
}

/// Looks for the other endpoints of a node whose chain was audited, and returns all
/// that was found.
pub async fn beside(client: &Client, node: &PeerAddress, mut audit: Audit) -> Examination {
    let mut endpoints = Vec::new();
    // If the node is not there, nothing else is.
    if audit.verdict != Verdict::Unreachable || audit.kind != PeerKind::Unknown {
        let manner = manner(client, node).await;
        if manner == Manner::IgnoresMethods {
            audit.notes.push(IGNORES_METHODS.to_owned());
        }
        for (method, path) in ENDPOINTS {
            let state = probe(client, node, manner, method, path).await;
            endpoints.push(Endpoint {
                method,
                path,
                state,
            });
        }
    }
    Examination::of(node.url(""), endpoints, audit)
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
