//! Which requests are given up when their client has gone: those that can be
//! taken back. What is handed in is answered whatever happens, so that nothing
//! is taken without an answer.

use std::sync::Arc;

use axum::extract::Request;
use axum::response::Response;
use tokio::net::TcpStream;

use crate::area::Area;
use crate::connection::gone;
use crate::problem::Problem;

/// The connection to the client that sent a request, in its extensions.
#[derive(Debug, Clone)]
pub(crate) struct Client(pub(crate) Arc<TcpStream>);

/// Answers a request, unless its client goes away meanwhile and it can be taken
/// back. Who only closed their side, and waits, hears of that.
pub(crate) async fn unless_gone<A>(
    area: Area,
    request: Request,
    answer: impl FnOnce(Request) -> A,
) -> Response
where
    A: Future<Output = Response>,
{
    let can_be_taken_back = request.method().is_safe() || area.can_be_taken_back;
    let client = request.extensions().get::<Client>().cloned();
    let Some(Client(stream)) = client.filter(|_| can_be_taken_back) else {
        return answer(request).await;
    };
    tokio::select! {
        biased;
        answered = answer(request) => answered,
        () = gone(&stream) => area.tell(Problem::busy(
            "you closed your side of the connection, and the answer was given up; keep it open \
             until the answer is there\n",
        )),
    }
}
