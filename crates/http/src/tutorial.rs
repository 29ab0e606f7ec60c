//! The five endpoints of the tutorial, with its bodies and status codes. Where
//! the Python node crashes, hangs or lies, the answer says what was wrong. What a
//! request does is decided below.

mod chain;
mod mine;
mod nodes;
mod transactions;

use axum::routing::{get, post};

use crate::area::Area;
use crate::counters::Group;
use crate::tier::{Route, Tier};
use crate::unmatched::method_not_allowed;

/// Returns the five endpoints. Where a GET changes something, HEAD would be
/// answered by it too, and HEAD is said to change nothing.
pub(crate) fn areas() -> Vec<(Area, Vec<Route>)> {
    let open = |name, handler| Route {
        tier: Tier::Open,
        name,
        handler,
    };
    let mining = Area::tutorial(Group::Mine).changed_by_get();
    let peers = Area::tutorial(Group::Nodes);
    vec![
        (
            mining,
            vec![open("GET /mine", get(mine::mine).head(method_not_allowed))],
        ),
        (
            Area::tutorial(Group::Transactions),
            vec![open("POST /transactions/new", post(transactions::new))],
        ),
        (
            Area::tutorial(Group::Chain).read_by_all(),
            vec![open("GET /chain", get(chain::chain))],
        ),
        (
            peers,
            vec![open("POST /nodes/register", post(nodes::register))],
        ),
        (
            peers.changed_by_get(),
            vec![open(
                "GET /nodes/resolve",
                get(nodes::resolve).head(method_not_allowed),
            )],
        ),
    ]
}
