//! What the API says when it does not do what was asked: a problem document
//! (RFC 9457), whose `type` and `rule` are names that stay, so that programs
//! can tell problems apart without reading prose. Every kind is in one table,
//! with what it means to whoever meets it.

use adit_core::archive::ArchiveError;
use adit_core::hash::Hash;
use adit_store::{DamagedBlock, HistoryError, StoreError};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::driver::Stopping;
use crate::http::log_unreadable;

/// How problem documents are told from other JSON.
pub(crate) const PROBLEM_JSON: &str = "application/problem+json";

/// A kind of problem.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Kind {
    /// The last part of `type`. Names never change.
    pub(crate) name: &'static str,
    pub(crate) status: StatusCode,
    pub(crate) title: &'static str,
    /// What it means, and what to do.
    pub(crate) meaning: &'static str,
}

/// All kinds there are.
pub(crate) const KINDS: [&Kind; 15] = [
    &MALFORMED,
    &TRANSACTION,
    &BLOCK,
    &UNAUTHORISED,
    &OPERATOR_ONLY,
    &FOREIGN,
    &NOT_FOUND,
    &METHOD,
    &TOO_SLOW,
    &NOT_HERE,
    &NO_REWARD_ADDRESS,
    &TOO_LONG,
    &BUSY,
    &NOT_READY,
    &BLOCK_DAMAGED,
];

const MALFORMED: Kind = Kind {
    name: "malformed",
    status: StatusCode::BAD_REQUEST,
    title: "The request cannot be read",
    meaning: "A part of the path, of the query or of the body does not have its form. `detail` \
              says which, and what was expected. Sent again as it is, it fails again.",
};
const TRANSACTION: Kind = Kind {
    name: "transaction",
    status: StatusCode::BAD_REQUEST,
    title: "The transaction is not accepted",
    meaning: "The transaction breaks a rule of the chain, or may not wait for a block. `rule` \
              names the rule, `detail` says what was expected and what was found.",
};
const BLOCK: Kind = Kind {
    name: "block",
    status: StatusCode::BAD_REQUEST,
    title: "The block is not accepted",
    meaning: "The block breaks a rule of the chain, or nobody knows where it belongs. `rule` \
              names the rule, `block` says which block is meant, as far as it could be read.",
};
const UNAUTHORISED: Kind = Kind {
    name: "unauthorised",
    status: StatusCode::UNAUTHORIZED,
    title: "That is for the node's operator",
    meaning: "Registering and removing peers through the API, auditing them, making blocks through \
              the API and beginning a chain anew are for whoever runs the node. Show its token \
              (`Authorization: Bearer TOKEN`), or do it on its own machine. `rule` says whether \
              no token was shown (`token-missing`) or another one (`token-wrong`).",
};
const OPERATOR_ONLY: Kind = Kind {
    name: "operator-only",
    status: StatusCode::FORBIDDEN,
    title: "That is for the node's operator",
    meaning: "Registering and removing peers through the API, auditing them, making blocks through \
              the API and beginning a chain anew are for whoever runs the node. This node has no \
              token that could be shown (`rule` is `no-token`; --api-token gives it one), or it is \
              a browser that asks, and not from a page of the node (`foreign-page`).",
};
const FOREIGN: Kind = Kind {
    name: "foreign",
    status: StatusCode::FORBIDDEN,
    title: "Not from there",
    meaning: "A page of another site cannot change anything in a node, and a node on this \
              machine answers only to names of this machine, so that no page can pass its own \
              name for the node's. Start the node with --allowed-host NAME if it has that name.",
};
const NOT_FOUND: Kind = Kind {
    name: "not-found",
    status: StatusCode::NOT_FOUND,
    title: "There is no such thing",
    meaning: "Nothing of that name is here: no such path, block, transaction or peer. Another \
              node may have it, and this one may come to have it.",
};
const METHOD: Kind = Kind {
    name: "method-not-allowed",
    status: StatusCode::METHOD_NOT_ALLOWED,
    title: "That cannot be done to it",
    meaning: "The path is there, but does something only with other methods. The header `Allow` \
              lists them.",
};
const TOO_SLOW: Kind = Kind {
    name: "too-slow",
    status: StatusCode::REQUEST_TIMEOUT,
    title: "The body did not come in time",
    meaning: "A request's body must be whole within a bounded time; see docs/limits.md.",
};
const NOT_HERE: Kind = Kind {
    name: "not-here",
    status: StatusCode::CONFLICT,
    title: "This chain does not have that",
    meaning: "The chain's rules, or the kind of node, know no such thing: only sealed chains \
              have accounts and proofs, and only development chains begin anew.",
};
const NO_REWARD_ADDRESS: Kind = Kind {
    name: "no-reward-address",
    status: StatusCode::CONFLICT,
    title: "Nobody could be rewarded",
    meaning: "Under the rules `sealed` a block rewards an address, and this node was told none: \
              start it with --reward-to ADDRESS (`adit wallet new` makes one).",
};
const TOO_LONG: Kind = Kind {
    name: "too-long",
    status: StatusCode::PAYLOAD_TOO_LARGE,
    title: "The body is too long",
    meaning: "Bodies have a bounded length; see docs/limits.md.",
};
const BUSY: Kind = Kind {
    name: "busy",
    status: StatusCode::SERVICE_UNAVAILABLE,
    title: "Not now",
    meaning: "Too much is waiting already, or the node is stopping, or its disk cannot be read \
              (the node's log says so). The header `Retry-After` says in how many seconds to \
              try again.",
};
const NOT_READY: Kind = Kind {
    name: "not-ready",
    status: StatusCode::SERVICE_UNAVAILABLE,
    title: "Not ready",
    meaning: "The node lives, but takes no transactions at the moment: it is taking in a long \
              branch, or stopping. The header `Retry-After` says in how many seconds to try again.",
};

