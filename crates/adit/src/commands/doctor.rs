//! `adit doctor`: checks another node from outside. It asks only for what
//! changes nothing: the chain, which it checks block by block, and whether the
//! tutorial's other endpoints are there. It says what is wrong, shows the
//! bytes, and says what to do.

use std::sync::Arc;

use adit_api::audit::{Audit, AuditedBlock, Verdict};
use adit_api::examination::{EndpointState, Examination};
use adit_api::peer::PeerKind;
use adit_core::peer::PeerAddress;
use adit_core::rules::{Rules, by_name};
use adit_node::peers::audit::audit;
use adit_node::peers::examine;
use anyhow::{Result, bail};
use reqwest::Client;

use crate::options::DoctorOptions;
use crate::rules;
use crate::terminal::escape::{visible, visible_json};
use crate::terminal::output::{Output, Style, counted};

/// This much of each of a block's texts is printed; with --json, more.
const PRINTED_LIMIT_BYTES: usize = 4 * 1024;

/// Lines are at most this long, whatever the terminal's width.
const WIDTH_LIMIT: usize = 100;

/// Something is wrong with the node; all of it was printed.
#[derive(Debug, thiserror::Error)]
#[error("the node is not healthy")]
pub(crate) struct Unhealthy;

/// Checks the node; an unhealthy one is an error that was printed already.
pub(crate) fn run(options: &DoctorOptions, json: bool) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let report = runtime.block_on(examine_node(options))?;
    let mut output = Output::new(json);
    match json {
        true => output.document(serde_json::to_string(&report)?.as_bytes())?,
        false => Printer::new(&mut output).report(&report)?,
    }
    match report.healthy {
        true => Ok(()),
        false => Err(Unhealthy.into()),
    }
}

async fn examine_node(options: &DoctorOptions) -> Result<Examination> {
    let node = &options.node;
    let client = examine::client()?;
    let rules = match (&options.rules, &options.chain) {
        (None, None) => own_rules(&client, node).await?,
        (name, chain) => rules::named(*name, chain.as_deref(), None)?,
    };
    let audit = audit(node, rules).await;
    Ok(examine::beside(&client, node, audit).await)
}

/// The rules that an adit node says it has; the tutorial's if it says nothing.
async fn own_rules(client: &Client, node: &PeerAddress) -> Result<Arc<dyn Rules>> {
    let Some(name) = examine::stated_rules(client, node).await else {
        return rules::named(None, None, None);
    };
    match by_name(&name) {
        Some(rules) => Ok(rules),
        None => bail!(
            "the node at {} has a chain of the rules {}: name its genesis block with \
             --chain FILE",
            node.url(""),
            visible(&name)
        ),
    }
}

/// Prints for people, not wider than the terminal.
struct Printer<'a> {
    output: &'a mut Output,
    width: usize,
}

/// Behind these columns stands what is said.
const INDENT: usize = 11;

