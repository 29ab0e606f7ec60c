//! Peers that answer at once, but not as HTTP wants it. Each stands beside a
//! healthy one, whose chain is adopted all the same, and is named with what
//! was wrong.

use std::io::Write;
use std::net::TcpListener;

use crate::gzip;
use crate::peer::{Forger, Peer, WRONG_LENGTH, assert_is_chain, chain_body, check, resolve_among};
use crate::raw::Node;

const BAD_STATUSES: [(&str, &str); 5] = [
    ("500 Internal Server Error", "500 Internal Server Error"),
    ("404 Not Found", "404 Not Found"),
    ("204 No Content", "204 No Content"),
    ("302 Found", "302 Found"),
    (
        "101 No\r\nConnection: upgrade\r\nUpgrade: x",
        "101 Switching Protocols",
    ),
];

#[test]
fn a_status_other_than_200_is_refused() {
    check(BAD_STATUSES.map(|(sent, said)| {
        let answer = format!("HTTP/1.1 {sent}\r\nContent-Length: 0\r\n\r\n");
        let error = format!("expected status 200, found {said}");
        (Peer::sending(answer), error)
    }));
}

const NO_ANSWERS: [(&str, &str); 8] = [
    ("", "connection closed before message completed"),
    (
        "HTTP/1.1 200 OK\r\nContent-",
        "connection closed before message completed",
    ),
    (
        "\x16\x03\x01\x02\x00\x01\x00\x01",
        "invalid HTTP version parsed",
    ),
    ("SSH-2.0-OpenSSH_9.6\r\n\r\n", "invalid HTTP version parsed"),
    (
        "HTTP/1.1 999999 OK\r\n\r\n",
        "invalid HTTP status-code parsed",
    ),
    (
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "invalid content-length parsed",
    ),
    (
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
        "invalid content-length parsed",
    ),
    (
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        "Invalid chunk size line: missing size digit",
    ),
];

#[test]
fn an_answer_that_is_no_http_is_refused() {
    let broke_off = |cause: &str| format!("the answer broke off: {cause}");
    let huge_header = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "a".repeat(1_000_000));
    let many_headers = format!("HTTP/1.1 200 OK\r\n{}\r\n", "A: b\r\n".repeat(200));
    let too_large = [huge_header, many_headers].map(|answer| {
        let error = broke_off("message head is too large");
        (Peer::sending(answer), error)
    });
    let others = NO_ANSWERS.map(|(answer, cause)| (Peer::sending(answer), broke_off(cause)));
    check(others.into_iter().chain(too_large));
}

#[test]
fn an_answer_that_is_cut_or_longer_than_it_says_is_refused_or_read_as_it_says() {
    let body = chain_body(&Forger::chain(WRONG_LENGTH));
    let stating = |length: usize, body: &str| {
        Peer::sending(format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}"
        ))
    };
    let half = &body[..body.len() / 2];
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let chunk = format!("{:x}\r\n{half}\r\n", half.len());
    const CUT: &str = "the answer broke off: end of file before message length reached";
    const HALF: &str = "the answer ends after 709 bytes, before the chain does";
    check([
        (stating(body.len() + 1, &body), CUT),
        (stating(body.len(), half), CUT),
        (stating(half.len(), &body), HALF),
        (
            stating(0, &body),
            "the answer ends after 0 bytes, before the chain does",
        ),
        (
            Peer::sending(format!("HTTP/1.1 200 OK\r\n\r\n{half}")),
            HALF,
        ),
        (
            Peer::sending(format!("{chunked}{chunk}")),
            "the answer broke off: unexpected EOF during chunk size line",
        ),
        (Peer::sending(format!("{chunked}{chunk}0\r\n\r\n")), HALF),
    ]);
}

#[test]
fn a_peer_that_is_not_there_costs_the_others_nothing() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let nobody = Peer::at(&address);
    let nameless = Peer::at("no-such-host.invalid:5000");
    let resolved = resolve_among(&[nobody, nameless]);
    let error = |address: &str| resolved.peers[address]["error"].as_str().unwrap();
    assert_eq!(
        error(&address),
        "no connection: Connection refused (os error 111)"
    );
    assert!(error("no-such-host.invalid:5000").starts_with("no connection: "));
}

