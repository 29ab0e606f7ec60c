//! How a message is written in bytes: `u32 length, u8 type, body`, where the
//! length counts type and body. Every message has one form, and whatever has
//! another is refused. Nothing that arrives makes room for more than its own
//! length, nor for more than its message may have.

use std::net::Ipv6Addr;
use std::sync::Arc;

use adit_core::hash::Hash;
use adit_core::rules::Weight;
use adit_core::sealed::{COMPACT_HEADER_BYTES, CompactHeader};

use crate::address::{Identity, PeerAddress};
use crate::message::{
    ADDRESSES_LIMIT, ADDRESSES_LIMIT_BYTES, BLOCK_MESSAGE_LIMIT_BYTES, BLOCKS_MESSAGE_LIMIT,
    ByeReason, COMPACT_LIMIT_BYTES, Compact, GET_BLOCK_TXS_LIMIT_BYTES, GET_TXS_LIMIT,
    HEADERS_LIMIT_BYTES, HEADERS_MESSAGE_LIMIT, HELLO_LIMIT_BYTES, HeaderList, Hello, LISTEN_LIMIT,
    LOCATOR_LIMIT_HASHES, Message, SHORT_LIMIT_BYTES, ShortId, TX_INVENTORY_LIMIT, TXS_LIMIT_BYTES,
    UNKNOWN_LIMIT_BYTES,
};
use crate::wire::{Reader, WireError, write_bytes, write_hashes, write_varint};

/// The bytes before a message that say how long it is.
pub const LENGTH_BYTES: usize = 4;

/// A short id has this many bytes.
pub const SHORT_ID_BYTES: usize = 6;

const HELLO: u8 = 1;
const GET_HEADERS: u8 = 2;
const HEADERS: u8 = 3;
const COMPACT: u8 = 4;
const GET_BLOCK_TXS: u8 = 5;
const BLOCK_TXS: u8 = 6;
const GET_BLOCKS: u8 = 7;
const BLOCK: u8 = 8;
const NOT_FOUND: u8 = 9;
const TX_INVENTORY: u8 = 10;
const GET_TXS: u8 = 11;
const TXS: u8 = 12;
const GET_ADDRESSES: u8 = 13;
const ADDRESSES: u8 = 14;
const FEE_FILTER: u8 = 15;
const PING: u8 = 16;
const PONG: u8 = 17;
const BYE: u8 = 18;
const GET_COMPACT: u8 = 19;

const RECORDS_FORMAT: u8 = 1;
const HASHES_FORMAT: u8 = 2;

/// Why bytes are no message. A peer that sends such bytes speaks another language,
/// or lies.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// It is longer than a message of its type may be.
    #[error("message type {kind}: at most {limit_bytes} bytes, found {found}")]
    TooLong {
        /// The type.
        kind: u8,
        /// How long it may be.
        limit_bytes: usize,
        /// How long it is.
        found: usize,
    },
    /// There is not even a type.
    #[error("expected a message, found nothing behind its length")]
    Empty,
    /// Its body has not the form that its type asks for.
    #[error("message type {kind}: {error}")]
    Malformed {
        /// The type.
        kind: u8,
        /// What is wrong.
        error: WireError,
    },
}

/// How many bytes the body of a message of this type may have.
pub fn body_limit_bytes(kind: u8) -> usize {
    match kind {
        HELLO => HELLO_LIMIT_BYTES,
        GET_HEADERS => 1 + (LOCATOR_LIMIT_HASHES + 1) * 32,
        HEADERS => HEADERS_LIMIT_BYTES,
        COMPACT => COMPACT_LIMIT_BYTES,
        GET_BLOCK_TXS => GET_BLOCK_TXS_LIMIT_BYTES,
        BLOCK_TXS | BLOCK => BLOCK_MESSAGE_LIMIT_BYTES,
        GET_BLOCKS | NOT_FOUND => 1 + BLOCKS_MESSAGE_LIMIT * 32,
        TX_INVENTORY => 2 + TX_INVENTORY_LIMIT * 32,
        GET_TXS => 2 + GET_TXS_LIMIT * 32,
        TXS => TXS_LIMIT_BYTES,
        ADDRESSES => ADDRESSES_LIMIT_BYTES,
        GET_ADDRESSES | FEE_FILTER | PING | PONG | BYE | GET_COMPACT => SHORT_LIMIT_BYTES,
        _ => UNKNOWN_LIMIT_BYTES,
    }
}

