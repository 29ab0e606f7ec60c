//! `/tamper`: a private copy of the last blocks, to see what a change does to
//! everything behind it. It is all in the browser; here is only the frame.

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse, Response};

use super::layout::{Frame, Html};
use adit_node::handle::NodeHandle;

#[derive(Template)]
#[template(path = "tamper.html")]
struct Tamper {
    frame: Frame,
}

pub(super) async fn tamper(State(node): State<NodeHandle>) -> Response {
    let frame = Frame::of(&node).here("tamper");
    Html(Tamper { frame }).into_response()
}
