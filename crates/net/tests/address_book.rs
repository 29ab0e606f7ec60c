//! Which addresses stay, however many anybody tells of.

use std::net::Ipv6Addr;
use std::time::Duration;

use adit_net::address::{Identity, PeerAddress};
use adit_net::address_book::AddressBook;
use adit_net::dice::Dice;

const NOW: Duration = Duration::from_secs(1_800_000_000);

/// A host of IPv4: group and number.
fn address(group: u16, number: u16) -> PeerAddress {
    let ([a, b], [c, d]) = (group.to_be_bytes(), number.to_be_bytes());
    let ip = std::net::Ipv4Addr::new(a, b, c, d).to_ipv6_mapped();
    let mut identity = [0; 32];
    identity[..4].copy_from_slice(&[a, b, c, d]);
    PeerAddress {
        ip,
        port: 15_000,
        identity: Identity(identity),
    }
}

/// Hosts that are out on the Internet.
fn honest(number: u16) -> PeerAddress {
    address(0x2000 + number, 7)
}

fn evil(number: u32) -> PeerAddress {
    address(0x5000 + (number % 100) as u16, (number / 100) as u16)
}

fn source(number: u16) -> Ipv6Addr {
    honest(number).ip
}

#[test]
fn what_one_group_tells_of_reaches_a_sixteenth_of_all_places() {
    let mut book = AddressBook::new([1; 16]);
    for number in 0..60_000 {
        book.heard_of(
            address(0x3000 + (number / 16) as u16, (number % 16) as u16),
            source(1),
        );
    }
    assert!(book.len() <= 64 * 64, "{}", book.len());
    assert!(book.len() > 2_500, "{}", book.len());
}

#[test]
fn who_has_answered_stays_whatever_is_told_of() {
    let mut book = AddressBook::new([2; 16]);
    for number in 0..100 {
        book.heard_of(honest(number), source(number));
        book.has_answered(NOW, &honest(number));
    }
    for number in 0..10_000 {
        book.heard_of(evil(number), evil(number % 20).ip);
    }
    let mut dice = Dice::new([3; 16]);
    let drawn = (0..400).filter_map(|_| book.draw(NOW, false, &mut dice));
    let answered = drawn.filter(|address| (0..100).any(|number| honest(number) == *address));
    let answered = answered.count();
    assert!((150..250).contains(&answered), "{answered} of 400");
}

#[test]
fn an_address_that_does_not_answer_gives_way() {
    let mut book = AddressBook::new([4; 16]);
    let mut told = Vec::new();
    for number in 0..20_000 {
        let address = address(0x3000 + number % 64, number);
        book.heard_of(address, source(1));
        told.push(address);
    }
    let before = book.len();
    for address in &told {
        for _ in 0..3 {
            book.is_tried(NOW, address);
        }
    }
    for number in 0..20_000 {
        book.heard_of(address(0x4000 + number % 64, number), source(1));
    }
    let known = |book: &AddressBook| AddressBook::from_bytes(&book.to_bytes()).unwrap().len();
    assert!(book.len() >= before, "{} and {before}", book.len());
    assert_eq!(known(&book), book.len());
    let mut dice = Dice::new([5; 16]);
    let new = (0..50).filter_map(|_| book.draw(NOW, false, &mut dice));
    let new = new.filter(|address| !told.contains(address)).count();
    assert!(new > 30, "{new} of 50");
}

#[test]
fn a_book_is_the_same_after_a_restart() {
    let mut book = AddressBook::new([6; 16]);
    for number in 0..500 {
        book.heard_of(honest(number), source(number % 7));
        if number % 5 == 0 {
            book.has_answered(NOW, &honest(number));
        }
    }
    let bytes = book.to_bytes();
    let again = AddressBook::from_bytes(&bytes).unwrap();
    assert_eq!(again.to_bytes(), bytes);
    for length in [0, 1, 16, bytes.len() - 1] {
        let error = AddressBook::from_bytes(&bytes[..length]).unwrap_err();
        assert_eq!(error.found, length);
    }
}

#[test]
fn addresses_that_nobody_can_dial_are_not_kept() {
    let mut book = AddressBook::new([7; 16]);
    let mut wrong = honest(1);
    wrong.port = 0;
    book.heard_of(wrong, source(1));
    wrong.port = 1;
    wrong.ip = Ipv6Addr::UNSPECIFIED;
    book.heard_of(wrong, source(1));
    assert!(book.is_empty());
    assert_eq!(book.draw(NOW, false, &mut Dice::new([1; 16])), None);
}

#[test]
fn nobody_learns_all_of_it_at_once() {
    let mut book = AddressBook::new([8; 16]);
    for number in 0..400 {
        book.heard_of(honest(number), source(number));
    }
    let mut sample = book.sample(256, &mut Dice::new([9; 16]));
    assert_eq!(sample.len(), book.len().div_ceil(4));
    sample.sort_unstable();
    sample.dedup();
    assert_eq!(sample.len(), book.len().div_ceil(4));
}