const BLOCK_DAMAGED: Kind = Kind {
    name: "block-damaged",
    status: StatusCode::INTERNAL_SERVER_ERROR,
    title: "A block is damaged on the disk",
    meaning: "What lies on this node's disk is not the block that was written there. `block` says \
              which, the node's log says where. The node takes the block from a peer if one has \
              it; other nodes may answer the same question.",
};

/// What a client is told to wait after a 503.
const RETRY_AFTER_S: u64 = 1;

/// One kind of problem, and what it is about this time.
#[derive(Debug)]
pub(crate) struct Problem {
    pub(crate) status: StatusCode,
    /// The last part of `type`.
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) detail: String,
    /// The name of the rule that did not hold, if it is about one.
    pub(crate) rule: Option<&'static str>,
    /// The index and the hash of the block that it is about, if it is about one.
    /// In a box, so that an error stays small.
    pub(crate) block: Option<Box<(u64, Hash)>>,
}

/// A problem, as it is sent: RFC 9457, as `application/problem+json`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ProblemDocument {
    /// The kind of problem: `/problems/NAME`, where an explanation stands.
    #[serde(rename = "type")]
    #[schema(pattern = "^/problems/[a-z-]+$")]
    pub kind: String,
    /// The kind, for people.
    pub title: String,
    /// The answer's status code.
    #[schema(minimum = 400, maximum = 599)]
    pub status: u16,
    /// What it is about this time.
    pub detail: String,
    /// The name of the rule that did not hold, if it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub rule: Option<String>,
    /// The block that it is about, if it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub block: Option<BlockName>,
}

/// Which block is meant.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct BlockName {
    /// What it says of its position; the genesis block's is 1.
    pub index: u64,
    /// 64 lower-case hex digits.
    pub hash: String,
}

impl Problem {
    fn new(kind: &'static Kind, detail: impl ToString) -> Problem {
        Problem {
            status: kind.status,
            name: kind.name,
            title: kind.title,
            detail: detail.to_string(),
            rule: None,
            block: None,
        }
    }

    /// There is nothing of that name here.
    pub(crate) fn not_found(detail: impl ToString) -> Problem {
        Problem::new(&NOT_FOUND, detail)
    }

    /// Whether it says that there is nothing of that name.
    pub(crate) fn is_not_found(&self) -> bool {
        self.name == NOT_FOUND.name
    }

    /// A part of the request can't be read.
    pub(crate) fn malformed(detail: impl ToString) -> Problem {
        Problem::new(&MALFORMED, detail)
    }

    /// A page's place is none that this node has given.
    pub(crate) fn wrong_cursor() -> Problem {
        Problem::malformed("the cursor is none that this node has given")
    }

    /// A transaction breaks a rule, or may not wait.
    pub(crate) fn transaction(rule: &'static str, detail: impl ToString) -> Problem {
        Problem {
            rule: Some(rule),
            ..Problem::new(&TRANSACTION, detail)
        }
    }

