//! What is drawn of an experiment: lines of theory, points of what was measured
//! with their four sigma. As SVG, always the same to the byte, and in letters for a
//! terminal. What the data mean is not known here.

use std::fmt::Write;

/// A picture with two axes.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// What distinguishes it from others of the same experiment: lower-case letters
    /// and hyphens.
    pub name: &'static str,
    /// What it shows, in a few words.
    pub title: String,
    /// What runs from left to right.
    pub x_label: &'static str,
    /// What runs from bottom to top.
    pub y_label: &'static str,
    /// Whether each step upward is a factor.
    pub log_y: bool,
    /// What is drawn.
    pub series: Vec<Series>,
}

/// One line, or some points.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// What it is called.
    pub name: String,
    /// How it is drawn.
    pub form: Form,
    /// From left to right: the place, the value, and four sigma of it.
    pub points: Vec<(f64, f64, f64)>,
}

/// How a series is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// What theory says.
    Theory,
    /// Another theory, or a bound.
    Other,
    /// What was measured.
    Measured,
}

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 320.0;
const LEFT: f64 = 74.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 44.0;
const BOTTOM: f64 = 52.0;

const STYLE: &str = "svg{background:#fff}text{font:13px sans-serif;fill:#5c626c}.grid{stroke:#dfd9cb}\
.axis{stroke:#5c626c}.theory{fill:none;stroke:#9a5516;stroke-width:2}\
.other{fill:none;stroke:#5c626c;stroke-width:2;stroke-dasharray:6 4}\
.dot{fill:#1d5f8a}.bar{stroke:#1d5f8a;stroke-width:2}.title{font-weight:bold}\
@media(prefers-color-scheme:dark){svg{background:#16181c}text{fill:#a6acb6}.grid{stroke:#343a43}\
.axis,.other{stroke:#a6acb6}.theory{stroke:#e0a060}.dot{fill:#7fbce6}.bar{stroke:#7fbce6}}";

/// The values of an axis, and what is written at it.
struct Axis {
    low: f64,
    high: f64,
    is_log: bool,
    labels: Vec<(f64, String)>,
}

impl Series {
    /// Theory: a line through these points.
    pub fn theory(name: impl Into<String>, points: impl IntoIterator<Item = (f64, f64)>) -> Series {
        Series::line(name, Form::Theory, points)
    }

    /// Another line.
    pub fn other(name: impl Into<String>, points: impl IntoIterator<Item = (f64, f64)>) -> Series {
        Series::line(name, Form::Other, points)
    }

    fn line(
        name: impl Into<String>,
        form: Form,
        points: impl IntoIterator<Item = (f64, f64)>,
    ) -> Series {
        Series {
            name: name.into(),
            form,
            points: points.into_iter().map(|(x, y)| (x, y, 0.0)).collect(),
        }
    }

    /// What was measured, with sigma.
    pub fn measured(points: impl IntoIterator<Item = (f64, f64, f64)>) -> Series {
        let points = points.into_iter();
        Series {
            name: "measured, four sigma".to_owned(),
            form: Form::Measured,
            points: points.map(|(x, y, sigma)| (x, y, 4.0 * sigma)).collect(),
        }
    }
}

impl Axis {
    fn of(values: impl Iterator<Item = f64>, is_log: bool, from_zero: bool) -> Option<Axis> {
        let usable = values.filter(|value| value.is_finite() && (!is_log || *value > 0.0));
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in usable {
            (low, high) = (low.min(value), high.max(value));
        }
        if low > high {
            return None;
        }
        if is_log {
            return Some(Axis::of_powers(low, high));
        }
        if from_zero {
            (low, high) = (low.min(0.0), high.max(0.0));
        }
        if low == high {
            (low, high) = (low - 0.5, high + 0.5);
        }
        let step = nice_step((high - low) / 5.0);
        let first = (low / step).floor() as i64;
        let last = (high / step).ceil() as i64;
        if from_zero {
            (low, high) = (first as f64 * step, last as f64 * step);
        }
        let decimals = (0..9)
            .find(|decimals| step * ten(*decimals) >= 0.999)
            .unwrap_or(9);
        let labels = (first..=last).map(|number| number as f64 * step);
        let labels = labels.filter(|at| *at >= low - step * 1e-6 && *at <= high + step * 1e-6);
        let labels = labels.map(|at| (at, format!("{at:.*}", decimals as usize)));
        Some(Axis {
            low,
            high,
            is_log,
            labels: labels.collect(),
        })
    }

