//! How hard a block is to find: the target follows the time that the earlier
//! blocks took, one small step a block. All arithmetic is over integers, so
//! that every node gets the same target.

use ruint::Uint;
use ruint::aliases::U256;

use crate::sealed::Params;

/// A target times a factor is longer than 256 bits.
type Product = Uint<512, 8>;

/// The target of the block after one that had `target` and took `solve_ms`.
///
/// The step is exponential: half of `half_life_ms` too late or too early makes
/// the next block easier or harder by the square root of two. The polynomial
/// for 2^x is that of aserti3-2d (Bitcoin Cash, 2020). A pause counts as at
/// most `half_life_ms`, so that a chain that slept for a week does not wake up
/// with a burst of blocks.
pub fn next_target(target: U256, solve_ms: u64, params: &Params) -> U256 {
    let half_life_ms = i128::from(params.half_life_ms);
    let solve_ms = i128::from(solve_ms).min(half_life_ms);
    // 1/65536 of a doubling; `/` truncates toward zero.
    let exponent = (solve_ms - i128::from(params.block_interval_ms)) * 65_536 / half_life_ms;
    let (doublings, fraction) = (exponent >> 16, (exponent & 0xffff) as u128);
    let product = Product::from(target) * Product::from(factor(fraction));
    let shifted = match usize::try_from(doublings) {
        Ok(left) => product.checked_shl(left).unwrap_or(Product::MAX),
        Err(_) => product >> usize::try_from(doublings.unsigned_abs()).unwrap_or(usize::MAX),
    };
    let next = shifted >> 16_usize;
    next.clamp(Product::ONE, Product::from(params.pow_limit))
        .to::<U256>()
}

/// 65536 * 2^(fraction / 65536), for a fraction below 65536.
fn factor(fraction: u128) -> u128 {
    let cubic = 195_766_423_245_049 * fraction
        + 971_821_376 * fraction * fraction
        + 5_127 * fraction * fraction * fraction;
    65_536 + ((cubic + (1 << 47)) >> 48)
}

/// The work that a target stands for, floor(2^256 / (target + 1)): how many
/// guesses it takes on average.
pub fn work(target: U256) -> U256 {
    match target.checked_add(U256::ONE) {
        // 2^256 is one bit too long, so it is taken as (2^256 - divisor) +
        // divisor.
        Some(divisor) => divisor.wrapping_neg() / divisor + U256::ONE,
        None => U256::ONE,
    }
}
