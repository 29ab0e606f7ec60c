//! Which requests are given up when their client has gone: those that can be
//! taken back. What is handed in is answered whatever happens, so that nothing
//! is taken without an answer.

use std::convert::Infallible;

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use tokio::net::TcpStream;

use super::answer::busy;
use super::connection::gone;
use super::envelope;
use crate::problem::Problem;

/// What is not safe by its method, and can be taken back all the same: a block
/// that is searched for somebody.
const SEARCHES: [&str; 2] = ["/api/v1/mine", "/mine-block"];

/// Answers a request, unless its client goes away meanwhile and it can be taken
/// back. Who only closed their side, and waits, hears of that.
pub(super) async fn unless_gone<A>(
    request: Request,
    client: &TcpStream,
    answer: impl FnOnce(Request) -> A,
) -> Result<Response, Infallible>
where
    A: Future<Output = Result<Response, Infallible>>,
{
    let path = request.uri().path();
    if !request.method().is_safe() && !SEARCHES.contains(&path) {
        return answer(request).await;
    }
    let speaks_problems = envelope::speaks_problems(path);
    tokio::select! {
        biased;
        answered = answer(request) => answered,
        () = gone(client) => {
            let problem = "you closed your side of the connection, and the answer was given up; \
                           keep it open until the answer is there\n";
            Ok(match speaks_problems {
                true => Problem::busy(problem).into_response(),
                false => busy(problem),
            })
        }
    }
}
