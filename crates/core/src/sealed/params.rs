//! What a chain is like: the parameters in its genesis block. Each chain has
//! its own, within bounds so that no arithmetic over them can fail and no chain
//! is born that cannot live.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use ruint::aliases::U256;

use super::constants::INTEGER_LIMIT;
use super::error::SealedError;
use super::fields::{Field, FieldError, fields};
use crate::address::Address;
use crate::json;
use crate::puzzle::FOUR_HEX_ZEROS;

/// A chain's name is at most this long.
pub const NAME_LIMIT_BYTES: usize = 64;

/// The interval, the half-life and the future limit are each at most this long:
/// 365 days.
pub const DURATION_LIMIT_MS: u64 = 31_536_000_000;

/// `max_data_bytes` is at most this. Escaped, a byte takes up to six
/// characters, and a transaction has to fit into what is read of one.
pub const DATA_LIMIT_BYTES: u64 = 8_192;

/// `max_block_bytes` is at least this: there has to be room for a header, a
/// reward and one payment.
pub const SMALLEST_BLOCK_BYTES: u64 = 1_024;

/// The target follows the hash power in good time if `half_life_ms` is this
/// many intervals. With fewer the target drifts away from it, with far more a
/// step is next to nothing.
pub const HALF_LIFE_INTERVALS: RangeInclusive<u64> = 5..=1_000;

/// What a chain is like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Params {
    /// What people call it.
    pub name: String,
    /// How long a block should take.
    pub block_interval_ms: u64,
    /// How fast the target follows: a block that is this much too late doubles
    /// it.
    pub half_life_ms: u64,
    /// The target of the first blocks.
    pub initial_target: U256,
    /// The greatest target.
    pub pow_limit: U256,
    /// What the finder of a block gets besides the fees, in base units.
    pub reward: u64,
    /// A block's canonical text is at most this long.
    pub max_block_bytes: u64,
    /// A transaction's data is at most this long in UTF-8.
    pub max_data_bytes: u64,
    /// How far ahead of the local clock a block may be.
    pub future_limit_ms: u64,
    /// What accounts start with, in base units.
    pub allocations: BTreeMap<Address, u64>,
}

impl Params {
    /// Those of a new chain, unless others are wanted: a block in ten seconds.
    pub fn defaults(name: &str) -> Params {
        Params {
            name: name.to_owned(),
            block_interval_ms: 10_000,
            half_life_ms: 300_000,
            initial_target: U256::from_be_bytes(FOUR_HEX_ZEROS),
            pow_limit: U256::MAX >> 8,
            reward: 1_000_000,
            max_block_bytes: 1_048_576,
            max_data_bytes: 1_024,
            future_limit_ms: 60_000,
            allocations: BTreeMap::new(),
        }
    }

    /// Reads the canonical text of `params` and checks the bounds.
    pub fn read(text: &[u8]) -> Result<Params, SealedError> {
        let names = [
            "allocations",
            "block_interval_ms",
            "future_limit_ms",
            "half_life_ms",
            "initial_target",
            "max_block_bytes",
            "max_data_bytes",
            "name",
            "pow_limit",
            "reward",
        ];
        let [
            allocations,
            block_interval,
            future,
            half_life,
            initial_target,
            block_bytes,
            data_bytes,
            name,
            pow_limit,
            reward,
        ] = fields(text, names)?;
        let duration = "0 to 31,536,000,000 milliseconds (365 days)";
        let params = Params {
            allocations: read_allocations(allocations)?,
            block_interval_ms: block_interval.integer(DURATION_LIMIT_MS, duration)?,
            future_limit_ms: future.integer(DURATION_LIMIT_MS, duration)?,
            half_life_ms: half_life.integer(DURATION_LIMIT_MS, duration)?,
            initial_target: U256::from_be_bytes(initial_target.hash()?.0),
            max_block_bytes: block_bytes.integer(INTEGER_LIMIT, "at least 1,024 bytes")?,
            max_data_bytes: data_bytes.integer(DATA_LIMIT_BYTES, "0 to 8,192 bytes")?,
            name: name.string("a string")?,
            pow_limit: U256::from_be_bytes(pow_limit.hash()?.0),
            reward: reward.integer(INTEGER_LIMIT, "an integer in 0..2^53-1")?,
        };
        params.check()?;
        Ok(params)
    }

