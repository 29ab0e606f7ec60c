//! The node's HTTP server: which path is answered by what, and the bounds on
//! connections, headers, bodies and time. What the answers say is decided in
//! other modules.

use std::convert::Infallible;
use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use adit_node::handle::NodeHandle;
use adit_node::{open_files, repeated};
use axum::body::Body;
use axum::http::StatusCode;
use axum::http::header::ALLOW;
use axum::middleware::{map_response, map_response_with_state};
use axum::{Extension, Router};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::time::{sleep, timeout};

use crate::abandon::Client;
use crate::base_path::BasePath;
use crate::caller::{Access, Caller};
use crate::class::Class;
use crate::connection::{self, CLIENTS_PACE, Connection};
use crate::counters::Counters;
use crate::held::Holding;
use crate::middleware::{Shared, layered};
use crate::{api, pages, tier, tutorial, unmatched};

/// At most this many connections are open at a time, fewer where the system
/// allows few open files; further ones wait.
pub const CONNECTIONS_LIMIT: usize = 2_048;

/// A request's head must be there within this time, counted from the moment
/// that the connection is ready for it.
const HEAD_TIMEOUT_MS: u64 = 30_000;

/// A request's head is at most this long.
const HEAD_LIMIT_BYTES: usize = 16 * 1024;

/// A request has at most this many header fields.
const HEADERS_LIMIT: usize = 100;

/// What is under way at shutdown may take this long to end.
const SHUTDOWN_TIMEOUT_MS: u64 = 3_000;

/// After a connection could not be accepted, the next try comes this much
/// later: the cause, too many open files, does not go away at once.
const ACCEPT_RETRY_MS: u64 = 50;

/// Returns all paths of the node, area by area.
fn router(node: NodeHandle, shared: Shared, class: Option<&Arc<Class>>, base: &BasePath) -> Router {
    let (access, counters) = (Arc::clone(&shared.access), Arc::clone(&shared.counters));
    let pages = pages::areas().into_iter().map(|(area, routes)| {
        let told = map_response_with_state(node.clone(), pages::told_to_browsers);
        (area, tier::router(routes).layer(told))
    });
    let tutorial = tutorial::areas().into_iter();
    let tutorial = tutorial.map(|(area, routes)| (area, tier::router(routes)));
    let areas = unmatched::routers().into_iter();
    let areas = areas.chain(tutorial).chain(pages);
    let areas = areas.chain(api::routers(counters, base));
    let shared = Arc::new(shared);
    let all = areas
        .map(|(area, paths)| layered(area, paths, &shared))
        .fold(Router::new(), Router::merge);
    let all = match class {
        Some(class) => all.merge(of_class(class, &node, &shared)),
        None => all,
    };
    all.layer(Extension(access)).with_state(node)
}

/// Returns the paths of a class, and below `/node/NUMBER` the API of each of its nodes.
fn of_class(class: &Arc<Class>, node: &NodeHandle, shared: &Arc<Shared>) -> Router<NodeHandle> {
    let told = map_response_with_state(node.clone(), pages::told_to_browsers);
    let (area, routes) = pages::class_area();
    let refused = map_response(pages::told_to_students);
    let pages = (area, tier::router(routes).layer(refused).layer(told));
    let (area, routes) = api::class_area();
    let areas = [pages, (area, tier::router(routes))];
    let areas = areas.map(|(area, paths)| {
        let paths = paths.layer(Extension(Arc::clone(class)));
        layered(area, paths, shared)
    });
    let mut all = areas.into_iter().fold(Router::new(), Router::merge);
    for (number, one) in class.nodes().iter().enumerate() {
        let (area, paths) = api::of_node(Arc::clone(&shared.counters));
        let paths = layered(area, paths, shared).with_state(one.node.clone());
        all = all.nest(&format!("/node/{number}"), paths);
    }
    all
}

/// What a server shows, and to whom.
pub(crate) struct Shown {
    pub(crate) access: Access,
    pub(crate) class: Option<Arc<Class>>,
}

/// Serves until `stop` says otherwise, then lets what is under way end.
pub(crate) async fn serve(
    listener: TcpListener,
    node: NodeHandle,
    shown: Shown,
    base_path: BasePath,
    mut stop: watch::Receiver<bool>,
) {
    let events = Arc::clone(node.events());
    let counters = Arc::<Counters>::default();
    let Shown { access, class } = shown;
    let (access, answers_memory) = (Arc::new(access), Arc::clone(node.answers_memory()));
    let shared = Shared {
        access: Arc::clone(&access),
        counters: Arc::clone(&counters),
    };
    let paths = TowerToHyperService::new(router(node, shared, class.as_ref(), &base_path));
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        // A client that has said all that it wants to say still waits for the answer.
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
        let io = TokioIo::new(connection);
        let (paths, access, base) = (paths.clone(), Arc::clone(&access), base_path.clone());
        let client = Client {
            stream: Arc::clone(&stream),
            holding,
        };
        let service = service_fn(move |request: hyper::Request<Incoming>| {
            let mut request = request.map(Body::new);
            let caller = Caller::of(remote.ip(), request.version(), request.headers(), &access);
            request.extensions_mut().insert(caller);
            request.extensions_mut().insert(api::Remote(remote.ip()));
            request.extensions_mut().insert(client.clone());
            base.take_off(request.uri_mut());
            let base = base.clone();
            let answer = base.clone().answering(paths.call(request));
            async move {
                let mut response = answer.await?;
                base.put_before_headers(response.headers_mut());
                // axum says in a refusal too what could be done there.
                if response.status() != StatusCode::METHOD_NOT_ALLOWED {
                    response.headers_mut().remove(ALLOW);
                }
                Ok::<_, Infallible>(response)
            }
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
