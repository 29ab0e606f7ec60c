//! What is found at another node that somebody has written: an audit of its
//! chain, and which of the tutorial's other endpoints are there.

use serde::Serialize;

use crate::audit::{Audit, Verdict};

/// Everything that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Examination {
    /// Its URL.
    pub node: String,
    /// Whether nothing is wrong.
    pub healthy: bool,
    /// What the tutorial asks for besides the chain; none was looked for where
    /// nothing answers.
    pub endpoints: Vec<Endpoint>,
    /// What is to be said of its chain.
    pub audit: Audit,
}

/// One of the tutorial's endpoints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Endpoint {
    /// The method it is for.
    pub method: &'static str,
    /// Its path.
    pub path: &'static str,
    /// Whether it is there.
    pub state: EndpointState,
}

/// Whether an endpoint is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum EndpointState {
    /// It is.
    There,
    /// It is not.
    Missing,
    /// The node does not say, and to try it would change something.
    Unknown,
}

impl Examination {
    /// Returns what was found, and whether nothing is wrong with it.
    pub fn of(node: String, endpoints: Vec<Endpoint>, audit: Audit) -> Examination {
        let is_whole = endpoints
            .iter()
            .all(|endpoint| endpoint.state != EndpointState::Missing);
        let is_valid = audit.verdict == Verdict::Valid
            && audit.states_its_length()
            && audit.strict_zeros.is_none();
        Examination {
            node,
            healthy: is_valid && is_whole,
            endpoints,
            audit,
        }
    }
}
