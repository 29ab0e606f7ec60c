//! `GET /api/v1/events`: what happens, as server-sent events (WHATWG HTML,
//! 9.2). A listener that comes back with `Last-Event-ID` gets what it missed,
//! as far as it is still known. What is an event is decided elsewhere.

use std::convert::Infallible;
use std::time::Duration;

use adit_api::event::{MISSED, Topic};
use adit_node::events::log::{Batch, LISTENERS_LIMIT, Listener};
use adit_node::handle::NodeHandle;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use serde::Deserialize;
use tokio::time::timeout;
use utoipa::IntoParams;

use crate::caller::Caller;
use crate::extract::Query;
use crate::problem::Problem;

/// A listener hears from us at least this often, if only a comment: so both
/// sides, and what is between them, know that the other is there.
const HEARTBEAT_MS: u64 = 15_000;

/// What a listener hears first: to come back a second after it was cut off.
const GREETING: &str = "retry: 1000\n\n";

/// Has nginx pass each event on when it comes, whatever it does with other
/// answers; some other proxies read it too.
const NOT_KEPT_BACK: (HeaderName, &str) = (HeaderName::from_static("x-accel-buffering"), "no");

const HEARTBEAT: &str = ": still here\n\n";

/// Which events are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// Names of topics with commas between: `block`, `reorg`, `tx`, `peer`,
    /// `mining`; all of them if nobody says.
    topics: Option<String>,
}

/// What happens, as it happens: server-sent events.
#[utoipa::path(get, path = "/api/v1/events", tag = "node", operation_id = "listen",
    params(Wanted, ("Last-Event-ID" = Option<String>, Header, description = "The last event that was seen")),
    responses((status = 200, description = "Events, for as long as one listens", content_type = "text/event-stream", body = String)))]
pub(super) async fn events(
    State(node): State<NodeHandle>,
    Query(wanted): Query<Wanted>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let topics = read_topics(wanted.topics.as_deref())?;
    let last_seen = headers.get("last-event-id");
    let last_seen = last_seen.map(|name| name.to_str().unwrap_or_default());
    let is_operator = caller == Caller::Operator;
    let listener = node
        .events()
        .listen(topics, is_operator, last_seen)
        .ok_or_else(|| {
            Problem::busy(format!(
                "{LISTENERS_LIMIT} listen already; try again when one has gone"
            ))
        })?;
    let body = stream::unfold(Stage::Greeting(listener), next);
    let headers = [
        (CONTENT_TYPE, "text/event-stream"),
        (CACHE_CONTROL, "no-store"),
        NOT_KEPT_BACK,
    ];
    Ok((headers, Body::from_stream(body)).into_response())
}

fn read_topics(names: Option<&str>) -> Result<Vec<Topic>, Problem> {
    let Some(names) = names else {
        return Ok(Topic::ALL.to_vec());
    };
    let topic = |name: &str| {
        Topic::of_name(name).ok_or_else(|| {
            let known = Topic::ALL.map(Topic::name).join(", ");
            Problem::malformed(format!("{name:.40?} is no topic; there are {known}"))
        })
    };
    names.split(',').map(topic).collect()
}

/// How far a listener has come.
enum Stage {
    Greeting(Listener),
    /// What it has seen goes on where it was: a gap is where it begins.
    First(Listener),
    Following(Listener),
    End,
}

async fn next(stage: Stage) -> Option<(Result<Bytes, Infallible>, Stage)> {
    let (text, stage) = match stage {
        Stage::Greeting(listener) => (GREETING.into(), Stage::First(listener)),
        Stage::First(listener) => follow(listener, true).await?,
        Stage::Following(listener) => follow(listener, false).await?,
        Stage::End => return None,
    };
    Some((Ok(text), stage))
}

async fn follow(mut listener: Listener, is_first: bool) -> Option<(Bytes, Stage)> {
    let pause = Duration::from_millis(HEARTBEAT_MS);
    match timeout(pause, listener.take()).await {
        Ok(Batch::Events(events)) => Some((events, Stage::Following(listener))),
        Ok(Batch::Lost) if is_first => Some((missed(), Stage::Following(listener))),
        // It is too slow: nothing is kept for it. It may come back.
        Ok(Batch::Lost) => Some((missed(), Stage::End)),
        Ok(Batch::End) => None,
        Err(_) => {
            let stage = match is_first {
                true => Stage::First(listener),
                false => Stage::Following(listener),
            };
            Some((HEARTBEAT.into(), stage))
        }
    }
}

/// Returns what a listener hears when events are lost to it, and it has to load
/// again.
fn missed() -> Bytes {
    format!("event: {MISSED}\ndata: {{}}\n\n").into()
}
