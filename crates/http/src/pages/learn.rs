//! `/learn`: ten lessons on one page. It is complete without scripts: every
//! lesson has its idea, a still figure, and a question whose answers say whether
//! they are right. `learn-page.js` makes one screen of each, with something to
//! do, on a copy in the browser: nothing here depends on the node's own chain.

mod figures;
mod lessons;

use askama::Template;
use axum::response::{IntoResponse, Response};

use self::figures::Figures;
use self::lessons::{LESSONS, Lesson};
use super::layout::Html;

#[derive(Template)]
#[template(path = "learn.html")]
struct Learn {
    lessons: &'static [Lesson],
    figures: Figures,
}

pub(super) async fn learn() -> Response {
    let page = Learn {
        lessons: LESSONS,
        figures: Figures::new(),
    };
    Html(page).into_response()
}
