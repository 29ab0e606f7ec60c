//! What the pages' forms do: `POST /mine-block` and `POST /send`. Both lead on
//! to what came of it, so that reloading does not do it again.

use adit_core::json;
use adit_core::transaction::TRANSACTION_LIMIT_BYTES;
use adit_node::commands::mine::{NotMined, mine};
use adit_node::commands::submit::submit;
use adit_node::handle::NodeHandle;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::layout::problem_page;
use crate::body::read_body;
use crate::problem::Problem;

/// A form is at most this long: a transaction, each byte of it escaped.
const FORM_LIMIT_BYTES: usize = 3 * TRANSACTION_LIMIT_BYTES + 1_024;

/// What can be sent: a signed transaction, or the three fields of the classics.
#[derive(Deserialize)]
#[serde(untagged)]
enum Sent {
    Signed {
        signed: String,
    },
    Fields {
        sender: String,
        recipient: String,
        amount: String,
    },
}

pub(super) async fn mine_block(State(node): State<NodeHandle>) -> Response {
    let problem = match mine(&node).await {
        Ok(block) => return Redirect::to(&format!("/block/{}", block.hash())).into_response(),
        Err(NotMined::NobodyToReward) => Problem::not_here(
            "This node has no address that its blocks are rewarded to: start it with \
             --reward-to ADDRESS (`adit wallet new` makes one).",
        ),
        Err(NotMined::TooManyWaiting) => {
            Problem::busy("Too many requests for a block are waiting already; try again.")
        }
        Err(error) => error.into(),
    };
    problem_page(&node, &problem)
}

pub(super) async fn send(State(node): State<NodeHandle>, body: Body) -> Response {
    let accepted = match read_form(body).await {
        Ok(sent) => submit(&node, &Sent::json(&sent))
            .await
            .map_err(Problem::from),
        Err(problem) => Err(problem),
    };
    match accepted {
        Ok(accepted) => Redirect::to(&format!("/tx/{}", accepted.id)).into_response(),
        Err(problem) => problem_page(&node, &problem),
    }
}

/// Reads a form as browsers send it.
pub(super) async fn read_form<T: DeserializeOwned>(body: Body) -> Result<T, Problem> {
    let body = read_body(body, FORM_LIMIT_BYTES).await?;
    let unreadable = |error| Problem::malformed(format!("The form cannot be read: {error}."));
    serde_urlencoded::from_bytes(&body).map_err(unreadable)
}

impl Sent {
    /// Returns the transaction as JSON. An amount that is no number stays a text,
    /// and is refused as one.
    fn json(&self) -> Vec<u8> {
        let (sender, recipient, amount) = match self {
            Sent::Signed { signed } => return signed.trim().as_bytes().to_vec(),
            Sent::Fields {
                sender,
                recipient,
                amount,
            } => (sender, recipient, amount.trim()),
        };
        let mut out = b"{\"sender\": ".to_vec();
        json::write_string(sender, &mut out);
        out.extend_from_slice(b", \"recipient\": ");
        json::write_string(recipient, &mut out);
        out.extend_from_slice(b", \"amount\": ");
        let number = json::canonical(amount.as_bytes(), TRANSACTION_LIMIT_BYTES).ok();
        match number.filter(|number| json::is_finite_number(number)) {
            Some(number) => out.extend_from_slice(&number),
            None => json::write_string(amount, &mut out),
        }
        out.push(b'}');
        out
    }
}
