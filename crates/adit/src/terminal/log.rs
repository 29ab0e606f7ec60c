//! Where the log goes: line by line to the error output, by a thread of its
//! own. Threads that log never wait for the reader: a reader that is slow or
//! gone, or a disk that is full, costs lines of the log, and nothing else. What
//! is logged is decided elsewhere.

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;
use std::time::Duration;

use anyhow::Context;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// Lines that are not written yet take at most this much memory; further ones
/// are lost, and counted.
const UNWRITTEN_LIMIT_BYTES: usize = 1024 * 1024;

/// What a line takes besides its text.
const LINE_OVERHEAD_BYTES: usize = 64;

/// At its end the program waits this long for the last lines to be written.
const LAST_LINES_TIMEOUT_MS: u64 = 500;

/// The log, while it is written to. Dropping it waits for the lines that are
/// still on their way.
pub(crate) struct Log {
    lines: Lines,
}

/// What is logged of libraries unless the filter says otherwise.
const QUIET: &str = "libp2p_mdns=error";

/// Starts the log; `filter` is what `--log` says.
pub(crate) fn start_log(filter: &str, json: bool) -> anyhow::Result<Log> {
    // Anybody on the local network can make that library talk at length.
    let filter = match filter == "off" {
        true => filter.to_owned(),
        false => format!("{QUIET},{filter}"),
    };
    let filter = EnvFilter::builder()
        .parse(&filter)
        .with_context(|| format!("--log {filter}"))?;
    let lines = Lines::start(json);
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_target(false)
        // It would write them to the error output itself, and panic where
        // nobody reads that.
        .log_internal_errors(false)
        .with_writer(lines.clone());
    match json {
        true => log.json().init(),
        false => log.with_ansi(io::stderr().is_terminal()).init(),
    }
    Ok(Log { lines })
}

impl Drop for Log {
    fn drop(&mut self) {
        let (written, all_written) = sync_channel(1);
        if let Some(queue) = &self.lines.queue
            && queue.send(Message::WriteAll(written)).is_ok()
        {
            let limit = Duration::from_millis(LAST_LINES_TIMEOUT_MS);
            // The reader may have stopped reading: then they are lost.
            let _ = all_written.recv_timeout(limit);
        }
    }
}

/// Where lines are handed in. Without a queue they are written at once.
#[derive(Clone)]
struct Lines {
    queue: Option<Sender<Message>>,
    backlog: Arc<Backlog>,
}

enum Message {
    Line(Vec<u8>),
    /// Say so when everything before is written.
    WriteAll(SyncSender<()>),
}

#[derive(Default)]
struct Backlog {
    /// What the lines in the queue take.
    bytes: AtomicUsize,
    /// How many lines were lost since that was last said.
    lost: AtomicU64,
}

impl Lines {
    fn start(json: bool) -> Lines {
        let (queue, received) = channel();
        let backlog = Arc::<Backlog>::default();
        let writer = Arc::clone(&backlog);
        let thread = thread::Builder::new()
            .name("log".into())
            .spawn(move || write_lines(&received, &writer, json));
        Lines {
            queue: thread.is_ok().then_some(queue),
            backlog,
        }
    }
}

impl MakeWriter<'_> for Lines {
    type Writer = Lines;

    fn make_writer(&self) -> Lines {
        self.clone()
    }
}

/// A call of `write` is a whole line: that is how the subscriber calls it.
impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let Some(queue) = &self.queue else {
            return io::stderr().write(line);
        };
        let bytes = line.len() + LINE_OVERHEAD_BYTES;
        let before = self.backlog.bytes.fetch_add(bytes, Ordering::Relaxed);
        let has_room = before + bytes <= UNWRITTEN_LIMIT_BYTES;
        if !has_room || queue.send(Message::Line(line.to_vec())).is_err() {
            self.backlog.bytes.fetch_sub(bytes, Ordering::Relaxed);
            self.backlog.lost.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn write_lines(received: &Receiver<Message>, backlog: &Backlog, json: bool) {
    for message in received {
        match message {
            Message::WriteAll(written) => {
                // If nobody waits any more, it took too long.
                let _ = written.try_send(());
            }
            Message::Line(line) => {
                let bytes = line.len() + LINE_OVERHEAD_BYTES;
                backlog.bytes.fetch_sub(bytes, Ordering::Relaxed);
                let lost = backlog.lost.swap(0, Ordering::Relaxed);
                let is_said = lost == 0 || io::stderr().write_all(&note(lost, json)).is_ok();
                let is_written = is_said && io::stderr().write_all(&line).is_ok();
                let again = if is_said { 0 } else { lost } + u64::from(!is_written);
                backlog.lost.fetch_add(again, Ordering::Relaxed);
            }
        }
    }
}

fn note(lost: u64, json: bool) -> Vec<u8> {
    let text = format!("{lost} lines of the log were lost: nobody took them");
    match json {
        true => format!(
            "{}\n",
            serde_json::json!({ "level": "WARN", "fields": { "message": text } })
        ),
        false => format!("{text}\n"),
    }
    .into_bytes()
}
