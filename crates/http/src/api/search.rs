//! `GET /api/v1/search`: one place to ask for anything by its name.

use adit_api::search::{Found, SearchQuery};
use adit_node::handle::NodeHandle;
use adit_node::queries::search;
use axum::Json;
use axum::extract::State;

use crate::base_path::BasePath;
use crate::extract::Query;
use crate::problem::Problem;

/// Finds anything by its name, or by how its hash begins.
#[utoipa::path(get, path = "/api/v1/search", tag = "chain", operation_id = "search",
    params(SearchQuery),
    responses((status = 200, description = "All that has that name, or begins so; or nothing", body = Found)))]
pub(super) async fn search(
    State(node): State<NodeHandle>,
    Query(query): Query<SearchQuery>,
) -> Result<Json<Found>, Problem> {
    let mut found = search::search(&node, &query).await?;
    let base = BasePath::current();
    for result in &mut found.results {
        result.path = base.below(&result.path);
    }
    Ok(Json(found))
}
