//! The pages of a class: the one for the room, which has no buttons, the teacher's, and
//! the one that makes a phone take part. What is on them, `class/view.rs` decides.

use std::sync::Arc;

use adit_node::handle::NodeHandle;
use askama::Template;
use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::SET_COOKIE;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use serde::Deserialize;

use super::address::{Code, code};
use super::block_figure::{BlockFigure, BlockState, HashStrip, Link, Miner};
use super::format;
use super::layout::{Html, problem_page};
use super::send::read_form;
use crate::area::Area;
use crate::base_path::BasePath;
use crate::class::{
    Cheat, Class, ClassView, Deed, Lane, LaneBlock, Pace, TEACHER_COOKIE, TreeCell, read_address,
};
use crate::problem::Problem;
use crate::tier::{NotTheTeacher, Route, Tier};

/// A block of the tree is this wide and high with what lies between two,
const COLUMN: u64 = 76;
/// and so far below the one of the row before.
const ROW: usize = 58;

/// So many rows of the tree are shown, and so many payments in the room.
const TREE_ROWS: usize = 3;
const ROOM_PAYMENTS: usize = 4;

#[derive(Template)]
#[template(path = "class-room.html")]
struct RoomPage {
    view: Arc<ClassView>,
    lanes: Vec<LaneRow>,
    tree: TreeFigure,
    payments: Vec<Slip>,
    url: String,
    host: String,
    code: Option<Code>,
    teller: Option<Miner>,
    since: String,
}

#[derive(Template)]
#[template(path = "class-teach.html")]
struct TeachPage {
    view: Arc<ClassView>,
    lanes: Vec<LaneRow>,
    people: Vec<PersonRow>,
    paces: Vec<PaceRow>,
    teller: Option<Miner>,
    cheater: Option<Cheater>,
    height: u64,
    url: String,
}

#[derive(Template)]
#[template(path = "class-join.html")]
struct JoinPage {
    chain: String,
    genesis: String,
    name: String,
    pupils_limit: usize,
}

#[derive(Template)]
#[template(path = "class-refused.html")]
struct RefusedPage;

struct LaneRow {
    number: usize,
    name: String,
    badge: Miner,
    is_cut: bool,
    /// Whether the line to the node below it is whole.
    has_line: bool,
    pupils: String,
    height: u64,
    next: u64,
    blocks: Vec<BlockFigure>,
    fallen: Vec<BlockFigure>,
    is_alone: bool,
    tip_title: &'static str,
    tip_words: String,
}

struct PersonRow {
    name: String,
    address: String,
    badge: Miner,
}

struct PaceRow {
    name: &'static str,
    words: String,
    is_now: bool,
}

/// The node whose owner pays twice, and how far that is.
struct Cheater {
    number: usize,
    name: String,
    payee: String,
    /// From 1 to 4.
    step: u8,
}

struct Slip {
    id: String,
    from: String,
    to: String,
    amount: String,
    heard: Vec<(Miner, bool)>,
    words: String,
    class: &'static str,
}

struct TreeFigure {
    width: u64,
    height: usize,
    cells: Vec<TreeMark>,
    words: String,
}

struct TreeMark {
    x: u64,
    y: usize,
    height: u64,
    kind: char,
    is_dropped: bool,
    edge: Option<String>,
}

