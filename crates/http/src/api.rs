//! The API under `/api/v1`, and what is for whoever runs the node: which path is
//! answered by what, and the description of it all, made from the handlers
//! themselves.

mod address;
mod blocks;
mod branches;
mod development;
mod events;
mod mempool;
mod mine;
mod offer;
mod openapi;
mod peers;
mod search;
mod stats;
mod status;
mod transaction;

use std::sync::{Arc, LazyLock};

use axum::http::HeaderValue;
use axum::http::header::{CONTENT_SECURITY_POLICY, SET_COOKIE, X_CONTENT_TYPE_OPTIONS};
use axum::middleware::map_response;
use axum::response::Response;
use axum::{Extension, Router};
use serde_json::Value;
use utoipa::OpenApi;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt};
use utoipa_axum::routes;
use utoipa_swagger_ui::SwaggerUi;

use super::counters::Counters;
use super::source::SET_OWN_PAGE;
use super::tier::Tier;
use super::{health, metrics, problems};
use adit_node::handle::NodeHandle;

/// As strict as the pages', but for styles: the page to try the API sets them on
/// its elements.
const DOCS_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' \
    'unsafe-inline'; img-src 'self' data:; connect-src 'self'; form-action 'self'; \
    base-uri 'none'; frame-ancestors 'none'";

/// The description of all endpoints, the tutorial's too.
static DESCRIPTION: LazyLock<Value> = LazyLock::new(|| {
    let (_, described) = router(Arc::default()).split_for_parts();
    openapi::complete(described)
});

/// What there is, the tutorial's endpoints first.
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

impl Endpoint {
    fn is_at(&self, path: &str) -> bool {
        let template: Vec<&str> = self.path.split('/').collect();
        let parts: Vec<&str> = path.split('/').collect();
        let fits = |(name, part): (&&str, &&str)| name == part || name.starts_with('{');
        template.len() == parts.len() && template.iter().zip(&parts).all(fits)
    }
}

/// All paths of the API, its description, and the page to try it.
pub(super) fn routes(counters: Arc<Counters>) -> Router<NodeHandle> {
    let (paths, _) = router(counters).split_for_parts();
    let docs = SwaggerUi::new("/docs");
    let docs = docs.external_url_unchecked("/openapi.json", DESCRIPTION.clone());
    paths.merge(Router::from(docs).layer(map_response(under_policy)))
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

/// What there is, for whoever asks for something else.
pub(super) fn endpoints() -> &'static [Endpoint] {
    &ENDPOINTS
}

/// Who may do what, as the description says: by `METHOD /path`.
#[cfg(test)]
pub(super) fn tiers() -> std::collections::BTreeMap<String, Tier> {
    let tier = |Endpoint { method, path }: &Endpoint| {
        let operation = &DESCRIPTION["paths"][path][method.to_ascii_lowercase()];
        let tier = serde_json::from_value(operation[super::tier::TIER].clone());
        let name = format!("{method} {path}");
        let tier = tier.unwrap_or_else(|_| panic!("{name} has no tier"));
        (name, tier)
    };
    endpoints().iter().map(tier).collect()
}

/// What can be done at a path that is described.
pub(super) fn allowed_methods(path: &str) -> Option<String> {
    let here = endpoints().iter().filter(|endpoint| endpoint.is_at(path));
    let mut methods: Vec<&str> = here.map(|endpoint| endpoint.method.as_str()).collect();
    // HEAD promises to change nothing.
    if methods.contains(&"GET") && !["/mine", "/nodes/resolve"].contains(&path) {
        methods.push("HEAD");
    }
    methods.sort_unstable();
    (!methods.is_empty()).then(|| methods.join(", "))
}

fn router(counters: Arc<Counters>) -> OpenApiRouter<NodeHandle> {
    OpenApiRouter::with_openapi(openapi::Description::openapi())
        .routes(Tier::Open.of(routes!(status::status)))
        .routes(Tier::Open.of(routes!(stats::stats)))
        .routes(Tier::Open.of(routes!(search::search)))
        .routes(Tier::Open.of(routes!(blocks::list)))
        .routes(Tier::Open.of(routes!(blocks::tip_hash)))
        .routes(Tier::Open.of(routes!(blocks::tip_height)))
        .routes(Tier::Open.of(routes!(blocks::hash_at)))
        .routes(Tier::Open.of(routes!(blocks::block)))
        .routes(Tier::Open.of(routes!(blocks::raw)))
        .routes(Tier::Open.of(routes!(blocks::transactions)))
        .routes(Tier::Open.of(routes!(blocks::preimage)))
        .routes(Tier::Judged.of(routes!(offer::offer)))
        .routes(Tier::Operator.of(routes!(mine::mine)))
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
        .routes(Tier::Operator.of(routes!(development::reset)))
        .routes(Tier::Open.of(routes!(health::live)))
        .routes(Tier::Open.of(routes!(health::ready)))
        .routes(Tier::Open.of(routes!(problems::explain)))
        .routes(Tier::Open.of(routes!(metrics::metrics).layer(Extension(counters))))
}
