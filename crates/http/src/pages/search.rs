//! `/search?q=`: one thing of that name is shown at once, several are listed.

use adit_api::search::{FoundKind, SearchQuery, SearchResult};
use adit_node::handle::NodeHandle;
use adit_node::queries::search;
use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::format;
use super::layout::{Frame, Html, OrPage, problem_page};
use crate::extract::Query;

/// This much of what was searched for is repeated.
const QUERY_CHARACTERS: usize = 300;

/// This much of a name is shown in a list.
const LABEL_CHARACTERS: usize = 100;

#[derive(Template)]
#[template(path = "search.html")]
struct Search {
    frame: Frame,
    query: String,
    results: Vec<Hit>,
}

struct Hit {
    kind: &'static str,
    label: String,
    path: String,
}

/// What is searched for.
#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    q: String,
}

pub(super) async fn search(
    State(node): State<NodeHandle>,
    OrPage(Query(Asked { q })): OrPage<Query<Asked>>,
) -> Response {
    let query = format::visible(q.trim(), QUERY_CHARACTERS);
    if query.is_empty() {
        return page(&node, query, Vec::new());
    }
    match search::search(&node, &SearchQuery { q }).await {
        Ok(found) => match found.results.as_slice() {
            [only] => Redirect::to(&only.path).into_response(),
            several => page(&node, query, several.iter().map(hit).collect()),
        },
        Err(error) => problem_page(&node, &error.into()),
    }
}

fn page(node: &NodeHandle, query: String, results: Vec<Hit>) -> Response {
    let frame = Frame::of(node);
    Html(Search {
        frame,
        query,
        results,
    })
    .into_response()
}

fn hit(result: &SearchResult) -> Hit {
    Hit {
        kind: match result.kind {
            FoundKind::Block => "Block",
            FoundKind::Transaction => "Transaction",
            FoundKind::Address => "Address",
            FoundKind::Peer => "Peer",
            FoundKind::Reorganisation => "Reorganisation",
        },
        label: format::visible(&result.label, LABEL_CHARACTERS),
        path: result.path.clone(),
    }
}
