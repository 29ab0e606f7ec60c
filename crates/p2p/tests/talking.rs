//! Two edges that talk: who they are to each other, what arrives, and how it ends.

use std::sync::Arc;
use std::time::Instant;

use adit_core::hash::Hash;
use adit_net::address::PeerAddress;
use adit_net::machine::{Direction, Input};
use adit_net::message::{ByeReason, Message};
use adit_p2p::counts::Way;

use crate::support::{Node, PATIENCE, pair};

#[test]
fn each_knows_who_the_other_is_and_hears_what_it_says() {
    let (mut one, mut other) = (Node::start(), Node::start());
    other.edge.dial(one.address, Direction::BlocksOnly);
    let (to_one, direction, address) = other.connected();
    assert_eq!((direction, address), (Direction::BlocksOnly, one.address));
    let (to_other, direction, address) = one.connected();
    assert_eq!(direction, Direction::Inbound);
    assert_eq!(address.identity, other.address.identity);
    for number in 0..100 {
        one.edge.send(to_other, &Message::Ping(number));
        other.edge.send(to_one, &Message::Pong(number));
    }
    for number in 0..100 {
        assert_eq!(other.heard(), Message::Ping(number));
        assert_eq!(one.heard(), Message::Pong(number));
    }
    let traffic = one.edge.traffic();
    assert_eq!((traffic[0].bytes_in, traffic[0].queued_bytes), (1_300, 0));
    let counts = one.edge.counts().messages();
    assert!(counts.iter().any(|(way, name, count)| {
        (*way, *name, count.messages, count.bytes) == (Way::Out, "ping", 100, 1_300)
    }));
    // What is queued when one hangs up still arrives.
    let bye = Message::Bye {
        reason: ByeReason::Full,
        text: "no place".to_owned(),
    };
    one.edge.send(to_other, &bye);
    one.edge.disconnect(to_other);
    assert_eq!(other.heard(), bye);
    assert!(matches!(other.next(), Input::Disconnected(peer) if peer == to_one));
    assert!(matches!(one.next(), Input::Disconnected(peer) if peer == to_other));
}

#[test]
fn who_does_not_answer_as_expected_is_no_peer() {
    let (mut one, other, stranger) = (Node::start(), Node::start(), Node::of_chain("other"));
    // Another one listens there.
    let wrong = PeerAddress {
        identity: other.address.identity,
        ..stranger.address
    };
    for address in [wrong, stranger.address] {
        one.edge.dial(address, Direction::Outbound);
        assert!(matches!(one.next(), Input::DialFailed(failed) if failed == address));
    }
    // Nobody listens there.
    let gone = Node::start().address;
    one.edge.dial(gone, Direction::Outbound);
    assert!(matches!(one.next(), Input::DialFailed(failed) if failed == gone));
    // Whoever it is, it is asked for.
    one.edge.dial_anybody(other.socket);
    assert_eq!(one.connected().2, other.address);
}

#[test]
fn long_messages_come_only_when_they_were_asked_for() {
    let [(one, to_other), (mut other, to_one)] = pair();
    let text: Arc<[u8]> = vec![b'x'; 3 * 1024 * 1024].into();
    other
        .edge
        .send(to_one, &Message::GetBlocks(vec![Hash([7; 32])]));
    let mut one = one;
    assert_eq!(one.heard(), Message::GetBlocks(vec![Hash([7; 32])]));
    one.edge.send(to_other, &Message::Block(Arc::clone(&text)));
    assert_eq!(other.heard(), Message::Block(Arc::clone(&text)));
    one.edge.send(to_other, &Message::Block(text));
    assert!(matches!(other.next(), Input::Disconnected(_)));
}

#[test]
fn a_question_of_many_parts_is_answered_part_by_part() {
    let [(mut one, to_other), (mut other, to_one)] = pair();
    let hashes: Vec<Hash> = (0..16).map(|number| Hash([number; 32])).collect();
    other.edge.send(to_one, &Message::GetBlocks(hashes.clone()));
    other.edge.send(to_one, &Message::Ping(1));
    // While one part is not decided on, the next one does not come.
    let first = one.next_held();
    assert!(one.next_soon().is_none());
    drop(first);
    for hash in &hashes[1..] {
        assert_eq!(one.heard(), Message::GetBlocks(vec![*hash]));
    }
    assert_eq!(one.heard(), Message::Ping(1));
    // And none while much is queued for who asks.
    let text: Arc<[u8]> = vec![b'x'; 200 * 1024].into();
    other.edge.send(to_one, &Message::GetBlocks(hashes));
    let mut answered = 0;
    while let Some(input) = one.next_soon() {
        assert!(matches!(input, Input::Message(_, Message::GetBlocks(_))));
        one.edge.send(to_other, &Message::Block(Arc::clone(&text)));
        answered += 1;
    }
    assert!((5..12).contains(&answered), "{answered}");
    // It goes on as its answers are taken. How many of them are on the way meanwhile,
    // the windows of the connection decide.
    let (mut taken, start) = (0, Instant::now());
    while taken < 16 {
        assert!(
            start.elapsed() < PATIENCE,
            "{answered} answered, {taken} taken"
        );
        if let Some(input) = other.next_soon() {
            assert!(
                matches!(input, Input::Message(_, message) if message == Message::Block(Arc::clone(&text)))
            );
            taken += 1;
        }
        if answered < 16
            && let Some(input) = one.next_soon()
        {
            assert!(matches!(input, Input::Message(_, Message::GetBlocks(_))));
            one.edge.send(to_other, &Message::Block(Arc::clone(&text)));
            answered += 1;
            assert!(answered < taken + 12, "{answered} answered, {taken} taken");
        }
    }
    assert_eq!(answered, 16);
}
