//! Why there is no answer: one kind of problem, and what it is about this time.
//! Which kinds there are, `adit-api` says.

use adit_api::problem::{BlockName, PROBLEM_JSON, ProblemDocument, ProblemKind};
use adit_core::hash::Hash;
use adit_core::mismatch::Mismatch;
use adit_node::commands::development::NotDeveloped;
use adit_node::commands::mine::NotMined;
use adit_node::commands::peers::NotRegistered;
use adit_node::commands::saved_state::StateNotDone;
use adit_node::commands::submit::Rejected;
use adit_node::commands::submit_block::BlockRejected;
use adit_node::development::NotDone;
use adit_node::handle::Stopping;
use adit_node::queries::error::QueryError;
use adit_node::saved_state::StateError;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};

use crate::base_path::BasePath;

/// What a client is told to wait after a 503.
const RETRY_AFTER_S: u64 = 1;

/// One kind of problem, and what it is about this time.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    pub(crate) kind: ProblemKind,
    pub(crate) detail: String,
    /// The name of the rule that did not hold, if it is about one.
    pub(crate) rule: Option<&'static str>,
    /// The index and the hash of the block that it is about, if it is about one.
    /// In a box, so that an error stays small.
    pub(crate) block: Option<Box<(u64, Hash)>>,
    /// What the rule asks for, and what was found, where both are one value.
    pub(crate) mismatch: Option<Box<Mismatch>>,
}

impl Problem {
    fn new(kind: ProblemKind, detail: impl ToString) -> Problem {
        Problem {
            kind,
            detail: detail.to_string(),
            rule: None,
            block: None,
            mismatch: None,
        }
    }

    /// There is nothing of that name here.
    pub(crate) fn not_found(detail: impl ToString) -> Problem {
        Problem::new(ProblemKind::NotFound, detail)
    }

    /// A part of the request can't be read.
    pub(crate) fn malformed(detail: impl ToString) -> Problem {
        Problem::new(ProblemKind::Malformed, detail)
    }

    /// A transaction breaks a rule, or may not wait.
    pub(crate) fn transaction(rule: &'static str, detail: impl ToString) -> Problem {
        Problem {
            rule: Some(rule),
            ..Problem::new(ProblemKind::Transaction, detail)
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
            ..Problem::new(ProblemKind::Block, detail)
        }
    }

    /// It is for the operator, and the caller has not shown the token.
    pub(crate) fn unauthorised(rule: &'static str, detail: impl ToString) -> Problem {
        Problem {
            rule: Some(rule),
            ..Problem::new(ProblemKind::Unauthorised, detail)
        }
    }

    /// It is for the operator, and the caller can't be it.
    pub(crate) fn operator_only(rule: &'static str, detail: impl ToString) -> Problem {
        Problem {
            rule: Some(rule),
            ..Problem::new(ProblemKind::OperatorOnly, detail)
        }
    }

    /// The caller may not ask that, or not under that name.
    pub(crate) fn foreign(detail: impl ToString) -> Problem {
        Problem::new(ProblemKind::Foreign, detail)
    }

    /// The path is there, but not for that method.
    pub(crate) fn method_not_allowed(detail: impl ToString) -> Problem {
        Problem::new(ProblemKind::Method, detail)
    }

    /// The body did not come in time.
    pub(crate) fn too_slow(detail: impl ToString) -> Problem {
        Problem::new(ProblemKind::TooSlow, detail)
    }

    /// The body is too long.
    pub(crate) fn too_long(detail: impl ToString) -> Problem {
        Problem::new(ProblemKind::TooLong, detail)
    }

    /// The chain's rules, or the kind of node, know no such thing.
    pub(crate) fn not_here(detail: impl ToString) -> Problem {
        Problem::new(ProblemKind::NotHere, detail)
    }

    /// Somebody cannot take part in the class like that.
    pub(crate) fn class(rule: &'static str, detail: impl ToString) -> Problem {
        Problem {
            rule: Some(rule),
            ..Problem::new(ProblemKind::Class, detail)
        }
    }

    /// A block could reward nobody.
    pub(crate) fn no_reward_address() -> Problem {
        Problem::new(
            ProblemKind::NoRewardAddress,
            ProblemKind::NoRewardAddress.meaning(),
        )
    }

    /// It can be tried again later.
    pub(crate) fn busy(detail: impl ToString) -> Problem {
        Problem::new(ProblemKind::Busy, detail)
    }

    /// The node takes nothing in at the moment.
    pub(crate) fn not_ready(detail: impl ToString) -> Problem {
        Problem::new(ProblemKind::NotReady, detail)
    }

    /// The disk failed under the node: nothing that a client could mend.
    pub(crate) fn unreadable(error: impl std::error::Error + 'static) -> Problem {
        QueryError::unreadable(error).into()
    }