    /// A block breaks a rule, or may not be taken.
    pub(crate) fn block(
        rule: &'static str,
        detail: impl ToString,
        block: Option<(u64, Hash)>,
    ) -> Problem {
        Problem {
            rule: Some(rule),
            block: block.map(Box::new),
            ..Problem::new(&BLOCK, detail)
        }
    }

    /// It is for the operator, and whoever asks has not shown the token.
    pub(crate) fn unauthorised(rule: &'static str, detail: impl ToString) -> Problem {
        Problem {
            rule: Some(rule),
            ..Problem::new(&UNAUTHORISED, detail)
        }
    }

    /// It is for the operator, and whoever asks can't be it.
    pub(crate) fn operator_only(rule: &'static str, detail: impl ToString) -> Problem {
        Problem {
            rule: Some(rule),
            ..Problem::new(&OPERATOR_ONLY, detail)
        }
    }

    /// Whoever asks may not ask that, or not under that name.
    pub(crate) fn foreign(detail: impl ToString) -> Problem {
        Problem::new(&FOREIGN, detail)
    }

    /// The path is there, but not for that method.
    pub(crate) fn method_not_allowed(detail: impl ToString) -> Problem {
        Problem::new(&METHOD, detail)
    }

    /// The body did not come in time.
    pub(crate) fn too_slow(detail: impl ToString) -> Problem {
        Problem::new(&TOO_SLOW, detail)
    }

    /// The body is too long.
    pub(crate) fn too_long(detail: impl ToString) -> Problem {
        Problem::new(&TOO_LONG, detail)
    }

    /// The chain's rules, or the kind of node, know no such thing.
    pub(crate) fn not_here(detail: impl ToString) -> Problem {
        Problem::new(&NOT_HERE, detail)
    }

    /// A block could reward nobody.
    pub(crate) fn no_reward_address() -> Problem {
        Problem::new(&NO_REWARD_ADDRESS, NO_REWARD_ADDRESS.meaning)
    }

    /// It can be tried again later.
    pub(crate) fn busy(detail: impl ToString) -> Problem {
        Problem::new(&BUSY, detail)
    }

    /// The node takes nothing in at the moment.
    pub(crate) fn not_ready(detail: impl ToString) -> Problem {
        Problem::new(&NOT_READY, detail)
    }

    /// The disk failed under the node: nothing that a client could mend.
    pub(crate) fn unreadable(error: impl std::error::Error + 'static) -> Problem {
        match damaged_block(&error) {
            // The store has said where.
            Some(block) => Problem {
                block: Some(Box::new((block.index, block.hash))),
                ..Problem::new(
                    &BLOCK_DAMAGED,
                    format!("block {} is not what was written to the disk", block.index),
                )
            },
            None => Problem::busy(log_unreadable(&error)),
        }
    }

    fn document(&self) -> ProblemDocument {
        ProblemDocument {
            kind: format!("/problems/{}", self.name),
            title: self.title.to_owned(),
            status: self.status.as_u16(),
            detail: self.detail.trim_end().to_owned(),
            rule: self.rule.map(str::to_owned),
            block: self.block.as_deref().map(|(index, hash)| BlockName {
                index: *index,
                hash: hash.to_string(),
            }),
        }
    }
}

/// The damaged block behind an error, if that is it.
fn damaged_block<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a DamagedBlock> {
    if let Some(error) = error.downcast_ref::<ArchiveError>() {
        return StoreError::behind(error)?.damaged_block();
    }
    if let Some(error) = error.downcast_ref::<HistoryError>() {
        return error.damaged_block();
    }
    error.downcast_ref::<StoreError>()?.damaged_block()
}

impl From<Stopping> for Problem {
    fn from(stopping: Stopping) -> Problem {
        Problem::busy(stopping)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let document = serde_json::to_string(&self.document());
        let headers = [(CONTENT_TYPE, PROBLEM_JSON)];
        let body = document.unwrap_or_default();
        let retry: Option<[(HeaderName, HeaderValue); 1]> = (self.status
            == StatusCode::SERVICE_UNAVAILABLE)
            .then(|| [(RETRY_AFTER, HeaderValue::from(RETRY_AFTER_S))]);
        let how = (self.status == StatusCode::UNAUTHORIZED)
            .then(|| [(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))]);
        (self.status, headers, retry, how, body).into_response()
    }
}
