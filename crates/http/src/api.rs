//! The API under `/api/v1`, and what is for those who run the node: which path is
//! answered by what, and the description of it all, made from the handlers
//! themselves. What an answer says is not decided here.

mod address;
mod after;
mod blocks;
mod branches;
mod class;
mod development;
mod events;
mod mempool;
mod mine;
mod offer;
mod openapi;
mod peers;
mod saved_state;
mod search;
mod stats;
mod status;
mod template;
mod transaction;

pub(crate) use class::{Remote, area as class_area};

use std::sync::{Arc, LazyLock};

use adit_node::handle::NodeHandle;
use axum::extract::Path;
use axum::http::header::{
    CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, SET_COOKIE, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::map_response;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use axum::{Extension, Json, Router};
use serde_json::Value;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt};
use utoipa_axum::routes;
use utoipa_swagger_ui::Config;

use crate::area::Area;
use crate::base_path::BasePath;
use crate::counters::Counters;
use crate::source::SET_OWN_PAGE;
use crate::tier::Tier;
use crate::{health, metrics, pages, problems};

/// Where the page to try the API is.
pub(super) const DOCS: &str = "/docs";

/// As strict as the pages', but for styles: the page to try the API sets them on
/// its elements.
const DOCS_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' \
    'unsafe-inline'; img-src 'self' data:; connect-src 'self'; form-action 'self'; \
    base-uri 'none'; frame-ancestors 'none'";

/// The description of all endpoints, the tutorial's too.
static DESCRIPTION: LazyLock<Value> = LazyLock::new(|| {
    let areas = areas(Arc::default()).into_iter();
    openapi::complete(areas.map(|(area, router)| (area, router.into_openapi())))
});

/// All endpoints, the tutorial's first.
static ENDPOINTS: LazyLock<Vec<Endpoint>> = LazyLock::new(|| {
    let endpoints = openapi::endpoints(&DESCRIPTION).into_iter();
    endpoints
        .map(|(method, path)| Endpoint { method, path })
        .collect()
});

/// What can be done at a path.
pub(super) struct Endpoint {
    pub(super) method: String,
    /// With its variable parts in braces.
    pub(super) path: String,
}

/// Returns all paths of the API, its description, and the page to try it.
pub(crate) fn routers(counters: Arc<Counters>, base: &BasePath) -> Vec<(Area, Router<NodeHandle>)> {
    let areas = areas(counters).into_iter();
    let mut routers: Vec<_> = areas
        .map(|(area, router)| (area, router.split_for_parts().0))
        .collect();
    let described = Router::new().route(openapi::PATH, get(description));
    routers.push((
        Area::OPERATIONS,
        described.layer(map_response(under_policy)),
    ));
    let config = Arc::new(Config::from(base.below(openapi::PATH)));
    let docs = Router::new()
        .route(DOCS, get(|| async { Redirect::to("/docs/") }))
        .route("/docs/", get(pages::docs))
        .route("/docs/index.html", get(pages::docs))
        .route("/docs/{*file}", get(docs_file).layer(Extension(config)))
        .layer(map_response(under_policy));
    routers.push((Area::PAGES, docs));
    routers
}

/// What the page to try the API is made of.
async fn docs_file(
    Path(file): Path<String>,
    Extension(config): Extension<Arc<Config<'static>>>,
) -> Response {
    let Ok(Some(file)) = utoipa_swagger_ui::serve(&file, config) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let kind = [(CONTENT_TYPE, file.content_type)];
    match file.gzpipped {
        true => (kind, [(CONTENT_ENCODING, "gzip")], file.bytes).into_response(),
        false => (kind, file.bytes).into_response(),
    }
}

/// Returns the paths of the API proper, for a node that is shown beside another.
pub(crate) fn of_node(counters: Arc<Counters>) -> (Area, Router<NodeHandle>) {
    let mut areas = areas(counters);
    let (area, router) = areas.swap_remove(0);
    (area, router.split_for_parts().0)
}

async fn description() -> Json<Value> {
    let mut description = DESCRIPTION.clone();
    openapi::say_server(&mut description, &BasePath::current());
    Json(description)
}

/// The page to try the API makes blocks at a click: it is not to be shown
/// inside a page of another site.
async fn under_policy(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(DOCS_POLICY),
    );
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(SET_COOKIE, HeaderValue::from_static(SET_OWN_PAGE));
    response
}

/// Returns all endpoints, for those who ask for something else.
pub(super) fn endpoints() -> &'static [Endpoint] {
    &ENDPOINTS
}

