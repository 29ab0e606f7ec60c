//! What phones ask a class for, besides the API of its nodes: to take part, who is here,
//! and how fast to mine. Each node's own API is below `/node/NUMBER`, so that one port is
//! enough for all.

use std::sync::Arc;

use axum::body::Body;
use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::area::Area;
use crate::body::read_body;
use crate::class::{Class, read_address};
use crate::problem::Problem;
use crate::tier::{Route, Tier};

/// What a phone says is at most this long.
const CLASS_BODY_LIMIT_BYTES: usize = 1_024;

/// From where a request comes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Remote(pub(crate) std::net::IpAddr);

#[derive(Deserialize)]
struct Joining {
    name: String,
    address: String,
}

#[derive(Serialize)]
struct Joined {
    node: usize,
    node_name: String,
}

#[derive(Deserialize)]
struct Mining {
    address: String,
    is_mining: bool,
}

/// Returns what phones ask for.
pub(crate) fn area() -> (Area, Vec<Route>) {
    let routes = vec![
        Route::new(Tier::Open, "GET /class/state", get(state)),
        Route::new(Tier::Judged, "POST /class/pupils", post(join)),
        Route::new(Tier::Judged, "POST /class/mining", post(mining)),
    ];
    (Area::CLASS, routes)
}

async fn state(Extension(class): Extension<Arc<Class>>) -> Response {
    ([(CACHE_CONTROL, "no-store")], Json(&*class.view())).into_response()
}

async fn join(
    Extension(class): Extension<Arc<Class>>,
    Extension(Remote(host)): Extension<Remote>,
    body: Body,
) -> Result<Response, Problem> {
    let Joining { name, address } = read(body).await?;
    let address = read_address(&address)?;
    let node = class.join(&name, address, host).await?;
    let node_name = class.name(node).to_owned();
    Ok((StatusCode::CREATED, Json(Joined { node, node_name })).into_response())
}

async fn mining(Extension(class): Extension<Arc<Class>>, body: Body) -> Result<Response, Problem> {
    let said: Mining = read(body).await?;
    class.set_mining(&read_address(&said.address)?, said.is_mining);
    let share = class.share_guesses_per_s();
    Ok(Json(serde_json::json!({ "guesses_per_s": share })).into_response())
}

async fn read<T: DeserializeOwned>(body: Body) -> Result<T, Problem> {
    let body = read_body(body, CLASS_BODY_LIMIT_BYTES).await?;
    serde_json::from_slice(&body).map_err(Problem::malformed)
}
