//! `/verify`: how to check the chain without believing this node. The modules
//! in the browser do it; without them, the page says how to do it by hand.

use adit_node::handle::NodeHandle;
use askama::Template;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

use super::layout::{Frame, Html, own_host};

/// A program of 100 lines that checks a sealed chain with none of our code.
const SCRIPT: &str = include_str!("../../../../docs/verify.py");

#[derive(Template)]
#[template(path = "verify.html")]
struct Verify {
    frame: Frame,
    /// Where this node is found, as the one who asks has written it.
    address: String,
}

pub(super) async fn verify(State(node): State<NodeHandle>, headers: HeaderMap) -> Response {
    let frame = Frame::of(&node).here("verify");
    let address = format!("http://{}", own_host(&headers));
    Html(Verify { frame, address }).into_response()
}

pub(super) async fn script() -> Response {
    ([(CONTENT_TYPE, "text/x-python; charset=utf-8")], SCRIPT).into_response()
}
