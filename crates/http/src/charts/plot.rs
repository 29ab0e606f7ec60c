//! A chart as SVG: data in, text out. Colours are classes, which the pages' style
//! sheet themes; a chart for a file of its own brings its style along. What the
//! data mean is not known here.

use std::fmt::Write;

use super::ticks::Axis;

/// The box that everything is drawn in, in SVG's units.
const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 270.0;
const LEFT: f64 = 78.0;
const RIGHT: f64 = 14.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 52.0;

/// Values beyond this are drawn as if they were it.
const LARGEST: f64 = 1e300;

/// Among fewer values than these, none is an outlier.
const OUTLIERS_AMONG: usize = 10;

/// A value is an outlier if it is this many times greater than nine of ten others.
const OUTLIER_TIMES: f64 = 3.0;

/// How the values are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A line from point to point.
    Line,
    /// A line that stays at a value until the next.
    Step,
    /// A bar for each value, from zero on.
    Bars,
}

/// What is drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct Plot<'a> {
    /// What distinguishes it from others in the same document: lower-case letters
    /// and hyphens.
    pub name: &'a str,
    /// What it shows, in a few words.
    pub title: &'a str,
    /// What can be seen in it, for readers who can't see it.
    pub description: &'a str,
    /// What runs from left to right.
    pub x_label: &'a str,
    /// What runs from bottom to top, with its unit.
    pub y_label: &'a str,
    /// How the values are drawn.
    pub form: Form,
    /// Whether the values count things, of which there is no half.
    pub counts: bool,
    /// What is aimed at, and what it is called.
    pub wanted: Option<(f64, &'a str)>,
    /// From left to right; a value that is not known, or no finite number,
    /// leaves a gap.
    pub points: &'a [(f64, Option<f64>)],
}

/// The style of a chart in a file of its own.
const STYLE: &str = "text{font:13px sans-serif;fill:#5c626c}.grid{stroke:#dfd9cb}\
    .axis{stroke:#5c626c}.wanted{stroke:#1f6236;stroke-width:1.5;stroke-dasharray:6 4}\
    .beyond{fill:#a3201f}\
    .line{fill:none;stroke:#9a5516;stroke-width:2}.bar,.dot{fill:#9a5516}\
    @media(prefers-color-scheme:dark){text{fill:#a6acb6}.grid{stroke:#343a43}.axis{stroke:#a6acb6}\
    .line{stroke:#e0a060}.bar,.dot{fill:#e0a060}}";