impl<'a> Printer<'a> {
    fn new(output: &'a mut Output) -> Printer<'a> {
        let width = output.columns().unwrap_or(WIDTH_LIMIT).min(WIDTH_LIMIT);
        Printer { output, width }
    }

    fn report(&mut self, report: &Examination) -> Result<()> {
        let audit = &report.audit;
        let kind = match audit.kind {
            PeerKind::Adit => "adit",
            PeerKind::Python => "the tutorial's, or one that speaks as it does",
            PeerKind::Unknown => "of an unknown kind",
        };
        let node = format!("{}: {kind}", report.node);
        self.line(Style::Label, "node", &node)?;
        for note in &audit.notes {
            self.line(Style::Label, "note", note)?;
        }
        for endpoint in &report.endpoints {
            let name = format!("{} {}", endpoint.method, endpoint.path);
            match endpoint.state {
                EndpointState::There => self.line(Style::Good, "ok", &name)?,
                EndpointState::Missing => {
                    let text = format!("{name}: there is no such endpoint");
                    self.line(Style::Bad, "wrong", &text)?;
                }
                EndpointState::Unknown => {
                    let text = format!("{name}: not tried, since that would change something");
                    self.line(Style::Label, "?", &text)?;
                }
            }
        }
        self.chain(audit)?;
        match report.healthy {
            true => self.line(Style::Good, "healthy", "nothing is wrong"),
            false => self.line(Style::Bad, "unhealthy", "what is wrong stands above"),
        }
    }

    fn chain(&mut self, audit: &Audit) -> Result<()> {
        let rules = &audit.rules;
        if audit.verdict == Verdict::Valid {
            let blocks = counted(audit.length, "block");
            let tip = audit.tip.as_deref().unwrap_or_default();
            let text =
                format!("GET /chain: {blocks}, valid under the rules {rules}, the last is {tip}");
            match audit.states_its_length() {
                true => self.line(Style::Good, "ok", &text)?,
                false => self.line(Style::Bad, "wrong", &format!("{text}; but see the notes"))?,
            }
            if let (Some(zeros), Some(diagnosis)) = (audit.strict_zeros, &audit.diagnosis) {
                let text = format!("all of its proofs have {zeros} zeros or more");
                self.line(Style::Bad, "wrong", &text)?;
                self.line(Style::Label, "why", &diagnosis.cause)?;
                self.line(Style::Label, "what to do", &diagnosis.advice)?;
            }
            return Ok(());
        }
        let problem = audit.problem.as_deref().unwrap_or_default();
        let text = match audit.verdict {
            Verdict::Unreachable => format!("GET /chain: {problem}"),
            _ => format!("GET /chain, under the rules {rules}: {problem}"),
        };
        self.line(Style::Bad, "wrong", &text)?;
        if let Some(diagnosis) = &audit.diagnosis {
            self.line(Style::Label, "why", &diagnosis.cause)?;
            self.line(Style::Label, "what to do", &diagnosis.advice)?;
            if let Some(fix) = &diagnosis.fix {
                self.line(Style::Label, "not", &fix.wrong)?;
                self.line(Style::Label, "but", &fix.right)?;
            }
        }
        if let Some(guess) = &audit.guess {
            self.shown("The guess", &guess.text)?;
            self.shown("Its SHA-256, and the greatest that would do", &guess.sha256)?;
            self.raw(&guess.target)?;
        }
        // Where the link is wrong, the fault is in how the block before was hashed.
        if let Some(block) = audit.before.as_ref().or(audit.block.as_ref()) {
            let hashed = audit.diagnosis.as_ref().and_then(|it| it.hashed.as_deref());
            self.block(block, hashed)?;
        }
        self.output.line("")
    }

    /// What was hashed there, where that was found, otherwise what came; and what
    /// is hashed here.
    fn block(&mut self, block: &AuditedBlock, hashed: Option<&str>) -> Result<()> {
        let height = block.index;
        match hashed {
            Some(hashed) => {
                self.shown(&format!("Block {height} as it was hashed there"), hashed)?
            }
            None => self.shown(&format!("Block {height} as it came"), &block.text)?,
        }
        if let Some(canonical) = &block.canonical {
            self.shown(&format!("Block {height} as it has to be hashed"), canonical)?;
        }
        if let Some(hash) = &block.our_hash {
            let claimed = block.claimed_previous_hash.as_deref();
            let next = format!("Its hash here, and the one that block {} names", height + 1);
            self.shown(&next, hash)?;
            self.raw(claimed.unwrap_or("(there is none)"))?;
        }
        Ok(())
    }

    /// A word in front, and text behind it, broken between words.
    fn line(&mut self, style: Style, label: &str, text: &str) -> Result<()> {
        let room = self.width.saturating_sub(INDENT).max(INDENT);
        let mut label = self.output.styled(style, &format!("{label:INDENT$}"));
        for line in wrapped(&visible(text), room) {
            self.output.line(&format!("{label}{line}"))?;
            label = " ".repeat(INDENT);
        }
        Ok(())
    }

    fn shown(&mut self, heading: &str, text: &str) -> Result<()> {
        self.output.line("")?;
        for line in wrapped(&format!("{heading}:"), self.width) {
            self.output.line(&line)?;
        }
        self.raw(text)
    }

    /// Text of the peer's, unbroken, so that it can be copied.
    fn raw(&mut self, text: &str) -> Result<()> {
        let end = text.floor_char_boundary(PRINTED_LIMIT_BYTES);
        let more = if end < text.len() { " ..." } else { "" };
        let text = visible_json(&text[..end]);
        self.output.line(&format!("  {text}{more}"))
    }
}

/// Lines of at most `width` characters, broken between words, and within those
/// that are longer.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut room = width;
    for (number, word) in text.split(' ').enumerate() {
        let length = word.chars().count();
        if number > 0 && length < room {
            lines.last_mut().expect("there is a line").push(' ');
            room -= 1;
        } else if number > 0 {
            lines.push(String::new());
            room = width;
        }
        for character in word.chars() {
            if room == 0 {
                lines.push(String::new());
                room = width;
            }
            lines.last_mut().expect("there is a line").push(character);
            room -= 1;
        }
    }
    lines
}
