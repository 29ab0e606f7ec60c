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
    let searches = vec![Route::new(
        Tier::Open,
        "POST /mine-block",
        post(send::mine_block),
    )];
    let others = vec![
        Route::new(Tier::Open, "GET /", get(home::home)),
        Route::new(Tier::Open, "GET /blocks", get(blocks::blocks)),
        Route::new(Tier::Open, "GET /block/{hash}", get(block::block)),
        Route::new(Tier::Judged, "POST /send", post(send::send)),
        Route::new(Tier::Open, "GET /verify", get(verify::verify)),
        Route::new(Tier::Open, "GET /tamper", get(tamper::tamper)),
        Route::new(Tier::Open, "GET /learn", get(learn::learn)),
        Route::new(Tier::Open, "GET /glossary", get(glossary::glossary)),
        Route::new(Tier::Open, "GET /verify.py", get(verify::script)),
        Route::new(Tier::Open, "GET /tx/{id}", get(transaction::transaction)),
        Route::new(Tier::Open, "GET /address/{name}", get(address::address)),
        Route::new(Tier::Open, "GET /pending", get(mempool::mempool)),
        Route::new(Tier::Open, "GET /search", get(search::search)),
        Route::new(Tier::Open, "GET /charts", get(charts::charts)),
        Route::new(Tier::Open, "GET /forks", get(branches::branches)),
        Route::new(
            Tier::Open,
            "GET /reorg/{id}",
            get(reorganisation::reorganisation),
        ),
        Route::new(Tier::Open, "GET /peers", get(peers::peers)),
        Route::new(Tier::Operator, "POST /peers", post(peers::add)),
        Route::new(Tier::Open, "POST /peers/ask", post(peers::ask)),
        Route::new(
            Tier::Operator,
            "POST /peers/{id}/remove",
            post(peers::remove),
        ),
        Route::new(Tier::Operator, "GET /peers/{id}/audit", get(peers::audit)),
        Route::new(Tier::Open, "GET /check", get(check::check)),
        Route::new(Tier::Operator, "POST /check", post(check::run)),
        Route::new(Tier::Open, "GET /check/{id}", get(check::checked)),
        Route::new(Tier::Open, "GET /check/{id}/file", get(check::file)),
        Route::new(Tier::Open, "GET /assets/{name}", get(assets::asset)),
        Route::new(Tier::Open, "GET /operator", get(operator::operator)),
        Route::new(Tier::Open, "POST /operator", post(operator::show_token)),
    ];
    vec![(Area::PAGES.taken_back(), searches), (Area::PAGES, others)]
}
