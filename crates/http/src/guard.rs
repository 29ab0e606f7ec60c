//! What a browser must not be made to do. A page of another site can send
//! requests to a node on the same machine or in the same network; it must not
//! change anything there, and a name that it controls must not pass for the
//! node's (DNS rebinding). From where a request comes, `source.rs` knows.

use axum::extract::Request;
use axum::http::header::{CACHE_CONTROL, HOST, ORIGIN, REFERER};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::accept::wants_html;
use crate::allowed_hosts::{AllowedHosts, host_name, is_plain};
use crate::area::Area;
use crate::base_path::BasePath;
use crate::problem::Problem;
use crate::source::{Source, says_same_origin};
use crate::{cors, pages};

/// What is amiss where a proxy asks for another host than it was asked for.
const PASS_HOST_ON: &str =
    "have the proxy pass on the Host that it was asked for (nginx: proxy_set_header Host $host)";

/// Returns why a request is refused, if it is.
/// `is_granted`: the operator allows the origin of the page that sent it.
pub(crate) fn refusal(
    area: Area,
    hosts: &AllowedHosts,
    is_granted: bool,
    request: &Request,
) -> Option<Response> {
    let headers = request.headers();
    let path = request.uri().path();
    let changes = !request.method().is_safe() || area.is_changed_by_get;
    let source = Source::of(headers);
    let problem = check_host(hosts, headers, changes && source != Source::Program);
    let problem = problem.or_else(|| match &source {
        Source::Foreign(page) if changes && !is_granted => {
            let advice = advice(area, headers);
            Some(format!(
                "a page of {page} cannot change anything here{advice}\n"
            ))
        }
        _ => None,
    });
    if let Some(problem) = problem {
        return Some(area.tell(Problem::foreign(problem)));
    }
    (area.is_changed_by_get && source == Source::SomePage).then(|| ask_again(path, headers))
}

/// Returns what the operator can do about a page that is refused.
fn advice(area: Area, headers: &HeaderMap) -> String {
    let is_own_page = says_same_origin(headers);
    match cors::advice(area, headers).filter(|_| !is_own_page) {
        Some(advice) => advice,
        None if headers.contains_key(ORIGIN) || headers.contains_key(REFERER) => {
            format!("; if that is the node's own page behind a proxy, {PASS_HOST_ON}")
        }
        None => String::new(),
    }
}

fn check_host(hosts: &AllowedHosts, headers: &HeaderMap, changes: bool) -> Option<String> {
    if hosts.names_us(headers) || (!changes && matches!(hosts, AllowedHosts::AlsoOthers(_))) {
        return None;
    }
    let host = headers.get(HOST)?.to_str().unwrap_or_default();
    let name = host_name(host);
    if !is_plain(name) {
        // What is advised is typed into a shell.
        return Some("the node does not answer to the name that stands in Host\n".to_owned());
    }
    Some(format!(
        "the node does not answer to the name {name:?}, which stands in Host; \
         start it with --allowed-host {name} if it should; if a proxy has put that name there, \
         {PASS_HOST_ON}\n"
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
                 open {} itself, where a button does it\n",
                BasePath::current().below(path)
            );
            (StatusCode::FORBIDDEN, text).into_response()
        }
    };
    let no_store = HeaderValue::from_static("no-store");
    response.headers_mut().insert(CACHE_CONTROL, no_store);
    response
}
