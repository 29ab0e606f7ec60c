//! What is no message: refused, and at no cost.

use adit_net::WireError;
use adit_net::codec::{DecodeError, body_limit_bytes, check_head, decode, decode_frame, encode};
use adit_net::message::{Message, UNKNOWN_LIMIT_BYTES};
use proptest::prelude::*;

use crate::vectors::examples;
use crate::world::{Dice, repeatable};

#[test]
fn every_message_is_read_as_it_was_written() {
    for (name, message) in examples() {
        let frame = encode(&message);
        assert_eq!(decode_frame(&frame), Ok(Some(message)), "{name}");
    }
}

#[test]
fn a_message_that_ends_early_or_goes_on_is_refused() {
    for (name, message) in examples() {
        let frame = encode(&message);
        let (kind, body) = (frame[4], &frame[5..]);
        // A text that goes to the end may be shorter.
        let is_open = matches!(message, Message::Block(_) | Message::Bye { .. });
        for length in 0..body.len() {
            let read = decode(kind, &body[..length]);
            assert!(read.is_err() || is_open, "{name}: {length}");
        }
        let longer = [body, &[0]].concat();
        assert!(decode(kind, &longer).is_err() || is_open, "{name}");
    }
}

#[test]
fn a_message_of_an_unknown_type_is_ignored_unless_it_is_long() {
    assert_eq!(decode(200, b"from the future"), Ok(None));
    let limit_bytes = UNKNOWN_LIMIT_BYTES;
    let error = decode(200, &vec![0; limit_bytes + 1]).unwrap_err();
    let found = limit_bytes + 1;
    assert_eq!(
        error,
        DecodeError::TooLong {
            kind: 200,
            limit_bytes,
            found
        }
    );
}

#[test]
fn headers_of_an_unknown_format_are_ignored() {
    let body = [&[7; 32][..], &[99], b"whatever stands there"].concat();
    assert_eq!(decode(3, &body), Ok(None));
}

#[test]
fn a_message_that_is_too_long_is_refused_by_its_head_alone() {
    for kind in 0..=u8::MAX {
        let limit = u32::try_from(body_limit_bytes(kind)).unwrap();
        assert_eq!(check_head(limit + 1, kind), Ok(limit as usize));
        assert!(check_head(limit + 2, kind).is_err());
        assert!(check_head(u32::MAX, kind).is_err());
    }
    assert_eq!(check_head(0, 1), Err(DecodeError::Empty));
}

#[test]
fn a_list_makes_no_room_for_what_has_not_come() {
    // It says that it has 1,000 hashes, and has one.
    let body = [&[0xe8, 0x07][..], &[1; 32]].concat();
    let error = decode(10, &body).unwrap_err();
    let truncated = WireError::Truncated {
        expected: 32_000,
        found: 32,
    };
    assert_eq!(
        error,
        DecodeError::Malformed {
            kind: 10,
            error: truncated
        }
    );
    // One more than may be.
    let error = decode(10, &[0xe9, 0x07]).unwrap_err();
    assert!(error.to_string().contains("at most 1000"), "{error}");
}

#[test]
fn a_number_has_one_form() {
    for body in [
        &[0x80, 0x00][..],
        &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02],
        &[0x80; 11],
    ] {
        let error = decode(15, body).unwrap_err();
        let kind = 15;
        let expected = WireError::Varint;
        assert_eq!(
            error,
            DecodeError::Malformed {
                kind,
                error: expected
            }
        );
    }
    let greatest = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
    assert_eq!(
        decode(15, &greatest),
        Ok(Some(Message::FeeFilter(u64::MAX)))
    );
}

/// Changes a frame as a bad line, or a bad peer, would.
fn mutate(frame: &mut Vec<u8>, dice: &mut Dice) {
    for _ in 0..=dice.below(3) {
        let at = dice.below(frame.len() as u64 + 1) as usize;
        match dice.below(5) {
            0 if at < frame.len() => frame[at] ^= 1 << dice.below(8),
            1 if at < frame.len() => frame[at] = [0, 1, 0x7f, 0x80, 0xff][dice.below(5) as usize],
            2 => frame.truncate(at),
            3 => frame.insert(at, dice.next() as u8),
            _ => frame.extend_from_within(..at.min(64)),
        }
    }
}

/// What is read out of changed bytes is what those bytes mean: written again, it
/// is the same. So no two frames are one message.
fn change_frames(seed: u64, count: u64) {
    let mut dice = Dice(seed);
    let examples = examples();
    let mut read = [0; 3];
    for _ in 0..count {
        let which = dice.below(examples.len() as u64) as usize;
        let mut frame = encode(&examples[which].1);
        mutate(&mut frame, &mut dice);
        // Length and body fit, so that what is behind them is reached.
        if dice.below(4) > 0 && frame.len() > 4 {
            let length = (frame.len() - 4) as u32;
            frame[..4].copy_from_slice(&length.to_be_bytes());
        }
        match decode_frame(&frame) {
            Err(_) => read[0] += 1,
            Ok(None) => read[1] += 1,
            Ok(Some(message)) => {
                read[2] += 1;
                // A text that is not UTF-8, an unknown reason or a long text of
                // a `Bye` are shown as well as they can be.
                if !matches!(message, Message::Bye { .. }) {
                    assert_eq!(encode(&message), frame);
                }
            }
        }
    }
    assert!(read.iter().all(|count| *count > 100), "{read:?}");
}

#[test]
fn frames_that_were_changed_are_refused_or_mean_what_they_say() {
    change_frames(20_171_024, 60_000);
}

/// The same at length: `cargo test --release -p adit-net -- --ignored`.
#[test]
#[ignore = "a campaign of minutes"]
fn ten_million_changed_frames_are_refused_or_mean_what_they_say() {
    for seed in 0..10 {
        change_frames(seed, 1_000_000);
    }
}

proptest! {
    #![proptest_config(repeatable(2_000))]

    #[test]
    fn any_bytes_are_read_without_harm(kind in 0_u8..24, body in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = decode(kind, &body);
    }
}