fn redirect(to: &str) -> String {
    format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n")
}

#[test]
fn a_redirect_to_another_host_is_not_followed() {
    let target = Peer::serving(chain_body(&Forger::chain(WRONG_LENGTH)));
    let (_, port) = target.address.rsplit_once(':').unwrap();
    const ELSEWHERE: &str = "it redirects to another host, and is not followed there";
    const NOWHERE: &str = "expected status 200, found 302 Found";
    let cases = [
        (format!("http://{}/chain", target.address), ELSEWHERE),
        (format!("//{}/chain", target.address), ELSEWHERE),
        (format!("http://localhost:{port}/chain"), ELSEWHERE),
        ("/again".to_string(), "it redirects in circles"),
        ("file:///etc/passwd".to_string(), NOWHERE),
        ("http://[".to_string(), NOWHERE),
    ];
    check(cases.map(|(to, error)| (Peer::sending(redirect(&to)), error)));
    assert_eq!(target.visits(), 0);
}

#[test]
fn a_redirect_on_the_same_host_is_followed() {
    let node = Node::start();
    let body = chain_body(&Forger::chain(WRONG_LENGTH));
    let moved = Peer::start(move |path, mut stream| {
        let answer = match path {
            "/moved" => format!("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{body}"),
            _ => redirect("/moved"),
        };
        stream.write_all(answer.as_bytes()).unwrap();
    });
    node.register([&moved]);
    assert_eq!(node.resolve().peers[&moved.address]["outcome"], "adopted");
    assert_eq!(node.checked_chain().len(), WRONG_LENGTH);
}

#[test]
fn what_a_peer_calls_unchanged_is_left_alone() {
    let unasked = Peer::sending("HTTP/1.1 304 Not Modified\r\n\r\n");
    let resolved = resolve_among(std::slice::from_ref(&unasked));
    assert_eq!(resolved.peers[&unasked.address]["outcome"], "unchanged");
}

#[test]
fn a_packed_answer_is_unpacked() {
    let node = Node::start();
    let blocks = Forger::chain(WRONG_LENGTH);
    let body = chain_body(&blocks);
    let packed = gzip::stored(body.as_bytes());
    let healthy = Peer::sending(gzip::answer(&packed));
    node.register([&healthy]);
    assert_eq!(node.resolve().peers[&healthy.address]["outcome"], "adopted");
    assert_is_chain(&node, &blocks);
}

#[test]
fn an_answer_that_is_not_packed_as_it_says_is_refused() {
    let body = chain_body(&Forger::chain(WRONG_LENGTH));
    let packed = gzip::stored(body.as_bytes());
    let mut wrong_sum = packed.clone();
    let end = wrong_sum.len() - 8;
    wrong_sum[end] ^= 1;
    let cases = [
        (
            body.as_bytes(),
            "the answer can't be unpacked: invalid gzip header",
        ),
        (
            &packed[..packed.len() / 2],
            "the answer can't be unpacked: incomplete deflate stream",
        ),
        (
            &wrong_sum,
            "the answer can't be unpacked: corrupt gzip stream does not have a matching checksum",
        ),
        (b"", "the answer ends after 0 bytes, before the chain does"),
    ];
    check(cases.map(|(packed, error)| (Peer::sending(gzip::answer(packed)), error)));

    let packed_twice = Peer::sending(gzip::answer(&gzip::stored(&packed)));
    let not_said = Peer::serving(&packed);
    let resolved = resolve_among(&[packed_twice, not_said]);
    let said = resolved
        .peers
        .values()
        .filter_map(|peer| peer["error"].as_str());
    let expected = "expected an object with a \"chain\" at byte 0 of the answer, found ";
    assert_eq!(said.filter(|error| error.starts_with(expected)).count(), 2);
}
