//! The node's HTTP server: which path is answered by what, and the bounds on
//! connections, headers, bodies and time. What the answers say is decided in
//! other modules.

use std::convert::Infallible;
use std::error::Error;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use axum::{Extension, Router};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::{sleep, timeout};

use crate::caller::{Access, Caller};
use crate::connection::{self, CLIENTS_PACE, Connection};
use crate::counters::{Counters, Group};
use crate::held::Holding;
use crate::{abandon, answer, api, envelope, guard, held, host_header, pages, tier, tutorial};
use adit_node::handle::NodeHandle;
use adit_node::{open_files, repeated};

/// At most so many connections are open at a time, fewer where the system
/// allows few open files; further ones wait.
pub const CONNECTIONS_LIMIT: usize = 2_048;

/// A request's head must be there within this time, counted from the moment
/// that the connection is ready for it.
const HEAD_TIMEOUT_MS: u64 = 30_000;

/// A request's head is at most this long.
const HEAD_LIMIT_BYTES: usize = 16 * 1024;

/// A request has at most so many header fields.
const HEADERS_LIMIT: usize = 100;

/// What is under way at shutdown may take this long to end.
const SHUTDOWN_TIMEOUT_MS: u64 = 3_000;

/// After a connection could not be accepted, the next try comes this much
/// later: the cause, too many open files, does not go away at once.
const ACCEPT_RETRY_MS: u64 = 50;

/// All paths of the node.
fn router(node: NodeHandle, counters: Arc<Counters>, access: Arc<Access>) -> Router {
    tier::router(tutorial::routes())
        .merge(api::routes(counters))
        .merge(tier::router(pages::routes()))
        .fallback(pages::not_found)
        .method_not_allowed_fallback(answer::method_not_allowed)
        .layer(Extension(access))
        .layer(Extension(node.clone()))
        .with_state(node)
}

/// Serves until `stop` says otherwise, then lets what is under way end.
pub(crate) async fn serve(
    listener: TcpListener,
    node: NodeHandle,
    access: Access,
    mut stop: watch::Receiver<bool>,
) {
    let events = Arc::clone(node.events());
    let counters = Arc::<Counters>::default();
    let (access, answers_memory) = (Arc::new(access), Arc::clone(node.answers_memory()));
    let paths = router(node, Arc::clone(&counters), Arc::clone(&access));
    let front = Front {
        access,
        paths: TowerToHyperService::new(paths),
        counters: Arc::clone(&counters),
    };
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        // Who has said all that they want to say still waits for the answer.
        .half_close(true)
        .header_read_timeout(Duration::from_millis(HEAD_TIMEOUT_MS))
        .max_buf_size(HEAD_LIMIT_BYTES)
        .max_headers(HEADERS_LIMIT);
    let connections = CONNECTIONS_LIMIT.min(open_files::for_clients());
    let places = Arc::new(Semaphore::new(connections));
    let graceful = GracefulShutdown::new();
    connection::prepare(&listener);
    loop {
        let place = Arc::clone(&places).acquire_owned();
        let (place, accepted) = tokio::select! {
            _ = stop.wait_for(|stop| *stop) => break,
            accepted = async { (place.await, listener.accept().await) } => accepted,
        };
        let (stream, remote) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                if let Some(left_out) = repeated::turn("accept") {
                    tracing::warn!(%error, left_out, "could not accept a connection");
                }
                sleep(Duration::from_millis(ACCEPT_RETRY_MS)).await;
                continue;
            }
        };
        // Answers are written whole; waiting to fill a packet only delays them.
        let _ = stream.set_nodelay(true);
        let stream = Arc::new(stream);
        let holding = Holding::of(&answers_memory);
        let connection = Connection::new(Arc::clone(&stream), CLIENTS_PACE, Arc::clone(&holding));
        let (io, front) = (TokioIo::new(connection), front.clone());
        let client = Client {
            ip: remote.ip(),
            stream: Arc::clone(&stream),
            holding,
        };
        let service = service_fn(move |request: hyper::Request<Incoming>| {
            answer_to(request.map(Body::new), client.clone(), front.clone())
        });
        let connection = graceful.watch(http.serve_connection(io, service));
        let connected = counters.connected();
        tokio::spawn(async move {
            let ended = connection.await;
            let is_aborted = ended.is_err_and(|error| {
                tracing::debug!(%error, "connection ended");
                is_slow(&error)
            });
            if !is_aborted {
                connection::see_off(&stream).await;
            }
            drop((place, connected));
        });
    }
    drop(listener);
    events.close();
    let _ = timeout(
        Duration::from_millis(SHUTDOWN_TIMEOUT_MS),
        graceful.shutdown(),
    )
    .await;
}

/// Whether a connection ended because its client took too little.
fn is_slow(error: &hyper::Error) -> bool {
    let cause = error.source().and_then(|cause| cause.downcast_ref());
    cause.is_some_and(|cause: &io::Error| cause.kind() == io::ErrorKind::TimedOut)
}

/// What every request meets first.
#[derive(Clone)]
struct Front {
    access: Arc<Access>,
    paths: TowerToHyperService<Router>,
    counters: Arc<Counters>,
}

/// Who is at the other end of a connection.
#[derive(Clone)]
struct Client {
    ip: IpAddr,
    stream: Arc<TcpStream>,
    holding: Arc<Holding>,
}

/// What happens to every request before and after its handler.
async fn answer_to(
    mut request: Request,
    client: Client,
    front: Front,
) -> Result<Response, Infallible> {
    let start = Instant::now();
    let caller = Caller::of(
        client.ip,
        request.version(),
        request.headers(),
        &front.access,
    );
    request.extensions_mut().insert(caller);
    let path = request.uri().path();
    let group = Group::of(path);
    let id = envelope::is_for(path).then(|| envelope::request_id(request.headers()));
    let line = tracing::enabled!(tracing::Level::DEBUG).then(|| path.to_string());
    let method = request.method().clone();
    let refusal = host_header::refusal(&request);
    let refusal = refusal.or_else(|| guard::refusal(&front.access.hosts, &request));
    let preflight = || id.as_ref().and_then(|_| envelope::preflight(&request));
    let mut response = match refusal.or_else(preflight) {
        Some(answered) => answered,
        None => {
            let path = request.uri().path().to_string();
            let answer =
                abandon::unless_gone(request, &client.stream, |request| front.paths.call(request));
            held::count(&path, answer.await?, &client.holding)
        }
    };
    let (status, duration) = (response.status(), start.elapsed());
    front.counters.answered(group, status, duration);
    if let Some(path) = line {
        let request_id = id.as_ref().and_then(|id| id.to_str().ok());
        let status = status.as_u16();
        tracing::debug!(%method, path, status, ?duration, request_id, "request");
    }
    if let Some(id) = id {
        envelope::close(&method, id, &mut response);
    }
    Ok(response)
}
