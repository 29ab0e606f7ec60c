//! What lets pages of other sites read an answer, and send a request. What they may
//! do at a path, its area says; which origins are allowed, the operator.
//!
//! `tower-http` has a layer for it. It takes every OPTIONS for a preflight, refuses
//! none, so that nobody is told what is not allowed, and knows one rule for all
//! methods, where here all may read and some may do more.

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN,
    VARY,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::allowed_origins::{AllowedOrigin, Origin, granted};
use crate::area::{Area, OtherSites};
use crate::problem::Problem;

/// The headers of an answer that a page of another site may read besides the
/// plainest ones.
const EXPOSED: HeaderValue =
    HeaderValue::from_static("ETag, Link, Location, Retry-After, X-Request-Id");

/// What all of them may send where they may read.
const TO_READ: [HeaderValue; 2] = [
    HeaderValue::from_static("GET, HEAD"),
    HeaderValue::from_static("If-None-Match, Last-Event-ID, X-Request-Id"),
];

/// What those of allowed origins may send. Whether the token that they show opens
/// anything is decided as for any other client.
const TO_DO_MORE: [HeaderValue; 2] = [
    HeaderValue::from_static("GET, HEAD, POST, DELETE"),
    HeaderValue::from_static(
        "Authorization, Content-Type, If-None-Match, Last-Event-ID, X-Request-Id",
    ),
];

/// A browser asks again after a day.
const ASKED_AGAIN_AFTER: HeaderValue = HeaderValue::from_static("86400");

/// All origins.
const ANY: HeaderValue = HeaderValue::from_static("*");

/// What an answer says of a page of an allowed origin, where those may do
/// something; `None` for any other page, and for all that are no pages.
pub(crate) fn grant(
    area: Area,
    origins: &[AllowedOrigin],
    headers: &HeaderMap,
) -> Option<HeaderValue> {
    match area.other_sites {
        OtherSites::Nothing => None,
        OtherSites::WhatIsAllowed | OtherSites::Read => granted(origins, headers),
    }
}

/// Returns what would allow the page that sent this, for those who run the node.
pub(crate) fn advice(area: Area, headers: &HeaderMap) -> Option<String> {
    match (area.other_sites, Origin::of(headers)) {
        (OtherSites::WhatIsAllowed | OtherSites::Read, Some(origin)) => Some(format!(
            "; start the node with --allow-origin {origin} if its pages should"
        )),
        _ => None,
    }
}

/// Returns the answer to a browser that asks whether a page of another site may
/// send a request (a preflight), if this is such a question.
pub(crate) fn preflight(
    area: Area,
    grant: Option<&HeaderValue>,
    request: &Request,
) -> Option<Response> {
    let headers = request.headers();
    let wanted = headers.get(ACCESS_CONTROL_REQUEST_METHOD)?;
    let is_asked = request.method() == Method::OPTIONS && headers.contains_key(ORIGIN);
    if !is_asked || area.other_sites == OtherSites::Nothing {
        return None;
    }
    let may_read = area.other_sites == OtherSites::Read && (wanted == "GET" || wanted == "HEAD");
    let (origin, [methods, allowed]) = match grant {
        Some(origin) => (origin.clone(), TO_DO_MORE),
        None if may_read => (ANY, TO_READ),
        None => {
            let what = match area.other_sites {
                OtherSites::Read => "only read here (GET and HEAD)",
                OtherSites::WhatIsAllowed | OtherSites::Nothing => "do nothing here",
            };
            let advice = advice(area, headers).unwrap_or_default();
            let problem = format!("a page of another site may {what}{advice}\n");
            return Some(area.tell(Problem::foreign(problem)));
        }
    };
    let headers = [
        (ACCESS_CONTROL_ALLOW_ORIGIN, origin),
        (ACCESS_CONTROL_ALLOW_METHODS, methods),
        (ACCESS_CONTROL_ALLOW_HEADERS, allowed),
        (ACCESS_CONTROL_MAX_AGE, ASKED_AGAIN_AFTER),
    ];
    Some((StatusCode::NO_CONTENT, headers, Body::empty()).into_response())
}

/// Lets the page read the answer, if it may. Where that depends on who asks, the
/// answer says so to all, so that no cache gives one's answer to another.
pub(crate) fn let_read(
    area: Area,
    origins: &[AllowedOrigin],
    grant: Option<HeaderValue>,
    method: &Method,
    response: &mut Response,
) {
    let is_reading = matches!(*method, Method::GET | Method::HEAD);
    let depends = match area.other_sites {
        OtherSites::Nothing => false,
        OtherSites::Read if is_reading => false,
        _ => !origins.is_empty() && !origins.contains(&AllowedOrigin::Any),
    };
    let headers = response.headers_mut();
    if depends {
        headers.append(VARY, HeaderValue::from(ORIGIN));
    }
    let origin = match area.other_sites {
        OtherSites::Read if is_reading => ANY,
        _ => match grant {
            Some(origin) => origin,
            None => return,
        },
    };
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    if *method != Method::OPTIONS {
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    }
}
