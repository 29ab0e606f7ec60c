//! What only a chain to develop on does, below `/api/v1/dev`: it starts over, goes
//! back to a snapshot, its clock is set, blocks are made of nothing. Elsewhere it is
//! refused, and changes nothing.

use std::time::Duration;

use adit_api::development as api;
use adit_api::problem::BlockName;
use adit_core::node::BlockMaking;
use adit_core::reorganisation::BlockPlace;
use adit_core::sealed::DURATION_LIMIT_MS;
use adit_node::commands::development as commands;
use adit_node::development::{BlocksToMake, SnapshotTaken, Time, TimeChange};
use adit_node::handle::NodeHandle;
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use serde::de::DeserializeOwned;

use crate::body::read_json;
use crate::form_body::RawJson;
use crate::problem::Problem;

/// What is asked for is at most this long.
const DEV_REQUEST_LIMIT_BYTES: usize = 4 * 1024;

/// How the chain is set: its clock, when blocks are made, its snapshots.
#[utoipa::path(get, path = "/api/v1/dev", tag = "development", operation_id = "getDevelopment",
    responses((status = 200, description = "How it is set", body = api::Development),
        (status = 409, description = "It is no development chain")))]
pub(super) async fn look(
    State(node): State<NodeHandle>,
) -> Result<Json<api::Development>, Problem> {
    let found = commands::look(&node).await?;
    Ok(Json(api::Development {
        time: time(found.time),
        block_making: block_making(found.block_making),
        snapshots: found.snapshots.into_iter().map(snapshot).collect(),
    }))
}

/// Starts a development chain over.
#[utoipa::path(post, path = "/api/v1/dev/reset", tag = "development", operation_id = "resetChain",
    responses((status = 200, description = "The chain is its genesis block again", body = api::Reset),
        (status = 409, description = "It is no development chain")))]
pub(super) async fn reset(State(node): State<NodeHandle>) -> Result<Json<api::Reset>, Problem> {
    let length = commands::reset(&node).await?;
    Ok(Json(api::Reset { length }))
}

/// Keeps in mind where the chain is: its last block, what waits, the clock.
#[utoipa::path(post, path = "/api/v1/dev/snapshots", tag = "development", operation_id = "takeSnapshot",
    responses((status = 201, description = "The snapshot", body = api::ChainSnapshot),
        (status = 409, description = "It is no development chain, or there are too many (`rule`)")))]
pub(super) async fn take_snapshot(
    State(node): State<NodeHandle>,
) -> Result<(StatusCode, Json<api::ChainSnapshot>), Problem> {
    let taken = commands::take_snapshot(&node).await?;
    Ok((StatusCode::CREATED, Json(snapshot(taken))))
}

/// Makes the chain what it was at a snapshot. That one is gone then, and so are all
/// that were taken later.
#[utoipa::path(post, path = "/api/v1/dev/revert", tag = "development", operation_id = "revertChain",
    request_body = api::RevertTo,
    responses((status = 200, description = "The chain as it is now", body = api::Reverted),
        (status = 404, description = "There is no such snapshot"),
        (status = 409, description = "It is no development chain")))]
pub(super) async fn revert(
    State(node): State<NodeHandle>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<api::Reverted>, Problem> {
    let wanted: api::RevertTo = read_or_default(body, RawJson::REVERT, &headers).await?;
    let reverted = commands::revert(&node, wanted.id).await?;
    Ok(Json(api::Reverted {
        id: reverted.id,
        block: block(reverted.tip),
        dropped: reverted.dropped_count,
        pending: reverted.pending_count,
        time: time(reverted.time),
    }))
}

/// Sets the clock that blocks go by. It does not go behind the last block.
#[utoipa::path(post, path = "/api/v1/dev/time", tag = "development", operation_id = "setTime",
    request_body = api::SetTime,
    responses((status = 200, description = "What it shows now", body = api::ChainTime),
        (status = 409, description = "It is no development chain, or that is no time for it (`rule`)")))]
pub(super) async fn set_time(
    State(node): State<NodeHandle>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<api::ChainTime>, Problem> {
    let change = match read(body, RawJson::TIME, &headers).await? {
        api::SetTime {
            set_ms: Some(time_ms),
            move_ms: None,
            next_ms: None,
        } => TimeChange::Set { time_ms },
        api::SetTime {
            set_ms: None,
            move_ms: Some(by_ms),
            next_ms: None,
        } => TimeChange::Move { by_ms },
        api::SetTime {
            set_ms: None,
            move_ms: None,
            next_ms: Some(time_ms),
        } => TimeChange::Next { time_ms },
        _ => {
            return Err(Problem::malformed(
                "expected one of set_ms, move_ms and next_ms, and no other",
            ));
        }
    };
    Ok(Json(time(commands::set_time(&node, change).await?)))
}

/// Makes blocks at once, the first of what waits, and answers when they are there.
#[utoipa::path(post, path = "/api/v1/dev/mine", tag = "development", operation_id = "makeBlocks",
    request_body = api::MakeBlocks,
    responses((status = 200, description = "The blocks", body = api::BlocksMade),
        (status = 409, description = "It is no development chain, or too much is asked (`rule`)")))]
