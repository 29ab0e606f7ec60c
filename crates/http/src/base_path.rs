//! Below which path of its host the node is found, where a proxy serves others
//! beside it. A request may come with that path or without, as the proxy likes;
//! whatever is answered leads below it. Handlers, templates and headers are
//! written as if the node had the host for itself, and the path is put before
//! all of it here. What a path leads to is not known here.

use std::fmt;
use std::sync::Arc;

use axum::http::header::{LINK, LOCATION, SET_COOKIE};
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderMap, HeaderValue, Uri};

/// It is at most this long: it stands in every link of a page.
const BASE_PATH_LIMIT_BYTES: usize = 128;

/// Attributes of a page that hold a path.
const LINKS: [&str; 4] = ["action", "formaction", "href", "src"];

tokio::task_local! {
    /// Of the node that a request is being answered by: a page, a problem or a
    /// line to type is made where no request is at hand.
    static CURRENT: BasePath;
}

/// A path such as `/adit`, without a slash at its end; empty where the node has
/// the host for itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BasePath(Arc<str>);

/// What is no base path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotABasePath {
    /// It is longer than any proxy needs.
    #[error("expected at most {BASE_PATH_LIMIT_BYTES} bytes, found {0}")]
    TooLong(usize),
    /// It would be written in another way in an address, or not be one path.
    #[error(
        "expected a path that begins with a slash, of letters, digits and -._~ between slashes, \
         such as /adit; found {0:?}"
    )]
    Malformed(String),
    /// A request for it would be for something else.
    #[error("{0} is a path of the node's own; take another, such as /adit")]
    Own(String),
}

impl BasePath {
    /// Reads a path, whether or not it is free; a slash behind it is what people
    /// write along.
    pub(crate) fn read(text: &str) -> Result<BasePath, NotABasePath> {
        if text.len() > BASE_PATH_LIMIT_BYTES {
            return Err(NotABasePath::TooLong(text.len()));
        }
        let path = text.strip_suffix('/').unwrap_or(text);
        if path.is_empty() {
            return Ok(BasePath::default());
        }
        let malformed = || NotABasePath::Malformed(text.to_owned());
        let inner = path.strip_prefix('/').ok_or_else(malformed)?;
        if !inner.split('/').all(is_plain) {
            return Err(malformed());
        }
        Ok(BasePath(path.into()))
    }

    /// Returns its first part, if it has one.
    pub(crate) fn first_part(&self) -> Option<&str> {
        self.0.split('/').nth(1)
    }

    /// Returns that of the node that answers the request at hand.
    pub(crate) fn current() -> BasePath {
        CURRENT.try_with(BasePath::clone).unwrap_or_default()
    }

    /// Answers a request, all that is made meanwhile being below this path.
    pub(crate) async fn answering<T>(self, answer: impl Future<Output = T>) -> T {
        CURRENT.scope(self, answer).await
    }

    /// Returns a path of the node as its clients have to ask for it.
    pub(crate) fn below(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }

    /// Takes it off what is asked for. What is asked for without it stays.
    pub(crate) fn take_off(&self, target: &mut Uri) {
        if self.0.is_empty() {
            return;
        }
        let whole = target.path_and_query().map(PathAndQuery::as_str);
        let rest = whole.and_then(|whole| whole.strip_prefix(&*self.0));
        let path = match rest {
            Some(rest) if rest.starts_with('/') => rest.to_owned(),
            Some(rest) if rest.is_empty() || rest.starts_with('?') => format!("/{rest}"),
            _ => return,
        };
        let mut parts = target.clone().into_parts();
        parts.path_and_query = path.parse().ok();
        if let Ok(without) = Uri::from_parts(parts) {
            *target = without;
        }
    }

    /// Puts it before every path in a page's attributes. What others wrote has no
    /// quotes there: templates escape them, so all that looks like an attribute
    /// is one.
    pub(crate) fn put_before_links(&self, page: String) -> String {
        if self.0.is_empty() {
            return page;
        }
        let mut parts = page.split("=\"/");
        let mut out = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let attribute = out.rsplit(char::is_whitespace).next().unwrap_or_default();
            // Two slashes are the beginning of another host.
            let is_link = LINKS.contains(&attribute) && !part.starts_with('/');
            out.push_str("=\"");
            out.push_str(if is_link { &self.0 } else { "" });
            out.push('/');
            out.push_str(part);
        }
        out
    }

    /// Puts it before the paths in an answer's headers.
    pub(crate) fn put_before_headers(&self, headers: &mut HeaderMap) {
        if self.0.is_empty() {
            return;
        }
        for (name, value) in headers.iter_mut() {
            let Ok(text) = value.to_str() else { continue };
            let led = if name == LOCATION && text.starts_with('/') {
                self.below(text)
            } else if name == LINK {
                text.replace("</", &format!("<{self}/"))
            } else if name == SET_COOKIE {
                self.put_before_cookie(text)
            } else {
                continue;
            };
            if let Ok(led) = HeaderValue::try_from(led) {
                *value = led;
            }
        }
    }

    fn put_before_cookie(&self, cookie: &str) -> String {
        let attributes = cookie.split("; ").map(|attribute| {
            let path = attribute.strip_prefix("Path=");
            path.map_or(attribute.to_owned(), |path| {
                let path = self.below(path);
                format!("Path={}", path.trim_end_matches('/'))
            })
        });
        attributes.collect::<Vec<_>>().join("; ")
    }
}

