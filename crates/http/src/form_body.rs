//! What is posted as a form where JSON is wanted: httpie's `-f`, curl's `-d a=b`
//! and `-F`, and pages do that. It decides what is a form, and says what to type
//! instead; what the JSON means is not known here.

use axum::http::HeaderMap;
use axum::http::header::HOST;

use crate::allowed_hosts::is_plain;
use crate::base_path::BasePath;

/// Where a node is that a client has not named.
const USUAL_HOST: &str = "localhost:5000";

/// What is to be sent to a path, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RawJson {
    pub(crate) path: &'static str,
    /// As the option `-d` of curl takes it; it holds no single quote.
    pub(crate) data: &'static str,
}

impl RawJson {
    pub(crate) const NODES: RawJson = RawJson {
        path: "/nodes/register",
        data: r#"{"nodes": ["http://localhost:5001"]}"#,
    };

    pub(crate) const BLOCK: RawJson = RawJson {
        path: "/api/v1/blocks",
        data: "@block.json",
    };

    pub(crate) const REVERT: RawJson = RawJson {
        path: "/api/v1/dev/revert",
        data: r#"{"id": 1}"#,
    };

    pub(crate) const TIME: RawJson = RawJson {
        path: "/api/v1/dev/time",
        data: r#"{"move_ms": 3600000}"#,
    };

    pub(crate) const MAKE_BLOCKS: RawJson = RawJson {
        path: "/api/v1/dev/mine",
        data: r#"{"blocks": 10}"#,
    };

    pub(crate) const BLOCK_MAKING: RawJson = RawJson {
        path: "/api/v1/dev/block-making",
        data: r#"{"when": "interval", "interval_ms": 2000}"#,
    };

    /// Returns what is sent to hand a transaction in.
    pub(crate) const fn transaction(path: &'static str, keeps_accounts: bool) -> RawJson {
        let data = match keeps_accounts {
            // What `adit sign -o signed.json` wrote.
            true => "@signed.json",
            false => r#"{"sender": "alice", "recipient": "bob", "amount": 5}"#,
        };
        RawJson { path, data }
    }

    /// Returns the same for another path.
    pub(crate) const fn at(self, path: &'static str) -> RawJson {
        RawJson { path, ..self }
    }

    /// Returns the line to type, for a node that goes by the name in the request.
    pub(crate) fn line(self, headers: &HeaderMap) -> String {
        let host = headers.get(HOST).and_then(|host| host.to_str().ok());
        // The line is typed into a shell.
        let host = host.filter(|host| is_plain(host));
        let (host, data) = (host.unwrap_or(USUAL_HOST), self.data);
        let path = BasePath::current().below(self.path);
        format!("curl -H 'Content-Type: application/json' -d '{data}' http://{host}{path}")
    }
}

/// Whether the body is a form, of either kind. The header is not asked: curl
/// calls JSON a form too.
pub(crate) fn is_form(body: &[u8]) -> bool {
    is_multipart(body) || is_urlencoded(body)
}

fn is_multipart(body: &[u8]) -> bool {
    let part = b"content-disposition: form-data";
    let is_part = |window: &[u8]| window.eq_ignore_ascii_case(part);
    // Before the first part there is one line, the boundary.
    let start = &body[..body.len().min(256)];
    body.starts_with(b"--") && start.windows(part.len()).any(is_part)
}

/// `name=value`, or JSON in which everything is escaped.
fn is_urlencoded(body: &[u8]) -> bool {
    let in_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-.+%[]".contains(byte);
    let name = body.split(|byte| *byte == b'=').next().unwrap_or_default();
    let begins_well = |first: &u8| first.is_ascii_alphabetic() || b"_%".contains(first);
    let is_named = name.len() < body.len()
        && name.first().is_some_and(begins_well)
        && name.iter().all(in_name);
    is_named
        || body
            .get(..3)
            .is_some_and(|start| start.eq_ignore_ascii_case(b"%7B"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_told_from_json_of_any_kind() {
        for form in [
            "sender=a&recipient=b&amount=5",
            "amount=",
            "nodes%5B%5D=http%3A%2F%2Flocalhost%3A5001",
            "nodes[]=http://localhost:5001",
            "%7B%22sender%22%3A+%22a%22%7D",
            "--x\r\nContent-Disposition: form-data; name=\"sender\"\r\n\r\na\r\n--x--\r\n",
        ] {
            assert!(is_form(form.as_bytes()), "{form}");
        }
        for other in [
            "",
            "{",
            "{\"a\": \"b=c\"}",
            "{a=b}",
            "[\"a=b\"]",
            "\"a=b\"",
            "null",
            "NaN",
            "a b=c",
            "=",
            "--",
            "-1",
            "http://a/?b=c",
        ] {
            assert!(!is_form(other.as_bytes()), "{other}");
        }
    }
}
