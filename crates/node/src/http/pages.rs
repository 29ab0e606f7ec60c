//! The pages: complete HTML without JavaScript, from the same answers as the
//! API's. Modules in the browser only add what changes while one looks.

mod address;
mod assets;
mod block;
mod blocks;
mod charts;
mod forks;
mod home;
mod layout;
mod parts;
mod peers;
mod pending;
mod reorganisation;
mod search;
mod send;
mod tamper;
mod transaction;
mod verify;
mod words;

use axum::Router;
use axum::routing::{get, post};

pub(super) use layout::not_found;

use crate::driver::NodeHandle;

/// All pages, and what they are made of.
pub(super) fn routes() -> Router<NodeHandle> {
    Router::new()
        .route("/", get(home::home))
        .route("/blocks", get(blocks::blocks))
        .route("/block/{hash}", get(block::block))
        .route("/mine-block", post(send::mine_block))
        .route("/send", post(send::send))
        .route("/verify", get(verify::verify))
        .route("/tamper", get(tamper::tamper))
        .route("/verify.py", get(verify::script))
        .route("/tx/{id}", get(transaction::transaction))
        .route("/address/{name}", get(address::address))
        .route("/pending", get(pending::pending))
        .route("/search", get(search::search))
        .route("/charts", get(charts::charts))
        .route("/forks", get(forks::forks))
        .route("/reorg/{id}", get(reorganisation::reorganisation))
        .route("/peers", get(peers::peers).post(peers::add))
        .route("/peers/ask", post(peers::ask))
        .route("/peers/{id}/remove", post(peers::remove))
        .route("/peers/{id}/audit", get(peers::audit))
        .route("/assets/{name}", get(assets::asset))
}