#[derive(Deserialize)]
struct DeedForm {
    deed: DeedName,
    #[serde(default)]
    node: usize,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum DeedName {
    Cut,
    Reconnect,
    MineHere,
    MineAhead,
    PayTwice,
    Stopped,
    Slow,
    Steady,
    Fast,
    End,
}

#[derive(Deserialize)]
struct PupilForm {
    address: String,
    /// Nothing takes them out.
    name: Option<String>,
}

/// Returns the pages of a class.
pub(crate) fn area() -> (Area, Vec<Route>) {
    let routes = vec![
        Route::new(Tier::Open, "GET /class", get(room)),
        Route::new(Tier::Open, "GET /join", get(join)),
        Route::new(Tier::Open, "GET /teach/{link}", get(exchange)),
        Route::new(Tier::Teacher, "GET /teach", get(teach)),
        Route::new(Tier::Teacher, "POST /teach/deed", post(deed)),
        Route::new(Tier::Teacher, "POST /teach/pupil", post(pupil)),
    ];
    (Area::PAGES, routes)
}

/// Says on a page, to anybody else, that something is the teacher's.
pub(crate) async fn told_to_students(mut response: Response) -> Response {
    match response.extensions_mut().remove::<NotTheTeacher>() {
        Some(NotTheTeacher) => not_the_teacher(),
        None => response,
    }
}

fn not_the_teacher() -> Response {
    (StatusCode::FORBIDDEN, Html(RefusedPage)).into_response()
}

async fn room(Extension(class): Extension<Arc<Class>>) -> Response {
    let view = class.view();
    let url = class.settings().join_url.clone();
    let host = url.trim_start_matches("http://").trim_end_matches("/join");
    let payments = view.payments.iter().take(ROOM_PAYMENTS);
    Html(RoomPage {
        lanes: lanes(&view),
        tree: tree(&view),
        payments: payments.map(|one| slip(&view, one)).collect(),
        host: host.to_owned(),
        code: code(&url),
        teller: teller(&view),
        since: since(view.ticker.age_s),
        url,
        view,
    })
    .into_response()
}

async fn join(State(node): State<NodeHandle>, Extension(class): Extension<Arc<Class>>) -> Response {
    let chain = node.rules().chain();
    Html(JoinPage {
        chain: chain
            .as_ref()
            .map(|chain| chain.id.to_string())
            .unwrap_or_default(),
        genesis: chain
            .as_ref()
            .map(|chain| chain.genesis.to_string())
            .unwrap_or_default(),
        name: chain.map(|chain| chain.name.to_owned()).unwrap_or_default(),
        pupils_limit: class.settings().pupils_limit,
    })
    .into_response()
}

/// The link is exchanged for a cookie, once: whoever sees it later has nothing.
async fn exchange(Extension(class): Extension<Arc<Class>>, Path(link): Path<String>) -> Response {
    let Some(kept) = class.access.exchange(&link) else {
        return not_the_teacher();
    };
    let cookie = format!("{TEACHER_COOKIE}={kept}; Path=/; HttpOnly; SameSite=Strict");
    // A redirect would still count as the other site's where a link in a message led here,
    // and the cookie would not be sent.
    let page = Html(WelcomePage);
    ([(SET_COOKIE, cookie)], page).into_response()
}

#[derive(Template)]
#[template(path = "class-welcome.html")]
struct WelcomePage;

async fn teach(Extension(class): Extension<Arc<Class>>) -> Response {
    let view = class.view();
    let steady_s = class.settings().block_interval_ms / 1_000;
    let paces = Pace::ALL.iter().map(|pace| PaceRow {
        name: pace.name(),
        words: match pace {
            Pace::Stopped => "no blocks".to_owned(),
            Pace::Slow => seconds(steady_s * 3),
            Pace::Steady => seconds(steady_s),
            Pace::Fast => seconds(steady_s / 4),
        },
        is_now: view.pace == Some(*pace),
    });
    let people = view.people.iter().map(|one| PersonRow {
        name: one.name.clone(),
        address: one.address.clone(),
        badge: badge(&view, one.node),
    });
    Html(TeachPage {
        lanes: lanes(&view),
        people: people.collect(),
        paces: paces.collect(),
        teller: teller(&view),
        cheater: cheater(&view),
        height: view
            .lanes
            .iter()
            .map(|lane| lane.height)
            .max()
            .unwrap_or_default(),
        url: class.settings().join_url.clone(),
        view,
    })
    .into_response()
}

async fn deed(
    State(node): State<NodeHandle>,
    Extension(class): Extension<Arc<Class>>,
    body: Body,
) -> Response {
    let form: DeedForm = match read_form(body).await {
        Ok(form) => form,
        Err(problem) => return problem_page(&node, &problem),
    };
    if form.node >= class.nodes().len() {
        return problem_page(&node, &Problem::not_found("there is no such node"));
    }
    let deed = match form.deed {
        DeedName::Cut => Deed::Cut(form.node),
        DeedName::Reconnect => Deed::Reconnect(form.node),
        DeedName::MineHere => Deed::MineHere(form.node),
        DeedName::MineAhead => Deed::MineAhead(form.node),
        DeedName::PayTwice => Deed::PayTwice(form.node),
        DeedName::Stopped => Deed::SetPace(Pace::Stopped),
        DeedName::Slow => Deed::SetPace(Pace::Slow),
        DeedName::Steady => Deed::SetPace(Pace::Steady),
        DeedName::Fast => Deed::SetPace(Pace::Fast),
        DeedName::End => Deed::End,
    };
    match class.order(deed).await {
        Ok(()) => Redirect::to("/teach").into_response(),
        Err(error) => problem_page(&node, &Problem::busy(error)),
    }
}

async fn pupil(
    State(node): State<NodeHandle>,
    Extension(class): Extension<Arc<Class>>,
    body: Body,
) -> Response {
    let done = async {
        let form: PupilForm = read_form(body).await?;
        let address = read_address(&form.address)?;
        class.rename(&address, form.name.as_deref())?;
        Ok::<_, Problem>(())
    };
    match done.await {
        Ok(()) => Redirect::to("/teach").into_response(),
        Err(problem) => problem_page(&node, &problem),
    }
}

fn seconds(seconds: u64) -> String {
    format!("{} s", seconds.max(1))
}

fn since(age_s: u64) -> String {
    match age_s {
        0..3 => "just now".to_owned(),
        3..60 => format!("{age_s} seconds ago"),
        _ => format!("{} ago", format::count(age_s / 60, "minute", "minutes")),
    }
}

fn letter_of(name: &str) -> String {
    name.chars()
        .next()
        .unwrap_or('?')
        .to_uppercase()
        .take(1)
        .collect()
}

/// A node's own mark: the first four have a shape each.
fn badge(view: &ClassView, node: usize) -> Miner {
    let name = view.lanes.get(node).map_or("", |lane| &lane.name);
    Miner {
        name: name.to_owned(),
        letter: letter_of(name),
        kind: ['a', 'b', 'd', 'c'][node % 4],
    }
}

/// The mark of whoever found a block: a node, or one of those who take part.
fn badge_of(view: &ClassView, finder: &str) -> Miner {
    let node = view.lanes.iter().position(|lane| lane.name == finder);
    node.map_or_else(|| Miner::named(finder), |node| badge(view, node))
}

fn teller(view: &ClassView) -> Option<Miner> {
    view.ticker.node.map(|node| badge(view, node))
}

fn lanes(view: &ClassView) -> Vec<LaneRow> {
    let rows = view.lanes.iter().enumerate();
    rows.map(|(number, lane)| {
        let below = view.lanes.get(number + 1);
        LaneRow {
            number,
            name: lane.name.clone(),
            badge: badge(view, number),
            is_cut: lane.is_cut,
            has_line: below.is_some_and(|below| !below.is_cut) && !lane.is_cut,
            pupils: format::count(lane.pupils as u64, "pupil", "pupils"),
            height: lane.height,
            next: lane.height + 1,
            blocks: lane_blocks(view, lane),
            fallen: lane
                .fallen
                .iter()
                .map(|block| figure(view, block, BlockState::Dropped, None))
                .collect(),
            is_alone: !lane.shares_tip && view.lanes.len() > 1,
            tip_title: if lane.shares_tip {
                "same tip"
            } else {
                "its own tip"
            },
            tip_words: tip_words(lane),
        }
    })
    .collect()
}

fn tip_words(lane: &Lane) -> String {
    match lane.since_split {
        _ if lane.is_everybodys => format!("all on {}", lane.height),
        0 => format!("on {}", lane.height),
        since => format!("{since} since the split"),
    }
}

fn lane_blocks(view: &ClassView, lane: &Lane) -> Vec<BlockFigure> {
    let blocks = lane.blocks.iter().enumerate();
    blocks
        .map(|(at, block)| {
            let state = match block.height == lane.height {
                true => BlockState::Tip,
                false => BlockState::Plain,
            };
            figure(view, block, state, (at > 0).then_some(Link::Whole))
        })
        .collect()
}

fn figure(
    view: &ClassView,
    block: &LaneBlock,
    state: BlockState,
    link: Option<Link>,
) -> BlockFigure {
    BlockFigure {
        miner: Some(badge_of(view, &block.finder)),
        hash: Some(HashStrip::of_work(&block.hash)),
        link,
        ..BlockFigure::numbered(block.height, state)
    }
}

fn slip(view: &ClassView, payment: &crate::class::PaymentRow) -> Slip {
    let heard = payment.heard.iter().enumerate();
    Slip {
        id: payment.id.clone(),
        from: payment.from.clone(),
        to: payment.to.clone(),
        amount: format::coins(payment.amount),
        heard: heard
            .map(|(node, heard)| (badge(view, node), *heard))
            .collect(),
        words: payment.words.clone(),
        class: match (payment.is_gone, payment.is_returned) {
            (true, _) => "gone",
            (_, true) => "again",
            _ => "",
        },
    }
}

fn tree(view: &ClassView) -> TreeFigure {
    let cells: Vec<&TreeCell> = view
        .tree
        .iter()
        .filter(|cell| cell.row < TREE_ROWS)
        .collect();
    let columns = cells.iter().map(|cell| cell.column + 1).max().unwrap_or(1);
    let rows = cells.iter().map(|cell| cell.row + 1).max().unwrap_or(1);
    let x = |column: u64| 10 + COLUMN * column;
    let y = |row: usize| 4 + ROW * row;
    let marks = cells.iter().map(|cell| TreeMark {
        x: x(cell.column),
        y: y(cell.row),
        height: cell.height,
        kind: badge_of(view, &cell.finder).kind,
        is_dropped: cell.is_dropped,
        edge: cell.parent_row.filter(|_| cell.column > 0).map(|parent| {
            let (from, to) = (x(cell.column - 1) + 52, x(cell.column));
            let (above, here) = (y(parent) + 23, y(cell.row) + 23);
            format!("M{from} {above}C{to} {above} {from} {here} {to} {here}")
        }),
    });
    TreeFigure {
        width: 20 + COLUMN * columns,
        height: 8 + ROW * rows,
        words: match rows {
            1 => "One branch: all nodes are on it".to_owned(),
            rows => format!("{rows} branches"),
        },
        cells: marks.collect(),
    }
}

/// The last node cheats, and the one before it is paid.
fn cheater(view: &ClassView) -> Option<Cheater> {
    let number = view
        .lanes
        .len()
        .checked_sub(1)
        .filter(|number| *number > 0)?;
    let lane = &view.lanes[number];
    let highest = view.lanes[..number].iter().map(|lane| lane.height).max();
    let step = match (lane.is_cut, view.cheat) {
        (false, _) => 1,
        (true, Cheat::None) => 2,
        (true, Cheat::Paid) if Some(lane.height) <= highest => 3,
        (true, Cheat::Paid) => 4,
    };
    Some(Cheater {
        number,
        name: lane.name.clone(),
        payee: view.lanes[number - 1].name.clone(),
        step,
    })
}

impl PersonRow {
    fn limit(&self) -> usize {
        crate::class::PUPIL_NAME_LIMIT_CHARACTERS
    }
}

impl RoomPage {
    fn base(&self) -> BasePath {
        BasePath::current()
    }
}
