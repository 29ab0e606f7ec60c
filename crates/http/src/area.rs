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

/// What pages of other sites may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OtherSites {
    /// Nothing: these paths are for people who look at our own pages.
    Nothing,
    /// Those of allowed origins, what everybody may; all others nothing.
    WhatIsAllowed,
    /// All of them may read; those of allowed origins, what everybody may.
    Read,
}

/// An area of the node's paths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Area {
    /// How it is said what goes wrong.
    pub(crate) speech: Speech,
    /// Whether each request has an id.
    pub(crate) has_request_ids: bool,
    /// What pages of other sites may do.
    pub(crate) other_sites: OtherSites,
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
    pub(crate) const PAGES: Area = Area::of(Speech::Text, OtherSites::Nothing, Group::Pages);

    /// Everything below `/api/`.
    pub(crate) const API: Area = Area::for_programs(Speech::Problems, Group::Api);

    /// What phones ask a class for.
    pub(crate) const CLASS: Area = Area::of(Speech::Problems, OtherSites::Nothing, Group::Api);

    /// Whether the node is well.
    pub(crate) const HEALTH: Area = Area::for_programs(Speech::Problems, Group::Operations);

    /// What the kinds of problems mean.
    pub(crate) const PROBLEMS: Area = Area::for_programs(Speech::Problems, Group::Pages);

    /// What programs read of the node besides the API: its metrics, and the
    /// API's description.
    pub(crate) const OPERATIONS: Area = Area::for_programs(Speech::Text, Group::Operations);

    /// Returns the area of an endpoint of the tutorial.
    pub(crate) const fn tutorial(group: Group) -> Area {
        Area::of(Speech::Text, OtherSites::WhatIsAllowed, group)
    }

    const fn for_programs(speech: Speech, group: Group) -> Area {
        Area {
            has_request_ids: true,
            ..Area::of(speech, OtherSites::Read, group)
        }
    }

    const fn of(speech: Speech, other_sites: OtherSites, group: Group) -> Area {
        Area {
            speech,
            has_request_ids: false,
            other_sites,
            group,
            is_changed_by_get: false,
            can_be_taken_back: false,
        }
    }

    /// Returns the same, where pages of all other sites may read.
    pub(crate) const fn read_by_all(self) -> Area {
        Area {
            other_sites: OtherSites::Read,
            ..self
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