impl Plot<'_> {
    /// Returns the chart as a part of a page.
    pub fn svg(&self) -> String {
        let mut out = self.head("");
        self.draw(&mut out);
        out.push_str("</svg>");
        out
    }

    /// Returns the chart as a file of its own.
    pub fn standalone(&self) -> String {
        let mut out = self.head(" xmlns=\"http://www.w3.org/2000/svg\"");
        let _ = write!(out, "<style>{STYLE}</style>");
        self.draw(&mut out);
        out.push_str("</svg>\n");
        out
    }

    fn head(&self, attributes: &str) -> String {
        let name = escaped(self.name);
        format!(
            "<svg{attributes} class=\"chart\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" \
             aria-labelledby=\"{name}-title {name}-desc\"><title id=\"{name}-title\">{}</title>\
             <desc id=\"{name}-desc\">{}</desc>",
            escaped(self.title),
            escaped(self.description)
        )
    }

    fn draw(&self, out: &mut String) {
        let known = self.known();
        let Some((x, y)) = self.scales(&known) else {
            let _ = write!(
                out,
                "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">There is nothing to draw yet.</text>",
                WIDTH / 2.0,
                HEIGHT / 2.0
            );
            return;
        };
        self.draw_axes(&x, &y, out);
        match self.form {
            Form::Bars => draw_bars(&known, &x, &y, out),
            form => draw_line(&known, &x, &y, form, out),
        }
        self.draw_wanted(&y, out);
        draw_beyond(&known, &x, &y, out);
    }

    /// Returns where each point stands in the box of 640 by 270, in their order; none
    /// for what is not known.
    pub fn places(&self) -> Vec<Option<(f64, f64)>> {
        let known = self.known();
        let Some((x, y)) = self.scales(&known) else {
            return Vec::new();
        };
        let places = known
            .iter()
            .map(|(at, value)| Some((x.at(*at), y.at((*value)?))));
        places.collect()
    }

    /// The points that can be drawn.
    fn known(&self) -> Vec<(f64, Option<f64>)> {
        let drawn = self.points.iter().filter(|(x, _)| x.is_finite());
        drawn
            .map(|(x, y)| {
                let y = y.filter(|y| !y.is_nan());
                (within(*x), y.map(within))
            })
            .collect()
    }

    /// From values to places; none if there is nothing to draw. A few outliers do not
    /// make all others flat: they end at the upper edge.
    fn scales(&self, known: &[(f64, Option<f64>)]) -> Option<(Scale, Scale)> {
        let values: Vec<f64> = known.iter().filter_map(|(_, y)| *y).collect();
        let (floor, ceiling) = bounds(&values);
        let wanted = self.wanted.map(|(value, _)| value);
        let wanted = wanted.filter(|_| !values.is_empty());
        let shown = values
            .iter()
            .map(|value| value.clamp(floor, ceiling))
            .chain(wanted);
        let y = match self.counts {
            true => Axis::counts(shown)?,
            false => Axis::from_zero(shown)?,
        };
        let x = Axis::whole(known.iter().map(|(x, _)| *x))?;
        Some((
            Scale::new(x, LEFT, WIDTH - RIGHT, known.len(), self.form),
            Scale::new(y, HEIGHT - BOTTOM, TOP, 0, Form::Line),
        ))
    }

    fn draw_wanted(&self, y: &Scale, out: &mut String) {
        let Some((value, name)) = self.wanted else {
            return;
        };
        let (at, right) = (y.at(value), WIDTH - RIGHT);
        let _ = write!(
            out,
            "<path class=\"wanted\" d=\"M{LEFT} {at:.1}H{right}\"/>\
             <text x=\"{right}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            at - 5.0,
            escaped(name)
        );
    }

    fn draw_axes(&self, x: &Scale, y: &Scale, out: &mut String) {
        let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
        for (value, label) in y.axis.labels() {
            let at = y.at(value);
            let class = if value == 0.0 { "axis" } else { "grid" };
            let _ = write!(
                out,
                "<path class=\"{class}\" d=\"M{LEFT} {at:.1}H{right}\"/>\
                 <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{label}</text>",
                LEFT - 8.0,
                at + 4.5
            );
        }
        for (value, label) in x.axis.labels() {
            let _ = write!(
                out,
                "<text x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">{label}</text>",
                x.at(value),
                bottom + 19.0
            );
        }
        let _ = write!(
            out,
            "<text x=\"{right}\" y=\"{}\" text-anchor=\"end\">{}</text>\
             <text transform=\"translate(15 {}) rotate(-90)\" text-anchor=\"middle\">{}</text>",
            HEIGHT - 8.0,
            escaped(self.x_label),
            (TOP + bottom) / 2.0,
            escaped(self.y_label)
        );
    }
}

/// From values to places.
struct Scale {
    axis: Axis,
    from: f64,
    to: f64,
    /// Half the room of one bar.
    half_bar: f64,
}

impl Scale {
    fn new(axis: Axis, from: f64, to: f64, count: usize, form: Form) -> Scale {
        let half_bar = match form {
            Form::Bars => (to - from) / count.max(1) as f64 / 2.0,
            _ => 0.0,
        };
        let (from, to) = (from + half_bar, to - half_bar);
        Scale {
            axis,
            from,
            to,
            half_bar,
        }
    }

    fn at(&self, value: f64) -> f64 {
        let share = self.axis.share(value);
        self.from + (self.to - self.from) * share
    }
}

/// Returns between which bounds values are drawn among which a few are much greater
/// than all others, or much less than nothing.
fn bounds(values: &[f64]) -> (f64, f64) {
    let everything = (f64::NEG_INFINITY, f64::INFINITY);
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (Some(least), Some(most)) = (sorted.first(), sorted.last()) else {
        return everything;
    };
    let usual = sorted[sorted.len() * 9 / 10];
    if sorted.len() < OUTLIERS_AMONG || usual <= 0.0 {
        return everything;
    }
    let is_outlier = |value: f64| value / OUTLIER_TIMES > usual;
    (
        if is_outlier(-least) {
            -usual / 2.0
        } else {
            everything.0
        },
        if is_outlier(*most) {
            usual * 1.5
        } else {
            everything.1
        },
    )
}

