//! Packed answers, made by hand (RFC 1951, RFC 1952): whole ones from stored
//! blocks or from runs of the same byte, and bombs, which unpack to 158 times
//! their length.

/// A gzip file's first bytes: deflate, no name, no time.
pub(crate) const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

/// The longest run that one deflate code repeats.
const RUN_BYTES: usize = 258;

/// The head of an answer whose packed body follows, without an end, and the body.
pub(crate) fn answer(packed: &[u8]) -> Vec<u8> {
    let head = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\n";
    [head.as_bytes(), packed].concat()
}

/// A gzip file that holds the bytes as they are.
pub(crate) fn stored(bytes: &[u8]) -> Vec<u8> {
    let mut packed = HEADER.to_vec();
    let pieces: Vec<&[u8]> = bytes.chunks(usize::from(u16::MAX)).collect();
    for (place, piece) in pieces.iter().enumerate() {
        let length = piece.len() as u16;
        packed.push(u8::from(place + 1 == pieces.len()));
        packed.extend(length.to_le_bytes());
        packed.extend((!length).to_le_bytes());
        packed.extend(*piece);
    }
    packed.extend(crc32(bytes).to_le_bytes());
    packed.extend((bytes.len() as u32).to_le_bytes());
    packed
}

/// The start of a gzip file: `start`, and then its last byte again at least
/// this many times. It has no end.
pub(crate) fn bomb(start: &str, repeated: usize) -> Vec<u8> {
    let mut bits = Bits::default();
    // A block with fixed codes that is not the last one.
    bits.push(0b0, 1);
    bits.push(0b01, 2);
    for byte in start.bytes() {
        assert!(byte < 144);
        bits.push_code(0x30 + u32::from(byte), 8);
    }
    for _ in 0..repeated.div_ceil(RUN_BYTES) {
        // Length 258 is code 285, distance 1 is code 0.
        bits.push_code(0b1100_0101, 8);
        bits.push_code(0, 5);
    }
    [&HEADER[..], &bits.bytes].concat()
}

/// A gzip file that holds these bytes, of which none is above 143; whatever
/// repeats is packed.
pub(crate) fn runs(bytes: &[u8]) -> Vec<u8> {
    let mut bits = Bits::default();
    // The last block, with fixed codes.
    bits.push(0b1, 1);
    bits.push(0b01, 2);
    let mut left = bytes;
    while let Some(&byte) = left.first() {
        assert!(byte < 144);
        bits.push_code(0x30 + u32::from(byte), 8);
        left = &left[1..];
        while left.len() >= RUN_BYTES && left[..RUN_BYTES].iter().all(|next| *next == byte) {
            bits.push_code(0b1100_0101, 8);
            bits.push_code(0, 5);
            left = &left[RUN_BYTES..];
        }
    }
    bits.push_code(0, 7);
    let mut packed = [&HEADER[..], &bits.bytes].concat();
    packed.extend(crc32(bytes).to_le_bytes());
    packed.extend((bytes.len() as u32).to_le_bytes());
    packed
}

#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    count: usize,
}

impl Bits {
    /// Least significant bit first, as deflate has numbers.
    fn push(&mut self, value: u32, length: usize) {
        for place in 0..length {
            if self.count.is_multiple_of(8) {
                self.bytes.push(0);
            }
            let bit = (value >> place & 1) as u8;
            self.bytes[self.count / 8] |= bit << (self.count % 8);
            self.count += 1;
        }
    }

    /// Most significant bit first, as deflate has codes.
    fn push_code(&mut self, code: u32, length: usize) {
        self.push(code.reverse_bits() >> (32 - length), length);
    }
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| match sum & 1 {
            0 => sum >> 1,
            _ => sum >> 1 ^ 0xedb8_8320,
        })
    })
}
