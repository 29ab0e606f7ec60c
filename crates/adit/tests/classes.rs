//! `adit class` from outside: forty who take part at once, what is bounded, and who the
//! teacher is. What browsers make of it is in `tests/browser/test_class.py`.

use std::process::Stdio;
use std::thread;

use adit_core::address::Address;
use adit_core::hash::{Hash, sha256};
use adit_core::puzzle::Puzzle;
use adit_core::sealed::{ChainId, Transfer};
use ed25519_zebra::{SigningKey, VerificationKeyBytes};
use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::tempdir;

use crate::raw::Answer;
use crate::support::{Process, Server, adit, ask, run, until};

const COIN: u64 = 1_000_000;

struct Class {
    server: Server,
    said: Value,
}

impl Class {
    fn start(options: &[&str]) -> Class {
        let mut command = adit(["class", "--json", "-p", "0", "--host", "127.0.0.1"]);
        let command = command.args(["--block-interval", "1s"]).args(options);
        let process = Process::start(command.stdin(Stdio::null()));
        let said = until("the class says where it is", || {
            serde_json::from_str::<Value>(process.stdout().trim()).ok()
        });
        let address = said["url"].as_str().unwrap().replace("http://", "");
        let server = Server { process, address };
        Class { server, said }
    }

    fn state(&self) -> Value {
        self.server.get("/class/state").expect_status(200).json()
    }

    fn join(&self, name: &str, key: &Key) -> Answer {
        let body = json!({ "name": name, "address": key.address() });
        self.server.post("/class/pupils", &body.to_string())
    }

    fn refused(&self, name: &str, key: &Key) -> String {
        let problem = self.join(name, key).expect_status(409).json();
        assert_eq!(problem["type"], "/problems/class");
        problem["rule"].as_str().unwrap().to_owned()
    }

    /// The path of the teacher's link.
    fn link(&self) -> String {
        let teacher = self.said["teacher"].as_str().unwrap();
        teacher.replace(self.said["url"].as_str().unwrap(), "")
    }

    /// A form with the teacher's cookie; `""` sends none.
    fn deed(&self, cookie: &str, form: &str) -> Answer {
        let head = format!("POST /teach/deed HTTP/1.1\r\nCookie: {cookie}");
        raw(&self.server.address, &head, form)
    }
}

