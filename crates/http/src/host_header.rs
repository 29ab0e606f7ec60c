//! Whether a request says for which host it is as it must (RFC 9112, 3.2):
//! otherwise a proxy would have to guess, and one would take another host than
//! we do. Which hosts are served, the guard decides.

use axum::extract::Request;
use axum::http::header::HOST;
use axum::http::{HeaderValue, Version};

use crate::problem::Problem;

/// Returns why a request is refused for its Host, if it is.
pub(crate) fn refusal(request: &Request) -> Option<Problem> {
    let mut hosts = request.headers().get_all(HOST).iter();
    let problem = match (hosts.next(), hosts.count()) {
        (Some(host), 0) if is_of_target(request, host) => return None,
        (Some(_), 0) => {
            "expected the same host in the request's target and in its Host\n".to_owned()
        }
        // HTTP/1.0 did not know the header.
        (None, _) if request.version() < Version::HTTP_11 => return None,
        (None, _) => {
            "expected a Host header, as in every request of HTTP/1.1; found none\n".to_owned()
        }
        (Some(_), others) => format!("expected one Host header, found {}\n", others + 1),
    };
    Some(Problem::malformed(problem))
}

/// A target may name a host too (`GET http://localhost:5000/chain`), which then
/// counts and not the header: they have to be one.
fn is_of_target(request: &Request, host: &HeaderValue) -> bool {
    let target = request.uri().authority();
    target.is_none_or(|target| {
        host.as_bytes()
            .eq_ignore_ascii_case(target.as_str().as_bytes())
    })
}
