//! `/assets/...`: the style sheets, the modules and the icon, as they stand in
//! this binary. Each was hashed when that was built.

use adit_core::hash::Hash;
use axum::extract::Path;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use rust_embed::Embed;

use crate::etag::{Tag, if_changed};

/// A browser keeps a file, and asks each time whether it is still the same.
const CHECKED_EACH_TIME: &str = "no-cache";

/// Every file of the folder.
#[derive(Embed)]
#[folder = "assets/"]
struct Assets;

pub(super) async fn asset(Path(name): Path<String>, headers: HeaderMap) -> Response {
    let (Some(kind), Some(file)) = (kind_of(&name), Assets::get(&name)) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let tag = Tag::of_hash(&Hash(file.metadata.sha256_hash()));
    if_changed(&headers, &tag).unwrap_or_else(|| {
        let kept = [(CONTENT_TYPE, kind), (CACHE_CONTROL, CHECKED_EACH_TIME)];
        let not_guessed = [(X_CONTENT_TYPE_OPTIONS, "nosniff")];
        (kept, tag, not_guessed, file.data).into_response()
    })
}

/// Returns a style sheet, for a page that has to stand alone.
pub(super) fn style(name: &str) -> String {
    let file = Assets::get(name).expect("the sheets that pages name are in the folder");
    String::from_utf8_lossy(&file.data).into_owned()
}

/// What a file is, by the end of its name. What is none of these was left in the
/// folder by somebody's editor.
fn kind_of(name: &str) -> Option<&'static str> {
    match name.rsplit_once('.')?.1 {
        "css" => Some("text/css; charset=utf-8"),
        "js" => Some("text/javascript; charset=utf-8"),
        "svg" => Some("image/svg+xml"),
        "txt" => Some("text/plain; charset=utf-8"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use adit_core::hash::sha256;
    use axum::http::HeaderValue;
    use axum::http::header::{ETAG, IF_NONE_MATCH};

    use super::*;

    #[tokio::test]
    async fn every_file_of_the_folder_is_served_under_its_hash() {
        let names: Vec<_> = Assets::iter().collect();
        assert!(names.iter().any(|name| name == "style.css"), "{names:?}");
        for name in names {
            let file = Assets::get(&name).expect("it was listed");
            let etag = format!("\"{}\"", sha256(&file.data));
            let answer = asset(Path(name.to_string()), HeaderMap::new()).await;
            assert_eq!(answer.status(), StatusCode::OK, "{name}");
            assert_eq!(answer.headers()[ETAG], etag, "{name}");
            let mut known = HeaderMap::new();
            known.insert(IF_NONE_MATCH, HeaderValue::try_from(etag).expect("hex"));
            let answer = asset(Path(name.to_string()), known).await;
            assert_eq!(answer.status(), StatusCode::NOT_MODIFIED, "{name}");
        }
    }

    /// The one file that others wrote, and the licence that comes with it.
    #[test]
    fn noble_ed25519_is_as_it_was_published() {
        let hash_of = |name| sha256(&Assets::get(name).expect("it is there").data).to_string();
        assert_eq!(
            hash_of("noble-ed25519.js"),
            "a4f631d1876b5d9e43a86cd71194ca27b5e1451edf4ba4db9a418f40a475569a"
        );
        let licence = Assets::get("noble-ed25519-license.txt").expect("it is there");
        assert!(licence.data.starts_with(b"The MIT License (MIT)"));
    }

    #[tokio::test]
    async fn nothing_else_is_served() {
        for name in [
            "",
            "none.js",
            "style.css~",
            "../Cargo.toml",
            "../assets/page.js",
        ] {
            let answer = asset(Path(name.to_owned()), HeaderMap::new()).await;
            assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{name}");
        }
    }
}