pub(super) async fn mine(
    State(node): State<NodeHandle>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<api::BlocksMade>, Problem> {
    let wanted: api::MakeBlocks = read_or_default(body, RawJson::MAKE_BLOCKS, &headers).await?;
    let wanted = BlocksToMake {
        count: wanted.blocks,
        interval_ms: wanted.interval_ms,
    };
    let made = commands::mine(&node, wanted).await?;
    Ok(Json(api::BlocksMade {
        blocks: made.count,
        first: block(made.first),
        last: block(made.last),
    }))
}

/// Says when blocks are made without a request for one.
#[utoipa::path(post, path = "/api/v1/dev/block-making", tag = "development", operation_id = "setBlockMaking",
    request_body = api::BlockMaking,
    responses((status = 200, description = "How they are made now", body = api::BlockMaking),
        (status = 409, description = "It is no development chain")))]
pub(super) async fn set_block_making(
    State(node): State<NodeHandle>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<api::BlockMaking>, Problem> {
    let wanted: api::BlockMaking = read(body, RawJson::BLOCK_MAKING, &headers).await?;
    let making = match (wanted.when, wanted.interval_ms) {
        (api::BlocksWhen::EachTransaction, None) => BlockMaking::ForEachTransaction,
        (api::BlocksWhen::OnRequest, None) => BlockMaking::OnRequest,
        (api::BlocksWhen::Interval, Some(interval_ms @ 1..=DURATION_LIMIT_MS)) => {
            BlockMaking::Every(Duration::from_millis(interval_ms))
        }
        (api::BlocksWhen::Interval, _) => {
            return Err(Problem::malformed(format!(
                "expected an interval_ms of 1 to {DURATION_LIMIT_MS} with \"interval\""
            )));
        }
        (_, Some(_)) => {
            let wanted = "expected an interval_ms only with \"interval\"";
            return Err(Problem::malformed(wanted));
        }
    };
    let making = commands::set_block_making(&node, making).await?;
    Ok(Json(block_making(making)))
}

async fn read<T: DeserializeOwned>(
    body: Body,
    wanted: RawJson,
    headers: &HeaderMap,
) -> Result<T, Problem> {
    let body = read_json(body, DEV_REQUEST_LIMIT_BYTES, wanted, headers).await?;
    parse(&body, wanted)
}

/// As `read`; an empty body says what an empty object says.
async fn read_or_default<T: DeserializeOwned>(
    body: Body,
    wanted: RawJson,
    headers: &HeaderMap,
) -> Result<T, Problem> {
    let body = read_json(body, DEV_REQUEST_LIMIT_BYTES, wanted, headers).await?;
    match body.trim_ascii().is_empty() {
        true => parse(b"{}", wanted),
        false => parse(&body, wanted),
    }
}

fn parse<T: DeserializeOwned>(body: &[u8], wanted: RawJson) -> Result<T, Problem> {
    serde_json::from_slice(body)
        .map_err(|error| Problem::malformed(format!("expected {}: {error}", wanted.data)))
}

pub(super) fn block(place: BlockPlace) -> BlockName {
    BlockName {
        index: place.height,
        hash: place.hash.to_string(),
    }
}

fn snapshot(taken: SnapshotTaken) -> api::ChainSnapshot {
    api::ChainSnapshot {
        id: taken.id,
        block: block(taken.tip),
        pending: taken.pending_count,
        time_ms: taken.time_ms,
    }
}

pub(super) fn time(time: Time) -> api::ChainTime {
    api::ChainTime {
        now_ms: time.now_ms,
        offset_ms: time.offset_ms,
        held: time.is_held,
    }
}

fn block_making(making: BlockMaking) -> api::BlockMaking {
    let (when, interval_ms) = match making {
        BlockMaking::ForEachTransaction => (api::BlocksWhen::EachTransaction, None),
        BlockMaking::OnRequest => (api::BlocksWhen::OnRequest, None),
        BlockMaking::Every(every) => {
            let interval_ms = u64::try_from(every.as_millis()).unwrap_or(u64::MAX);
            (api::BlocksWhen::Interval, Some(interval_ms))
        }
    };
    api::BlockMaking { when, interval_ms }
}
