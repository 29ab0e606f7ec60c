//! `/blocks`: the main chain, page by page.

use adit_api::page::Page;
use adit_node::handle::NodeHandle;
use adit_node::queries::block;
use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::block_card::BlockCard;
use super::layout::{Frame, OrPage, shown};
use crate::extract::Query;
use crate::problem::Problem;

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
    OrPage(Query(page)): OrPage<Query<Page>>,
) -> Response {
    shown(&node, list(&node, &page).await)
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