/// Marks the values that go on beyond an edge.
fn draw_beyond(points: &[(f64, Option<f64>)], x: &Scale, y: &Scale, out: &mut String) {
    let mut path = String::new();
    for (at, value) in points {
        let left = x.at(*at);
        let _ = match value {
            Some(value) if *value > y.axis.last() => {
                write!(path, "M{left:.1} {}l4 7h-8z", TOP - 9.0)
            }
            Some(value) if *value < y.axis.first() => {
                write!(path, "M{left:.1} {}l4-7h-8z", HEIGHT - BOTTOM + 9.0)
            }
            _ => Ok(()),
        };
    }
    if !path.is_empty() {
        let _ = write!(out, "<path class=\"beyond\" d=\"{path}\"/>");
    }
}

fn draw_bars(points: &[(f64, Option<f64>)], x: &Scale, y: &Scale, out: &mut String) {
    let (base, half) = (y.at(0.0), x.half_bar * 0.8);
    let mut path = String::new();
    for (at, value) in points {
        if let Some(value) = value {
            let (left, top) = (x.at(*at) - half, y.at(*value));
            let _ = write!(
                path,
                "M{left:.1} {base:.1}V{top:.1}h{:.1}V{base:.1}z",
                2.0 * half
            );
        }
    }
    let _ = write!(out, "<path class=\"bar\" d=\"{path}\"/>");
}

fn draw_line(points: &[(f64, Option<f64>)], x: &Scale, y: &Scale, form: Form, out: &mut String) {
    let mut path = String::new();
    let mut is_drawing = false;
    for (at, value) in points {
        let Some(value) = value else {
            is_drawing = false;
            continue;
        };
        let (left, top) = (x.at(*at), y.at(*value));
        let _ = match (is_drawing, form) {
            (false, _) => write!(path, "M{left:.1} {top:.1}"),
            (true, Form::Step) => write!(path, "H{left:.1}V{top:.1}"),
            (true, _) => write!(path, "L{left:.1} {top:.1}"),
        };
        is_drawing = true;
    }
    let _ = write!(out, "<path class=\"line\" d=\"{path}\"/>");
    // A point that no line leads to would not be seen.
    for (at, (left, value)) in points.iter().enumerate() {
        let neighbour = |at: Option<usize>| at.and_then(|at| points.get(at)?.1);
        let is_alone = neighbour(at.checked_sub(1)).is_none() && neighbour(Some(at + 1)).is_none();
        if let Some(value) = value.filter(|_| is_alone) {
            let (left, top) = (x.at(*left), y.at(value));
            let _ = write!(
                out,
                "<circle class=\"dot\" cx=\"{left:.1}\" cy=\"{top:.1}\" r=\"3.5\"/>"
            );
        }
    }
}

fn within(value: f64) -> f64 {
    value.clamp(-LARGEST, LARGEST)
}