impl fmt::Display for BasePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether a part of a path stands in an address as it is (RFC 3986, 2.3), and
/// browsers leave it there.
fn is_plain(part: &str) -> bool {
    let is_unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    !["", ".", ".."].contains(&part) && part.bytes().all(is_unreserved)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderName;
    use axum::http::header::CONTENT_TYPE;

    use super::*;

    fn adit() -> BasePath {
        BasePath::read("/adit").expect("a base path")
    }

    #[test]
    fn a_path_is_taken_with_a_slash_behind_it_or_without() {
        for (text, path) in [
            ("/adit", "/adit"),
            ("/adit/", "/adit"),
            ("/nodes-2/a.dit_~/x", "/nodes-2/a.dit_~/x"),
            ("/", ""),
            ("", ""),
        ] {
            let read = BasePath::read(text).expect(text);
            assert_eq!(read.to_string(), path, "{text}");
        }
    }

    #[test]
    fn whatever_else_is_refused_with_what_it_should_be() {
        let long = format!("/{}", "a".repeat(BASE_PATH_LIMIT_BYTES));
        for (text, says) in [
            ("adit", "such as /adit; found \"adit\""),
            ("https://host.example/adit", "begins with a slash"),
            ("//adit", "begins with a slash"),
            ("/adit//", "begins with a slash"),
            ("/a//b", "begins with a slash"),
            ("/a/../b", "begins with a slash"),
            ("/.", "begins with a slash"),
            ("/a b", "letters, digits"),
            ("/a%20b", "letters, digits"),
            ("/a\"b", "letters, digits"),
            ("/é", "letters, digits"),
            ("/adit?x", "letters, digits"),
            (&long, "at most 128 bytes, found 129"),
        ] {
            let refused = BasePath::read(text).expect_err(text).to_string();
            assert!(refused.contains(says), "{text}: {refused}");
        }
    }

    #[test]
    fn it_is_taken_off_where_it_is_a_part_of_the_path() {
        for (asked, path) in [
            ("/adit", "/"),
            ("/adit/", "/"),
            ("/adit?q=/adit/", "/?q=/adit/"),
            ("/adit/blocks?cursor=1", "/blocks?cursor=1"),
            ("/adit/adit/x", "/adit/x"),
            ("/blocks", "/blocks"),
            ("/aditional", "/aditional"),
            ("/x/adit/blocks", "/x/adit/blocks"),
            ("/adit//x", "//x"),
            ("*", "*"),
        ] {
            let mut target: Uri = asked.parse().expect(asked);
            adit().take_off(&mut target);
            assert_eq!(target.to_string(), path, "{asked}");
            let mut same: Uri = asked.parse().expect(asked);
            BasePath::default().take_off(&mut same);
            assert_eq!(same.to_string(), asked);
        }
        let mut whole: Uri = "http://h:1/adit/chain?a".parse().expect("a URI");
        adit().take_off(&mut whole);
        assert_eq!(whole.to_string(), "http://h:1/chain?a");
    }

    #[test]
    fn every_path_of_a_page_is_below_it_and_no_text_is_changed() {
        let page = "<a class=\"x\" href=\"/\">=\"/ href=&#34;/b</a>\n<form\n  action=\"/send\">\
            <a href=\"#q\"><p data-copy=\"/x\" title=\"/y\"><script src=\"/a.js\"></script>\
            <a href=\"//host/\"><button formaction=\"/b\">";
        let below = "<a class=\"x\" href=\"/adit/\">=\"/ href=&#34;/b</a>\n<form\n  action=\"/adit/send\">\
            <a href=\"#q\"><p data-copy=\"/x\" title=\"/y\"><script src=\"/adit/a.js\"></script>\
            <a href=\"//host/\"><button formaction=\"/adit/b\">";
        assert_eq!(adit().put_before_links(page.to_owned()), below);
        let unchanged = BasePath::default().put_before_links(page.to_owned());
        assert_eq!(unchanged, page);
    }

    #[test]
    fn every_path_of_a_header_is_below_it() {
        for (name, value, below) in [
            (LOCATION, "/block/1", "/adit/block/1"),
            (LOCATION, "https://h/x", "https://h/x"),
            (
                LINK,
                "</blocks?cursor=1>; rel=\"next\"",
                "</adit/blocks?cursor=1>; rel=\"next\"",
            ),
            (
                SET_COOKIE,
                "a=b; Path=/; HttpOnly",
                "a=b; Path=/adit; HttpOnly",
            ),
            (SET_COOKIE, "a=b; Path=/x", "a=b; Path=/adit/x"),
            (CONTENT_TYPE, "a/b", "a/b"),
        ] {
            assert_eq!(led(&adit(), &name, value), below);
            assert_eq!(led(&BasePath::default(), &name, value), value);
        }
    }

    fn led(base: &BasePath, name: &HeaderName, value: &str) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().expect("a value"));
        base.put_before_headers(&mut headers);
        headers[name].to_str().expect("ASCII").to_owned()
    }
}
