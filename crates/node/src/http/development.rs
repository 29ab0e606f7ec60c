//! What only a development chain does: `POST /api/v1/dev/reset` begins it anew.

use adit_core::node::Answer;
use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use super::problem::Problem;
use crate::driver::{NodeHandle, Request};

pub(super) async fn reset(State(node): State<NodeHandle>) -> Result<Json<Value>, Problem> {
    if !node.is_development() {
        return Err(Problem::not_here(
            "only a development chain can begin anew (`adit dev`); this one keeps what it has",
        ));
    }
    match node.request(Request::Rewind).await? {
        Answer::Rewound => Ok(Json(json!({ "length": node.view().length }))),
        _ => Err(Problem::busy("the chain was not begun anew; try again")),
    }
}
