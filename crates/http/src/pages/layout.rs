//! What all pages have in common: how they are sent, what a browser may do
//! with them, and what a page says when there is nothing to show.

use askama::Template;
use axum::extract::State;
use axum::http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, SET_COOKIE,
    VARY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};

use super::words;
use crate::answer;
use crate::problem::Problem;
use crate::source::SET_OWN_PAGE;
use adit_node::handle::NodeHandle;

/// A page takes nothing from any other host, and no script that stands in it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' data:; connect-src 'self'; worker-src 'self'; form-action 'self'; \
    base-uri 'none'; frame-ancestors 'none'";

/// So much of a path is repeated to whoever asked for it.
const PATH_CHARACTERS: usize = 200;

/// What stands on every page around what it is about.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    /// The rules of the chain.
    pub(super) rules: &'static str,
    /// What people call the chain, if it has a name.
    pub(super) chain_name: Option<String>,
    /// The number of its blocks.
    pub(super) length: u64,
    /// The number of transactions that wait.
    pub(super) pending_count: usize,
    /// The number of registered peers.
    pub(super) peer_count: usize,
    /// Which part of the navigation the page belongs to.
    pub(super) here: &'static str,
}

impl Frame {
    pub(super) fn of(node: &NodeHandle) -> Frame {
        let view = node.view();
        Frame {
            rules: node.rules().name(),
            chain_name: node.rules().chain().map(|chain| chain.name.to_owned()),
            length: view.length,
            pending_count: view.pending_count,
            peer_count: view.peers.len(),
            here: "",
        }
    }

    /// The same, on a page of that part.
    pub(super) fn here(self, here: &'static str) -> Frame {
        Frame { here, ..self }
    }

    pub(super) fn blocks(&self) -> String {
        words::count(self.length, "block", "blocks")
    }

    pub(super) fn pending(&self) -> String {
        format!("{} pending", words::grouped(self.pending_count))
    }

    pub(super) fn peers(&self) -> String {
        words::count(self.peer_count as u64, "peer", "peers")
    }

    pub(super) fn version(&self) -> &'static str {
        env!("CARGO_PKG_VERSION")
    }
}

/// A page that is sent.
pub(super) struct Html<T>(pub(super) T);

impl<T: Template> IntoResponse for Html<T> {
    fn into_response(self) -> Response {
        match self.0.render() {
            Ok(text) => {
                let headers = [
                    (CONTENT_TYPE, "text/html; charset=utf-8"),
                    (CONTENT_SECURITY_POLICY, POLICY),
                    (REFERRER_POLICY, "same-origin"),
                    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
                    (CACHE_CONTROL, "no-cache"),
                    (SET_COOKIE, SET_OWN_PAGE),
                ];
                (StatusCode::OK, headers, text).into_response()
            }
            Err(error) => Problem::busy(format!("the page was not made: {error}")).into_response(),
        }
    }
}

#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage<'a> {
    frame: Frame,
    problem: &'a Problem,
}

/// A page, or why there is none.
pub(super) fn shown<T: Template>(node: &NodeHandle, page: Result<T, Problem>) -> Response {
    match page {
        Ok(page) => Html(page).into_response(),
        Err(problem) => problem_page(node, &problem),
    }
}

/// A problem, as a page.
pub(super) fn problem_page(node: &NodeHandle, problem: &Problem) -> Response {
    let frame = Frame::of(node);
    let page = Html(ProblemPage { frame, problem });
    (problem.status(), page).into_response()
}

/// What is said of a path that leads nowhere: a page to browsers, a list of
/// what there is to others.
pub(crate) async fn not_found(
    State(node): State<NodeHandle>,
    method: Method,
    headers: HeaderMap,
    uri: Uri,
) -> Response {
    if !method.is_safe() || !wants_html(&headers) || uri.path().starts_with("/api/") {
        return answer::not_found(uri).await;
    }
    let path = words::visible(uri.path(), PATH_CHARACTERS);
    let problem = Problem::not_found(format!("There is no page {path} here."));
    ([(VARY, ACCEPT.as_str())], problem_page(&node, &problem)).into_response()
}

fn wants_html(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(ACCEPT).iter();
    let accepted = accepted.filter_map(|value| value.to_str().ok());
    accepted
        .flat_map(|value| value.split(','))
        .any(|kind| kind.trim().starts_with("text/html"))
}
