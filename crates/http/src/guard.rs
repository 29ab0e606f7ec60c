//! What a browser must not be made to do. A page of another site can send
//! requests to a node on the same machine or in the same network; it must not
//! change anything there, and a name that it controls must not pass for the
//! node's (DNS rebinding). From where a request comes, `source.rs` knows.

use axum::extract::Request;
use axum::http::header::{CACHE_CONTROL, HOST};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::accept::wants_html;
use crate::allowed_hosts::{AllowedHosts, host_name};
use crate::area::Area;
use crate::pages;
use crate::problem::Problem;
use crate::source::Source;

/// Returns why a request is refused, if it is.
pub(crate) fn refusal(area: Area, hosts: &AllowedHosts, request: &Request) -> Option<Response> {
    let headers = request.headers();
    let path = request.uri().path();
    let changes = !request.method().is_safe() || area.is_changed_by_get;
    let source = Source::of(headers);
    let problem = check_host(hosts, headers, changes && source != Source::Program);
    let problem = problem.or_else(|| match &source {
        Source::Foreign(page) if changes => {
            Some(format!("a page of {page} cannot change anything here\n"))
        }
        _ => None,
    });
    if let Some(problem) = problem {
        return Some(area.tell(Problem::foreign(problem)));
    }
    (area.is_changed_by_get && source == Source::SomePage).then(|| ask_again(path, headers))
}

fn check_host(hosts: &AllowedHosts, headers: &HeaderMap, changes: bool) -> Option<String> {
    if hosts.names_us(headers) || (!changes && matches!(hosts, AllowedHosts::AlsoOthers(_))) {
        return None;
    }
    let host = headers.get(HOST)?.to_str().unwrap_or_default();
    let name = host_name(host);
    Some(format!(
        "the node does not answer to the name {name:?}; \
         start it with --allowed-host {name} if it should\n"
    ))
}

/// Asks a browser that does not say which page has sent it there for somebody's
/// own click, from a page of ours.
fn ask_again(path: &str, headers: &HeaderMap) -> Response {
    let mut response = match wants_html(headers) {
        true => pages::ask_again(path),
        false => {
            let text = format!(
                "a browser has to come from a page of this node to change something: \
                 open {path} itself, where a button does it\n"
            );
            (StatusCode::FORBIDDEN, text).into_response()
        }
    };
    let no_store = HeaderValue::from_static("no-store");
    response.headers_mut().insert(CACHE_CONTROL, no_store);
    response
}
