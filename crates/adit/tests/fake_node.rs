//! A node that answers what a test tells it to, and remembers what it was asked.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};

/// Listens until the tests end.
pub(crate) struct FakeNode {
    /// `host:port`.
    pub(crate) address: String,
    asked: Arc<Mutex<Vec<String>>>,
}

/// In place of a status: what follows is the whole answer.
const EXACTLY: u16 = 0;

/// What is answered to which request, `GET /path` without what is asked for
/// behind a question mark.
type Answers = Vec<(String, u16, Vec<u8>)>;

impl FakeNode {
    /// Answers these; everything else is not found. Paths are below `/api/v1`.
    pub(crate) fn answering(answers: &[(&str, Value)]) -> FakeNode {
        let answers = answers.iter().map(|(request, body)| {
            let (method, path) = request.split_once(' ').unwrap();
            let body = match body {
                // What is no JSON in the API is plain text.
                Value::String(text) => text.clone(),
                body => body.to_string(),
            };
            (format!("{method} /api/v1{path}"), 200, body.into_bytes())
        });
        FakeNode::start(answers.collect())
    }

    /// Answers everything with this.
    pub(crate) fn always(status: u16, body: &[u8]) -> FakeNode {
        FakeNode::start(vec![(String::new(), status, body.to_vec())])
    }

    /// Answers a client that listens to events with exactly this, and hangs up.
    pub(crate) fn streaming(whole: &str) -> FakeNode {
        let status = crate::fake_answers::status("classic").to_string();
        FakeNode::start(vec![
            ("GET /api/v1/status".to_owned(), 200, status.into_bytes()),
            ("GET /api/v1/events".to_owned(), EXACTLY, whole.into()),
        ])
    }

    fn start(answers: Answers) -> FakeNode {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let (answers, asking) = (Arc::new(answers), Arc::clone(&asked));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (answers, asking) = (Arc::clone(&answers), Arc::clone(&asking));
                thread::spawn(move || answer(stream, &answers, &asking));
            }
        });
        FakeNode { address, asked }
    }

    /// What was asked so far: method, path, and the body if there was one.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn answer(stream: TcpStream, answers: &Answers, asked: &Mutex<Vec<String>>) -> Option<()> {
    let mut reader = BufReader::new(&stream);
    let mut first = String::new();
    reader.read_line(&mut first).ok()?;
    let (mut length, mut last_event) = (0, String::new());
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        match line.trim_end().to_lowercase().split_once(": ") {
            Some(("content-length", value)) => length = value.parse().ok()?,
            Some(("last-event-id", id)) => last_event = format!("after {id}"),
            Some(_) => {}
            None => break,
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let mut words = first.split(' ');
    let (method, path) = (words.next()?, words.next()?);
    let body = String::from_utf8(body).ok()?;
    let request = format!("{method} {path} {last_event}{body}");
    asked.lock().unwrap().push(request.trim_end().to_owned());
    let wanted = format!("{method} {}", path.split('?').next()?);
    let known = answers
        .iter()
        .find(|(request, ..)| request.is_empty() || *request == wanted);
    let (status, body) = match known {
        Some((_, status, body)) => (*status, body.clone()),
        None => (404, problem(404, "there is no such thing here")),
    };
    if status == EXACTLY {
        let _ = (&stream).write_all(&body);
        return Some(());
    }
    let length = body.len();
    let head =
        format!("HTTP/1.1 {status} Said\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n");
    // The client may have heard enough before the end.
    let _ = (&stream).write_all(&[head.as_bytes(), &body].concat());
    Some(())
}

/// A problem document.
pub(crate) fn problem(status: u16, detail: &str) -> Vec<u8> {
    let document = json!({
        "type": "/problems/test",
        "title": "A problem",
        "status": status,
        "detail": detail,
    });
    document.to_string().into_bytes()
}
