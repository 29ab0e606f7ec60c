//! `/operator`: takes the token once, so that the pages' forms work from other
//! machines too; what a page says to anyone who is not the operator; and the page
//! that asks whether somebody meant to change something by opening an address.
//! Who is the operator, `caller.rs` decides.

use std::sync::Arc;

use adit_node::handle::NodeHandle;
use adit_node::repeated;
use askama::Template;
use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::layout::{Frame, Html, problem_page};
use super::send::read_form;
use crate::base_path::BasePath;
use crate::caller::{Access, Caller, OPERATOR_COOKIE};
use crate::problem::Problem;
use crate::tier::RefusedToAnybody;

#[derive(Template)]
#[template(path = "operator.html")]
struct OperatorPage {
    frame: Frame,
    has_token: bool,
    is_operator: bool,
    /// What was not done for them, and why not.
    problem: Option<Problem>,
}

#[derive(Template)]
#[template(path = "ask-again.html")]
struct AskAgain<'a> {
    path: &'a str,
    base: BasePath,
}

#[derive(Deserialize)]
struct Shown {
    token: String,
}

pub(super) async fn operator(
    State(node): State<NodeHandle>,
    Extension(access): Extension<Arc<Access>>,
    caller: Caller,
) -> Response {
    Html(OperatorPage {
        frame: Frame::of(&node),
        has_token: access.token.is_some(),
        is_operator: caller == Caller::Operator,
        problem: None,
    })
    .into_response()
}

/// Leaves a cookie with a browser that shows the token. It is made of the token,
/// goes back to this node only, and only from its own pages.
pub(super) async fn show_token(
    State(node): State<NodeHandle>,
    Extension(access): Extension<Arc<Access>>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let shown = match read_form::<Shown>(body).await {
        Ok(shown) => shown,
        Err(problem) => return problem_page(&node, &problem),
    };
    let token = access.token.as_ref();
    let Some(token) = token.filter(|token| token.is(shown.token.trim())) else {
        if let Some(left_out) = repeated::turn("token-wrong") {
            tracing::warn!(left_out, "a page was shown a token that is not this node's");
        }
        let (rule, problem) = match token {
            Some(_) => ("token-wrong", "That is not the token of this node."),
            None => ("no-token", "This node has no token."),
        };
        return operator_only(&node, Problem::unauthorised(rule, problem));
    };
    // A proxy that took the TLS off says that it was there.
    let scheme = headers.get("x-forwarded-proto").map(HeaderValue::as_bytes);
    let secure = match scheme == Some(b"https") {
        true => "; Secure",
        false => "",
    };
    let kept = token.for_browser();
    let cookie = format!("{OPERATOR_COOKIE}={kept}; Path=/; HttpOnly; SameSite=Strict{secure}");
    ([(SET_COOKIE, cookie)], Redirect::to("/operator")).into_response()
}

/// Says on a page, to anyone who is not the operator, why something was not done.
pub(crate) async fn told_to_browsers(
    State(node): State<NodeHandle>,
    mut response: Response,
) -> Response {
    match response.extensions_mut().remove::<RefusedToAnybody>() {
        Some(RefusedToAnybody(problem)) => operator_only(&node, problem),
        None => response,
    }
}

/// Returns why something was not done, and a place for the token if there is one.
fn operator_only(node: &NodeHandle, problem: Problem) -> Response {
    let status = problem.status();
    let page = Html(OperatorPage {
        frame: Frame::of(node),
        has_token: status == StatusCode::UNAUTHORIZED && problem.rule != Some("no-token"),
        is_operator: false,
        problem: Some(problem),
    });
    (status, page).into_response()
}

/// Asks whether somebody meant to change something, and does it at a click.
pub(crate) fn ask_again(path: &str) -> Response {
    let base = BasePath::current();
    (StatusCode::FORBIDDEN, Html(AskAgain { path, base })).into_response()
}
