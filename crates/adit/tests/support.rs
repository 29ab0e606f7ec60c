//! A node as a real process in a folder of its own, and a client that sends
//! exactly the bytes that it is told to, over a plain socket.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use adit_core::block::Block;
use adit_core::hash::sha256;
use adit_core::rules::by_name;
use adit_core::sync::ChainReader;
use tempfile::TempDir;

/// A node that does not listen after this time does not start.
const START_LIMIT: Duration = Duration::from_secs(20);

/// No answer takes longer, however busy the machine is: `GET /nodes/resolve`
/// waits 45 s for peers.
const ANSWER_LIMIT: Duration = Duration::from_secs(55);

/// A running node. It ends when it is dropped.
pub(crate) struct Node {
    process: Child,
    port: u16,
    arguments: Vec<String>,
    folder: TempDir,
    log: Arc<Mutex<String>>,
}

/// What the node answered.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Node {
    /// Starts a node that looks at its peers only when it is told to.
    pub(crate) fn start() -> Node {
        Node::start_with(&["--resolve-every", "0"])
    }

    pub(crate) fn start_with(arguments: &[&str]) -> Node {
        let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
        let folder = TempDir::new().unwrap();
        let log = Arc::default();
        let (process, port) = spawn(folder.path(), 0, &arguments, &log);
        Node {
            process,
            port,
            arguments,
            folder,
            log,
        }
    }

    /// Kills the node with SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Kills the node, and starts it anew in the same folder, on the same port.
    pub(crate) fn restart(&mut self) {
        self.kill();
        (self.process, _) = spawn(self.folder.path(), self.port, &self.arguments, &self.log);
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// All that the node has logged so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// How much memory the node holds now, in MB of a million bytes.
    pub(crate) fn resident_mb(&self) -> u64 {
        let file = format!("/proc/{}/status", self.process.id());
        let text = std::fs::read_to_string(file).unwrap();
        let line = text.lines().find(|line| line.starts_with("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().nth(1));
        kib.unwrap().parse::<u64>().unwrap() * 1024 / 1_000_000
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        let stream = TcpStream::connect_timeout(&address, ANSWER_LIMIT).unwrap();
        stream.set_read_timeout(Some(ANSWER_LIMIT)).unwrap();
        stream.set_write_timeout(Some(ANSWER_LIMIT)).unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    }

    /// Sends these bytes on a connection of their own, and reads one answer.
    /// That the node stops listening in the middle is none of an error: it may
    /// have said why.
    pub(crate) fn send(&self, request: &[u8]) -> io::Result<Answer> {
        let mut stream = self.connect();
        let _ = stream.write_all(request);
        read_answer(&mut BufReader::new(stream))
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.request("GET", path, &[], b"")
    }

    pub(crate) fn post(&self, path: &str, body: impl AsRef<[u8]>) -> Answer {
        let json = ["Content-Type: application/json"];
        self.request("POST", path, &json, body.as_ref())
    }

    /// A request as it should be, with these further header lines.
    pub(crate) fn request(&self, method: &str, path: &str, headers: &[&str], body: &[u8]) -> Answer {
        let mut request = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
        if !headers.iter().any(|line| line.starts_with("Host:")) {
            request += &format!("Host: localhost:{}\r\n", self.port);
        }
        for line in headers {
            request += &format!("{line}\r\n");
        }
        request += &format!("Content-Length: {}\r\n\r\n", body.len());
        self.send(&[request.as_bytes(), body].concat())
            .unwrap_or_else(|error| panic!("{method} {path}: {error}\n{}", self.log()))
    }

    pub(crate) fn status(&self) -> serde_json::Value {
        self.get("/api/v1/status").json()
    }

    /// The node's chain, after a check of everything that makes it one: each
    /// block names the SHA-256 of the one before, and solves its puzzle.
    pub(crate) fn checked_chain(&self) -> Vec<Block> {
        let rules = by_name(self.status()["rules"].as_str().unwrap()).unwrap();
        let mut reader = ChainReader::of_answer();
        reader.feed(&self.get("/chain").body);
        reader.end();
        let mut chain = Vec::<Block>::new();
        while let Some(text) = reader.next_block().unwrap() {
            let block = rules.read_canonical(text).unwrap();
            assert_eq!(block.index(), chain.len() as u64 + 1);
            if let Some(parent) = chain.last() {
                assert_eq!(block.parent(), Some(sha256(parent.text())));
                let last_proof = parent.proof().to_string();
                let guess = match rules.name() {
                    "classic" => last_proof + &block.proof().to_string(),
                    _ => format!("{last_proof}{}{}", block.proof(), parent.hash()),
                };
                assert!(sha256(guess.as_bytes()).to_string().starts_with("0000"));
            }
            chain.push(block);
        }
        chain
    }

    /// Whatever was done to the node: it answers, its chain is valid, and
    /// nothing in it broke.
    pub(crate) fn assert_unharmed(&self) {
        let length = self.status()["length"].as_u64().unwrap();
        assert!(self.checked_chain().len() as u64 >= length);
        let log = self.log();
        assert!(!log.contains("panicked") && !log.contains("ERROR"), "{log}");
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // If it is gone already, that is what was wanted.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let found = headers.find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

/// Reads one answer off a connection.
pub(crate) fn read_answer(stream: &mut impl BufRead) -> io::Result<Answer> {
    let mut answer = read_head(stream)?;
    if [204, 304].contains(&answer.status) {
        return Ok(answer);
    }
    if answer.header("transfer-encoding") == Some("chunked") {
        while let Some(length) = read_chunk_length(stream)? {
            stream.take(length).read_to_end(&mut answer.body)?;
            read_line(stream)?;
        }
        read_line(stream)?;
    } else if let Some(length) = answer.header("content-length") {
        let mut body = vec![0; length.parse().unwrap()];
        stream.read_exact(&mut body)?;
        answer.body = body;
    } else {
        stream.read_to_end(&mut answer.body)?;
    }
    Ok(answer)
}

/// Reads the status and the headers of an answer; what follows an answer to
/// HEAD is nothing.
pub(crate) fn read_head(stream: &mut impl BufRead) -> io::Result<Answer> {
    let first = read_line(stream)?;
    let status = first.split(' ').nth(1).and_then(|status| status.parse().ok());
    let not_http = || io::Error::other(format!("not HTTP: {first:?}"));
    let mut headers = Vec::new();
    loop {
        let line = read_line(stream)?;
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(':').ok_or_else(not_http)?;
        headers.push((name.to_string(), value.trim().to_string()));
    }
    Ok(Answer {
        status: status.ok_or_else(not_http)?,
        headers,
        body: Vec::new(),
    })
}

fn read_chunk_length(stream: &mut impl BufRead) -> io::Result<Option<u64>> {
    let length = u64::from_str_radix(&read_line(stream)?, 16).map_err(io::Error::other)?;
    Ok((length > 0).then_some(length))
}

fn read_line(stream: &mut impl BufRead) -> io::Result<String> {
    let mut line = Vec::new();
    stream.read_until(b'\n', &mut line)?;
    match line.strip_suffix(b"\r\n") {
        Some(line) => Ok(String::from_utf8_lossy(line).into_owned()),
        None => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

/// Starts the binary, waits until it answers, and says where it listens.
fn spawn(
    folder: &Path,
    port: u16,
    arguments: &[String],
    log: &Arc<Mutex<String>>,
) -> (Child, u16) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_adit"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("ADIT_") {
            command.env_remove(name);
        }
    }
    let mut process = command
        .args(["node", "--port", &port.to_string(), "--data-dir", "data"])
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let logged_before = log.lock().unwrap().len();
    let mut output = BufReader::new(process.stderr.take().unwrap());
    let collected = Arc::clone(log);
    thread::spawn(move || {
        let mut line = String::new();
        while matches!(output.read_line(&mut line), Ok(length) if length > 0) {
            collected.lock().unwrap().push_str(&line);
            line.clear();
        }
    });
    let start = Instant::now();
    loop {
        let logged = log.lock().unwrap()[logged_before..].to_string();
        if let Some(port) = logged_port(&logged) {
            return (process, port);
        }
        assert!(start.elapsed() < START_LIMIT, "did not start: {logged}");
        let ended = process.try_wait().unwrap();
        assert_eq!(ended, None, "ended at once: {logged}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// The port in the line that says that the node listens; it does by then.
fn logged_port(log: &str) -> Option<u16> {
    let (_, url) = log.split_once("url=\"http://127.0.0.1:")?;
    url.split_once('"')?.0.parse().ok()
}