/// A request whose first line and headers are given.
fn raw(address: &str, head: &str, body: &str) -> Answer {
    use std::io::{BufReader, Write};
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    let length = body.len();
    let request = format!(
        "{head}\r\nHost: {address}\r\nConnection: close\r\nContent-Type: \
         application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).unwrap();
    crate::raw::read_answer(&mut BufReader::new(stream)).unwrap()
}

struct Key(SigningKey);

impl Key {
    fn new(name: &str) -> Key {
        Key(SigningKey::from(sha256(name.as_bytes()).0))
    }

    fn address(&self) -> String {
        Address(VerificationKeyBytes::from(&self.0).into()).to_string()
    }

    fn pay(&self, chain: &str, nonce: u64, recipient: &str, amount: u64) -> String {
        let transfer = Transfer {
            amount,
            chain: ChainId::from_hex(chain.as_bytes()).unwrap(),
            data: None,
            fee: 0,
            nonce,
            recipient: recipient.parse().unwrap(),
            sender: self.address().parse().unwrap(),
        };
        let signature = self.0.sign(&transfer.to_signed_bytes()).to_bytes();
        String::from_utf8(transfer.with_signature(&signature)).unwrap()
    }
}

/// What a phone does: it joins, waits for its coins, pays a classmate, and mines once.
fn take_part(class: &Class, chain: &str, number: usize, count: usize) {
    let key = Key::new(&format!("phone {number}"));
    let joined = class
        .join(&format!("Pupil {number}"), &key)
        .expect_status(201)
        .json();
    let api = format!("/node/{}/api/v1", joined["node"]);
    let account = |key: &Key| {
        let path = format!("{api}/address/{}", key.address());
        class.server.get(&path).expect_status(200).json()
    };
    // A classmate may have paid by then, too.
    until("the coins are there", || {
        let balance = account(&key)["balance"].as_u64().unwrap();
        (balance >= 50 * COIN).then_some(())
    });
    let payee = Key::new(&format!("phone {}", (number + 1) % count));
    let payment = key.pay(chain, 0, &payee.address(), (1 + number as u64) * COIN);
    class
        .server
        .post(&format!("{api}/tx"), &payment)
        .expect_status(201);
    if number.is_multiple_of(10) {
        mine_once(class, &api, &key);
    }
}

/// It may well come too late; that is no mistake.
fn mine_once(class: &Class, api: &str, key: &Key) {
    let mining = json!({ "address": key.address(), "is_mining": true }).to_string();
    let share = class
        .server
        .post("/class/mining", &mining)
        .expect_status(200)
        .json();
    assert!(share["guesses_per_s"].as_u64().unwrap() > 0);
    let path = format!("{api}/template?reward_to={}", key.address());
    let template = class.server.get(&path).expect_status(200).json();
    let text = |name: &str| template[name].as_str().unwrap().to_owned();
    let puzzle = Puzzle {
        prefix: text("prefix").into_bytes(),
        suffix: Vec::new(),
        target: text("target").parse::<Hash>().unwrap().0,
    };
    let proof = (0..u64::MAX)
        .find(|proof| puzzle.is_solved_by(*proof))
        .unwrap();
    let block = format!("{}{proof}{}", text("before_proof"), text("behind_proof"));
    let answer = class.server.post(&format!("{api}/blocks"), &block);
    assert!([200, 400].contains(&answer.status), "{}", answer.text());
}

#[test]
fn forty_take_part_at_once_and_all_see_the_same_end() {
    const COUNT: usize = 40;
    let class = Class::start(&["--per-address", "41", "--pupils", "40"]);
    let status = class.server.status();
    let chain = status["chain"]["id"].as_str().unwrap().to_owned();
    thread::scope(|scope| {
        for number in 0..COUNT {
            let (class, chain) = (&class, &chain);
            scope.spawn(move || take_part(class, chain, number, COUNT));
        }
    });
    assert_eq!(
        class.refused("One more", &Key::new("one more")),
        "class-full"
    );
    let state = class.state();
    assert_eq!(state["people"].as_array().unwrap().len(), COUNT);
    let at = |node: usize| {
        let on = state["people"].as_array().unwrap().iter();
        on.filter(|one| one["node"] == node).count()
    };
    assert!(
        (13..=14).contains(&at(0)) && (13..=14).contains(&at(1)),
        "spread over the nodes"
    );
    // Each paid one coin more than the one before, and the first got the most.
    for node in 0..3 {
        for number in 0..COUNT {
            let key = Key::new(&format!("phone {number}"));
            let got = if number == 0 { COUNT } else { number } as u64;
            let expected = (50 + got - (1 + number as u64)) * COIN;
            let path = format!("/node/{node}/api/v1/address/{}", key.address());
            until("all payments are in blocks", || {
                let balance = class.server.get(&path).json()["balance"].as_u64().unwrap();
                // Rewards of those who mined come on top.
                let is_there = balance >= expected && balance.is_multiple_of(COIN);
                is_there.then_some(())
            });
        }
    }
    until("all nodes are on one tip", || {
        let lanes = class.state()["lanes"].take();
        let tips: Vec<_> = lanes
            .as_array()
            .unwrap()
            .iter()
            .map(|lane| &lane["tip"])
            .collect();
        (tips[0] == tips[1] && tips[1] == tips[2]).then_some(())
    });
}

#[test]
fn what_strangers_do_to_a_class_is_bounded() {
    let class = Class::start(&["--pupils", "3"]);
    let [ann, bob, cho, dan] = ["ann", "bob", "cho", "dan"].map(Key::new);
    class.join("Ann", &ann).expect_status(201);
    class.join("Ann", &ann).expect_status(201);
    assert_eq!(
        class.state()["people"].as_array().unwrap().len(),
        1,
        "again is not anew"
    );
    assert_eq!(class.refused("ann", &bob), "name-taken");
    assert_eq!(class.refused("<b>x</b>", &bob), "name");
    class.join("Bob", &bob).expect_status(201);
    class.join("Cho 2", &cho).expect_status(201);
    assert_eq!(class.refused("Dan", &dan), "class-full");
    class.server.post("/class/pupils", "{").expect_status(400);
    let long = format!("{{\"name\": \"{}\"}}", "a".repeat(2_000));
    class.server.post("/class/pupils", &long).expect_status(413);
    let body = json!({ "name": "x", "address": "adit1x" }).to_string();
    class.server.post("/class/pupils", &body).expect_status(400);
    // Nobody makes blocks there beside the pace.
    class.server.get("/mine").expect_status(409);
    class
        .server
        .post("/node/1/api/v1/mine", "")
        .expect_status(404);
    drop(class);

    let class = Class::start(&["--per-address", "2"]);
    class.join("Ann", &ann).expect_status(201);
    class.join("Bob", &bob).expect_status(201);
    assert_eq!(class.refused("Cho 2", &cho), "host-limit");
}

#[test]
fn the_teacher_is_whoever_opened_the_link_first() {
    let class = Class::start(&[]);
    let link = class.link();
    class.server.get("/teach").expect_status(403);
    assert_eq!(class.deed("", "deed=cut&node=2").status, 403);
    assert_eq!(class.deed("adit-teacher=1", "deed=cut&node=2").status, 403);
    class.server.get("/teach/0123").expect_status(403);
    let opened = class.server.get(&link).expect_status(200);
    let mut headers = opened.headers.iter();
    let cookie = headers.find(|(_, value)| value.starts_with("adit-teacher="));
    let cookie = &cookie.unwrap().1;
    assert!(
        cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"),
        "{cookie}"
    );
    let cookie = cookie.split(';').next().unwrap();
    class.server.get(&link).expect_status(403);
    let cut = |node: usize| class.state()["lanes"][node]["is_cut"] == true;
    assert_eq!(class.deed(cookie, "deed=cut&node=2").status, 303);
    assert!(cut(2) && !cut(0) && !cut(1));
    let peers = class.server.get("/node/2/api/v1/status").json();
    assert_eq!(peers["nodes"], json!([]), "it hears nobody");
    assert_eq!(class.deed(cookie, "deed=cut&node=9").status, 404);
    assert_eq!(
        class.deed(cookie, "deed=pay-twice&node=1").status,
        503,
        "it is not cut off"
    );
    assert_eq!(class.deed(cookie, "deed=reconnect&node=2").status, 303);
    assert!(!cut(2));
    let foreign =
        format!("POST /teach/deed HTTP/1.1\r\nCookie: {cookie}\r\nOrigin: http://evil.example");
    let answer = raw(&class.server.address, &foreign, "deed=cut&node=2");
    assert_eq!(answer.status, 403, "{}", answer.text());
    let page = ask(&class.server.address, "GET /class", "")
        .unwrap()
        .expect_status(200);
    assert!(!page.text().contains("<button"), "the room has no buttons");
    assert_eq!(class.deed(cookie, "deed=end").status, 303);
    class.server.process.ended().expect_code(0);
}

#[test]
fn a_class_is_wiped_at_its_end_unless_it_is_kept() {
    let folder = tempdir().unwrap();
    let kept = folder.path().join("kept");
    let class = Class::start(&["--keep", kept.to_str().unwrap(), "--traffic", "300ms"]);
    until("there are blocks", || {
        (class.server.status()["length"].as_u64()? > 2).then_some(())
    });
    class.server.process.signal(Signal::TERM);
    class.server.process.ended().expect_code(0);
    for node in ["ana", "ben", "cho"] {
        let data = kept.join(node);
        let arguments = ["chain", "verify", "--data-dir", data.to_str().unwrap()];
        run(&mut adit(arguments)).expect_code(0);
    }
    let again = run(adit(["class", "-p", "0"]).arg("--keep").arg(&kept));
    again.expect_code(1).expect_error(["not empty"]);
}
