//! `/docs`: the API, to try, between the head and the foot that all pages have. What is
//! inside is a vendored program, which `api.rs` serves; it only gets our colours here.

use adit_node::handle::NodeHandle;
use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse, Response};

use super::layout::{Frame, Html};

#[derive(Template)]
#[template(path = "docs.html")]
struct Docs {
    frame: Frame,
}

pub(crate) async fn docs(State(node): State<NodeHandle>) -> Response {
    let frame = Frame::of(&node).here("docs");
    Html(Docs { frame }).into_response()
}
