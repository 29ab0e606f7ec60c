//! Exponentials, logarithms and powers out of additions and multiplications alone,
//! so that a figure has the same digits on every machine. A system's own ones may
//! differ in the last digit.

/// The natural logarithm of 2: the first 32 bits, and the rest.
const LN_2_HIGH: f64 = 6.931_471_803_691_238e-1;
const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10;

/// The natural logarithm of 2.
pub const LN_2: f64 = std::f64::consts::LN_2;

/// e to the power of `x`.
pub fn exp(x: f64) -> f64 {
    if x.is_nan() {
        return x;
    }
    if x > 709.79 {
        return f64::INFINITY;
    }
    if x < -745.2 {
        return 0.0;
    }
    let doublings = (x / LN_2).round();
    let rest = (x - doublings * LN_2_HIGH) - doublings * LN_2_LOW;
    scaled(1.0 + small_expm1(rest), doublings as i32)
}

/// The same less one, exact for small `x` too.
pub fn expm1(x: f64) -> f64 {
    match x.abs() < 0.35 {
        true => small_expm1(x),
        false => exp(x) - 1.0,
    }
}

fn small_expm1(x: f64) -> f64 {
    let mut sum = 0.0;
    for divisor in (2..=17).rev() {
        sum = (sum + 1.0) * x / f64::from(divisor);
    }
    (sum + 1.0) * x
}

/// `number` times 2 to the power of `doublings`.
fn scaled(number: f64, doublings: i32) -> f64 {
    let power = |exponent: i32| f64::from_bits(((exponent + 1_023) as u64) << 52);
    let half = doublings / 2;
    number * power(half) * power(doublings - half)
}

/// The natural logarithm.
pub fn ln(x: f64) -> f64 {
    if x <= 0.0 || !x.is_finite() {
        return match x {
            0.0 => f64::NEG_INFINITY,
            f64::INFINITY => f64::INFINITY,
            _ => f64::NAN,
        };
    }
    if x < f64::MIN_POSITIVE {
        return ln(x * scaled(1.0, 60)) - 60.0 * LN_2;
    }
    let bits = x.to_bits();
    let mut doublings = ((bits >> 52) as i32) - 1_023;
    let mut mantissa = f64::from_bits((bits & ((1 << 52) - 1)) | (1_023 << 52));
    if mantissa > std::f64::consts::SQRT_2 {
        mantissa /= 2.0;
        doublings += 1;
    }
    let doublings = f64::from(doublings);
    doublings * LN_2_HIGH + (area((mantissa - 1.0) / (mantissa + 1.0)) + doublings * LN_2_LOW)
}

/// The natural logarithm of 1 + `x`, exact for small `x` too.
pub fn ln_1p(x: f64) -> f64 {
    match x.abs() < 0.4 {
        true => area(x / (2.0 + x)),
        false => ln(1.0 + x),
    }
}

/// 2 artanh `s` for a small `s`.
fn area(s: f64) -> f64 {
    let square = s * s;
    let mut sum = 0.0;
    for odd in (0..=17).rev() {
        sum = sum * square + 1.0 / f64::from(2 * odd + 1);
    }
    2.0 * s * sum
}

/// The binary logarithm.
pub fn log2(x: f64) -> f64 {
    ln(x) / LN_2
}

/// 2 to the power of `x`.
pub fn exp2(x: f64) -> f64 {
    let whole = x.round();
    if !(-1_070.0..1_023.0).contains(&whole) {
        return exp(x * LN_2);
    }
    scaled(exp((x - whole) * LN_2), whole as i32)
}

/// A power with a whole exponent.
pub fn power(base: f64, mut exponent: u64) -> f64 {
    let (mut square, mut result) = (base, 1.0);
    while exponent > 0 {
        if exponent & 1 == 1 {
            result *= square;
        }
        square *= square;
        exponent >>= 1;
    }
    result
}

/// The hyperbolic tangent.
pub fn tanh(x: f64) -> f64 {
    let less = expm1(-2.0 * x.abs());
    let result = -less / (2.0 + less);
    if x < 0.0 { -result } else { result }
}

/// The first numbers' reciprocals, added up.
pub fn harmonic(count: u64) -> f64 {
    (1..=count).rev().map(|number| 1.0 / number as f64).sum()
}

/// The law of a count, given by the ratio of each probability to the one before:
/// calls `each` with the counts and their probabilities, as far as these matter.
/// `mode` is where the greatest lies. Nothing overflows, since all are measured by
/// the greatest.
pub fn for_each_count(mode: u64, ratio: impl Fn(u64) -> f64, mut each: impl FnMut(u64, f64)) {
    const NEGLIGIBLE: f64 = 1e-300;
    let mut weights = std::collections::VecDeque::from([1.0]);
    let (mut first, mut weight) = (mode, 1.0);
    while first > 0 {
        let before = ratio(first);
        weight /= before;
        if weight < NEGLIGIBLE || !weight.is_finite() {
            break;
        }
        first -= 1;
        weights.push_front(weight);
    }
    let (mut last, mut weight, mut sum_behind) = (mode, 1.0, 0.0);
    loop {
        weight *= ratio(last + 1);
        // Behind this all the rest is less than the last digit of what matters.
        if weight < NEGLIGIBLE || (sum_behind > 0.0 && weight < sum_behind * 1e-40) {
            break;
        }
        sum_behind += weight;
        last += 1;
        weights.push_back(weight);
    }
    // From the small ones to the great ones would be better still.
    let sum: f64 = weights.iter().sum();
    for (count, weight) in (first..).zip(&weights) {
        each(count, weight / sum);
    }
}

/// The law of how many events a steady rate has, of this mean.
pub fn for_each_poisson(mean: f64, each: impl FnMut(u64, f64)) {
    for_each_count(mean as u64, |count| mean / count as f64, each);
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "it is compared with the system's"
)]
mod tests {
    use super::*;

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() <= 8e-16 * b.abs() || b.abs() < f64::MIN_POSITIVE
    }

    #[test]
    fn they_are_what_the_system_says_but_for_the_last_digit() {
        for number in -4_000..4_000 {
            let x = f64::from(number) * 0.171;
            assert!(close(exp(x), x.exp()), "exp {x}: {} {}", exp(x), x.exp());
            let small = x / 4_000.0;
            assert!(close(expm1(small), small.exp_m1()), "expm1 {small}");
            assert!((tanh(small) - small.tanh()).abs() < 1e-16, "tanh {small}");
            let positive = x.exp();
            assert!((ln(positive) - x).abs() < 2e-13, "ln {positive}");
            if small > -1.0 {
                assert!(close(ln_1p(small), small.ln_1p()), "ln_1p {small}");
            }
        }
        assert_eq!(exp2(10.0), 1_024.0);
        assert_eq!(power(3.0, 5), 243.0);
        assert_eq!((exp(f64::NEG_INFINITY), ln(0.0)), (0.0, f64::NEG_INFINITY));
    }

    #[test]
    fn probabilities_add_up() {
        for mean in [0.01, 1.0, 37.5, 4_000.0] {
            let (mut sum, mut first) = (0.0, 0.0);
            for_each_poisson(mean, |count, probability| {
                sum += probability;
                first += probability * count as f64;
            });
            assert!((sum - 1.0).abs() < 1e-12 && (first / mean - 1.0).abs() < 1e-12);
        }
    }
}