    /// Whether a chain can have them.
    pub fn check(&self) -> Result<(), SealedError> {
        let wrong = |param, expected, found: String| SealedError::WrongParam {
            param,
            expected,
            found,
        };
        let name = &self.name;
        if !(1..=NAME_LIMIT_BYTES).contains(&name.len()) || name.chars().any(char::is_control) {
            let expected = "1 to 64 bytes without control characters";
            return Err(wrong("name", expected, format!("{name:?}")));
        }
        let interval = self.block_interval_ms;
        if !(1..=DURATION_LIMIT_MS).contains(&interval) {
            let expected = "1 to 31,536,000,000 milliseconds (365 days)";
            return Err(wrong("block_interval_ms", expected, interval.to_string()));
        }
        // With less, a late block could never raise the target as much as an
        // early one lowers it, and in the end nobody could find another.
        let half_life = self.half_life_ms;
        if half_life <= interval || half_life > DURATION_LIMIT_MS {
            let expected = "more than block_interval_ms, and at most 31,536,000,000 milliseconds";
            return Err(wrong("half_life_ms", expected, half_life.to_string()));
        }
        let future = self.future_limit_ms;
        if future > DURATION_LIMIT_MS {
            let expected = "at most 31,536,000,000 milliseconds (365 days)";
            return Err(wrong("future_limit_ms", expected, future.to_string()));
        }
        let target = self.initial_target;
        if target.is_zero() || target > self.pow_limit {
            let expected = "1 to pow_limit";
            return Err(wrong("initial_target", expected, format!("{target:064x}")));
        }
        let bytes = self.max_block_bytes;
        if bytes < SMALLEST_BLOCK_BYTES {
            let expected = "at least 1,024 bytes";
            return Err(wrong("max_block_bytes", expected, bytes.to_string()));
        }
        let bytes = self.max_data_bytes;
        if bytes > DATA_LIMIT_BYTES {
            let expected = "0 to 8,192 bytes";
            return Err(wrong("max_data_bytes", expected, bytes.to_string()));
        }
        if self.reward > INTEGER_LIMIT {
            let expected = "an integer in 0..2^53-1";
            return Err(wrong("reward", expected, self.reward.to_string()));
        }
        let total: u128 = self.allocations.values().copied().map(u128::from).sum();
        if total > u128::from(INTEGER_LIMIT) {
            let expected = "at most 2^53-1 base units together";
            return Err(wrong("allocations", expected, total.to_string()));
        }
        Ok(())
    }

    /// Whether the target follows the hash power, or is meant to stay where it
    /// is. A chain of other parameters can be born, and will not live well.
    pub fn target_follows(&self) -> bool {
        let interval = self.block_interval_ms;
        let is_constant = interval == 1 && self.initial_target == self.pow_limit;
        let (least, most) = (HALF_LIFE_INTERVALS.start(), HALF_LIFE_INTERVALS.end());
        let fits = interval.saturating_mul(*least)..=interval.saturating_mul(*most);
        is_constant || fits.contains(&self.half_life_ms)
    }

    /// The canonical text.
    pub fn to_text(&self) -> Vec<u8> {
        // By their text, which is another order than that of the keys' bytes.
        let allocations: BTreeMap<String, u64> = self
            .allocations
            .iter()
            .map(|(address, amount)| (address.to_string(), *amount))
            .collect();
        let allocations: Vec<String> = allocations
            .iter()
            .map(|(address, amount)| format!("\"{address}\": {amount}"))
            .collect();
        let mut name = Vec::new();
        json::write_string(&self.name, &mut name);
        let name = String::from_utf8_lossy(&name);
        format!(
            "{{\"allocations\": {{{}}}, \"block_interval_ms\": {}, \"future_limit_ms\": {}, \
             \"half_life_ms\": {}, \"initial_target\": \"{:064x}\", \"max_block_bytes\": {}, \
             \"max_data_bytes\": {}, \"name\": {name}, \"pow_limit\": \"{:064x}\", \"reward\": {}}}",
            allocations.join(", "),
            self.block_interval_ms,
            self.future_limit_ms,
            self.half_life_ms,
            self.initial_target,
            self.max_block_bytes,
            self.max_data_bytes,
            self.pow_limit,
            self.reward,
        )
        .into_bytes()
    }
}

fn read_allocations(field: Field<'_>) -> Result<BTreeMap<Address, u64>, SealedError> {
    let members = json::members(field.text()?)
        .ok_or_else(|| field.wrong("an object of addresses and amounts"))?;
    let mut allocations = BTreeMap::new();
    for (key, value) in members {
        let address = String::from_utf8_lossy(key).parse();
        let address = address.map_err(|error| FieldError::Address {
            field: "allocations",
            error,
        })?;
        let amount = json::integer(value).filter(|amount| *amount <= INTEGER_LIMIT);
        let amount =
            amount.ok_or_else(|| field.wrong("addresses with amounts in 0..2^53-1 base units"))?;
        allocations.insert(address, amount);
    }
    Ok(allocations)
}
