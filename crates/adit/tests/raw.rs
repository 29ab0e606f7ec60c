//! A node in a folder of its own, and a client that sends it exactly the
//! bytes that it is told to, over a plain socket.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Command;

use adit_core::block::Block;
use adit_core::hash::sha256;
use adit_core::rules::by_name;
use adit_core::sync::ChainReader;
use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{PATIENCE, Server, adit};

/// A running node. It ends when it is dropped.
pub(crate) struct Node {
    server: Server,
    folder: TempDir,
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
        Node::start_in(TempDir::new().unwrap(), "0")
    }

    /// Kills the node, and starts it again in the same folder, on the same
    /// port.
    pub(crate) fn restart(self) -> Node {
        let Node { server, folder } = self;
        server.process.kill();
        let (_, port) = server.address.rsplit_once(':').unwrap();
        Node::start_in(folder, port)
    }

    /// Ends the node with this signal, and starts it again in the same folder.
    pub(crate) fn restart_after(self, signal: Signal) -> Node {
        let Node { server, folder } = self;
        server.process.signal(signal);
        server.process.ended().expect_code(0);
        Node::start_in(folder, "0")
    }

    /// Starts a node that can have this many files open, and no more.
    pub(crate) fn start_with_open_files(limit: u32) -> Node {
        let mut shell = Command::new("sh");
        let then_start = format!("ulimit -n {limit} && exec \"$0\" \"$@\"");
        shell.args(["-c", &then_start]);
        let folder = TempDir::new().unwrap();
        let node = adit_in(&folder, "0");
        shell.arg(node.get_program()).args(node.get_args());
        Node {
            server: Server::start(&mut shell),
            folder,
        }
    }

    /// Starts a node with these options.
    pub(crate) fn start_with(options: &[&str]) -> Node {
        let folder = TempDir::new().unwrap();
        Node {
            server: Server::start(adit_in(&folder, "0").args(options)),
            folder,
        }
    }

    fn start_in(folder: TempDir, port: &str) -> Node {
        Node {
            server: Server::start(&mut adit_in(&folder, port)),
            folder,
        }
    }

    /// `host:port`.
    pub(crate) fn address(&self) -> &str {
        &self.server.address
    }

    pub(crate) fn port(&self) -> u16 {
        self.address().rsplit_once(':').unwrap().1.parse().unwrap()
    }

    /// How much memory the node holds now, in MB of a million bytes.
    pub(crate) fn resident_mb(&self) -> u64 {
        self.system_says("VmRSS:") * 1024 / 1_000_000
    }

    /// The most that it has held since its start.
    pub(crate) fn peak_mb(&self) -> u64 {
        self.system_says("VmHWM:") * 1024 / 1_000_000
    }

    /// How many threads the node has now.
    pub(crate) fn threads(&self) -> u64 {
        self.system_says("Threads:")
    }

    /// How many files and sockets the node has open now.
    pub(crate) fn open_files(&self) -> usize {
        let folder = format!("/proc/{}/fd", self.server.process.id());
        std::fs::read_dir(folder).unwrap().count()
    }

    fn system_says(&self, name: &str) -> u64 {
        let file = format!("/proc/{}/status", self.server.process.id());
        let text = std::fs::read_to_string(file).unwrap();
        let line = text.lines().find(|line| line.starts_with(name));
        let number = line.and_then(|line| line.split_whitespace().nth(1));
        number.unwrap().parse().unwrap()
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    }

    /// Sends these bytes on a connection of their own, and reads one answer. It
    /// is no error if the node stops listening in the middle: it may have said
    /// why.
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
    pub(crate) fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[&str],
        body: &[u8],
    ) -> Answer {
        let request = request_text(self.address(), method, path, headers, body);
        self.send(&request)
            .unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    pub(crate) fn status(&self) -> Value {
        self.get("/api/v1/status").json()
    }

    /// The node's chain, after a check of everything that makes it one: each
    /// block names the SHA-256 of the one before, and solves its puzzle.
    pub(crate) fn checked_chain(&self) -> Vec<Block> {
        let rules = by_name("classic").unwrap();
        let mut reader = ChainReader::of_answer();
        reader.feed(&self.get("/chain").body);
        reader.end();
        let mut chain = Vec::<Block>::new();
        while let Some(text) = reader.next_block().unwrap() {
            let block = rules.read_canonical(text).unwrap();
            assert_eq!(block.height(), chain.len() as u64 + 1);
            if let Some(parent) = chain.last() {
                assert_eq!(block.parent(), Some(sha256(parent.text())));
                let guess = format!("{}{}", parent.proof(), block.proof());
                assert!(sha256(guess.as_bytes()).to_string().starts_with("0000"));
            }
            chain.push(block);
        }
        chain
    }

    /// What it has logged.
    pub(crate) fn log(&self) -> String {
        self.server.process.stderr()
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

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let found = headers.find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

/// A request as it should be, with these further header lines.
pub(crate) fn request_text(
    address: &str,
    method: &str,
    path: &str,
    headers: &[&str],
    body: &[u8],
) -> Vec<u8> {
    let mut request = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
    if !headers.iter().any(|line| line.starts_with("Host:")) {
        request += &format!("Host: {address}\r\n");
    }
    for line in headers {
        request += &format!("{line}\r\n");
    }
    request += &format!("Content-Length: {}\r\n\r\n", body.len());
    [request.as_bytes(), body].concat()
}

fn adit_in(folder: &TempDir, port: &str) -> Command {
    let mut command = adit(["node", "--resolve-every", "0", "-p", port]);
    command.arg("--data-dir").arg(folder.path());
    command
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
    let status = first
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
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