    fn of_powers(low: f64, high: f64) -> Axis {
        let (mut first, mut last) = (0, 0);
        while ten(first) > low && first > -300 {
            first -= 1;
        }
        while ten(first + 1) <= low {
            first += 1;
        }
        while ten(last) < high {
            last += 1;
        }
        let last = last.max(first + 1);
        let each = ((last - first) / 6).max(1);
        let labels = (first..=last).filter(|power| (power - first) % each == 0);
        Axis {
            low: f64::from(first),
            high: f64::from(last),
            is_log: true,
            labels: labels
                .map(|power| (ten(power), format!("1e{power}")))
                .collect(),
        }
    }

    /// From 0 to 1, where it is on the axis.
    fn share(&self, value: f64) -> f64 {
        let value = match self.is_log {
            true => crate::theory::functions::ln(value.max(1e-300)) / std::f64::consts::LN_10,
            false => value,
        };
        ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0)
    }
}

fn ten(power: i32) -> f64 {
    let whole = crate::theory::functions::power(10.0, u64::from(power.unsigned_abs()));
    if power < 0 { 1.0 / whole } else { whole }
}

fn nice_step(least: f64) -> f64 {
    let mut power = 0;
    while ten(power) > least && power > -300 {
        power -= 1;
    }
    while ten(power + 1) <= least && power < 300 {
        power += 1;
    }
    let base = ten(power);
    let steps = [1.0, 2.0, 5.0, 10.0];
    let step = steps.into_iter().find(|step| step * base >= least * 0.999);
    step.unwrap_or(10.0) * base
}

impl Figure {
    fn axes(&self) -> Option<(Axis, Axis)> {
        let points = || self.series.iter().flat_map(|series| &series.points);
        let x = Axis::of(points().map(|(x, ..)| *x), false, false)?;
        let ys = points().flat_map(|(_, y, error)| match self.log_y {
            true => [*y, *y],
            false => [y - error, y + error],
        });
        let y = Axis::of(ys, self.log_y, true)?;
        Some((x, y))
    }

    /// The picture as a part of a page.
    pub fn svg(&self) -> String {
        self.draw("", false)
    }

    /// The picture as a file of its own, with its style.
    pub fn standalone(&self) -> String {
        self.draw(" xmlns=\"http://www.w3.org/2000/svg\"", true) + "\n"
    }

    fn draw(&self, attributes: &str, has_style: bool) -> String {
        let mut out = format!(
            "<svg{attributes} class=\"lab\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\">\
             <title>{}</title>",
            escaped(&self.title)
        );
        if has_style {
            let _ = write!(out, "<style>{STYLE}</style>");
        }
        let Some((x, y)) = self.axes() else {
            out.push_str("</svg>");
            return out;
        };
        self.draw_frame(&x, &y, &mut out);
        let place = |at: f64, value: f64| {
            (
                LEFT + (WIDTH - LEFT - RIGHT) * x.share(at),
                HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * y.share(value),
            )
        };
        for series in &self.series {
            match series.form {
                Form::Measured => {
                    for (at, value, error) in &series.points {
                        let (left, middle) = place(*at, *value);
                        let (_, top) = place(*at, value + error);
                        let (_, bottom) = place(*at, value - error);
                        let _ = write!(
                            out,
                            "<path class=\"bar\" d=\"M{left:.1} {top:.1}V{bottom:.1}\"/>\
                             <circle class=\"dot\" cx=\"{left:.1}\" cy=\"{middle:.1}\" r=\"3.5\"/>"
                        );
                    }
                }
                form => {
                    let class = if form == Form::Theory {
                        "theory"
                    } else {
                        "other"
                    };
                    let mut path = String::new();
                    for (at, value, _) in &series.points {
                        let (left, top) = place(*at, *value);
                        let letter = if path.is_empty() { 'M' } else { 'L' };
                        let _ = write!(path, "{letter}{left:.1} {top:.1}");
                    }
                    let _ = write!(out, "<path class=\"{class}\" d=\"{path}\"/>");
                }
            }
        }
        out.push_str("</svg>");
        out
    }

