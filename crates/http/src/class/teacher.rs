//! Who the teacher is: a browser that opened a link once, and keeps a cookie since.
//! What the teacher may do is not known here.

use std::sync::{Mutex, PoisonError};

use adit_core::hash::sha256;
use axum::http::HeaderMap;

use crate::source::cookie;
use crate::token::are_same;

/// The cookie of the teacher's browser.
pub(crate) const TEACHER_COOKIE: &str = "adit-teacher";

/// Who the teacher is.
pub(crate) struct TeacherAccess {
    secret: String,
    /// The link that nobody has opened yet.
    link: Mutex<Option<String>>,
}

impl TeacherAccess {
    pub(super) fn new() -> TeacherAccess {
        TeacherAccess {
            secret: random(),
            link: Mutex::default(),
        }
    }

    /// A new link, in place of the one before.
    pub(super) fn new_link(&self) -> String {
        let made = random();
        let mut link = self.link.lock().unwrap_or_else(PoisonError::into_inner);
        *link = Some(made.clone());
        made
    }

    /// Returns what a browser keeps that has opened the link; each one works once.
    pub(crate) fn exchange(&self, given: &str) -> Option<String> {
        let mut link = self.link.lock().unwrap_or_else(PoisonError::into_inner);
        let is_right = link.as_deref().is_some_and(|link| are_same(link, given));
        if !is_right {
            return None;
        }
        *link = None;
        Some(self.kept())
    }

    /// Whether the teacher's browser sends this.
    pub(crate) fn is_teacher(&self, headers: &HeaderMap) -> bool {
        let kept = cookie(headers, TEACHER_COOKIE);
        kept.is_some_and(|kept| are_same(kept, &self.kept()))
    }

    fn kept(&self) -> String {
        sha256(format!("adit teacher in a browser {}", self.secret).as_bytes()).to_string()
    }
}

/// 244 bits that nobody can guess.
fn random() -> String {
    let half = || uuid::Uuid::new_v4().simple().to_string();
    half() + &half()
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use axum::http::header::COOKIE;

    use super::*;

    #[test]
    fn a_link_works_once_and_the_cookie_from_then_on() {
        let access = TeacherAccess::new();
        assert_eq!(access.exchange(""), None);
        let (first, second) = (access.new_link(), access.new_link());
        assert_eq!(access.exchange(&first), None, "there is another since");
        let kept = access.exchange(&second).expect("nobody has opened it");
        assert_eq!(access.exchange(&second), None);
        let sent = |value: &str| {
            let mut headers = HeaderMap::new();
            let value = format!("{TEACHER_COOKIE}={value}");
            headers.insert(COOKIE, HeaderValue::try_from(value).expect("hex"));
            access.is_teacher(&headers)
        };
        assert!(sent(&kept));
        assert!(!sent(&second));
        assert!(!sent(""));
        assert!(!access.is_teacher(&HeaderMap::new()));
    }
}
