//! Those who mean no good, over real sockets: half-open connections, slow handshakes,
//! floods of dials, garbage, and peers that do not read. What is asked: that nothing
//! panics or stays, and that an honest peer gets through.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use adit_net::machine::{Direction, Input};
use adit_net::message::Message;
use adit_p2p::OUTBOXES_LIMIT_BYTES;
use adit_p2p::gate::PENDING_CONNECTIONS_LIMIT;

use crate::support::{Node, PATIENCE, pair};

/// An honest peer talks with it all the same.
#[track_caller]
fn is_unharmed(node: &mut Node) {
    let mut honest = Node::start();
    let start = Instant::now();
    loop {
        assert!(start.elapsed() < PATIENCE, "an honest peer gets through");
        honest.edge.dial(node.address, Direction::Outbound);
        match honest.next() {
            Input::Connected { peer, .. } => {
                honest.edge.send(peer, &Message::Ping(77));
                break;
            }
            Input::DialFailed(_) => thread::sleep(Duration::from_millis(100)),
            other => panic!("{other:?}"),
        }
    }
    loop {
        match node.next() {
            Input::Message(_, Message::Ping(77)) => return,
            Input::Connected { .. } | Input::Disconnected(_) | Input::Malformed(..) => {}
            other => panic!("{other:?}"),
        }
    }
}

/// Whether the other side hangs up in time.
fn is_hung_up(mut stream: &TcpStream) -> bool {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut bytes = [0; 4_096];
    loop {
        match stream.read(&mut bytes) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) => return error.kind() == std::io::ErrorKind::ConnectionReset,
        }
    }
}

#[test]
fn connections_on_which_nothing_is_said_take_no_place_for_long() {
    let mut node = Node::start();
    let silent: Vec<TcpStream> = (0..2 * PENDING_CONNECTIONS_LIMIT)
        .map(|_| TcpStream::connect(node.socket).unwrap())
        .collect();
    // Further ones are refused at once, and the others hung up on.
    assert!(silent.iter().all(is_hung_up));
    is_unharmed(&mut node);
    let refused: u64 = node.edge.counts().refusals().map(|(_, count)| count).sum();
    assert!(refused >= PENDING_CONNECTIONS_LIMIT as u64, "{refused}");
}

#[test]
fn a_slow_handshake_is_cut_off() {
    let mut node = Node::start();
    let slow = TcpStream::connect(node.socket).unwrap();
    let dripping = thread::spawn({
        let mut slow = slow.try_clone().unwrap();
        move || {
            for byte in b"\x13/multistream/1.0.0\n\x07/noise\n".iter().cycle() {
                if slow.write_all(&[*byte]).is_err() {
                    return;
                }
                thread::sleep(Duration::from_millis(400));
            }
        }
    });
    assert!(is_hung_up(&slow));
    slow.shutdown(Shutdown::Both).unwrap_or_default();
    dripping.join().unwrap();
    is_unharmed(&mut node);
}

#[test]
fn a_thousand_dials_leave_nothing_behind() {
    let mut node = Node::start();
    for _ in 0..1_000 {
        drop(TcpStream::connect(node.socket).unwrap());
    }
    is_unharmed(&mut node);
    assert_eq!(node.edge.traffic().len(), 1);
}

#[test]
fn garbage_in_every_place_of_the_handshake_ends_the_connection() {
    let mut node = Node::start();
    let openings: [&[u8]; 4] = [
        b"",
        b"\x13/multistream/1.0.0\n",
        b"\x13/multistream/1.0.0\n\x07/noise\n",
        b"\x13/multistream/1.0.0\n\x07/noise\n\x00\x20\x00\x00\x00\x00\x00\x00",
    ];
    let mut state = 1_u64;
    for round in 0..40 {
        let mut bytes = openings[round % openings.len()].to_vec();
        for _ in 0..200 + round * 13 {
            // Numbers of a generator with a fixed seed.
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            bytes.push((state >> 33) as u8);
        }
        let mut stream = TcpStream::connect(node.socket).unwrap();
        // It may have been hung up on before the end.
        let _ = stream.write_all(&bytes);
        let _ = stream.shutdown(Shutdown::Write);
        drop(stream);
    }
    is_unharmed(&mut node);
}

#[test]
fn frames_that_are_no_messages_are_told_once_and_end_the_connection() {
    // A well-formed talk over which anything is said: the frame's length and type lie.
    let [(mut one, to_other), (mut other, _)] = pair();
    let too_many = vec![adit_core::hash::Hash([0; 32]); 2_000];
    one.edge.send(to_other, &Message::GetTxs(too_many));
    assert!(matches!(other.next(), Input::Malformed(..)));
    assert!(matches!(other.next(), Input::Disconnected(_)));
    assert!(matches!(one.next(), Input::Disconnected(_)));
    is_unharmed(&mut other);
}

#[test]
fn a_peer_that_does_not_read_is_dropped_and_holds_nothing() {
    let [(mut one, to_other), (other, _)] = pair();
    // What it gets is never decided on, so that it reads no further.
    let text: Arc<[u8]> = vec![b'x'; 200 * 1024].into();
    let frames = OUTBOXES_LIMIT_BYTES / text.len() + 20;
    for _ in 0..frames {
        one.edge.send(to_other, &Message::Block(Arc::clone(&text)));
        assert!(one.edge.queued_bytes() <= OUTBOXES_LIMIT_BYTES);
    }
    assert!(matches!(one.next(), Input::Disconnected(peer) if peer == to_other));
    assert_eq!(one.edge.counts().dropped(), 1);
    let start = Instant::now();
    while one.edge.queued_bytes() > 0 {
        assert!(start.elapsed() < PATIENCE, "what was queued is gone");
        thread::sleep(Duration::from_millis(10));
    }
    drop(other);
    is_unharmed(&mut one);
}
