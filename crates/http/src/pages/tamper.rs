//! `/tamper`: a private copy of the last blocks, to see what a change does to
//! everything behind it. It is all in the browser; here is only the frame, and a
//! still example for those who run no scripts.

use adit_core::hash::sha256;
use adit_node::handle::NodeHandle;
use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse, Response};

use super::block_figure::{BlockFigure, BlockState, HashStrip, Link, PaymentLine};
use super::layout::{Frame, Html};

/// A block of the tutorial, as it is hashed; `AMOUNT` stands for what alice pays.
const SECOND_BLOCK: &str = r#"{"index": 2, "previous_hash": "f0d085dd214cc5e0b8197f769bb037dbc2b7ce1ef068de48952811d6706dc851", "proof": 35293, "timestamp": 1795365323.4922006, "transactions": [{"amount": AMOUNT, "recipient": "bob", "sender": "alice"}, {"amount": 1, "recipient": "ann", "sender": "0"}]}"#;

/// The block behind it; `PREVIOUS` stands for the hash that it names.
const THIRD_BLOCK: &str = r#"{"index": 3, "previous_hash": "PREVIOUS", "proof": 35089, "timestamp": 1795365324.7418323, "transactions": [{"amount": 2, "recipient": "carol", "sender": "bob"}, {"amount": 1, "recipient": "ann", "sender": "0"}]}"#;

#[derive(Template)]
#[template(path = "tamper.html")]
struct Tamper {
    frame: Frame,
    still: Vec<BlockFigure>,
    /// What the second block of the still example hashed to.
    hash_before: String,
}

pub(super) async fn tamper(State(node): State<NodeHandle>) -> Response {
    let frame = Frame::of(&node).here("tamper");
    let hash_before = sha256(SECOND_BLOCK.replace("AMOUNT", "5").as_bytes()).to_string();
    let page = Tamper {
        frame,
        still: still(&hash_before),
        hash_before,
    };
    Html(page).into_response()
}

/// Returns the second block as somebody has changed it, and the third, which
/// stands on it no longer.
fn still(hash_before: &str) -> Vec<BlockFigure> {
    let line = |from: Option<&str>, to: &str, amount: &str| PaymentLine {
        from: from.map(str::to_owned),
        to: to.to_owned(),
        amount: amount.to_owned(),
        now: None,
    };
    let hash = |text: String| sha256(text.as_bytes()).to_string();
    let proof = |number: &str| vec![("proof".to_owned(), number.to_owned())];
    let changed = hash(SECOND_BLOCK.replace("AMOUNT", "500"));
    let first = "f0d085dd214cc5e0b8197f769bb037dbc2b7ce1ef068de48952811d6706dc851";
    vec![
        BlockFigure {
            payments: vec![line(Some("alice"), "bob", "500"), line(None, "ann", "1")],
            facts: proof("35293"),
            previous: Some(HashStrip::of(first)),
            hash: Some(HashStrip::of(&changed)),
            ..BlockFigure::numbered(2, BlockState::Changed)
        },
        BlockFigure {
            payments: vec![line(Some("bob"), "carol", "2"), line(None, "ann", "1")],
            facts: proof("35089"),
            previous: Some(HashStrip::of(hash_before)),
            hash: Some(HashStrip::of(&hash(
                THIRD_BLOCK.replace("PREVIOUS", hash_before),
            ))),
            link: Some(Link::Broken),
            ..BlockFigure::numbered(3, BlockState::Broken)
        },
    ]
}