    fn draw_frame(&self, x: &Axis, y: &Axis, out: &mut String) {
        let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
        for (value, label) in &y.labels {
            let at = bottom - (bottom - TOP) * y.share(*value);
            let class = if *value == 0.0 { "axis" } else { "grid" };
            let _ = write!(
                out,
                "<path class=\"{class}\" d=\"M{LEFT} {at:.1}H{right}\"/>\
                 <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{label}</text>",
                LEFT - 8.0,
                at + 4.5
            );
        }
        for (value, label) in &x.labels {
            let at = LEFT + (right - LEFT) * x.share(*value);
            let _ = write!(
                out,
                "<text x=\"{at:.1}\" y=\"{}\" text-anchor=\"middle\">{label}</text>",
                bottom + 19.0
            );
        }
        let _ = write!(
            out,
            "<text class=\"title\" x=\"{LEFT}\" y=\"16\">{}</text>\
             <text x=\"{right}\" y=\"{}\" text-anchor=\"end\">{}</text>\
             <text transform=\"translate(14 {}) rotate(-90)\" text-anchor=\"middle\">{}</text>",
            escaped(&self.title),
            HEIGHT - 8.0,
            escaped(self.x_label),
            (TOP + bottom) / 2.0,
            escaped(self.y_label)
        );
        let names: Vec<String> = self.series.iter().map(|one| one.legend()).collect();
        let _ = write!(
            out,
            "<text x=\"{LEFT}\" y=\"34\">{}</text>",
            escaped(&names.join("   "))
        );
    }

    /// The picture in letters, so many columns wide.
    pub fn to_text(&self, columns: usize, rows: usize) -> String {
        let Some((x, y)) = self.axes() else {
            return String::new();
        };
        let margin = y
            .labels
            .iter()
            .map(|(_, label)| label.len())
            .max()
            .unwrap_or(0)
            + 1;
        let width = columns.saturating_sub(margin + 1).clamp(16, 100);
        let mut cells = vec![vec![' '; width]; rows];
        let place = |at: f64, value: f64| {
            let column = (x.share(at) * (width - 1) as f64).round() as usize;
            let row = ((1.0 - y.share(value)) * (rows - 1) as f64).round() as usize;
            (row, column)
        };
        for series in &self.series {
            for pair in series
                .points
                .windows(2)
                .filter(|_| series.form != Form::Measured)
            {
                let [(x1, y1, _), (x2, y2, _)] = [pair[0], pair[1]];
                for step in 0..=width {
                    let share = step as f64 / width as f64;
                    let (row, column) = place(x1 + (x2 - x1) * share, y1 + (y2 - y1) * share);
                    cells[row][column] = series.letter();
                }
            }
            for (at, value, _) in &series.points {
                let (row, column) = place(*at, *value);
                cells[row][column] = series.letter();
            }
        }
        let mut text = format!("{}\n", self.title);
        for (number, row) in cells.iter().enumerate() {
            let at_row = |label: &&(f64, String)| place(x.low, label.0).0 == number;
            let label = y.labels.iter().find(at_row).map_or("", |(_, label)| label);
            let line: String = row.iter().collect();
            let _ = writeln!(text, "{label:>margin$}|{}", line.trim_end());
        }
        let ends =
            [x.labels.first(), x.labels.last()].map(|end| end.map_or("", |(_, label)| label));
        let gap = width.saturating_sub(ends[0].len());
        let _ = writeln!(text, "{:>margin$} {}{:>gap$}", "", ends[0], ends[1]);
        let names: Vec<String> = self.series.iter().map(Series::legend).collect();
        let _ = writeln!(
            text,
            "{:>margin$} {} over {}; {}",
            "",
            self.y_label,
            self.x_label,
            names.join(", ")
        );
        text
    }
}

impl Series {
    fn letter(&self) -> char {
        match self.form {
            Form::Theory => '.',
            Form::Other => '-',
            Form::Measured => 'o',
        }
    }

    fn legend(&self) -> String {
        let sign = match self.form {
            Form::Theory => "\u{2014}",
            Form::Other => "- -",
            Form::Measured => "\u{25cf}",
        };
        format!("{sign} {}", self.name)
    }
}

/// A text that stands in SVG or HTML as it is.
pub fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    text.replace('>', "&gt;").replace('"', "&quot;")
}
