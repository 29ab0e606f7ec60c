//! What a browser must not be made to do. A page of another site can send
//! requests to a node on the same machine; it must not change anything there,
//! and a name that it controls must not pass for the node's (DNS rebinding).

use std::net::IpAddr;

use axum::extract::Request;
use axum::http::header::{HOST, ORIGIN};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use super::envelope;
use crate::explorer::problem::Problem;

/// Under which names the node may be addressed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AllowedHosts {
    /// Any: the node listens to other machines, which have names for it.
    Any,
    /// `localhost`, IP addresses, and these: the node listens to this machine
    /// alone, or was told its names.
    These(Vec<String>),
}

/// Paths that change something although they are only read, as in the tutorial.
const CHANGED_BY_GET: [&str; 2] = ["/mine", "/nodes/resolve"];

/// Why a request is refused, if it is.
pub(super) fn refusal(hosts: &AllowedHosts, request: &Request) -> Option<Response> {
    let headers = request.headers();
    let problem = check_host(hosts, headers);
    let problem = problem.or_else(|| check_origin(request))?;
    Some(match envelope::speaks_problems(request.uri().path()) {
        true => Problem::foreign(problem).into_response(),
        false => (StatusCode::FORBIDDEN, problem).into_response(),
    })
}

fn check_host(hosts: &AllowedHosts, headers: &HeaderMap) -> Option<String> {
    let AllowedHosts::These(names) = hosts else {
        return None;
    };
    // HTTP/1.0 needs no Host; browsers always send one.
    let host = headers.get(HOST)?.to_str().unwrap_or_default();
    let name = host_name(host);
    let is_allowed = name.eq_ignore_ascii_case("localhost")
        || name.parse::<IpAddr>().is_ok()
        || names
            .iter()
            .any(|allowed| allowed.eq_ignore_ascii_case(name));
    (!is_allowed).then(|| {
        format!(
            "the node does not answer to the name {name:?}; \
             start it with --allowed-host {name} if it should\n"
        )
    })
}

fn check_origin(request: &Request) -> Option<String> {
    let is_read_only = request.method().is_safe();
    if is_read_only && !CHANGED_BY_GET.contains(&request.uri().path()) {
        return None;
    }
    let headers = request.headers();
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    if let Some(site) = text("sec-fetch-site")
        && !["same-origin", "none"].contains(&site)
    {
        return Some("a page of another site cannot change anything here\n".to_string());
    }
    let origin = text(ORIGIN.as_str())?;
    // A proxy may have taken the TLS off: the scheme is not ours to compare.
    let origin_host = origin.split_once("://").map(|(_, host)| host);
    (origin_host.is_none() || origin_host != text(HOST.as_str()))
        .then(|| format!("a page of {origin} cannot change anything here\n"))
}

fn host_name(host: &str) -> &str {
    if let Some(rest) = host.strip_prefix('[') {
        return rest.split(']').next().unwrap_or_default();
    }
    host.split(':').next().unwrap_or_default()
}
