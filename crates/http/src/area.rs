//! What paths that belong together have in common: how they say what goes wrong,
//! what an answer has around it, what a request counts as. Which path belongs to
//! which area stands where the path is made; nothing here compares paths.

use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::counters::Group;
use crate::problem::Problem;

/// How it is said what goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Speech {
    /// By problem documents.
    Problems,
    /// By plain text.
    Text,
}

/// An area of the node's paths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Area {
    /// How it is said what goes wrong.
    pub(crate) speech: Speech,
    /// Whether each request has an id, and pages of other sites may read the
    /// answers.
    pub(crate) is_for_other_sites: bool,
    /// What its requests are counted as.
    pub(crate) group: Group,
    /// Whether something is changed by what is only read, as in the tutorial.
    pub(crate) is_changed_by_get: bool,
    /// Whether what is not safe by its method can be taken back all the same: a
    /// block that is searched for somebody.
    pub(crate) can_be_taken_back: bool,
}

impl Area {
    /// The pages, and all paths that lead nowhere.
    pub(crate) const PAGES: Area = Area::of(Speech::Text, false, Group::Pages);

    /// Everything below `/api/`.
    pub(crate) const API: Area = Area::of(Speech::Problems, true, Group::Api);

    /// Whether the node is well.
    pub(crate) const HEALTH: Area = Area::of(Speech::Problems, true, Group::Operations);

    /// What the kinds of problems mean.
    pub(crate) const PROBLEMS: Area = Area::of(Speech::Problems, true, Group::Pages);

    /// What programs read of the node besides the API: its metrics, and the
    /// API's description.
    pub(crate) const OPERATIONS: Area = Area::of(Speech::Text, true, Group::Operations);

    /// Returns the area of an endpoint of the tutorial.
    pub(crate) const fn tutorial(group: Group) -> Area {
        Area::of(Speech::Text, false, group)
    }

    const fn of(speech: Speech, is_for_other_sites: bool, group: Group) -> Area {
        Area {
            speech,
            is_for_other_sites,
            group,
            is_changed_by_get: false,
            can_be_taken_back: false,
        }
    }

    /// Returns the same, where a GET changes something.
    pub(crate) const fn changed_by_get(self) -> Area {
        Area {
            is_changed_by_get: true,
            ..self
        }
    }

    /// Returns the same, where what was asked for can be taken back.
    pub(crate) const fn taken_back(self) -> Area {
        Area {
            can_be_taken_back: true,
            ..self
        }
    }

    /// Returns the answer that says what went wrong, in this area's way.
    pub(crate) fn tell(self, problem: Problem) -> Response {
        if self.speech == Speech::Problems {
            return problem.into_response();
        }
        let status = problem.status();
        let retry: Option<[(HeaderName, HeaderValue); 1]> = (status
            == StatusCode::SERVICE_UNAVAILABLE)
            .then(|| [(RETRY_AFTER, HeaderValue::from_static("1"))]);
        (status, retry, problem.detail).into_response()
    }
}
