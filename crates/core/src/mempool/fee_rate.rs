//! What a transaction pays for its length. How much is asked for, and by whom,
//! is not known here.

use std::fmt;

/// A fee rate is for this many bytes of a transaction's canonical text.
pub const FEE_RATE_BYTES: u64 = 1_000;

/// Base units for [`FEE_RATE_BYTES`] bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct FeeRate(pub u64);

impl FeeRate {
    /// What a node asks for unless told otherwise: a base unit a byte. A plain
    /// payment costs less than half a thousandth of a coin, and spam that fills
    /// a block of a mebibyte costs a whole coin.
    pub const DEFAULT: FeeRate = FeeRate(1_000);

    /// The lowest fee of a transaction of this length, rounded up.
    pub fn fee_for(self, length_bytes: usize) -> u64 {
        let fee = u128::from(self.0) * length_bytes as u128;
        u64::try_from(fee.div_ceil(u128::from(FEE_RATE_BYTES))).unwrap_or(u64::MAX)
    }
}

impl fmt::Display for FeeRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} base units for {FEE_RATE_BYTES} bytes", self.0)
    }
}
