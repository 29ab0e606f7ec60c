//! `/blocks`: the main chain, page by page.

use adit_api::page::Page;
use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::layout::{Frame, shown};
use super::parts::BlockCard;
use crate::extract::Query;
use crate::problem::Problem;
use adit_node::handle::NodeHandle;
use adit_node::queries::block;

#[derive(Template)]
#[template(path = "blocks.html")]
struct Blocks {
    frame: Frame,
    blocks: Vec<BlockCard>,
    is_later_page: bool,
    next: Option<String>,
}

pub(super) async fn blocks(
    State(node): State<NodeHandle>,
    page: Result<Query<Page>, Problem>,
) -> Response {
    let page = match page {
        Ok(Query(page)) => list(&node, &page).await,
        Err(problem) => Err(problem),
    };
    shown(&node, page)
}

async fn list(node: &NodeHandle, page: &Page) -> Result<Blocks, Problem> {
    let snapshot = node.reader().snapshot().map_err(Problem::unreadable)?;
    let list = block::list(node, &snapshot, page).await?;
    Ok(Blocks {
        frame: Frame::of(node).here("blocks"),
        blocks: list.blocks.iter().map(BlockCard::of).collect(),
        is_later_page: page.cursor.is_some(),
        next: list.next,
    })
}
