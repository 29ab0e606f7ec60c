//! What all pages have in common: how they are sent, what a browser may do
//! with them, and what a page says when there is nothing to show.

use adit_node::handle::NodeHandle;
use askama::Template;
use axum::extract::FromRequestParts;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, REFERRER_POLICY, SET_COOKIE,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use super::format;
use crate::base_path::BasePath;
use crate::problem::Problem;
use crate::source::SET_OWN_PAGE;

/// A page takes nothing from any other host, and no script that stands in it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' data:; connect-src 'self'; worker-src 'self'; form-action 'self'; \
    base-uri 'none'; frame-ancestors 'none'";

/// This much of a path is repeated to those who asked for it.
const PATH_CHARACTERS: usize = 200;

/// Stands where the one who asks has named no host that a shell would take as it is.
const UNKNOWN_HOST: &str = "127.0.0.1:5000";

/// What stands on every page around what it is about.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    /// What stands before a path in a text; links get it by themselves.
    pub(super) base: BasePath,
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
        let view = node.status();
        Frame {
            base: BasePath::current(),
            rules: node.rules().name(),
            chain_name: node.rules().chain().map(|chain| chain.name.to_owned()),
            length: view.length,
            pending_count: view.pending_count,
            peer_count: view.peers.len(),
            here: "",
        }
    }

    /// Returns the same, on a page of that part.
    pub(super) fn here(self, here: &'static str) -> Frame {
        Frame { here, ..self }
    }

    pub(super) fn blocks(&self) -> String {
        format::count(self.length, "block", "blocks")
    }

    pub(super) fn peers(&self) -> String {
        format::count(self.peer_count as u64, "peer", "peers")
    }

    pub(super) fn version(&self) -> &'static str {
        env!("CARGO_PKG_VERSION")
    }
}

/// Returns under which name and port the node was asked for, so that a page can say
/// what to type.
pub(super) fn own_host(headers: &HeaderMap) -> &str {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]_".contains(&byte);
    host.filter(|host| host.bytes().all(is_plain))
        .unwrap_or(UNKNOWN_HOST)
}

/// Returns the port of the same.
pub(super) fn own_port(headers: &HeaderMap) -> &str {
    let port = own_host(headers).rsplit_once(':');
    port.map_or("80", |(_, port)| port)
}

/// A page that is sent.
pub(super) struct Html<T>(pub(super) T);

impl<T: Template> IntoResponse for Html<T> {
    fn into_response(self) -> Response {
        match self.0.render() {
            Ok(text) => {
                let text = BasePath::current().put_before_links(text);
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

/// A part of a page's address. What can't be read is answered by a page.
pub(super) struct OrPage<T>(pub(super) T);

impl<T> FromRequestParts<NodeHandle> for OrPage<T>
where
    T: FromRequestParts<NodeHandle, Rejection = Problem>,
{
    type Rejection = Response;

    async fn from_request_parts(
        parts: &mut Parts,
        node: &NodeHandle,
    ) -> Result<OrPage<T>, Response> {
        let part = T::from_request_parts(parts, node).await;
        part.map(OrPage)
            .map_err(|problem| problem_page(node, &problem))
    }
}

#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage<'a> {
    frame: Frame,
    problem: &'a Problem,
}

/// Returns a page, or why there is none.
pub(super) fn shown<T: Template>(node: &NodeHandle, page: Result<T, Problem>) -> Response {
    match page {
        Ok(page) => Html(page).into_response(),
        Err(problem) => problem_page(node, &problem),
    }
}

/// Returns a problem, as a page.
pub(crate) fn problem_page(node: &NodeHandle, problem: &Problem) -> Response {
    let frame = Frame::of(node);
    let page = Html(ProblemPage { frame, problem });
    (problem.status(), page).into_response()
}

/// Returns what is said of a path that leads to no page.
pub(crate) fn no_page(node: &NodeHandle, path: &str) -> Response {
    let path = format::visible(path, PATH_CHARACTERS);
    problem_page(
        node,
        &Problem::not_found(format!("There is no page {path} here.")),
    )
}
