//! What was looked at, one step after the other, and what came of each: it holds, it
//! does not, or it was not tried. Why one does not hold, `finding.rs` shows.

use adit_api::audit::{Audit, Verdict};
use adit_api::examination::{EndpointState, Examination};

use crate::pages::format;

/// A step of a check.
pub(super) struct Step {
    pub(super) mark: Mark,
    pub(super) what: String,
    pub(super) detail: String,
}

/// What came of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    Holds,
    Fails,
    NotTried,
}

/// The rules of a block in the order in which they are looked at, with what they say.
const RULES: [(&[&str], &str); 4] = [
    (&["json", "fields"], "Every block has its five fields"),
    (&["index"], "The blocks are numbered 1, 2, 3 and so on"),
    (
        &["previous-hash"],
        "Each block names the hash of the one before",
    ),
    (&["proof"], "Every proof solves its puzzle"),
];

impl Step {
    fn new(mark: Mark, what: &str, detail: impl Into<String>) -> Step {
        Step {
            mark,
            what: what.to_owned(),
            detail: detail.into(),
        }
    }

    pub(super) fn is_wrong(&self) -> bool {
        self.mark == Mark::Fails
    }

    pub(super) fn class(&self) -> &'static str {
        match self.mark {
            Mark::Holds => "holds",
            Mark::Fails => "fails",
            Mark::NotTried => "not",
        }
    }

    /// The mark in words, for those who see no colour.
    pub(super) fn said(&self) -> &'static str {
        match self.mark {
            Mark::Holds => "Right:",
            Mark::Fails => "Wrong:",
            Mark::NotTried => "Not tried:",
        }
    }
}

/// Returns all steps of the check of a node.
pub(super) fn steps(found: &Examination) -> Vec<Step> {
    let audit = &found.audit;
    let mut steps = Vec::from(answers(audit));
    steps.extend(rules(audit));
    steps.push(length(audit));
    steps.extend(endpoints(found));
    steps
}

/// Whether a chain came at all.
fn answers(audit: &Audit) -> [Step; 2] {
    let problem = || audit.problem.clone().unwrap_or_default();
    let (came, read) = (
        "It answers at GET /chain",
        "Its answer holds a chain as JSON",
    );
    let (came_mark, read_mark) = match (audit.verdict, audit.rule.as_deref()) {
        (Verdict::Unreachable, _) => (Mark::Fails, Mark::NotTried),
        (_, Some("chain")) => (Mark::Holds, Mark::Fails),
        _ => (Mark::Holds, Mark::Holds),
    };
    let told = |mark| match mark {
        Mark::Fails => problem(),
        _ => String::new(),
    };
    [
        Step::new(came_mark, came, told(came_mark)),
        Step::new(read_mark, read, told(read_mark)),
    ]
}

/// What each block has to keep to.
fn rules(audit: &Audit) -> Vec<Step> {
    let broken = audit.rule.as_deref().filter(|rule| *rule != "chain");
    let is_known = |rule: &str| RULES.iter().any(|(names, _)| names.contains(&rule));
    let mut is_behind = audit.verdict != Verdict::Valid && broken.is_none();
    let mut steps = Vec::new();
    for (names, what) in RULES {
        let is_broken = broken.is_some_and(|rule| names.contains(&rule));
        let step = if is_broken {
            Step::new(Mark::Fails, what, broken_words(audit))
        } else if names == ["proof"] && audit.strict_zeros.is_some() {
            let zeros = audit.strict_zeros.unwrap_or_default();
            let detail = format!("they do, but all of them have {zeros} zeros or more");
            Step::new(Mark::Fails, what, detail)
        } else if is_behind {
            match audit.length {
                0 | 1 => Step::new(Mark::NotTried, what, "tried when what is wrong is mended"),
                length => Step::new(Mark::Holds, what, as_far_as(length)),
            }
        } else {
            Step::new(Mark::Holds, what, "")
        };
        steps.push(step);
        is_behind |= is_broken;
    }
    if let Some(rule) = broken.filter(|rule| !is_known(rule)) {
        let what = format!("Its blocks keep the rule {rule}");
        let problem = audit.problem.clone().unwrap_or_default();
        steps.push(Step::new(Mark::Fails, &what, problem));
    }
    steps
}

/// What is wrong, in few words: the hashes and texts stand beside the list.
fn broken_words(audit: &Audit) -> String {
    let short = |hash: &str| format::visible(hash, 8);
    if let Some(before) = &audit.before
        && let (Some(ours), Some(theirs)) = (&before.our_hash, &before.claimed_previous_hash)
    {
        return format!(
            "block {} names {}, but block {} has {}",
            format::grouped(before.index.saturating_add(1)),
            short(theirs),
            format::grouped(before.index),
            short(ours)
        );
    }
    audit.problem.clone().unwrap_or_default()
}

fn as_far_as(length: u64) -> String {
    format!("as far as block {}", format::grouped(length))
}

fn length(audit: &Audit) -> Step {
    let what = "Its length is the number of its blocks";
    if audit.verdict != Verdict::Valid || audit.goes_on {
        return Step::new(
            Mark::NotTried,
            what,
            "tried when all of its blocks are valid",
        );
    }
    let found = format::grouped(audit.length);
    match (audit.states_its_length(), audit.stated_length) {
        (true, _) => Step::new(Mark::Holds, what, format!("{found} and {found}")),
        (false, Some(stated)) => {
            let detail = format!(
                "it says {}, and there are {found}: write len(self.chain)",
                format::grouped(stated)
            );
            Step::new(Mark::Fails, what, detail)
        }
        (false, None) => Step::new(
            Mark::Fails,
            what,
            "its answer has no length: the tutorial's nodes fail at that",
        ),
    }
}

/// The tutorial's other endpoints, which are not used.
fn endpoints(found: &Examination) -> Vec<Step> {
    let is_unknown = |state| state == EndpointState::Unknown;
    let all_unknown = found.endpoints.iter().all(|one| is_unknown(one.state));
    if all_unknown && !found.endpoints.is_empty() {
        let detail = "it does not say whether it has them, and to try would change something";
        let what = "It has the tutorial's four other endpoints";
        return vec![Step::new(Mark::NotTried, what, detail)];
    }
    let steps = found.endpoints.iter().map(|endpoint| {
        let what = format!("It has {} {}", endpoint.method, endpoint.path);
        match endpoint.state {
            EndpointState::There => Step::new(Mark::Holds, &what, ""),
            EndpointState::Missing => {
                let detail = "there is no such endpoint: the tutorial's other nodes ask for it";
                Step::new(Mark::Fails, &what, detail)
            }
            EndpointState::Unknown => {
                let detail = "it does not say, and to try would change something";
                Step::new(Mark::NotTried, &what, detail)
            }
        }
    });
    steps.collect()
}
