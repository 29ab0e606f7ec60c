//! Everything that is drawn in a simulation. A draw is named by what it is for,
//! whom it is about, and which one of its kind it is: so what is added to a
//! history changes nothing else in it. All arithmetic is over integers, so that a
//! history is the same everywhere.

/// What a draw is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
pub enum Purpose {
    /// When the next block is found.
    Interval = 1,
    /// Who finds it.
    Finder = 2,
    /// Who is connected with whom.
    Topology = 3,
    /// How long a link takes.
    Latency = 4,
    /// Whether a packet is lost.
    Loss = 5,
    /// The seed of a node's own draws.
    Node = 6,
    /// Who pays whom, how much and when.
    Payment = 7,
    /// What an experiment draws besides.
    Experiment = 8,
    /// What a case of faults is like.
    Mix = 16,
    /// A deed of such a case.
    Deed = 17,
    /// What becomes of a message.
    Message = 18,
    /// What is left after a power cut.
    Crash = 19,
    /// When a disk is done.
    Disk = 20,
    /// What a liar says.
    Lie = 21,
}

/// The draws of one seed.
#[derive(Debug, Clone, Copy)]
pub struct Draws {
    seed: u64,
}

/// 2^32: one, as a number with 32 bits behind the point.
const ONE: u128 = 1 << 32;

/// The natural logarithm of 2, with 64 bits behind the point.
const LN_2: u128 = 12_786_308_645_202_655_660;

impl Draws {
    /// The draws of this seed.
    pub fn new(seed: u64) -> Draws {
        Draws { seed }
    }

    /// A draw.
    pub fn draw(&self, purpose: Purpose, who: u64, count: u64) -> u64 {
        let mut mixed = self.seed;
        for part in [purpose as u64, who, count] {
            mixed = mix(mixed ^ mix(part.wrapping_add(0x9e37_79b9_7f4a_7c15)));
        }
        mixed
    }

    /// A draw below `limit`, which is not zero.
    pub fn below(&self, limit: u64, purpose: Purpose, who: u64, count: u64) -> u64 {
        let wide = u128::from(self.draw(purpose, who, count)) * u128::from(limit);
        (wide >> 64) as u64
    }

    /// Whether something happens that happens with this probability.
    pub fn happens(&self, probability: f64, purpose: Purpose, who: u64, count: u64) -> bool {
        self.share(purpose, who, count) < probability
    }

    /// A draw from 0 to 1, evenly.
    pub fn share(&self, purpose: Purpose, who: u64, count: u64) -> f64 {
        // 53 bits: each of them is a number of its own.
        (self.draw(purpose, who, count) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A draw whose times between are those of a steady rate: exponential, with
    /// this mean.
    pub fn exponential(&self, mean: u64, purpose: Purpose, who: u64, count: u64) -> u64 {
        let log = minus_log2(self.draw(purpose, who, count));
        let natural = (log * LN_2) >> 64;
        u64::try_from((u128::from(mean) * natural) >> 32).unwrap_or(u64::MAX)
    }
}

/// SplitMix64's last steps.
fn mix(mut mixed: u64) -> u64 {
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// Minus the binary logarithm of (number + 1) / 2^64, with 32 bits behind the
/// point: the whole part by the leading zeros, each further bit by a square.
fn minus_log2(number: u64) -> u128 {
    let Some(number) = number.checked_add(1) else {
        return 0;
    };
    let zeros = number.leading_zeros();
    // From 1 to 2, with 63 bits behind the point.
    let mut rest = u128::from(number << zeros);
    let mut fraction = 0_u128;
    for bit in (0..32).rev() {
        rest = (rest * rest) >> 63;
        if rest >= 1 << 64 {
            rest >>= 1;
            fraction |= 1 << bit;
        }
    }
    u128::from(zeros + 1) * ONE - fraction
}