/// Returns a text that stands in SVG or HTML as it is.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // XML has no place for them, however they are written.
            control if control.is_control() && control != '\n' && control != '\t' => {
                out.push('\u{fffd}');
            }
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plot<'a>(form: Form, points: &'a [(f64, Option<f64>)]) -> Plot<'a> {
        Plot {
            name: "size",
            title: "Size",
            description: "How long blocks are.",
            x_label: "block",
            y_label: "bytes",
            form,
            counts: false,
            wanted: None,
            points,
        }
    }

    #[test]
    fn an_outlier_does_not_make_the_others_flat() {
        let mut points: Vec<_> = (0..20).map(|at| (f64::from(at), Some(10.0))).collect();
        points.push((20.0, Some(100_000.0)));
        points[19].1 = Some(-100_000.0);
        let drawn = plot(Form::Line, &points);
        let svg = drawn.svg();
        assert_eq!(svg.matches("class=\"beyond\"").count(), 1, "{svg}");
        assert!(svg.contains(">15<") && !svg.contains("100000"), "{svg}");
        let places = drawn.places();
        assert_eq!(places.len(), 21);
        let (_, usual) = places[0].unwrap_or_default();
        let (_, most) = places[20].unwrap_or_default();
        let (_, least) = places[19].unwrap_or_default();
        assert!(usual < 120.0 && most == TOP, "{usual} {most}");
        assert_eq!(least, HEIGHT - BOTTOM);
    }

    #[test]
    fn what_is_aimed_at_is_a_line_with_its_name() {
        let points = [(1.0, Some(2.0)), (2.0, None), (3.0, Some(3.0))];
        let aimed = Plot {
            wanted: Some((10.0, "wanted: 10 s")),
            ..plot(Form::Line, &points)
        };
        let svg = aimed.svg();
        assert!(
            svg.contains("<path class=\"wanted\" d=\"M78 14.0H626\"/>"),
            "{svg}"
        );
        assert!(svg.contains("wanted: 10 s"), "{svg}");
        assert_eq!(aimed.places()[1], None);
    }

    #[test]
    fn a_line_has_gaps_where_nothing_is_known() {
        let points = [
            (1.0, Some(1.0)),
            (2.0, Some(2.0)),
            (3.0, None),
            (4.0, Some(f64::NAN)),
            (5.0, Some(3.0)),
            (6.0, Some(1.0)),
        ];
        let svg = plot(Form::Line, &points).svg();
        let path = svg.split("class=\"line\" d=\"").nth(1).unwrap_or_default();
        let path = path.split('"').next().unwrap_or_default();
        assert_eq!(path.matches('M').count(), 2, "{path}");
        assert_eq!(path.matches('L').count(), 2, "{path}");
        assert!(!svg.contains("NaN"), "{svg}");
    }

    #[test]
    fn a_step_goes_across_and_then_up() {
        let svg = plot(Form::Step, &[(1.0, Some(0.0)), (2.0, Some(10.0))]).svg();
        assert!(svg.contains("M78.0 218.0H626.0V14.0"), "{svg}");
    }

    #[test]
    fn every_value_has_a_bar_from_zero_on() {
        let svg = plot(Form::Bars, &[(1.0, Some(5.0)), (2.0, Some(10.0))]).svg();
        let path = svg.split("class=\"bar\" d=\"").nth(1).unwrap_or_default();
        assert!(
            path.starts_with("M105.4 218.0V116.0h219.2V218.0z"),
            "{path}"
        );
    }

    #[test]
    fn what_is_empty_alone_or_huge_is_drawn() {
        for form in [Form::Line, Form::Step, Form::Bars] {
            for points in [
                &[][..],
                &[(1.0, None)],
                &[(f64::NAN, Some(1.0)), (f64::INFINITY, Some(1.0))],
            ] {
                let svg = plot(form, points).svg();
                assert!(svg.contains("nothing to draw yet"), "{svg}");
            }
            for points in [
                &[(7.0, Some(0.0))][..],
                &[(7.0, Some(42.0))],
                &[(1.0, Some(f64::MAX)), (2.0, Some(f64::MIN))],
                &[(1.0, Some(f64::INFINITY)), (2.0, Some(f64::MIN_POSITIVE))],
                &[(-f64::MAX, Some(1.0)), (f64::MAX, Some(2.0))],
                &[(1e18, Some(1.0)), (1e18 + 1024.0, Some(2.0))],
            ] {
                let svg = plot(form, points).svg();
                assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
                assert!(svg.len() < 4_000, "{} bytes", svg.len());
            }
        }
        let one = plot(Form::Line, &[(7.0, Some(42.0))]).svg();
        assert!(one.contains("<circle"), "{one}");
    }

    #[test]
    fn texts_are_escaped() {
        let hostile = "</title><script>alert('1')</script>\" onload=\"x&\u{0}";
        let svg = Plot {
            name: "\"><b>",
            title: hostile,
            description: hostile,
            x_label: hostile,
            y_label: hostile,
            ..plot(Form::Line, &[(1.0, Some(1.0))])
        }
        .svg();
        assert!(!svg.contains("<script") && !svg.contains("<b>"), "{svg}");
        assert!(!svg.contains("\" onload"), "{svg}");
        assert!(svg.contains("&lt;script&gt;alert(&#39;1&#39;)"), "{svg}");
    }

    #[test]
    fn only_a_file_of_its_own_brings_its_style() {
        let plot = plot(Form::Line, &[(1.0, Some(1.0))]);
        assert!(!plot.svg().contains("style"));
        let file = plot.standalone();
        assert!(file.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\""));
        assert!(file.contains("<style>"));
    }
}
