//! Addresses of peers that others told of, and of those that answered, kept so
//! that nobody can fill them with addresses of their own (after Bitcoin Core's
//! addrman). Where an address is kept depends on a secret key, on the group of
//! the address, and for one that is only heard of on the group of the peer that told of
//! it: many addresses out of few groups reach few places. What is dialled, and
//! when, is not known here.
//!
//! 1. Each place holds one known address, and each known address has one place.

use std::collections::BTreeMap;
use std::net::Ipv6Addr;
use std::time::Duration;

use crate::address::{Group, Identity, PeerAddress, group_of};
use crate::dice::{Dice, Purpose};

/// Addresses that are only heard of are in this many buckets.
pub const NEW_BUCKETS: u64 = 1_024;

/// Addresses that have answered are in this many buckets.
pub const TRIED_BUCKETS: u64 = 256;

/// Each bucket has this many places.
pub const BUCKET_PLACES: u64 = 64;

/// What one group tells of reaches this many buckets.
const BUCKETS_OF_SOURCE: u64 = 64;

/// What answers out of one group reaches this many buckets.
const BUCKETS_OF_GROUP: u64 = 8;

/// An address that has not answered so often gives way to a new one.
const FAILURES_LIMIT: u8 = 3;

/// An address that answered within this time does not give way.
const GOOD_FOR_MS: u64 = 7 * 24 * 3_600 * 1_000;

/// An address that was tried within this time is hardly tried again.
const TRIED_LATELY_MS: u64 = 600_000;

/// A drawn address that is not worth a try is drawn again, so often.
const DRAWS: u64 = 64;

/// Of this many, all are told.
const SAMPLE: usize = 32;

/// Which version of the file this is.
const FORMAT: u8 = 1;

/// An address takes this much in the file.
const ENTRY_BYTES: usize = 16 + 2 + 32 + 1 + 4 + 8 + 1;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct BookEntry {
    source: Group,
    place: Place,
    last_try: Duration,
    last_success: Duration,
    failures: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    is_tried: bool,
    bucket: u64,
    slot: u64,
}

/// Why a file holds no addresses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected addresses in format {FORMAT}, found {found} bytes of something else")]
pub struct AddressFileError {
    /// How many bytes there are.
    pub found: usize,
}

/// The addresses.
#[derive(Debug)]
pub struct AddressBook {
    key: [u8; 16],
    dice: Dice,
    known: BTreeMap<PeerAddress, BookEntry>,
    places: BTreeMap<Place, PeerAddress>,
}

impl AddressBook {
    /// An empty one. A peer that knows its key can choose addresses for each place.
    pub fn new(key: [u8; 16]) -> AddressBook {
        AddressBook {
            key,
            dice: Dice::new(key),
            known: BTreeMap::new(),
            places: BTreeMap::new(),
        }
    }

    /// How many are known.
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether none is known.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Whether it is known.
    pub fn knows(&self, address: &PeerAddress) -> bool {
        self.known.contains_key(address)
    }

    /// Somebody tells of an address. It takes its place if that is free, or if
    /// what is there has not answered.
    pub fn heard_of(&mut self, address: PeerAddress, source: Ipv6Addr) {
        if !address.is_dialable() || self.known.contains_key(&address) {
            return;
        }
        let source = bucket_group(source);
        let place = self.new_place(&address, source);
        if let Some(other) = self.places.get(&place).copied() {
            if !self.known.get(&other).is_some_and(BookEntry::gives_way) {
                return;
            }
            self.known.remove(&other);
        }
        self.places.insert(place, address);
        let known = BookEntry {
            source,
            place,
            last_try: Duration::ZERO,
            last_success: Duration::ZERO,
            failures: 0,
        };
        self.known.insert(address, known);
        self.check_invariants();
    }

    /// It is dialled.
    pub fn is_tried(&mut self, now: Duration, address: &PeerAddress) {
        if let Some(known) = self.known.get_mut(address) {
            known.last_try = now;
            known.failures = known.failures.saturating_add(1);
        }
    }

