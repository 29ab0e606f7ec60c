//! Where an axis begins and ends, and which round numbers stand at it. How it is
//! drawn is not known here.

/// About this many numbers stand at an axis.
const TICKS: f64 = 5.0;

/// A value no more than this beyond a round number, in steps, is at it: powers
/// of ten are not exact.
const SLACK: f64 = 1e-9;

/// An axis, in the unit of its values.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    first: f64,
    last: f64,
    step: f64,
    /// Whether the values are names of things, which are not rounded.
    is_whole: bool,
}

/// Beyond this, whole numbers have gaps.
const LARGEST_WHOLE: f64 = 9_007_199_254_740_992.0;

/// Large numbers are given in these, here and on the pages.
pub(crate) const UNITS: [(f64, &str); 6] = [
    (1e18, " E"),
    (1e15, " P"),
    (1e12, " T"),
    (1e9, " G"),
    (1e6, " M"),
    (1e3, " k"),
];

impl Axis {
    /// Returns one that holds zero and all values, and ends at round numbers;
    /// `None` without values.
    pub fn from_zero(values: impl Iterator<Item = f64>) -> Option<Axis> {
        let (lowest, highest) = extent(values)?;
        let (lowest, highest) = (lowest.min(0.0), highest.max(0.0));
        let highest = if lowest == highest { 1.0 } else { highest };
        let step = round_step(highest / TICKS - lowest / TICKS);
        Some(Axis {
            first: (lowest / step + SLACK).floor() * step,
            last: (highest / step - SLACK).ceil() * step,
            step,
            is_whole: false,
        })
    }

    /// The same for numbers of things: there is no half of one.
    pub fn counts(values: impl Iterator<Item = f64>) -> Option<Axis> {
        let axis = Axis::from_zero(values)?;
        if axis.step >= 1.0 {
            return Some(axis);
        }
        Some(Axis {
            first: axis.first.floor(),
            last: axis.last.ceil(),
            step: 1.0,
            is_whole: true,
        })
    }

    /// Returns one from the first to the last of whole numbers.
    pub fn whole(values: impl Iterator<Item = f64>) -> Option<Axis> {
        let (first, last) = extent(values)?;
        let step = round_step(last / TICKS - first / TICKS).max(1.0);
        Some(Axis {
            first,
            last,
            step,
            is_whole: true,
        })
    }

    /// Returns how far along the axis a value stands, from 0 to 1; in the middle of
    /// one that has no length.
    pub fn share(&self, value: f64) -> f64 {
        if self.first == self.last {
            return 0.5;
        }
        // Halves, because a difference may be more than there are numbers for.
        let length = self.last / 2.0 - self.first / 2.0;
        ((value / 2.0 - self.first / 2.0) / length).clamp(0.0, 1.0)
    }

    /// Returns where it begins.
    pub fn first(&self) -> f64 {
        self.first
    }

    /// Returns where it ends.
    pub fn last(&self) -> f64 {
        self.last
    }

    fn label(&self, value: f64, largest: f64) -> String {
        match self.is_whole && largest < LARGEST_WHOLE {
            true => format!("{value}"),
            false => label(value, self.step, largest),
        }
    }

    /// Returns the round numbers at the axis, and how they are written.
    pub fn labels(&self) -> Vec<(f64, String)> {
        let (from, to) = (
            (self.first / self.step).ceil(),
            (self.last / self.step).floor(),
        );
        let count = (to - from).clamp(0.0, 3.0 * TICKS) as u32;
        let largest = self.first.abs().max(self.last.abs());
        (0..=count)
            .map(|at| (from + f64::from(at)) * self.step)
            .filter(|value| *value <= self.last)
            .map(|value| (value, self.label(value, largest)))
            .collect()
    }
}

fn extent(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values.fold(None, |extent, value| {
        let (lowest, highest) = extent.unwrap_or((value, value));
        Some((lowest.min(value), highest.max(value)))
    })
}

