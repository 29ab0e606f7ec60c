//! Who asks: the node's operator, or anybody. The operator is anyone who shows the
//! token, or sits at the node's own machine. What each of the two may do is in
//! `tier.rs`.

use std::convert::Infallible;
use std::net::IpAddr;

use adit_api::peer::PeerList;
use axum::extract::FromRequestParts;
use axum::http::header::{AUTHORIZATION, VIA};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, Version};

use crate::allowed_hosts::AllowedHosts;
use crate::allowed_origins::AllowedOrigin;
use crate::problem::Problem;
use crate::source::{Source, cookie};
use crate::token::ApiToken;

/// The cookie of a browser that was told the token.
pub(super) const OPERATOR_COOKIE: &str = "adit-operator";

/// What decides on who may do what.
#[derive(Debug)]
pub(crate) struct Access {
    /// Under which names the node may be addressed.
    pub(crate) hosts: AllowedHosts,
    /// Of which other sites the pages may do what everybody may.
    pub(crate) origins: Vec<AllowedOrigin>,
    /// The operator's token, if the node has one.
    pub(crate) token: Option<ApiToken>,
}

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Caller {
    /// The person who runs the node.
    Operator,
    /// Anybody, and why they are not taken for the operator.
    Anybody(NotOperator),
}

/// Why somebody is not taken for the operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotOperator {
    /// The node has no token that could be shown.
    NoToken,
    /// None was shown.
    Missing,
    /// What was shown is not it.
    Wrong,
    /// It may be the operator's browser, but does not say that a page of ours
    /// has sent it.
    Page,
}

impl Caller {
    /// Returns who sends this from there.
    pub(super) fn of(
        remote: IpAddr,
        version: Version,
        headers: &HeaderMap,
        access: &Access,
    ) -> Caller {
        let token = access.token.as_ref();
        let bearer = headers.get(AUTHORIZATION);
        let bearer = bearer.map(|value| bearer_of(value.to_str().unwrap_or_default()));
        if let (Some(token), Some(Some(given))) = (token, bearer)
            && token.is(given)
        {
            return Caller::Operator;
        }
        let is_ours = matches!(Source::of(headers), Source::Program | Source::OwnPage);
        let kept = cookie(headers, OPERATOR_COOKIE);
        let has_cookie = token
            .zip(kept)
            .is_some_and(|(token, kept)| token.is_for_browser(kept));
        let is_here = remote.to_canonical().is_loopback()
            && !came_through_a_proxy(version, headers)
            && access.hosts.names_us(headers);
        Caller::Anybody(match (is_here || has_cookie, token) {
            (true, _) if is_ours => return Caller::Operator,
            (true, _) => NotOperator::Page,
            (false, None) => NotOperator::NoToken,
            (false, Some(_)) if bearer.is_some() => NotOperator::Wrong,
            (false, Some(_)) => NotOperator::Missing,
        })
    }

    /// Returns who sent the request with these extensions; a caller that was not
    /// looked at is anybody.
    pub(super) fn in_extensions(extensions: &Extensions) -> Caller {
        let found = extensions.get::<Caller>().copied();
        found.unwrap_or(Caller::Anybody(NotOperator::NoToken))
    }

    /// Returns why the operator's acts are not done for them; `None` if they are.
    pub(super) fn refusal(self) -> Option<Problem> {
        let why = match self {
            Caller::Operator => return None,
            Caller::Anybody(why) => why,
        };
        Some(match why {
            NotOperator::NoToken => Problem::operator_only(
                "no-token",
                "only from the machine that the node runs on, without a proxy between; to do it \
                 from elsewhere, start the node with --api-token and show the token",
            ),
            NotOperator::Missing => Problem::unauthorised(
                "token-missing",
                "show the node's token (`Authorization: Bearer TOKEN`, or --api-token for the \
                 commands of adit), or do it on the machine that the node runs on",
            ),
            NotOperator::Wrong => Problem::unauthorised(
                "token-wrong",
                "the token that was shown is not the node's (--api-token)",
            ),
            NotOperator::Page => Problem::operator_only(
                "foreign-page",
                "it is not known that a page of this node sent that; open the node's own page \
                 first, and do it there",
            ),
        })
    }

    /// Returns what they may see of the peers.
    pub(super) fn may_see(self, peers: PeerList) -> PeerList {
        match self {
            Caller::Operator => peers,
            Caller::Anybody(_) => peers.for_anybody(),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Caller, Infallible> {
        Ok(Caller::in_extensions(&parts.extensions))
    }
}

fn bearer_of(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then_some(token.trim())
}

/// Whether the request was sent on by a proxy on this machine, so that its
/// address is not the client's: each names it in a header of its own
/// (`X-Forwarded-For`, `X-Real-IP`, `CF-Connecting-IP`). Not all say so; but HTTP/1.0 is spoken by hardly
/// anybody but those that do not (nginx, until somebody sets more).
fn came_through_a_proxy(version: Version, headers: &HeaderMap) -> bool {
    let is_of_a_proxy =
        |name: &str| name.contains("forwarded") || name.ends_with("-ip") || name == "cdn-loop";
    version == Version::HTTP_10
        || headers.contains_key(VIA)
        || headers.keys().any(|name| is_of_a_proxy(name.as_str()))
}
