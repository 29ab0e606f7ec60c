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
mod operator;
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

use axum::routing::{get, post};

pub(super) use layout::not_found;
pub(super) use operator::{ask_again, operator_only};

use super::tier::{Route, Tier};

/// All pages, and what they are made of.
pub(super) fn routes() -> Vec<Route> {
    let route = |tier, name, handler| Route {
        tier,
        name,
        handler,
    };
    vec![
        route(Tier::Open, "GET /", get(home::home)),
        route(Tier::Open, "GET /blocks", get(blocks::blocks)),
        route(Tier::Open, "GET /block/{hash}", get(block::block)),
        route(Tier::Operator, "POST /mine-block", post(send::mine_block)),
        route(Tier::Judged, "POST /send", post(send::send)),
        route(Tier::Open, "GET /verify", get(verify::verify)),
        route(Tier::Open, "GET /tamper", get(tamper::tamper)),
        route(Tier::Open, "GET /verify.py", get(verify::script)),
        route(Tier::Open, "GET /tx/{id}", get(transaction::transaction)),
        route(Tier::Open, "GET /address/{name}", get(address::address)),
        route(Tier::Open, "GET /pending", get(pending::pending)),
        route(Tier::Open, "GET /search", get(search::search)),
        route(Tier::Open, "GET /charts", get(charts::charts)),
        route(Tier::Open, "GET /forks", get(forks::forks)),
        route(
            Tier::Open,
            "GET /reorg/{id}",
            get(reorganisation::reorganisation),
        ),
        route(Tier::Open, "GET /peers", get(peers::peers)),
        route(Tier::Operator, "POST /peers", post(peers::add)),
        route(Tier::Open, "POST /peers/ask", post(peers::ask)),
        route(
            Tier::Operator,
            "POST /peers/{id}/remove",
            post(peers::remove),
        ),
        route(Tier::Operator, "GET /peers/{id}/audit", get(peers::audit)),
        route(Tier::Open, "GET /assets/{name}", get(assets::asset)),
        route(Tier::Open, "GET /operator", get(operator::operator)),
        route(Tier::Open, "POST /operator", post(operator::show_token)),
    ]
}
