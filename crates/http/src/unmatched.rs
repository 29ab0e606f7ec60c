//! What is said where there is no handler: of a path that leads nowhere, and of a
//! method that does nothing at a path. What else there is, the API's description
//! says.

use adit_node::handle::NodeHandle;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{ACCEPT, ALLOW, VARY};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, any};
use axum::{Extension, Router};

use crate::accept::wants_html;
use crate::api::{Endpoint, allowed_methods, endpoints};
use crate::area::{Area, Speech};
use crate::base_path::BasePath;
use crate::pages;
use crate::problem::Problem;

/// Returns all paths at which there is nothing. What is said of those beside an
/// area's is said as the area says it.
pub(crate) fn routers() -> [(Area, Router<NodeHandle>); 4] {
    let [api, health, problems] = [
        &["/api/", "/api/{*rest}"][..],
        &["/health/", "/health/{*rest}"],
        &[
            "/api",
            "/health",
            "/problems",
            "/problems/",
            "/problems/{name}/",
            "/problems/{name}/{*rest}",
        ],
    ];
    let all = |paths: &[&str], nothing: MethodRouter<NodeHandle>| {
        let add = |router: Router<_>, path: &&str| router.route(path, nothing.clone());
        paths.iter().fold(Router::new(), add)
    };
    [
        (Area::PAGES, Router::new().fallback(not_found)),
        (Area::API, all(api, any(no_endpoint))),
        (Area::HEALTH, all(health, any(not_found))),
        (Area::PROBLEMS, all(problems, any(not_found))),
    ]
}

/// There is nothing at that path: a page to browsers, a list of what there is to
/// others.
pub(crate) async fn not_found(
    State(node): State<NodeHandle>,
    Extension(area): Extension<Area>,
    method: Method,
    headers: HeaderMap,
    uri: Uri,
) -> Response {
    if !method.is_safe() || !wants_html(&headers) {
        return no_endpoint(Extension(area), uri).await;
    }
    let page = pages::no_page(&node, &BasePath::current().below(uri.path()));
    ([(VARY, ACCEPT.as_str())], page).into_response()
}

/// There is no endpoint at that path.
pub(crate) async fn no_endpoint(Extension(area): Extension<Area>, uri: Uri) -> Response {
    let base = BasePath::current();
    let path = base.below(uri.path());
    if area.speech == Speech::Problems {
        let problem =
            format!("there is nothing at {path}; {base}/openapi.json lists what there is");
        return Problem::not_found(problem).into_response();
    }
    let mut text = format!("there is nothing at {path}; there is\n");
    for Endpoint { method, path } in endpoints() {
        text += &format!("{method:<6} {base}{path}\n");
    }
    (StatusCode::NOT_FOUND, text).into_response()
}

/// The path is there, but not for that method. A browser comes upon this where
/// somebody types, or reloads, the address that a form is sent to.
pub(crate) async fn method_not_allowed(
    State(node): State<NodeHandle>,
    Extension(area): Extension<Area>,
    matched: Option<MatchedPath>,
    request: Request,
) -> Response {
    let method = request.method();
    let path = BasePath::current().below(request.uri().path());
    let allowed = matched.and_then(|matched| allowed_methods(matched.as_str(), area));
    // Of the pages, which are not described, the router itself knows.
    let hint = allowed.as_deref().unwrap_or("what the header Allow lists");
    let text = format!("{method} does nothing at {path}; use {hint}\n");
    let problem = Problem::method_not_allowed(text);
    let mut response = match area.speech == Speech::Text && wants_html(request.headers()) {
        true => (
            [(VARY, ACCEPT.as_str())],
            pages::problem_page(&node, &problem),
        )
            .into_response(),
        false => area.tell(problem),
    };
    let allowed = allowed.and_then(|allowed| HeaderValue::try_from(allowed).ok());
    response
        .headers_mut()
        .extend(allowed.map(|allowed| (ALLOW, allowed)));
    response
}