/// Checks what can be checked before the body is read: how long a message is
/// whose length and type these are. Returns how many bytes its body has.
pub fn check_head(length: u32, kind: u8) -> Result<usize, DecodeError> {
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    let found = length.checked_sub(1).ok_or(DecodeError::Empty)?;
    let limit_bytes = body_limit_bytes(kind);
    if found <= limit_bytes {
        return Ok(found);
    }
    Err(DecodeError::TooLong {
        kind,
        limit_bytes,
        found,
    })
}

/// Reads a message; `None` if its type, or the format of what it holds, is not
/// known here: such messages are ignored.
pub fn decode(kind: u8, body: &[u8]) -> Result<Option<Message>, DecodeError> {
    check_head(u32::try_from(body.len() + 1).unwrap_or(u32::MAX), kind)?;
    let mut reader = Reader::new(body);
    let message = read_message(kind, &mut reader).and_then(|message| match message {
        Some(message) => reader.finish().map(|()| Some(message)),
        None => Ok(None),
    });
    message.map_err(|error| DecodeError::Malformed { kind, error })
}

/// Reads a whole frame, its length in front.
pub fn decode_frame(frame: &[u8]) -> Result<Option<Message>, DecodeError> {
    let Some((length, rest)) = frame.split_first_chunk::<LENGTH_BYTES>() else {
        return Err(DecodeError::Empty);
    };
    let (kind, body) = rest.split_first().ok_or(DecodeError::Empty)?;
    let expected = check_head(u32::from_be_bytes(*length), *kind)?;
    if expected != body.len() {
        let error = WireError::WrongLength {
            expected,
            found: body.len(),
        };
        return Err(DecodeError::Malformed { kind: *kind, error });
    }
    decode(*kind, body)
}

/// Writes a message as a frame.
pub fn encode(message: &Message) -> Vec<u8> {
    let mut out = vec![0; LENGTH_BYTES];
    write_message(message, &mut out);
    let length = u32::try_from(out.len() - LENGTH_BYTES).unwrap_or(u32::MAX);
    out[..LENGTH_BYTES].copy_from_slice(&length.to_be_bytes());
    out
}

fn read_message(kind: u8, reader: &mut Reader<'_>) -> Result<Option<Message>, WireError> {
    Ok(Some(match kind {
        HELLO => Message::Hello(read_hello(reader)?),
        GET_HEADERS => Message::GetHeaders {
            locator: reader.hashes(LOCATOR_LIMIT_HASHES)?,
            stop: reader.hash()?,
        },
        HEADERS => {
            let (start, format) = (reader.hash()?, reader.byte()?);
            let list = match format {
                RECORDS_FORMAT => HeaderList::Records(read_records(reader)?),
                HASHES_FORMAT => HeaderList::Hashes(reader.hashes(HEADERS_MESSAGE_LIMIT)?),
                _ => return Ok(None),
            };
            Message::Headers { start, list }
        }
        COMPACT => Message::Compact(Arc::new(read_compact(reader)?)),
        GET_COMPACT => Message::GetCompact(reader.hash()?),
        GET_BLOCK_TXS => Message::GetBlockTxs {
            hash: reader.hash()?,
            places: read_places(reader)?,
        },
        BLOCK_TXS => Message::BlockTxs {
            hash: reader.hash()?,
            texts: read_texts(reader)?,
        },
        GET_BLOCKS => Message::GetBlocks(reader.hashes(BLOCKS_MESSAGE_LIMIT)?),
        BLOCK => Message::Block(reader.rest().into()),
        NOT_FOUND => Message::NotFound(reader.hashes(BLOCKS_MESSAGE_LIMIT)?),
        TX_INVENTORY => Message::TxInventory(reader.hashes(TX_INVENTORY_LIMIT)?),
        GET_TXS => Message::GetTxs(reader.hashes(GET_TXS_LIMIT)?),
        TXS => Message::Txs(read_texts(reader)?),
        GET_ADDRESSES => Message::GetAddresses,
        ADDRESSES => Message::Addresses(read_addresses(reader, ADDRESSES_LIMIT)?),
        FEE_FILTER => Message::FeeFilter(reader.varint()?),
        PING => Message::Ping(reader.number()?),
        PONG => Message::Pong(reader.number()?),
        BYE => Message::Bye {
            reason: read_reason(reader.byte()?),
            text: String::from_utf8_lossy(reader.rest()).into_owned(),
        },
        _ => return Ok(None),
    }))
}

