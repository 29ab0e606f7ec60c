//! What the pages' forms do: `POST /mine-block` and `POST /send`. Both lead on
//! to what came of it, so that loading anew does not do it again.

use adit_core::hash::sha256;
use adit_core::json;
use adit_core::node::Answer;
use adit_core::transaction::TRANSACTION_LIMIT_BYTES;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::layout::problem_page;
use crate::driver::{NodeHandle, Request};
use crate::explorer::mine::held_up_text;
use crate::explorer::problem::Problem;
use crate::http::body::read_body;

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
    let problem = match node.request(Request::Mine).await {
        Ok(Answer::Mined(block)) => {
            return Redirect::to(&format!("/block/{}", block.hash())).into_response();
        }
        Ok(Answer::NobodyToReward(_)) => Problem::not_here(
            "This node has no address that its blocks are rewarded to: start it with \
             --reward-to ADDRESS (`adit wallet new` makes one).",
        ),
        Ok(Answer::HeldUp(held_up)) => Problem::busy(held_up_text(&held_up)),
        Ok(_) => Problem::busy("Too many requests for a block are waiting already; try again."),
        Err(stopping) => stopping.into(),
    };
    problem_page(&node, &problem)
}

pub(super) async fn send(State(node): State<NodeHandle>, body: Body) -> Response {
    let id = match read_form(body).await {
        Ok(sent) => submit(&node, &sent).await,
        Err(problem) => Err(problem),
    };
    match id {
        Ok(id) => Redirect::to(&format!("/tx/{id}")).into_response(),
        Err(problem) => problem_page(&node, &problem),
    }
}

/// Reads a form as browsers send it.
pub(super) async fn read_form<T: DeserializeOwned>(body: Body) -> Result<T, Problem> {
    let body = read_body(body, FORM_LIMIT_BYTES).await?;
    let unreadable = |error| Problem::malformed(format!("The form cannot be read: {error}."));
    serde_urlencoded::from_bytes(&body).map_err(unreadable)
}

/// Lets a transaction wait; answers its identity.
async fn submit(node: &NodeHandle, sent: &Sent) -> Result<String, Problem> {
    let submitted = node.rules().read_transaction(&sent.json());
    let submitted = submitted.map_err(|error| Problem::transaction(error.rule(), error))?;
    let id = submitted.id().unwrap_or_else(|| sha256(submitted.text()));
    match node.request(Request::Transaction(submitted)).await? {
        Answer::Accepted { .. } => Ok(id.to_string()),
        Answer::NotPending(error) => Err(Problem::transaction(error.rule(), error)),
        Answer::PoolFull(full) => Err(Problem::busy(full)),
        _ => Err(Problem::busy("the transaction was not taken; try again")),
    }
}

impl Sent {
    /// The transaction as JSON. An amount that is no number stays a text, and
    /// the rules say what is wrong with it.
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
