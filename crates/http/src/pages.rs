//! The pages: complete HTML without JavaScript, from the same answers as the
//! API's. Modules in the browser only add what changes while somebody looks. A
//! page shows what is so, and decides nothing.

mod address;
mod assets;
mod block;
mod block_card;
mod block_figure;
mod blocks;
mod branches;
mod charts;
mod check;
mod class;
mod components;
mod docs;
mod figures;
mod format;
mod glossary;
mod home;
mod json_text;
mod layout;
mod learn;
mod mempool;
mod operator;
mod peers;
mod reorganisation;
mod search;
mod send;
mod tamper;
mod transaction;
mod verify;

use axum::routing::{get, post};

pub(crate) use class::{area as class_area, told_to_students};
pub(crate) use docs::docs;
pub(crate) use layout::{no_page, problem_page};
pub(crate) use operator::{ask_again, told_to_browsers};

use crate::area::Area;
use crate::tier::{Route, Tier};

/// Returns all pages, and what they are made of.
pub(crate) fn areas() -> Vec<(Area, Vec<Route>)> {
    let route = |tier, name, handler| Route {
        tier,
        name,
        handler,
    };
    let searches = vec![route(
        Tier::Open,
        "POST /mine-block",
        post(send::mine_block),
    )];
    let others = vec![
        route(Tier::Open, "GET /", get(home::home)),
        route(Tier::Open, "GET /blocks", get(blocks::blocks)),
        route(Tier::Open, "GET /block/{hash}", get(block::block)),
        route(Tier::Judged, "POST /send", post(send::send)),
        route(Tier::Open, "GET /verify", get(verify::verify)),
        route(Tier::Open, "GET /tamper", get(tamper::tamper)),
        route(Tier::Open, "GET /learn", get(learn::learn)),
        route(Tier::Open, "GET /glossary", get(glossary::glossary)),
        route(Tier::Open, "GET /verify.py", get(verify::script)),
        route(Tier::Open, "GET /tx/{id}", get(transaction::transaction)),
        route(Tier::Open, "GET /address/{name}", get(address::address)),
        route(Tier::Open, "GET /pending", get(mempool::mempool)),
        route(Tier::Open, "GET /search", get(search::search)),
        route(Tier::Open, "GET /charts", get(charts::charts)),
        route(Tier::Open, "GET /forks", get(branches::branches)),
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
        route(Tier::Open, "GET /check", get(check::check)),
        route(Tier::Operator, "POST /check", post(check::run)),
        route(Tier::Open, "GET /check/{id}", get(check::checked)),
        route(Tier::Open, "GET /check/{id}/file", get(check::file)),
        route(Tier::Open, "GET /assets/{name}", get(assets::asset)),
        route(Tier::Open, "GET /operator", get(operator::operator)),
        route(Tier::Open, "POST /operator", post(operator::show_token)),
    ];
    vec![(Area::PAGES.taken_back(), searches), (Area::PAGES, others)]
}