fn write_message(message: &Message, out: &mut Vec<u8>) {
    match message {
        Message::Hello(hello) => {
            out.push(HELLO);
            write_hello(hello, out);
        }
        Message::GetHeaders { locator, stop } => {
            out.push(GET_HEADERS);
            write_hashes(locator, out);
            out.extend_from_slice(&stop.0);
        }
        Message::Headers { start, list } => {
            out.push(HEADERS);
            out.extend_from_slice(&start.0);
            match list {
                HeaderList::Records(records) => {
                    out.push(RECORDS_FORMAT);
                    write_varint(records.len() as u64, out);
                    out.extend(records.iter().flat_map(|record| record.to_bytes()));
                }
                HeaderList::Hashes(hashes) => {
                    out.push(HASHES_FORMAT);
                    write_hashes(hashes, out);
                }
            }
        }
        Message::Compact(compact) => {
            out.push(COMPACT);
            write_compact(compact, out);
        }
        Message::GetCompact(hash) => {
            out.push(GET_COMPACT);
            out.extend_from_slice(&hash.0);
        }
        Message::GetBlockTxs { hash, places } => {
            out.push(GET_BLOCK_TXS);
            out.extend_from_slice(&hash.0);
            write_varint(places.len() as u64, out);
            write_deltas(places.iter().copied(), out);
        }
        Message::BlockTxs { hash, texts } => {
            out.push(BLOCK_TXS);
            out.extend_from_slice(&hash.0);
            write_texts(texts, out);
        }
        Message::GetBlocks(hashes) => write_list(GET_BLOCKS, hashes, out),
        Message::Block(text) => {
            out.push(BLOCK);
            out.extend_from_slice(text);
        }
        Message::NotFound(hashes) => write_list(NOT_FOUND, hashes, out),
        Message::TxInventory(hashes) => write_list(TX_INVENTORY, hashes, out),
        Message::GetTxs(hashes) => write_list(GET_TXS, hashes, out),
        Message::Txs(texts) => {
            out.push(TXS);
            write_texts(texts, out);
        }
        Message::GetAddresses => out.push(GET_ADDRESSES),
        Message::Addresses(addresses) => {
            out.push(ADDRESSES);
            write_addresses(addresses, out);
        }
        Message::FeeFilter(rate) => {
            out.push(FEE_FILTER);
            write_varint(*rate, out);
        }
        Message::Ping(number) => write_number(PING, *number, out),
        Message::Pong(number) => write_number(PONG, *number, out),
        Message::Bye { reason, text } => {
            out.extend([BYE, *reason as u8]);
            let text = text.as_bytes();
            out.extend_from_slice(&text[..text.len().min(BYE_TEXT_BYTES)]);
        }
    }
}

/// What is longer is cut off.
const BYE_TEXT_BYTES: usize = 128;

fn write_list(kind: u8, hashes: &[Hash], out: &mut Vec<u8>) {
    out.push(kind);
    write_hashes(hashes, out);
}

fn write_number(kind: u8, number: u64, out: &mut Vec<u8>) {
    out.push(kind);
    out.extend_from_slice(&number.to_be_bytes());
}

fn read_hello(reader: &mut Reader<'_>) -> Result<Hello, WireError> {
    Ok(Hello {
        version: reader.varint()?,
        genesis: reader.hash()?,
        tip: reader.hash()?,
        height: reader.varint()?,
        work: Weight::from_be_bytes(reader.array::<32>()?),
        services: reader.varint()?,
        nonce: reader.number()?,
        time_ms: reader.varint()?,
        listen: read_addresses(reader, LISTEN_LIMIT)?,
    })
}

fn write_hello(hello: &Hello, out: &mut Vec<u8>) {
    write_varint(hello.version, out);
    out.extend_from_slice(&hello.genesis.0);
    out.extend_from_slice(&hello.tip.0);
    write_varint(hello.height, out);
    out.extend_from_slice(&hello.work.to_be_bytes::<32>());
    write_varint(hello.services, out);
    out.extend_from_slice(&hello.nonce.to_be_bytes());
    write_varint(hello.time_ms, out);
    write_addresses(&hello.listen, out);
}

