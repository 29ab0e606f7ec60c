//! `adit watch`: follows what happens at a running node, one line an event. It
//! finds the node again after a restart, says when events were lost, and ends
//! when it is told to or when nobody reads its output any more.

mod line;
mod stream;

use std::io;
use std::time::Duration;

use adit_api::event::{self, MISSED};
use anyhow::Result;
use reqwest::Response;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde_json::json;
use serde_json::value::RawValue;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{sleep, timeout};

use self::line::Lines;
use self::stream::{Event, EventReader};
use crate::client::{Client, ClientError, problem_of};
use crate::commands::transactions::Unit;
use crate::options::{Topic, WatchOptions, say};
use crate::terminal::escape::{visible_error, visible_json};
use crate::terminal::output::Output;

/// After the node was lost, the first try to find it again comes this much
/// later; the pause doubles with each failed try,
const PAUSE_MS: u64 = 250;

/// up to this one.
const LONGEST_PAUSE_MS: u64 = 10_000;

/// A node that sends nothing at all for this long, not even a sign of life, is
/// lost.
const SILENCE_TIMEOUT_MS: u64 = 60_000;

/// How often it is checked whether anybody still reads.
const READER_INTERVAL_MS: u64 = 500;

/// A node that is followed, and where its events go.
struct Watch<'a> {
    client: &'a Client,
    path: String,
    output: Output,
    lines: Lines,
    events: EventReader,
}

/// How a connection ended.
enum Lost {
    /// It may come back.
    Node(String),
    /// Nobody is left to tell, or what comes is no stream of events.
    All(anyhow::Error),
}

pub(crate) fn run(options: &WatchOptions, json: bool) -> Result<()> {
    let client = Client::new(&options.node)?;
    let mut watch = Watch {
        client: &client,
        path: path(&options.followed()),
        output: Output::new(json),
        lines: Lines::new(Unit::of(&client)?),
        events: EventReader::default(),
    };
    client.block_on(async {
        let mut interrupted = signal(SignalKind::interrupt())?;
        let mut terminated = signal(SignalKind::terminate())?;
        tokio::select! {
            followed = watch.follow() => followed,
            () = reader_gone() => Ok(()),
            _ = interrupted.recv() => Ok(()),
            _ = terminated.recv() => Ok(()),
        }
    })
}

impl Watch<'_> {
    /// Has no end but an error.
    async fn follow(&mut self) -> Result<()> {
        let mut response = Some(self.connect().await?);
        let node = self.client.node().to_owned();
        self.note(&format!("watching {node}"));
        let mut pause = PAUSE_MS;
        loop {
            if let Some(response) = response.take() {
                let before = self.events.last_id().map(str::to_owned);
                match self.read(response).await {
                    Lost::All(error) => return Err(error),
                    Lost::Node(problem) => self.note(&format!(
                        "lost the node at {node}: {problem}; trying to find it again"
                    )),
                }
                if self.events.last_id() != before.as_deref() {
                    pause = PAUSE_MS;
                }
            }
            sleep(Duration::from_millis(pause)).await;
            pause = (pause * 2).min(LONGEST_PAUSE_MS);
            response = match self.connect().await {
                Ok(response) => Some(response),
                Err(error) if is_passing(&error) => None,
                Err(error) => return Err(error.into()),
            };
            if response.is_some() {
                self.note(&format!("found the node at {node} again"));
                if self.events.last_id().is_none() {
                    // Without an id the node can't tell what was missed.
                    self.tell(&missed())?;
                }
            }
        }
    }

    async fn connect(&self) -> Result<Response, ClientError> {
        let mut headers = vec![("Accept", "text/event-stream")];
        headers.extend(self.events.last_id().map(|id| ("Last-Event-ID", id)));
        self.client.open(&self.path, &headers).await
    }

    /// Tells of events until the connection ends.
    async fn read(&mut self, mut response: Response) -> Lost {
        let last_id = self.events.last_id().map(str::to_owned);
        self.events = EventReader::after(last_id);
        let silence = Duration::from_millis(SILENCE_TIMEOUT_MS);
        loop {
            let piece = match timeout(silence, response.chunk()).await {
                Ok(Ok(Some(piece))) => piece,
                Ok(Ok(None)) => return Lost::Node("it closed the connection".to_owned()),
                Ok(Err(error)) => return Lost::Node(problem_of(&error)),
                Err(_) => return Lost::Node("it says nothing any more".to_owned()),
            };
            let events = match self.events.feed(&piece) {
                Ok(events) => events,
                Err(error) => return Lost::All(error.into()),
            };
            for event in events {
                if let Err(error) = self.tell(&event) {
                    return Lost::All(error);
                }
            }
        }
    }

    fn tell(&mut self, event: &Event) -> Result<()> {
        if !self.output.json {
            if let Some(line) = self.lines.of(&self.output, event) {
                self.output.line(&line)?;
            }
            return self.output.flush();
        }
        // JSON has line breaks between its parts only.
        let data = event.data.replace(['\n', '\r'], " ");
        let data = RawValue::from_string(data)?;
        let line = serde_json::to_string(&Line {
            event: &event.name,
            id: event.id.as_deref(),
            data: &data,
        })?;
        self.output.document(line.as_bytes())?;
        self.output.flush()
    }

    /// What is no event goes to the error output.
    fn note(&self, text: &str) {
        match self.output.json {
            true => say(&visible_json(&json!({ "note": text }).to_string())),
            false => say(&visible_error(text)),
        }
    }
}

/// What a program gets for an event.
#[derive(serde::Serialize)]
struct Line<'a> {
    event: &'a str,
    id: Option<&'a str>,
    data: &'a RawValue,
}

fn path(topics: &[Topic]) -> String {
    let topics: Vec<_> = topics
        .iter()
        .map(|topic| event::Topic::from(*topic).name())
        .collect();
    format!("/api/v1/events?topics={}", topics.join(","))
}

fn missed() -> Event {
    Event {
        name: MISSED.to_owned(),
        data: "{}".to_owned(),
        id: None,
    }
}

/// Whether another try may go better.
fn is_passing(error: &ClientError) -> bool {
    match error {
        ClientError::Unreachable { .. } => true,
        ClientError::Refused { status, .. } => matches!(status, 429 | 500..),
        ClientError::NotANode { .. } => false,
    }
}

/// Ends when nobody can read the standard output any longer. A write would find
/// out too, but there may be nothing to write for hours.
async fn reader_gone() {
    loop {
        sleep(Duration::from_millis(READER_INTERVAL_MS)).await;
        let stdout = io::stdout();
        let mut polled = [PollFd::new(&stdout, PollFlags::empty())];
        let at_once = Timespec::default();
        let is_polled = poll(&mut polled, Some(&at_once)).is_ok();
        let gone = PollFlags::ERR | PollFlags::HUP;
        if is_polled && polled[0].revents().intersects(gone) {
            return;
        }
    }
}