/// Returns the least of 1, 2 and 5 times a power of ten that is not below it.
fn round_step(least: f64) -> f64 {
    if least <= 0.0 || !least.is_normal() {
        return 1.0;
    }
    let power = 10f64.powf(least.log10().floor());
    let steps = [1.0, 2.0, 5.0].map(|factor| factor * power);
    let step = steps.into_iter().find(|step| *step >= least * 0.999_999);
    step.unwrap_or(10.0 * power)
}

/// Returns a number at an axis of that step, in the unit of the largest one.
fn label(value: f64, step: f64, largest: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    if !(1e-6..1e21).contains(&largest) {
        return format!("{value:.1e}");
    }
    let unit = UNITS.iter().find(|(size, _)| largest >= *size);
    let unit = unit.filter(|_| largest >= 1e5);
    let (size, name) = unit.copied().unwrap_or((1.0, ""));
    let decimals = (-(step / size).log10()).ceil().clamp(0.0, 6.0) as usize;
    format!("{:.decimals$}{name}", value / size)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: Option<Axis>) -> Vec<String> {
        let axis = axis.unwrap_or_else(|| panic!("there are values"));
        axis.labels().into_iter().map(|(_, label)| label).collect()
    }

    #[test]
    fn an_axis_of_amounts_begins_at_zero_and_ends_round() {
        let of = |values: &[f64]| labels(Axis::from_zero(values.iter().copied()));
        assert_eq!(of(&[3.0, 9.7]), ["0", "2", "4", "6", "8", "10"]);
        assert_eq!(
            of(&[0.0]),
            ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]
                .map(|text| { if text == "0.0" { "0" } else { text } })
        );
        assert_eq!(of(&[-3.0, 4.0]), ["-4", "-2", "0", "2", "4"]);
        assert_eq!(of(&[65_536.0]), ["0", "20000", "40000", "60000", "80000"]);
        assert_eq!(of(&[4.3e9]), ["0", "1 G", "2 G", "3 G", "4 G", "5 G"]);
        assert_eq!(
            of(&[1e30]),
            ["0", "2.0e29", "4.0e29", "6.0e29", "8.0e29", "1.0e30"]
        );
        assert_eq!(Axis::from_zero([].into_iter()), None);
    }

    #[test]
    fn an_axis_of_blocks_has_whole_numbers() {
        let of = |first: f64, last: f64| labels(Axis::whole([first, last].into_iter()));
        assert_eq!(of(1.0, 3.0), ["1", "2", "3"]);
        assert_eq!(of(7.0, 7.0), ["7"]);
        assert_eq!(of(1.0, 100.0), ["20", "40", "60", "80", "100"]);
        assert_eq!(
            of(99_901.0, 100_000.0),
            ["99920", "99940", "99960", "99980", "100000"]
        );
    }

    #[test]
    fn an_axis_of_counts_has_no_halves() {
        let of = |values: &[f64]| labels(Axis::counts(values.iter().copied()));
        assert_eq!(of(&[1.0]), ["0", "1"]);
        assert_eq!(of(&[2.0]), ["0", "1", "2"]);
        assert_eq!(of(&[0.0]), ["0", "1"]);
        assert_eq!(of(&[40.0]), ["0", "10", "20", "30", "40"]);
    }

    #[test]
    fn values_are_placed_between_the_ends() {
        let axis = Axis::from_zero([10.0].into_iter()).unwrap_or_else(|| panic!("it has one"));
        assert_eq!(axis.share(0.0), 0.0);
        assert_eq!(axis.share(2.5), 0.25);
        assert_eq!(axis.share(11.0), 1.0);
        let point = Axis::whole([7.0].into_iter()).unwrap_or_else(|| panic!("it has one"));
        assert_eq!(point.share(7.0), 0.5);
    }

    #[test]
    fn a_step_is_one_two_or_five() {
        assert_eq!(round_step(0.2), 0.2);
        assert_eq!(round_step(3.0), 5.0);
        assert_eq!(round_step(5.1), 10.0);
        assert_eq!(round_step(0.0), 1.0);
        assert_eq!(round_step(f64::INFINITY), 1.0);
    }
}