    /// It has answered, and is of this chain.
    pub fn has_answered(&mut self, now: Duration, address: &PeerAddress) {
        let place = self.tried_place(address);
        let Some(known) = self.known.get_mut(address) else {
            return;
        };
        (known.failures, known.last_success) = (0, now);
        if known.place.is_tried {
            return;
        }
        if let Some(other) = self.places.get(&place).copied() {
            // Who has answered lately keeps its place: an attacker would need
            // patience.
            let good_for = Duration::from_millis(GOOD_FOR_MS);
            let is_good = |other: &BookEntry| other.last_success + good_for > now;
            if self.known.get(&other).is_some_and(is_good) {
                return;
            }
            self.move_back(other);
        }
        if let Some(known) = self.known.get_mut(address) {
            self.places.remove(&known.place);
            known.place = place;
            self.places.insert(place, *address);
        }
        self.check_invariants();
    }

    /// An address to dial: one that has answered or one that is only heard of,
    /// each with one half.
    pub fn draw(&self, now: Duration, only_new: bool, dice: &mut Dice) -> Option<PeerAddress> {
        let first_tried = Place {
            is_tried: true,
            bucket: 0,
            slot: 0,
        };
        let new = self.places.range(..first_tried);
        let tried = self.places.range(first_tried..);
        let new_count = new.clone().count() as u64;
        let tried_count = self.places.len() as u64 - new_count;
        for attempt in 0..DRAWS {
            let from_tried = match (new_count, tried_count, only_new) {
                (0, 0, _) | (0, _, true) => return None,
                (0, ..) => true,
                (_, 0, _) | (.., true) => false,
                _ => dice.below(Purpose::Address, 2) == 1,
            };
            let count = if from_tried { tried_count } else { new_count };
            let at = usize::try_from(dice.below(Purpose::Address, count)).ok()?;
            let address = match from_tried {
                true => tried.clone().nth(at),
                false => new.clone().nth(at),
            };
            let (_, address) = address?;
            let chance = self.known.get(address)?.chance(now);
            // The longer it takes, the less picky.
            if dice.below(Purpose::Address, 1_000) < chance * (attempt + 10) / 10 {
                return Some(*address);
            }
        }
        None
    }

    /// Some of them, for a peer that asks: of many at most a quarter, so that nobody
    /// learns all of them at once.
    pub fn sample(&self, limit: usize, dice: &mut Dice) -> Vec<PeerAddress> {
        let mut all: Vec<PeerAddress> = self.known.keys().copied().collect();
        let count = all.len().div_ceil(4).max(SAMPLE).min(limit).min(all.len());
        for place in 0..count {
            let rest = (all.len() - place) as u64;
            let drawn = dice.below(Purpose::Address, rest);
            all.swap(place, place + usize::try_from(drawn).unwrap_or(0));
        }
        all.truncate(count);
        all
    }

