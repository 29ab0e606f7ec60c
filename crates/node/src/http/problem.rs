//! What the API says when it does not do what was asked: a problem document
//! (RFC 9457), whose `type` and `rule` are names that stay, so that programs
//! can tell problems apart without reading prose.

use axum::extract::rejection::PathRejection;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::answer::log_unreadable;
use crate::driver::Stopping;

/// One kind of problem, and what it is about this time.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    /// The last part of `type`.
    name: &'static str,
    title: &'static str,
    detail: String,
    /// The name of the rule that did not hold, if it is about one.
    rule: Option<&'static str>,
}

impl Problem {
    /// There is nothing of that name here.
    pub(super) fn not_found(detail: impl ToString) -> Problem {
        Problem {
            status: StatusCode::NOT_FOUND,
            name: "not-found",
            title: "There is no such thing",
            detail: detail.to_string(),
            rule: None,
        }
    }

    /// A part of the request can't be read.
    pub(super) fn malformed(detail: impl ToString) -> Problem {
        Problem {
            status: StatusCode::BAD_REQUEST,
            name: "malformed",
            title: "The request cannot be read",
            detail: detail.to_string(),
            rule: None,
        }
    }

    /// A transaction breaks a rule, or may not wait.
    pub(super) fn transaction(rule: &'static str, detail: impl ToString) -> Problem {
        Problem {
            status: StatusCode::BAD_REQUEST,
            name: "transaction",
            title: "The transaction is not accepted",
            detail: detail.to_string(),
            rule: Some(rule),
        }
    }

    /// The chain's rules, or the kind of node, know no such thing.
    pub(super) fn not_here(detail: impl ToString) -> Problem {
        Problem {
            status: StatusCode::CONFLICT,
            name: "not-here",
            title: "This chain does not have that",
            detail: detail.to_string(),
            rule: None,
        }
    }

    /// It can be tried again later.
    pub(super) fn busy(detail: impl ToString) -> Problem {
        Problem {
            status: StatusCode::SERVICE_UNAVAILABLE,
            name: "busy",
            title: "Not now",
            detail: detail.to_string(),
            rule: None,
        }
    }

    /// The disk failed under the node: nothing that a client could mend.
    pub(super) fn unreadable(error: impl std::error::Error) -> Problem {
        Problem::busy(log_unreadable(&error))
    }
}

impl From<Stopping> for Problem {
    fn from(stopping: Stopping) -> Problem {
        Problem::busy(stopping)
    }
}

impl From<PathRejection> for Problem {
    fn from(rejection: PathRejection) -> Problem {
        Problem::malformed(rejection.body_text())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut document = json!({
            "type": format!("/problems/{}", self.name),
            "title": self.title,
            "status": self.status.as_u16(),
            "detail": self.detail,
        });
        if let Some(rule) = self.rule {
            document["rule"] = rule.into();
        }
        let headers = [(CONTENT_TYPE, "application/problem+json")];
        let mut response = (self.status, headers, document.to_string()).into_response();
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            let soon = axum::http::HeaderValue::from_static("1");
            response.headers_mut().insert(RETRY_AFTER, soon);
        }
        response
    }
}
