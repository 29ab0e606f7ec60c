//! `/api/v1/peers`: who they are, registering and removing them, and what is
//! wrong with one's chain.

use adit_api::audit::Audit;
use adit_api::peer::PeerList;
use adit_core::peer::{PeerAddress, REGISTRATION_LIMIT_BYTES};
use adit_node::commands;
use adit_node::handle::NodeHandle;
use adit_node::queries::peers;
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::VARY;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::body::read_json;
use crate::caller::Caller;
use crate::etag::json_by_content;
use crate::extract::Path;
use crate::form_body::RawJson;
use crate::problem::Problem;

/// The registered peers, and how their chains stand to ours.
#[utoipa::path(get, path = "/api/v1/peers", tag = "peers", operation_id = "listPeers",
    responses((status = 200, description = "All registered peers", body = PeerList), (status = 304, description = "It is the same"), (status = 503, description = "The node is stopping")))]
pub(super) async fn list(
    State(node): State<NodeHandle>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let list = caller.may_see(peers::list(&node).await?);
    json_by_content(&headers, [(VARY, "Authorization, Cookie")], &list)
}

/// Registers peers: all of them or none.
#[utoipa::path(post, path = "/api/v1/peers", tag = "peers", operation_id = "registerPeers",
    request_body(content = ref("#/components/schemas/NewPeers"), description = "As for /nodes/register"),
    responses((status = 201, description = "All registered peers", body = PeerList),
        (status = 400, description = "No list of addresses, or too many of them"),
        (status = 408, description = "The body did not come in time"),
        (status = 413, description = "The body is too long"),
        (status = 503, description = "The node is stopping")))]
pub(super) async fn register(
    State(node): State<NodeHandle>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let wanted = RawJson::NODES.at("/api/v1/peers");
    let body = read_json(body, REGISTRATION_LIMIT_BYTES, wanted, &headers).await?;
    commands::peers::register(&node, &body).await?;
    let list = peers::list(&node).await?;
    Ok((StatusCode::CREATED, Json(list)).into_response())
}

/// Removes a peer: it is not asked any more, nor told of blocks.
#[utoipa::path(delete, path = "/api/v1/peers/{id}", tag = "peers", operation_id = "removePeer",
    params(("id" = String, Path, description = "host:port")),
    responses((status = 204, description = "It is no peer any more"),
        (status = 400, description = "That is no address"),
        (status = 404, description = "It is no peer"),
        (status = 503, description = "The node is stopping")))]
pub(super) async fn remove(
    State(node): State<NodeHandle>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let address: PeerAddress = id.parse().map_err(Problem::malformed)?;
    match commands::peers::unregister(&node, address.clone()).await? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(peers::not_registered(&address).into()),
    }
}

/// Reads a peer's whole chain, checks it block by block, and says what is wrong
/// with the first block that is refused. It takes up to a minute; one at a time.
#[utoipa::path(get, path = "/api/v1/peers/{id}/audit", tag = "peers", operation_id = "auditPeer",
    params(("id" = String, Path, description = "host:port")),
    responses((status = 200, description = "What was found", body = Audit),
        (status = 400, description = "That is no address"),
        (status = 404, description = "It is no peer"),
        (status = 503, description = "Another audit is under way, or the node is stopping")))]
pub(super) async fn audit(
    State(node): State<NodeHandle>,
    Path(id): Path<String>,
) -> Result<Json<Audit>, Problem> {
    Ok(Json(peers::audit(&node, &id).await?))
}