    /// All of it, for a file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![FORMAT];
        bytes.extend_from_slice(&self.key);
        for (address, known) in &self.known {
            bytes.extend_from_slice(&address.ip.octets());
            bytes.extend_from_slice(&address.port.to_be_bytes());
            bytes.extend_from_slice(&address.identity.0);
            bytes.push(u8::from(known.place.is_tried));
            bytes.extend_from_slice(&known.source.0);
            let success_ms = u64::try_from(known.last_success.as_millis()).unwrap_or(u64::MAX);
            bytes.extend_from_slice(&success_ms.to_be_bytes());
            bytes.push(known.failures);
        }
        bytes
    }

    /// The same the other way round.
    pub fn from_bytes(bytes: &[u8]) -> Result<AddressBook, AddressFileError> {
        let error = AddressFileError { found: bytes.len() };
        let head = bytes.split_first_chunk::<17>();
        let ([FORMAT, key @ ..], entries) = head.ok_or(error.clone())? else {
            return Err(error);
        };
        let mut book = AddressBook::new(*key);
        let (entries, []) = entries.as_chunks::<ENTRY_BYTES>() else {
            return Err(error);
        };
        for entry in entries {
            book.restore(entry);
        }
        book.check_invariants();
        Ok(book)
    }

    /// Of two entries for one place, which a whole file does not have, the first
    /// stays.
    fn restore(&mut self, entry: &[u8; ENTRY_BYTES]) {
        let array = |from: usize| {
            let mut array = [0; 8];
            array.copy_from_slice(&entry[from..from + 8]);
            array
        };
        let (mut ip, mut identity, mut source) = ([0; 16], [0; 32], [0; 4]);
        ip.copy_from_slice(&entry[..16]);
        identity.copy_from_slice(&entry[18..50]);
        source.copy_from_slice(&entry[51..55]);
        let address = PeerAddress {
            ip: ip.into(),
            port: u16::from_be_bytes([entry[16], entry[17]]),
            identity: Identity(identity),
        };
        let source = Group(source);
        let place = match entry[50] {
            0 => self.new_place(&address, source),
            _ => self.tried_place(&address),
        };
        if self.places.contains_key(&place) || self.known.contains_key(&address) {
            return;
        }
        let known = BookEntry {
            source,
            place,
            last_try: Duration::ZERO,
            last_success: Duration::from_millis(u64::from_be_bytes(array(55))),
            failures: entry[63],
        };
        self.places.insert(place, address);
        self.known.insert(address, known);
    }

    /// What has to leave its place among those that answered is only heard of
    /// again, if there is a place for it.
    fn move_back(&mut self, address: PeerAddress) {
        let Some(known) = self.known.remove(&address) else {
            return;
        };
        self.places.remove(&known.place);
        let place = self.new_place(&address, known.source);
        if let std::collections::btree_map::Entry::Vacant(free) = self.places.entry(place) {
            free.insert(address);
            self.known.insert(address, BookEntry { place, ..known });
        }
    }

    fn new_place(&self, address: &PeerAddress, source: Group) -> Place {
        let group = bucket_group(address.ip);
        let of_source = self.keyed(&[b"new", &source.0, &group.0]) % BUCKETS_OF_SOURCE;
        let bucket = self.keyed(&[b"bucket", &source.0, &of_source.to_be_bytes()]) % NEW_BUCKETS;
        self.place(false, bucket, address)
    }

    fn tried_place(&self, address: &PeerAddress) -> Place {
        let group = bucket_group(address.ip);
        let of_group = self.keyed(&[b"tried", &bytes_of(address)]) % BUCKETS_OF_GROUP;
        let bucket = self.keyed(&[b"bucket", &group.0, &of_group.to_be_bytes()]) % TRIED_BUCKETS;
        self.place(true, bucket, address)
    }

    fn place(&self, is_tried: bool, bucket: u64, address: &PeerAddress) -> Place {
        let parts: [&[u8]; 3] = [
            &[u8::from(is_tried)],
            &bucket.to_be_bytes(),
            &bytes_of(address),
        ];
        Place {
            is_tried,
            bucket,
            slot: self.keyed(&parts) % BUCKET_PLACES,
        }
    }

    fn keyed(&self, parts: &[&[u8]]) -> u64 {
        self.dice.of(Purpose::Bucket, &parts.concat())
    }

    fn check_invariants(&self) {
        assert_eq!(self.known.len(), self.places.len(), "invariant 1");
    }
}

impl BookEntry {
    fn gives_way(&self) -> bool {
        self.last_success == Duration::ZERO && self.failures >= FAILURES_LIMIT
    }

    /// How likely it is worth a try, in a thousand.
    fn chance(&self, now: Duration) -> u64 {
        let lately = Duration::from_millis(TRIED_LATELY_MS);
        let mut chance = match self.last_try + lately > now {
            true => 10,
            false => 1_000,
        };
        for _ in 0..self.failures.min(8) {
            chance = chance * 2 / 3;
        }
        chance
    }
}

fn bytes_of(address: &PeerAddress) -> [u8; 18] {
    let mut bytes = [0; 18];
    bytes[..16].copy_from_slice(&address.ip.octets());
    bytes[16..].copy_from_slice(&address.port.to_be_bytes());
    bytes
}

/// A network of one's own is one group.
fn bucket_group(ip: Ipv6Addr) -> Group {
    group_of(ip).unwrap_or(Group([0; 4]))
}
