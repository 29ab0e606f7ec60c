//! Unpacks an answer that comes in gzip, step by step, and bounds what that may
//! cost: a small answer can unpack to a thousand times its length, and each byte
//! of that is looked at. What the bytes say, others decide.

use std::io::Write;

use bytes::Bytes;
use flate2::write::GzDecoder;

/// This much is unpacked, whatever was sent for it ...
const UNPACKED_FREE_BYTES: u64 = 16 * 1024 * 1024;

/// ... and beyond that this many times what was sent. A chain unpacks to four to
/// six times its length, since no hash and no signature can be packed.
const UNPACKED_RATIO_LIMIT: u64 = 16;

/// This much is unpacked at a time: at most to about a mebibyte.
const UNPACK_STEP_BYTES: usize = 1024;

/// Why it goes on no further.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UnpackError {
    #[error("{0}")]
    Broken(#[from] std::io::Error),
    #[error("there is more behind its end")]
    BehindEnd,
    #[error(
        "it unpacks to more than {UNPACKED_RATIO_LIMIT} times what was sent, and more than \
         {UNPACKED_FREE_BYTES} bytes"
    )]
    Dense,
}

/// An answer in gzip that is being unpacked.
pub(crate) struct Unpacker {
    decoder: GzDecoder<Vec<u8>>,
    packed_bytes: u64,
    unpacked_bytes: u64,
}

impl Default for Unpacker {
    fn default() -> Unpacker {
        Unpacker {
            decoder: GzDecoder::new(Vec::new()),
            packed_bytes: 0,
            unpacked_bytes: 0,
        }
    }
}

impl Unpacker {
    /// Unpacks some of what has come, and takes it out of there.
    pub(crate) fn unpack(&mut self, packed: &mut Bytes) -> Result<Bytes, UnpackError> {
        let step = packed.split_to(packed.len().min(UNPACK_STEP_BYTES));
        self.packed_bytes = self.packed_bytes.saturating_add(step.len() as u64);
        let mut rest = &step[..];
        while !rest.is_empty() {
            match self.decoder.write(rest)? {
                0 => return Err(UnpackError::BehindEnd),
                taken => rest = &rest[taken..],
            }
        }
        self.taken_out()
    }

    /// Returns what is left when nothing more comes, if the answer was whole. Of
    /// nothing at all there is nothing to unpack.
    pub(crate) fn end(&mut self) -> Result<Bytes, UnpackError> {
        if self.packed_bytes > 0 {
            self.decoder.try_finish()?;
        }
        self.taken_out()
    }

    fn taken_out(&mut self) -> Result<Bytes, UnpackError> {
        let unpacked = std::mem::take(self.decoder.get_mut());
        self.unpacked_bytes = self.unpacked_bytes.saturating_add(unpacked.len() as u64);
        let paid_bytes = self.packed_bytes.saturating_mul(UNPACKED_RATIO_LIMIT);
        if self.unpacked_bytes > UNPACKED_FREE_BYTES.max(paid_bytes) {
            return Err(UnpackError::Dense);
        }
        Ok(unpacked.into())
    }
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn packed(text: &[u8]) -> Bytes {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap().into()
    }

    /// Unpacks what comes in pieces of this length.
    fn unpack(
        unpacker: &mut Unpacker,
        mut packed: Bytes,
        piece: usize,
    ) -> Result<Vec<u8>, UnpackError> {
        let mut text = Vec::new();
        while !packed.is_empty() {
            let mut piece = packed.split_to(packed.len().min(piece));
            while !piece.is_empty() {
                text.extend(unpacker.unpack(&mut piece)?);
            }
        }
        text.extend(unpacker.end()?);
        Ok(text)
    }

    #[test]
    fn what_was_packed_comes_out_however_it_comes_in() {
        let text: Vec<u8> = (0..100_000u32).flat_map(u32::to_le_bytes).collect();
        for piece in [1, 7, 1000, 1_000_000] {
            let unpacked = unpack(&mut Unpacker::default(), packed(&text), piece).unwrap();
            assert!(unpacked == text, "in pieces of {piece}");
        }
        assert!(
            unpack(&mut Unpacker::default(), Bytes::new(), 1)
                .unwrap()
                .is_empty()
        );
    }

    #[test]
    fn what_is_cut_off_or_goes_on_behind_its_end_is_refused() {
        let whole = packed(b"a chain");
        for length in 1..whole.len() {
            let error = unpack(&mut Unpacker::default(), whole.slice(..length), 5).unwrap_err();
            assert!(matches!(error, UnpackError::Broken(_)), "{length}: {error}");
        }
        let twice = Bytes::from([&whole[..], &whole[..]].concat());
        let error = unpack(&mut Unpacker::default(), twice, 5).unwrap_err();
        assert!(matches!(error, UnpackError::BehindEnd), "{error}");
    }

    #[test]
    fn a_dense_answer_is_unpacked_only_so_far() {
        let bomb = packed(&vec![b' '; 8_000_000]);
        // All but a mebibyte of what is free has been unpacked already.
        let before = Unpacker {
            unpacked_bytes: UNPACKED_FREE_BYTES - 1024 * 1024,
            ..Unpacker::default()
        };
        let mut unpacker = before;
        let error = unpack(&mut unpacker, bomb.clone(), 1_000_000).unwrap_err();
        assert!(matches!(error, UnpackError::Dense), "{error}");
        assert!(unpacker.unpacked_bytes < UNPACKED_FREE_BYTES + 2 * 1024 * 1024);
        // A peer that has sent enough may send such a part as well.
        let mut paid = Unpacker {
            packed_bytes: UNPACKED_FREE_BYTES,
            unpacked_bytes: UNPACKED_FREE_BYTES,
            ..Unpacker::default()
        };
        assert_eq!(unpack(&mut paid, bomb, 1_000_000).unwrap().len(), 8_000_000);
    }
}
