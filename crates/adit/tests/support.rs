//! Processes that end with their test, some of which are asked over HTTP, and
//! waiting that has an end.

use std::ffi::OsStr;
use std::io::{self, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::raw::{Answer, read_answer};

/// Nothing is waited for longer than this.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A process that is no longer wanted is killed after this time.
const END_LIMIT: Duration = Duration::from_secs(5);

const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// Looks again and again until there is something to see, and returns it.
#[track_caller]
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(start.elapsed() < PATIENCE, "waited in vain until {what}");
        thread::sleep(POLL_INTERVAL);
    }
}

/// `adit` with these arguments, without the settings of the person who runs the
/// tests, and in a folder where no `.env` stands.
pub(crate) fn adit<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_adit"));
    command.args(arguments).current_dir("/");
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("ADIT_") {
            command.env_remove(name);
        }
    }
    command
}

/// Another command that runs this one: with its arguments behind, and in its
/// surroundings.
pub(crate) fn wrapped(mut outer: Command, command: &Command) -> Command {
    outer.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => outer.env(name, value),
            None => outer.env_remove(name),
        };
    }
    outer.current_dir(command.get_current_dir().unwrap());
    outer
}

/// A port that nobody listens on, below those that the system gives to
/// connections (one of which would take it again).
pub(crate) fn free_port() -> u16 {
    const LOWEST: u16 = 20_000;
    const COUNT: u16 = 12_000;
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = (std::process::id() * 97 % u32::from(COUNT)) as u16;
    loop {
        let next = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = LOWEST + (first + next % COUNT) % COUNT;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// A process that is killed when its test lets go of it.
pub(crate) struct Process {
    child: Child,
    stdout: Collected,
    stderr: Collected,
}

/// A process that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// What a process writes, read as it comes.
struct Collected {
    text: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
}

/// Runs a command to its end.
pub(crate) fn run(command: &mut Command) -> Ended {
    Process::start(command.stdin(Stdio::null())).ended()
}

/// Runs a command to its end, with this on its standard input.
pub(crate) fn run_with_input(command: &mut Command, input: &[u8]) -> Ended {
    let mut process = Process::start(command.stdin(Stdio::piped()));
    let mut stdin = process.child.stdin.take().unwrap();
    // A command that has read enough closes its input; its output says why.
    let _ = stdin.write_all(input);
    drop(stdin);
    process.ended()
}

impl Process {
    pub(crate) fn start(command: &mut Command) -> Process {
        let started = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut child = started.unwrap_or_else(|error| panic!("{command:?}: {error}"));
        Process {
            stdout: Collected::of(child.stdout.take().unwrap()),
            stderr: Collected::of(child.stderr.take().unwrap()),
            child,
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has written to its output so far.
    pub(crate) fn stdout(&self) -> String {
        self.stdout.so_far()
    }

    /// What it has written to its error output so far.
    pub(crate) fn stderr(&self) -> String {
        self.stderr.so_far()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Ends it by SIGKILL: it can do nothing about it.
    pub(crate) fn kill(mut self) -> Ended {
        self.child.kill().unwrap();
        self.ended()
    }

    /// Waits for its end.
    #[track_caller]
    pub(crate) fn ended(mut self) -> Ended {
        let status = until("the process ends", || self.child.try_wait().unwrap());
        Ended {
            status,
            stdout: self.stdout.whole(),
            stderr: self.stderr.whole(),
        }
    }

    fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.has_ended() {
            return;
        }
        // First in good order: a node in memory then frees it.
        let start = Instant::now();
        self.signal(Signal::TERM);
        while !self.has_ended() && start.elapsed() < END_LIMIT {
            thread::sleep(POLL_INTERVAL);
        }
        // It may have ended by now.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Collected {
    fn of(mut source: impl Read + Send + 'static) -> Collected {
        let text = Arc::<Mutex<Vec<u8>>>::default();
        let collecting = Arc::clone(&text);
        let reader = thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(length) = source.read(&mut piece) {
                if length == 0 {
                    return;
                }
                collecting.lock().unwrap().extend(&piece[..length]);
            }
        });
        Collected {
            text,
            reader: Some(reader),
        }
    }

    fn so_far(&self) -> String {
        String::from_utf8_lossy(&self.text.lock().unwrap()).into_owned()
    }

    fn whole(&mut self) -> String {
        if let Some(reader) = self.reader.take() {
            reader.join().unwrap();
        }
        self.so_far()
    }
}

impl Ended {
    /// It ended by itself, with this exit code.
    #[track_caller]
    pub(crate) fn expect_code(self, code: i32) -> Ended {
        assert_eq!(self.status.code(), Some(code), "{self:#?}");
        self
    }

    /// Its error output says all of this.
    #[track_caller]
    pub(crate) fn expect_error<'a>(self, texts: impl IntoIterator<Item = &'a str>) -> Ended {
        for text in texts {
            assert!(self.stderr.contains(text), "no {text:?} in {self:#?}");
        }
        self
    }

    /// What it wrote to its standard output, as one JSON value.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error} in {self:#?}"))
    }
}

/// A process that answers HTTP: a node, ours or the tutorial's.
pub(crate) struct Server {
    pub(crate) process: Process,
    /// `host:port`.
    pub(crate) address: String,
}

impl Server {
    /// `adit node` with these arguments, on a free port.
    pub(crate) fn adit<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Server {
        Server::start(adit(["node", "-p", "0"]).args(arguments))
    }

    /// Starts a node that says on which address it listens, and waits for it.
    #[track_caller]
    pub(crate) fn start(command: &mut Command) -> Server {
        let mut process = Process::start(command.stdin(Stdio::null()));
        let address = until("the node listens", || {
            let has_ended = process.has_ended();
            let said = process.stdout.so_far() + &process.stderr();
            let address = address_in(&said);
            assert!(address.is_some() || !has_ended, "{command:?}: {said}");
            address
        });
        Server { process, address }
    }

    #[track_caller]
    pub(crate) fn get(&self, path: &str) -> Answer {
        self.try_get(path).unwrap()
    }

    #[track_caller]
    pub(crate) fn post(&self, path: &str, body: &str) -> Answer {
        self.try_post(path, body).unwrap()
    }

    pub(crate) fn try_get(&self, path: &str) -> io::Result<Answer> {
        ask(&self.address, &format!("GET {path}"), "")
    }

    pub(crate) fn try_post(&self, path: &str, body: &str) -> io::Result<Answer> {
        ask(&self.address, &format!("POST {path}"), body)
    }

    /// Makes a block.
    #[track_caller]
    pub(crate) fn mine(&self) -> Value {
        self.get("/mine").expect_status(200).json()
    }

    /// Submits a transaction.
    #[track_caller]
    pub(crate) fn pay(&self, sender: &str, recipient: &str) {
        let body = json!({ "sender": sender, "recipient": recipient, "amount": 1 });
        let answer = self.post("/transactions/new", &body.to_string());
        answer.expect_status(201);
    }

    /// Registers other nodes; returns all that it knows then.
    #[track_caller]
    pub(crate) fn register<'a>(&self, others: impl IntoIterator<Item = &'a str>) -> Vec<String> {
        let others = others.into_iter().map(|other| format!("http://{other}"));
        let body = json!({ "nodes": others.collect::<Vec<_>>() });
        let answer = self.post("/nodes/register", &body.to_string());
        let mut answer = answer.expect_status(201).json();
        serde_json::from_value(answer["total_nodes"].take()).unwrap()
    }

    /// The blocks of its chain.
    #[track_caller]
    pub(crate) fn chain(&self) -> Vec<Value> {
        let mut answer = self.get("/chain").expect_status(200).json();
        serde_json::from_value(answer["chain"].take()).unwrap()
    }

    /// How it is; the tutorial's node does not tell.
    #[track_caller]
    pub(crate) fn status(&self) -> Value {
        self.get("/api/v1/status").expect_status(200).json()
    }
}

impl Answer {
    #[track_caller]
    pub(crate) fn expect_status(self, status: u16) -> Answer {
        assert_eq!(self.status, status, "{}", self.text());
        self
    }
}

/// One request on a connection of its own.
pub(crate) fn ask(address: &str, request: &str, body: &str) -> io::Result<Answer> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let length = body.len();
    let request = format!(
        "{request} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes())?;
    read_answer(&mut BufReader::new(stream))
}

/// The `host:port` behind the word "listening", if it is there whole.
fn address_in(said: &str) -> Option<String> {
    let (_, after) = said.split_once("listening")?;
    let (_, after) = after.split_once("http://")?;
    let end = after.find(|byte: char| byte.is_whitespace() || ['"', '/'].contains(&byte))?;
    Some(after[..end].to_string())
}
