//! Which requests are given up when their client has gone: those that can be
//! taken back. What is handed in is answered whatever happens, so that nothing
//! is taken without an answer. What a request asks for is not known here.

use std::sync::Arc;

use axum::extract::Request;
use axum::response::Response;
use tokio::net::TcpStream;

use crate::area::Area;
use crate::connection::gone;
use crate::held::Holding;
use crate::problem::Problem;

/// Who is at the other end of the connection, in a request's extensions.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    /// The connection.
    pub(crate) stream: Arc<TcpStream>,
    /// What it holds of the answers' budget.
    pub(crate) holding: Arc<Holding>,
}

/// Answers a request, unless its client goes away meanwhile and it can be taken
/// back. A client that only closed its side, and waits, hears of that.
pub(crate) async fn unless_gone<A>(
    area: Area,
    client: &Client,
    request: Request,
    answer: impl FnOnce(Request) -> A,
) -> Response
where
    A: Future<Output = Response>,
{
    let can_be_taken_back = request.method().is_safe() || area.can_be_taken_back;
    if !can_be_taken_back {
        return answer(request).await;
    }
    tokio::select! {
        biased;
        answered = answer(request) => answered,
        () = gone(&client.stream) => area.tell(Problem::busy(
            "you closed your side of the connection, and the answer was given up; keep it open \
             until the answer is there\n",
        )),
    }
}