fn read_records(reader: &mut Reader<'_>) -> Result<Vec<CompactHeader>, WireError> {
    let count = reader.count(HEADERS_MESSAGE_LIMIT, COMPACT_HEADER_BYTES)?;
    let records = (0..count).map(|_| Ok(CompactHeader::from_bytes(&reader.array()?)));
    records.collect()
}

fn read_compact(reader: &mut Reader<'_>) -> Result<Compact, WireError> {
    let start = reader.hash()?;
    let record = CompactHeader::from_bytes(&reader.array()?);
    let nonce = reader.number()?;
    let count = reader.count(COMPACT_LIMIT_BYTES, SHORT_ID_BYTES)?;
    let mut ids = Vec::with_capacity(count);
    for _ in 0..count {
        let [a, b, c, d, e, f] = reader.array::<SHORT_ID_BYTES>()?;
        ids.push(ShortId(u64::from_be_bytes([0, 0, a, b, c, d, e, f])));
    }
    let count = reader.count(COMPACT_LIMIT_BYTES, 2)?;
    let (mut prefilled, mut next) = (Vec::with_capacity(count), 0);
    for _ in 0..count {
        let place = reader.delta(&mut next)?;
        prefilled.push((place, reader.bytes()?.into()));
    }
    Ok(Compact {
        start,
        record,
        nonce,
        ids,
        prefilled,
    })
}

fn write_compact(compact: &Compact, out: &mut Vec<u8>) {
    out.extend_from_slice(&compact.start.0);
    out.extend_from_slice(&compact.record.to_bytes());
    out.extend_from_slice(&compact.nonce.to_be_bytes());
    write_varint(compact.ids.len() as u64, out);
    for id in &compact.ids {
        out.extend_from_slice(&id.0.to_be_bytes()[8 - SHORT_ID_BYTES..]);
    }
    write_varint(compact.prefilled.len() as u64, out);
    let mut next = 0;
    for (place, text) in &compact.prefilled {
        write_varint(u64::from(place.saturating_sub(next)), out);
        next = place.saturating_add(1);
        write_bytes(text, out);
    }
}

fn read_places(reader: &mut Reader<'_>) -> Result<Vec<u32>, WireError> {
    let count = reader.count(GET_BLOCK_TXS_LIMIT_BYTES, 1)?;
    let mut next = 0;
    (0..count).map(|_| reader.delta(&mut next)).collect()
}

/// Ascending places, each as its distance behind the one before.
fn write_deltas(places: impl Iterator<Item = u32>, out: &mut Vec<u8>) {
    let mut next = 0;
    for place in places {
        write_varint(u64::from(place.saturating_sub(next)), out);
        next = place.saturating_add(1);
    }
}

fn read_texts(reader: &mut Reader<'_>) -> Result<Vec<Arc<[u8]>>, WireError> {
    let count = reader.count(BLOCK_MESSAGE_LIMIT_BYTES, 1)?;
    (0..count).map(|_| Ok(reader.bytes()?.into())).collect()
}

fn write_texts(texts: &[Arc<[u8]>], out: &mut Vec<u8>) {
    write_varint(texts.len() as u64, out);
    texts.iter().for_each(|text| write_bytes(text, out));
}

fn read_addresses(reader: &mut Reader<'_>, limit: usize) -> Result<Vec<PeerAddress>, WireError> {
    let count = reader.count(limit, 50)?;
    let mut addresses = Vec::with_capacity(count);
    for _ in 0..count {
        addresses.push(PeerAddress {
            ip: Ipv6Addr::from(reader.array::<16>()?),
            port: u16::from_be_bytes(reader.array()?),
            identity: Identity(reader.array()?),
        });
    }
    Ok(addresses)
}

fn write_addresses(addresses: &[PeerAddress], out: &mut Vec<u8>) {
    write_varint(addresses.len() as u64, out);
    for address in addresses {
        out.extend_from_slice(&address.ip.octets());
        out.extend_from_slice(&address.port.to_be_bytes());
        out.extend_from_slice(&address.identity.0);
    }
}

fn read_reason(code: u8) -> ByeReason {
    let known = [
        ByeReason::OtherChain,
        ByeReason::Myself,
        ByeReason::Full,
        ByeReason::TooSlow,
        ByeReason::Misbehaved,
    ];
    let reason = known.into_iter().find(|reason| *reason as u8 == code);
    reason.unwrap_or(ByeReason::Other)
}