    /// Returns the answer's status code.
    pub(crate) fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.kind.status()).expect("kinds have status codes of HTTP")
    }

    fn document(&self) -> ProblemDocument {
        ProblemDocument {
            kind: BasePath::current().below(&format!("/problems/{}", self.kind.name())),
            title: self.kind.title().to_owned(),
            status: self.kind.status(),
            detail: self.detail.trim_end().to_owned(),
            rule: self.rule.map(str::to_owned),
            expected: self.mismatch.as_ref().map(|one| one.expected.clone()),
            found: self.mismatch.as_ref().map(|one| one.found.clone()),
            block: self.block.as_deref().map(|(height, hash)| BlockName {
                index: *height,
                hash: hash.to_string(),
            }),
        }
    }
}

impl From<QueryError> for Problem {
    fn from(error: QueryError) -> Problem {
        match error {
            QueryError::Malformed(detail) => Problem::malformed(detail),
            QueryError::NotFound(detail) => Problem::not_found(detail),
            QueryError::NotHere(detail) => Problem::not_here(detail),
            QueryError::Busy(detail) => Problem::busy(detail),
            QueryError::Stopping(stopping) => stopping.into(),
            QueryError::DamagedBlock { height, hash } => Problem {
                block: Some(Box::new((height, hash))),
                ..Problem::new(
                    ProblemKind::BlockDamaged,
                    format!("block {height} is not what was written to the disk"),
                )
            },
        }
    }
}

impl From<NotMined> for Problem {
    fn from(error: NotMined) -> Problem {
        match error {
            NotMined::NobodyToReward => Problem::no_reward_address(),
            error => Problem::busy(error),
        }
    }
}

impl From<Rejected> for Problem {
    fn from(error: Rejected) -> Problem {
        match error {
            Rejected::Invalid(error) => Problem::transaction(error.rule(), error),
            Rejected::Rejected(error) => Problem::transaction(error.rule(), error),
            Rejected::MempoolFull(full) => Problem::busy(full),
            Rejected::Stopping(stopping) => stopping.into(),
        }
    }
}

impl From<NotRegistered> for Problem {
    fn from(error: NotRegistered) -> Problem {
        match error {
            NotRegistered::Stopping(stopping) => stopping.into(),
            error => Problem::malformed(error),
        }
    }
}

impl From<NotDeveloped> for Problem {
    fn from(error: NotDeveloped) -> Problem {
        match error {
            NotDeveloped::NotDevelopment => Problem::not_here(error),
            NotDeveloped::NotDone(error) => error.into(),
            NotDeveloped::Stopping(stopping) => stopping.into(),
        }
    }
}

impl From<StateNotDone> for Problem {
    fn from(error: StateNotDone) -> Problem {
        match error {
            StateNotDone::State(StateError::Store(error)) => Problem::unreadable(error),
            StateNotDone::State(error) => Problem {
                rule: Some("state"),
                ..Problem::new(ProblemKind::Development, format!("the state: {error}"))
            },
            StateNotDone::NotDeveloped(error) => error.into(),
            StateNotDone::Busy | StateNotDone::Panicked => Problem::busy(error),
        }
    }
}

impl From<NotDone> for Problem {
    fn from(error: NotDone) -> Problem {
        match error {
            NotDone::UnknownSnapshot { .. } | NotDone::NoSnapshot => Problem::not_found(error),
            NotDone::NobodyToReward => Problem::no_reward_address(),
            NotDone::HeldUp { .. } | NotDone::TooManyWaiting => Problem::busy(error),
            NotDone::TooManySnapshots
            | NotDone::TooMuchWaits
            | NotDone::TimeBack { .. }
            | NotDone::TimeLimit { .. }
            | NotDone::BlockCount { .. }
            | NotDone::StateRefused { .. } => Problem {
                rule: error.rule(),
                ..Problem::new(ProblemKind::Development, error)
            },
        }
    }
}

impl From<BlockRejected> for Problem {
    fn from(error: BlockRejected) -> Problem {
        match error {
            BlockRejected::Unreadable(error) => Problem {
                mismatch: error.mismatch().map(Box::new),
                ..Problem::block(error.rule(), error, None)
            },
            BlockRejected::Refused {
                height,
                hash,
                error,
            } => Problem {
                mismatch: error.mismatch().map(Box::new),
                ..Problem::block(error.rule(), error, Some((height, hash)))
            },
            BlockRejected::Busy | BlockRejected::Panicked => Problem::busy(error),
            BlockRejected::Query(error) => error.into(),
            BlockRejected::Stopping(stopping) => stopping.into(),
        }
    }
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
        let status = self.status();
        let retry: Option<[(HeaderName, HeaderValue); 1]> = (status
            == StatusCode::SERVICE_UNAVAILABLE)
            .then(|| [(RETRY_AFTER, HeaderValue::from(RETRY_AFTER_S))]);
        let how = (status == StatusCode::UNAUTHORIZED)
            .then(|| [(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))]);
        (status, headers, retry, how, body).into_response()
    }
}
