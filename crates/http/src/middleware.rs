//! What every request passes before and after its handler, whatever it asks
//! for: counting, the log, the checks of hosts and pages, preflights, the bound
//! on what answers hold. How an answer says what goes wrong, its area decides.

use std::sync::Arc;
use std::time::Instant;

use adit_node::handle::NodeHandle;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::{Extension, Router};
use tower_http::request_id::RequestId;

use crate::abandon::Client;
use crate::area::Area;
use crate::caller::Access;
use crate::counters::Counters;
use crate::{
    abandon, accept, cors, guard, held, host_header, packed, request_id, unmatched, unread_body,
};

/// What the layers of all areas share.
pub(crate) struct Shared {
    /// What decides on who may do what.
    pub(crate) access: Arc<Access>,
    /// Where requests are counted.
    pub(crate) counters: Arc<Counters>,
}

/// Returns these paths as an area: what every request passes lies around them.
pub(crate) fn layered(
    area: Area,
    paths: Router<NodeHandle>,
    shared: &Arc<Shared>,
) -> Router<NodeHandle> {
    let state = (area, Arc::clone(shared));
    let paths = paths
        .method_not_allowed_fallback(unmatched::method_not_allowed)
        .layer(from_fn_with_state(state, pass))
        .layer(packed::layer());
    match area.has_request_ids {
        true => request_id::layered(paths),
        false => paths,
    }
}

async fn pass(
    State((area, shared)): State<(Area, Arc<Shared>)>,
    Extension(client): Extension<Client>,
    request: Request,
    next: Next,
) -> Response {
    let start = Instant::now();
    let (mut request, body_end) = unread_body::watched(request);
    request.extensions_mut().insert(area);
    let is_logged = tracing::enabled!(tracing::Level::DEBUG);
    let id = request.extensions().get::<RequestId>();
    let logged = is_logged.then(|| (request.uri().path().to_owned(), id.cloned()));
    let method = request.method().clone();
    let access = &shared.access;
    let grant = cors::grant(area, &access.origins, request.headers());
    let refusal = host_header::refusal(&request)
        .map(|problem| area.tell(problem))
        .or_else(|| guard::refusal(area, &access.hosts, grant.is_some(), &request));
    let preflight = || cors::preflight(area, grant.as_ref(), &request);
    let takes_gzip = accept::takes_gzip(request.headers());
    let mut response = match refusal.or_else(preflight) {
        Some(answered) => answered,
        None => {
            let answer = abandon::unless_gone(area, &client, request, |request| next.run(request));
            let counted = held::count(area, answer.await, &client.holding);
            packed::mark(counted, takes_gzip, &client.holding)
        }
    };
    let (status, duration) = (response.status(), start.elapsed());
    shared.counters.answered(area.group, status, duration);
    if let Some((path, id)) = logged {
        let request_id = id.as_ref().and_then(|id| id.header_value().to_str().ok());
        let status = status.as_u16();
        tracing::debug!(%method, path, status, ?duration, request_id, "request");
    }
    body_end.tell(&mut response);
    cors::let_read(area, &access.origins, grant, &method, &mut response);
    response
}