/// Returns who may do what, as the description says: by `METHOD /path`.
#[cfg(test)]
pub(super) fn tiers() -> std::collections::BTreeMap<String, Tier> {
    let tier = |Endpoint { method, path }: &Endpoint| {
        let operation = &DESCRIPTION["paths"][path][method.to_ascii_lowercase()];
        let tier = serde_json::from_value(operation[crate::tier::TIER].clone());
        let name = format!("{method} {path}");
        let tier = tier.unwrap_or_else(|_| panic!("{name} has no tier"));
        (name, tier)
    };
    endpoints().iter().map(tier).collect()
}

/// Returns what can be done at a path that is described, given as it is described.
pub(crate) fn allowed_methods(path: &str, area: Area) -> Option<String> {
    let here = endpoints().iter().filter(|endpoint| endpoint.path == path);
    let mut methods: Vec<&str> = here.map(|endpoint| endpoint.method.as_str()).collect();
    // HEAD promises to change nothing.
    if methods.contains(&"GET") && !area.is_changed_by_get {
        methods.push("HEAD");
    }
    methods.sort_unstable();
    (!methods.is_empty()).then(|| methods.join(", "))
}

/// Returns what is described, area by area.
fn areas(counters: Arc<Counters>) -> Vec<(Area, OpenApiRouter<NodeHandle>)> {
    let api = OpenApiRouter::new()
        .routes(Tier::Open.of(routes!(status::status)))
        .routes(Tier::Open.of(routes!(stats::stats)))
        .routes(Tier::Open.of(routes!(search::search)))
        .routes(Tier::Open.of(routes!(blocks::list)))
        .routes(Tier::Open.of(routes!(blocks::tip_hash)))
        .routes(Tier::Open.of(routes!(blocks::tip_height)))
        .routes(Tier::Open.of(routes!(blocks::hash_at)))
        .routes(Tier::Open.of(routes!(after::blocks)))
        .routes(Tier::Open.of(routes!(after::headers)))
        .routes(Tier::Open.of(routes!(blocks::block)))
        .routes(Tier::Open.of(routes!(blocks::raw)))
        .routes(Tier::Open.of(routes!(blocks::transactions)))
        .routes(Tier::Open.of(routes!(blocks::preimage)))
        .routes(Tier::Open.of(routes!(template::template)))
        .routes(Tier::Judged.of(routes!(offer::offer)))
        .routes(Tier::Open.of(routes!(address::address)))
        .routes(Tier::Open.of(routes!(address::transactions)))
        .routes(Tier::Open.of(routes!(mempool::mempool)))
        .routes(Tier::Judged.of(routes!(transaction::submit)))
        .routes(Tier::Open.of(routes!(transaction::details)))
        .routes(Tier::Open.of(routes!(transaction::status)))
        .routes(Tier::Open.of(routes!(transaction::proof)))
        .routes(Tier::Open.of(routes!(branches::chain_tips)))
        .routes(Tier::Open.of(routes!(branches::reorganisations)))
        .routes(Tier::Open.of(routes!(branches::reorganisation)))
        .routes(Tier::Open.of(routes!(events::events)))
        .routes(Tier::Open.of(routes!(peers::list)))
        .routes(Tier::Operator.of(routes!(peers::register)))
        .routes(Tier::Operator.of(routes!(peers::remove)))
        .routes(Tier::Operator.of(routes!(peers::audit)))
        .routes(Tier::Operator.of(routes!(development::look)))
        .routes(Tier::Operator.of(routes!(development::reset)))
        .routes(Tier::Operator.of(routes!(development::take_snapshot)))
        .routes(Tier::Operator.of(routes!(development::revert)))
        .routes(Tier::Operator.of(routes!(development::set_time)))
        .routes(Tier::Operator.of(routes!(development::mine)))
        .routes(Tier::Operator.of(routes!(development::set_block_making)))
        .routes(Tier::Operator.of(routes!(saved_state::save)))
        .routes(Tier::Operator.of(routes!(saved_state::load)));
    let mining = OpenApiRouter::new().routes(Tier::Operator.of(routes!(mine::mine)));
    let health = OpenApiRouter::new()
        .routes(Tier::Open.of(routes!(health::live)))
        .routes(Tier::Open.of(routes!(health::ready)));
    let problems = OpenApiRouter::new().routes(Tier::Open.of(routes!(problems::explain)));
    let metrics = Tier::Open.of(routes!(metrics::metrics).layer(Extension(counters)));
    vec![
        (Area::API, api),
        (Area::API.taken_back(), mining),
        (Area::HEALTH, health),
        (Area::PROBLEMS, problems),
        (Area::OPERATIONS, OpenApiRouter::new().routes(metrics)),
    ]
}
