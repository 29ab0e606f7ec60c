//! From which page a request comes, as far as a browser lets it be known, and
//! the cookie that a browser sends back only from our own pages. What that
//! means for a request is decided elsewhere.
//!
//! A browser says it by itself (`Sec-Fetch-Site`) where it trusts the way: on
//! this machine and over TLS. Over plain HTTP to any other address a foreign
//! page's image or link looks like somebody's own click, but for the cookie.

use axum::http::header::{ACCEPT_LANGUAGE, COOKIE, HOST, ORIGIN, REFERER, USER_AGENT};
use axum::http::{HeaderMap, HeaderName};

/// What our pages leave with a browser. It is no secret: that it comes back says
/// that no page of another site has sent the request.
const OWN_PAGE: (&str, &str) = ("adit-own-page", "yes");

/// The header's value that leaves it there.
pub(super) const SET_OWN_PAGE: &str = "adit-own-page=yes; Path=/; HttpOnly; SameSite=Strict";

/// What a browser says of the page that has sent a request.
const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Where a request comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    /// From a program, which does only what its user wants.
    Program,
    /// From a page of ours, or somebody typed the address.
    OwnPage,
    /// From a page of this other site.
    Foreign(String),
    /// From a browser that does not say from which page.
    SomePage,
}

impl Source {
    pub(super) fn of(headers: &HeaderMap) -> Source {
        let site = text(headers, SITE);
        if site.is_some_and(|site| !["same-origin", "none"].contains(&site)) {
            return Source::Foreign("another site".to_owned());
        }
        let origin = text(headers, ORIGIN);
        if let Some(origin) = origin.filter(|origin| !is_ours(origin, headers)) {
            return Source::Foreign(origin.to_owned());
        }
        if site.is_some() || origin.is_some() {
            return Source::OwnPage;
        }
        let referer = text(headers, REFERER);
        if let Some(referer) = referer.filter(|referer| !is_ours(referer, headers)) {
            let page = referer.split('/').nth(2).unwrap_or("another site");
            return Source::Foreign(page.to_owned());
        }
        if referer.is_none() && !is_browser(headers) {
            return Source::Program;
        }
        match cookie(headers, OWN_PAGE.0) == Some(OWN_PAGE.1) {
            true => Source::OwnPage,
            false => Source::SomePage,
        }
    }
}

/// Whether a browser says that a page of ours has sent the request.
pub(super) fn says_same_origin(headers: &HeaderMap) -> bool {
    text(headers, SITE) == Some("same-origin")
}

/// Returns the value of a cookie.
pub(super) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(COOKIE).iter();
    let lines = lines.filter_map(|line| line.to_str().ok());
    let mut pairs = lines
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='));
    pairs
        .find(|(found, _)| *found == name)
        .map(|(_, value)| value)
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    let value = headers.get(name);
    value.map(|value| value.to_str().unwrap_or("?"))
}

/// Whether an address is on this node. A proxy may have taken the TLS off: the
/// scheme is not ours to compare.
fn is_ours(address: &str, headers: &HeaderMap) -> bool {
    let host = address
        .split_once("://")
        .and_then(|(_, rest)| rest.split('/').next());
    host.is_some() && host == text(headers, HOST)
}

/// Whether it looks like a browser's. All of them have called themselves Mozilla
/// for thirty years, and say which languages their user reads; a page of
/// another site can change neither. `PowerShell` calls itself so too, and Node's
/// `fetch` reads any language.
fn is_browser(headers: &HeaderMap) -> bool {
    let agent = text(headers, USER_AGENT).unwrap_or_default();
    let languages = text(headers, ACCEPT_LANGUAGE);
    (agent.starts_with("Mozilla/") && !agent.contains("PowerShell/"))
        || languages.is_some_and(|languages| languages != "*")
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    const FIREFOX: &str = "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Firefox/140.0";

    fn source(lines: &[&str]) -> Source {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_static("192.168.0.5:5000"));
        for line in lines {
            let (name, value) = line.split_once(": ").expect("a header line");
            let name: HeaderName = name.parse().expect("a name");
            headers.append(name, value.parse().expect("a value"));
        }
        Source::of(&headers)
    }

    #[test]
    fn programs_are_known_by_what_they_do_not_send() {
        for lines in [
            &[][..],
            &["User-Agent: curl/8.5.0", "Accept: */*"],
            &[
                "User-Agent: python-requests/2.32.3",
                "Accept-Encoding: gzip, deflate",
            ],
            &["User-Agent: HTTPie/3.2.4", "Accept: */*"],
            &["User-Agent: PostmanRuntime/7.43.0", "Cookie: a=b"],
            &[
                "User-Agent: node",
                "Accept-Language: *",
                "Sec-Fetch-Mode: cors",
            ],
            &["User-Agent: Mozilla/5.0 (Windows NT; en-GB) WindowsPowerShell/5.1.26100"],
            &["User-Agent: Wget/1.25.0"],
        ] {
            assert_eq!(source(lines), Source::Program, "{lines:?}");
        }
    }

    #[test]
    fn a_browser_says_from_which_page_or_has_our_cookie() {
        let own = "Cookie: other=1; adit-own-page=yes";
        let foreign = |name: &str| Source::Foreign(name.to_owned());
        for (lines, expected) in [
            (&[FIREFOX][..], Source::SomePage),
            (&["Accept-Language: en-GB"], Source::SomePage),
            (&["Referer: http://192.168.0.5:5000/"], Source::SomePage),
            (&[FIREFOX, "Cookie: adit-own-page=no"], Source::SomePage),
            (&[FIREFOX, own], Source::OwnPage),
            (
                &[FIREFOX, own, "Referer: http://192.168.0.5:5000/"],
                Source::OwnPage,
            ),
            (
                &[FIREFOX, own, "Referer: http://192.168.0.5:8000/"],
                foreign("192.168.0.5:8000"),
            ),
            (
                &[own, "Referer: http://evil.example/"],
                foreign("evil.example"),
            ),
            (&[FIREFOX, "Sec-Fetch-Site: none"], Source::OwnPage),
            (&[FIREFOX, "Sec-Fetch-Site: same-origin"], Source::OwnPage),
            (
                &[FIREFOX, own, "Sec-Fetch-Site: same-site"],
                foreign("another site"),
            ),
            (
                &[FIREFOX, own, "Sec-Fetch-Site: cross-site"],
                foreign("another site"),
            ),
            (&["Origin: http://192.168.0.5:5000"], Source::OwnPage),
            (&["Origin: https://192.168.0.5:5000"], Source::OwnPage),
            (&["Origin: null"], foreign("null")),
            (
                &[own, "Origin: http://192.168.0.5"],
                foreign("http://192.168.0.5"),
            ),
        ] {
            assert_eq!(source(lines), expected, "{lines:?}");
        }
    }
}
