//! `/check`: is a node right that somebody has written? A field for its address, what
//! was found lately, and the page of each finding, which can be passed on by its
//! address for a while, or as a file. It asks others at the operator's word alone
//! (`tier.rs`); what it asks them is not known here.

pub(super) mod finding;
mod keys;
mod steps;
mod texts;

use adit_api::examination::Examination;
use adit_core::peer::PeerAddress;
use adit_node::examinations::KeptExamination;
use adit_node::handle::NodeHandle;
use adit_node::queries::examination::examine;
use askama::Template;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CONTENT_DISPOSITION, HeaderValue};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use self::finding::Finding;
use self::steps::{Step, steps};
use super::assets::style;
use super::format::{self, Moment, moment};
use super::layout::{Frame, Html, OrPage, problem_page, shown};
use super::send::read_form;
use crate::caller::Caller;
use crate::extract::Path;
use crate::problem::Problem;

/// This much of an address is repeated to those who gave it.
const ADDRESS_CHARACTERS: usize = 80;

#[derive(Template)]
#[template(path = "check.html")]
struct CheckPage {
    frame: Frame,
    is_operator: bool,
    /// What was typed, and what is wrong with it.
    typed: String,
    error: Option<String>,
    lately: Vec<Lately>,
}

/// A finding in a list.
struct Lately {
    id: String,
    node: String,
    is_right: bool,
    verdict: String,
    time: Option<Moment>,
}

#[derive(Template)]
#[template(path = "checked.html")]
struct CheckedPage {
    frame: Frame,
    is_operator: bool,
    id: String,
    checked: Checked,
    finding: Finding,
}

#[derive(Template)]
#[template(path = "checked-file.html")]
struct CheckedFile {
    version: &'static str,
    styles: [String; 3],
    checked: Checked,
    finding: Finding,
}

/// What is said of a node before its finding.
struct Checked {
    node: String,
    is_right: bool,
    verdict: String,
    blocks: Option<String>,
    rules: String,
    time: Option<Moment>,
    steps: Vec<Step>,
    notes: Vec<String>,
}

#[derive(Deserialize)]
struct Named {
    node: String,
}

pub(super) async fn check(State(node): State<NodeHandle>, caller: Caller) -> Response {
    Html(CheckPage::of(&node, caller, String::new(), None)).into_response()
}

/// Asks the node that was named, and leads to what was found.
pub(super) async fn run(State(node): State<NodeHandle>, caller: Caller, body: Body) -> Response {
    let named = match read_form::<Named>(body).await {
        Ok(named) => named.node.trim().to_owned(),
        Err(problem) => return problem_page(&node, &problem),
    };
    match found(&node, &named).await {
        Ok(found) => {
            let id = node.examinations().keep(found);
            Redirect::to(&format!("/check/{id}")).into_response()
        }
        Err(problem) => {
            let typed = format::visible(&named, ADDRESS_CHARACTERS);
            let (status, error) = (problem.status(), Some(problem.detail));
            let page = CheckPage::of(&node, caller, typed, error);
            (status, Html(page)).into_response()
        }
    }
}

async fn found(node: &NodeHandle, named: &str) -> Result<Examination, Problem> {
    let address: PeerAddress = named.parse().map_err(Problem::malformed)?;
    Ok(examine(node, address).await?)
}

pub(super) async fn checked(
    State(node): State<NodeHandle>,
    caller: Caller,
    OrPage(Path(id)): OrPage<Path<String>>,
) -> Response {
    let page = kept(&node, &id).map(|kept| CheckedPage {
        frame: Frame::of(&node).here("check"),
        is_operator: caller == Caller::Operator,
        checked: Checked::of(&kept),
        finding: Finding::of(&kept.found.audit),
        id: kept.id,
    });
    shown(&node, page)
}

/// The same as one file with all that it needs.
pub(super) async fn file(
    State(node): State<NodeHandle>,
    OrPage(Path(id)): OrPage<Path<String>>,
) -> Response {
    let kept = match kept(&node, &id) {
        Ok(kept) => kept,
        Err(problem) => return problem_page(&node, &problem),
    };
    let page = Html(CheckedFile {
        version: env!("CARGO_PKG_VERSION"),
        styles: ["style.css", "block-figure.css", "check.css"].map(style),
        checked: Checked::of(&kept),
        finding: Finding::of(&kept.found.audit),
    });
    let attached = HeaderValue::from_static("attachment; filename=\"node-check.html\"");
    ([(CONTENT_DISPOSITION, attached)], page).into_response()
}

fn kept(node: &NodeHandle, id: &str) -> Result<KeptExamination, Problem> {
    node.examinations().find(id).ok_or_else(|| {
        Problem::not_found(
            "There is no such check here. Each is kept for a day, and no longer than this node \
             runs: check the node again.",
        )
    })
}

impl CheckPage {
    fn of(node: &NodeHandle, caller: Caller, typed: String, error: Option<String>) -> CheckPage {
        let is_operator = caller == Caller::Operator;
        let lately = match is_operator {
            true => node.examinations().newest(),
            false => Vec::new(),
        };
        CheckPage {
            frame: Frame::of(node).here("check"),
            is_operator,
            typed,
            error,
            lately: lately.iter().map(Lately::of).collect(),
        }
    }
}

impl Lately {
    fn of(kept: &KeptExamination) -> Lately {
        Lately {
            id: kept.id.clone(),
            node: address(&kept.found),
            is_right: kept.found.healthy,
            verdict: verdict(&kept.found, &steps(&kept.found)),
            time: moment(kept.time_ms),
        }
    }
}

impl Checked {
    fn of(kept: &KeptExamination) -> Checked {
        let found = &kept.found;
        let steps = steps(found);
        let length = found.audit.length;
        Checked {
            node: address(found),
            is_right: found.healthy,
            verdict: verdict(found, &steps),
            blocks: match (length, &found.audit.problem) {
                (0, _) => None,
                (_, None) => Some(format::count(length, "block", "blocks")),
                (1, Some(_)) => Some("its first block holds".to_owned()),
                (_, Some(_)) => Some(format!("its first {} blocks hold", format::grouped(length))),
            },
            rules: found.audit.rules.clone(),
            time: moment(kept.time_ms),
            steps,
            notes: found.audit.notes.clone(),
        }
    }
}

fn address(found: &Examination) -> String {
    found.audit.peer.clone()
}

/// The whole finding in one line.
fn verdict(found: &Examination, steps: &[Step]) -> String {
    let wrong = steps.iter().filter(|step| step.is_wrong()).count();
    match (found.healthy, wrong) {
        (true, _) => "Yes, it is right".to_owned(),
        (false, 0 | 1) => "Not yet: one thing to mend".to_owned(),
        (false, wrong) => format!("Not yet: {wrong} things to mend"),
    }
}
