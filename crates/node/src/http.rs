//! The node's HTTP server: which path is answered by what, and the bounds on
//! connections, headers, bodies and time. What the answers say is decided in
//! the modules below.

mod account;
mod answer;
mod blocks;
mod body;
pub(crate) mod chain_body;
mod development;
mod etag;
mod guard;
mod metrics;
mod problem;
mod status;
mod stored;
mod transaction;
mod tutorial;

pub use guard::AllowedHosts;
pub use status::{ChainStatus, MiningStatus, Status};

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use axum::routing::{get, post};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, sleep, timeout};
use tokio_io_timeout::TimeoutStream;

use crate::driver::NodeHandle;
use crate::open_files;

/// Says in the answer to `GET /chain` which node it is: one that asks itself,
/// under an address that it did not know for its own, finds out.
pub(crate) const NODE_HEADER: &str = "adit-node";

/// At most so many connections are open at a time, fewer where the system
/// allows few open files; further ones wait.
pub const CONNECTIONS_LIMIT: usize = 1_024;

/// A request's head must be there within this time, counted from the moment
/// that the connection is ready for it.
const HEAD_TIMEOUT_MS: u64 = 30_000;

/// A request's head is at most this long.
const HEAD_LIMIT_BYTES: usize = 16 * 1024;

/// A request has at most so many header fields.
const HEADERS_LIMIT: usize = 100;

/// A client that takes nothing of its answer for this long is cut off.
const WRITE_TIMEOUT_MS: u64 = 30_000;

/// What is under way at shutdown may take this long to end.
const SHUTDOWN_TIMEOUT_MS: u64 = 3_000;

/// After a connection could not be accepted, the next try comes this much
/// later: the cause, too many open files, does not go away at once.
const ACCEPT_RETRY_MS: u64 = 50;

/// All paths of the node.
fn router(node: NodeHandle) -> Router {
    Router::new()
        .route("/mine", tutorial::mine_route())
        .route("/transactions/new", post(tutorial::new_transaction))
        .route("/chain", get(tutorial::chain))
        .route("/nodes/register", post(tutorial::register))
        .route("/nodes/resolve", tutorial::resolve_route())
        .route("/api/v1/status", get(status::status))
        .route("/api/v1/address/{address}", get(account::account))
        .route("/api/v1/blocks", get(blocks::list))
        .route("/api/v1/blocks/tip/hash", get(blocks::tip_hash))
        .route("/api/v1/blocks/tip/height", get(blocks::tip_height))
        .route("/api/v1/block-height/{index}", get(blocks::hash_at))
        .route("/api/v1/block/{hash}", get(blocks::block))
        .route("/api/v1/block/{hash}/raw", get(blocks::raw))
        .route("/api/v1/block/{hash}/txs", get(blocks::transactions))
        .route("/api/v1/tx", post(transaction::submit))
        .route("/api/v1/tx/{id}", get(transaction::state))
        .route("/api/v1/tx/{id}/merkle-proof", get(transaction::proof))
        .route("/api/v1/dev/reset", post(development::reset))
        .route("/metrics", get(metrics::metrics))
        .fallback(answer::not_found)
        .method_not_allowed_fallback(answer::method_not_allowed)
        .with_state(node)
}

/// Serves until `stop` says otherwise, then lets what is under way end.
pub(crate) async fn serve(
    listener: TcpListener,
    node: NodeHandle,
    hosts: AllowedHosts,
    mut stop: watch::Receiver<bool>,
) {
    let paths = TowerToHyperService::new(router(node));
    let hosts = Arc::new(hosts);
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let request = request.map(Body::new);
        answer_to(request, Arc::clone(&hosts), paths.clone())
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(Duration::from_millis(HEAD_TIMEOUT_MS))
        .max_buf_size(HEAD_LIMIT_BYTES)
        .max_headers(HEADERS_LIMIT);
    let connections = CONNECTIONS_LIMIT.min(open_files::for_clients());
    let places = Arc::new(Semaphore::new(connections));
    let graceful = GracefulShutdown::new();
    loop {
        let place = Arc::clone(&places).acquire_owned();
        let (place, accepted) = tokio::select! {
            _ = stop.wait_for(|stop| *stop) => break,
            accepted = async { (place.await, listener.accept().await) } => accepted,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "could not accept a connection");
                sleep(Duration::from_millis(ACCEPT_RETRY_MS)).await;
                continue;
            }
        };
        // Answers are written whole; waiting to fill a packet only delays them.
        let _ = stream.set_nodelay(true);
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(Duration::from_millis(WRITE_TIMEOUT_MS)));
        let io = TokioIo::new(Box::pin(stream));
        let connection = graceful.watch(http.serve_connection(io, service.clone()));
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "connection ended");
            }
            drop(place);
        });
    }
    drop(listener);
    let _ = timeout(
        Duration::from_millis(SHUTDOWN_TIMEOUT_MS),
        graceful.shutdown(),
    )
    .await;
}

/// What happens to every request before and after its handler.
async fn answer_to(
    request: Request,
    hosts: Arc<AllowedHosts>,
    paths: TowerToHyperService<Router>,
) -> Result<Response, Infallible> {
    let line = tracing::enabled!(tracing::Level::DEBUG).then(|| {
        let path = request.uri().path().to_string();
        (request.method().clone(), path, Instant::now())
    });
    let response = match guard::refusal(&hosts, &request) {
        Some(refusal) => refusal,
        None => paths.call(request).await?,
    };
    if let Some((method, path, start)) = line {
        let (status, duration) = (response.status().as_u16(), start.elapsed());
        tracing::debug!(%method, path, status, ?duration, "request");
    }
    Ok(response)
}
