//! Of which other sites the pages may do what everybody may: those that the
//! operator allows. What that is, and what it is not, others decide.

use std::net::IpAddr;
use std::str::FromStr;

use axum::http::header::ORIGIN;
use axum::http::{HeaderMap, HeaderValue};

use crate::allowed_hosts::host_name;

/// What a browser leaves out of an origin.
const USUAL_PORTS: [(&str, &str); 2] = [("http", ":80"), ("https", ":443")];

/// An origin, or several, whose pages may do what everybody may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AllowedOrigin {
    /// All of them.
    Any,
    /// Those that are served on the reader's own machine, on any port.
    Loopback,
    /// This one.
    One(Origin),
}

/// A scheme, a host and a port, as browsers write them in `Origin`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin(String);

/// What is no origin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected an origin, a scheme with a host and perhaps a port, such as http://localhost:3000, \
     or * for all; found {0:?}"
)]
pub struct NotAnOrigin(String);

impl FromStr for AllowedOrigin {
    type Err = NotAnOrigin;

    fn from_str(text: &str) -> Result<AllowedOrigin, NotAnOrigin> {
        match text {
            "*" => Ok(AllowedOrigin::Any),
            one => one.parse().map(AllowedOrigin::One),
        }
    }
}

impl FromStr for Origin {
    type Err = NotAnOrigin;

    /// Reads an origin; a slash behind it is what people copy along.
    fn from_str(text: &str) -> Result<Origin, NotAnOrigin> {
        let lower = text.to_ascii_lowercase();
        let origin = lower.strip_suffix('/').unwrap_or(&lower);
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte);
        let parts = origin.split_once("://").filter(|(scheme, host)| {
            let mut letters = scheme.bytes();
            letters
                .next()
                .is_some_and(|first| first.is_ascii_alphabetic())
                && letters.all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
                && host.bytes().all(is_plain)
                && !host_name(host).is_empty()
        });
        let (scheme, _) = parts.ok_or_else(|| NotAnOrigin(text.to_owned()))?;
        let usual = USUAL_PORTS.iter().find(|(usual, _)| *usual == scheme);
        let origin = usual
            .and_then(|(_, port)| origin.strip_suffix(port))
            .unwrap_or(origin);
        Ok(Origin(origin.to_owned()))
    }
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl Origin {
    /// Returns from where a browser says that a request comes, if it says so.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Origin> {
        headers.get(ORIGIN)?.to_str().ok()?.parse().ok()
    }

    fn is_loopback(&self) -> bool {
        let Some((scheme, host)) = self.0.split_once("://") else {
            return false;
        };
        let name = host_name(host);
        let is_address = || {
            name.parse()
                .is_ok_and(|address: IpAddr| address.is_loopback())
        };
        ["http", "https"].contains(&scheme)
            && (name == "localhost" || name.ends_with(".localhost") || is_address())
    }
}

/// Returns what an answer says in `Access-Control-Allow-Origin`, if the request
/// is of a page that these allow.
pub(crate) fn granted(allowed: &[AllowedOrigin], headers: &HeaderMap) -> Option<HeaderValue> {
    let given = headers.get(ORIGIN)?;
    if allowed.contains(&AllowedOrigin::Any) {
        return Some(HeaderValue::from_static("*"));
    }
    let origin = Origin::of(headers)?;
    let is_allowed = allowed.iter().any(|allowed| match allowed {
        AllowedOrigin::Any => true,
        AllowedOrigin::Loopback => origin.is_loopback(),
        AllowedOrigin::One(one) => *one == origin,
    });
    is_allowed.then(|| given.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn granted_to(allowed: &[AllowedOrigin], origin: &str) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert(ORIGIN, origin.parse().expect("a header's value"));
        let granted = granted(allowed, &headers)?;
        Some(granted.to_str().expect("ASCII").to_owned())
    }

    fn one(text: &str) -> AllowedOrigin {
        text.parse().expect("an origin")
    }

    #[test]
    fn an_origin_is_allowed_whole_or_not_at_all() {
        let allowed = [
            one("http://localhost:3000"),
            one("HTTPS://Shop.example:443/"),
            one("http://[::1]:3000"),
            one("chrome-extension://abcdef"),
        ];
        for origin in [
            "http://localhost:3000",
            "https://shop.example",
            "http://[::1]:3000",
            "chrome-extension://abcdef",
        ] {
            let granted = granted_to(&allowed, origin);
            assert_eq!(granted.as_deref(), Some(origin));
        }
        for origin in [
            "",
            "null",
            "*",
            "http://localhost",
            "http://localhost:30000",
            "https://localhost:3000",
            "http://localhost:3000.evil.example",
            "http://evil.example/http://localhost:3000",
            "http://shop.example",
            "https://shop.example:8443",
            "https://evil.shop.example",
        ] {
            assert_eq!(granted_to(&allowed, origin), None, "{origin}");
        }
        assert_eq!(granted(&allowed, &HeaderMap::new()), None);
        assert_eq!(granted_to(&[], "http://localhost:3000"), None);
    }

    #[test]
    fn those_of_the_readers_machine_are_known() {
        let allowed = [AllowedOrigin::Loopback];
        for (origin, is_allowed) in [
            ("http://localhost", true),
            ("http://localhost:3000", true),
            ("https://app.localhost:8443", true),
            ("http://127.0.0.1:5173", true),
            ("http://127.8.9.1", true),
            ("http://[::1]:3000", true),
            ("null", false),
            ("file://", false),
            ("chrome-extension://localhost", false),
            ("http://192.168.0.1:3000", false),
            ("http://localhost.evil.example", false),
            ("http://127.0.0.1.evil.example", false),
            ("http://evillocalhost", false),
            ("http://localhost:x", false),
        ] {
            let granted = granted_to(&allowed, origin);
            assert_eq!(granted.is_some(), is_allowed, "{origin}");
        }
    }

    #[test]
    fn a_star_is_for_all_who_say_from_where_they_come() {
        for origin in ["http://evil.example", "null", "file://"] {
            let granted = granted_to(&[AllowedOrigin::Any], origin);
            assert_eq!(granted.as_deref(), Some("*"));
        }
        assert_eq!(granted(&[AllowedOrigin::Any], &HeaderMap::new()), None);
    }

    #[test]
    fn what_is_no_origin_is_not_allowed_by_mistake() {
        for text in [
            "",
            "null",
            "localhost:3000",
            "http://",
            "://localhost",
            "http://localhost:3000/chain",
            "http://localhost:3000?",
            "http://user@localhost",
            "http://*.example",
            "http://localhost;rm",
            "http://localhost:port",
            "1http://localhost",
        ] {
            assert!(text.parse::<AllowedOrigin>().is_err(), "{text}");
        }
    }
}
