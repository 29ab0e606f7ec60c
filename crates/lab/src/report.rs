//! What an experiment has found: what theory says and what was measured, side by
//! side, how far they are apart in sigma, and what to draw of it. The one shape of
//! all experiments, as JSON and as lines for people.

use std::fmt::Write;

use serde_json::{Map, Value as Json, json};

use crate::picture::Figure;
use crate::settings::{Value, Values};

/// A check passes up to this many standard deviations.
pub const SIGMAS: f64 = 4.0;

/// What was exact may differ by this share, which is the arithmetic's.
const EXACT: f64 = 1e-9;

/// What a comparison comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Measured and theory are at most four sigma apart.
    Pass,
    /// They are further apart.
    Fail,
    /// It is another theory, and what was measured speaks against it.
    Refused,
    /// It is another theory, and it took more trials to tell.
    NotToldApart,
    /// It is not compared.
    Shown,
}

impl Verdict {
    /// In a word.
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Pass => "pass",
            Verdict::Fail => "fail",
            Verdict::Refused => "refused",
            Verdict::NotToldApart => "not told apart",
            Verdict::Shown => "shown",
        }
    }
}

/// One line of a report.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// What it is.
    pub name: String,
    /// What theory says.
    pub theory: Option<f64>,
    /// What was measured.
    pub measured: Option<f64>,
    /// The standard deviation of what was measured, if theory is right.
    pub sigma: Option<f64>,
    /// Of how many trials.
    pub trials: u64,
    /// What the comparison comes to.
    pub verdict: Verdict,
}

impl Measured {
    /// A comparison that decides.
    pub fn compared(
        name: impl Into<String>,
        theory: f64,
        measured: f64,
        sigma: f64,
        trials: u64,
    ) -> Measured {
        let agrees = (measured - theory).abs() <= SIGMAS * sigma + EXACT * theory.abs();
        Measured {
            name: name.into(),
            theory: Some(theory),
            measured: Some(measured),
            sigma: Some(sigma),
            trials,
            verdict: match agrees {
                true => Verdict::Pass,
                false => Verdict::Fail,
            },
        }
    }

    /// The same of something that is not left to chance.
    pub fn exact(name: impl Into<String>, theory: f64, measured: f64, trials: u64) -> Measured {
        Measured::compared(name, theory, measured, 0.0, trials)
    }

    /// A comparison with a share of something that happens or not.
    pub fn proportion(name: impl Into<String>, theory: f64, hits: u64, trials: u64) -> Measured {
        let sigma = deviation_of_share(theory, trials);
        Measured::compared(name, theory, hits as f64 / trials as f64, sigma, trials)
    }

    /// What another theory says, which is not what was simulated.
    pub fn alternative(
        name: impl Into<String>,
        theory: f64,
        measured: f64,
        sigma: f64,
        trials: u64,
    ) -> Measured {
        let compared = Measured::compared(name, theory, measured, sigma, trials);
        let verdict = match compared.verdict {
            Verdict::Fail => Verdict::Refused,
            _ => Verdict::NotToldApart,
        };
        Measured {
            verdict,
            ..compared
        }
    }

    /// Something to look at.
    pub fn shown(
        name: impl Into<String>,
        theory: Option<f64>,
        measured: Option<f64>,
        trials: u64,
    ) -> Measured {
        Measured {
            name: name.into(),
            theory,
            measured,
            sigma: None,
            trials,
            verdict: Verdict::Shown,
        }
    }

    fn to_json(&self) -> Json {
        json!({
            "name": self.name,
            "theory": self.theory,
            "measured": self.measured,
            "sigma": self.sigma,
            "trials": self.trials,
            "verdict": self.verdict.word(),
        })
    }
}

/// The standard deviation of a share that was counted.
pub fn deviation_of_share(probability: f64, trials: u64) -> f64 {
    (probability * (1.0 - probability) / trials as f64)
        .max(0.0)
        .sqrt()
}

/// A table beside the results, for people.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// What it shows.
    pub title: String,
    /// The columns.
    pub columns: Vec<String>,
    /// Rows of cells.
    pub rows: Vec<Vec<String>>,
}

/// What an experiment has found.
#[derive(Debug, Clone)]
pub struct Report {
    /// Its name.
    pub experiment: &'static str,
    /// What was set.
    pub parameters: Vec<(&'static str, Value)>,
    /// The comparisons.
    pub results: Vec<Measured>,
    /// Tables for people.
    pub tables: Vec<Table>,
    /// What to draw.
    pub figures: Vec<Figure>,
}

impl Report {
    /// One without results yet.
    pub fn new(experiment: &'static str, values: &Values) -> Report {
        let parameters = values.iter().map(|(name, value)| (name, value.clone()));
        Report {
            experiment,
            parameters: parameters.collect(),
            results: Vec::new(),
            tables: Vec::new(),
            figures: Vec::new(),
        }
    }

    /// Whether every comparison that decides is within four sigma.
    pub fn passes(&self) -> bool {
        self.results.iter().all(|one| one.verdict != Verdict::Fail)
    }

    /// The one shape of all reports.
    pub fn to_json(&self, version: &str, commit: &str, seed: u64) -> Json {
        let parameters: Map<String, Json> = self
            .parameters
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value_to_json(value)))
            .collect();
        json!({
            "experiment": self.experiment,
            "version": version,
            "commit": commit,
            "seed": seed,
            "parameters": parameters,
            "results": self.results.iter().map(Measured::to_json).collect::<Vec<_>>(),
        })
    }

    /// The comparisons as a table.
    pub fn comparison(&self) -> Table {
        let columns = [
            "", "theory", "measured", "sigma", "apart", "trials", "verdict",
        ];
        let rows = self.results.iter().map(|one| {
            let apart = match (one.theory, one.measured, one.sigma) {
                (Some(theory), Some(measured), Some(sigma)) if sigma > 0.0 => {
                    format!("{:+.2} sigma", (measured - theory) / sigma)
                }
                _ => String::new(),
            };
            vec![
                one.name.clone(),
                one.theory.map_or(String::new(), digits),
                one.measured.map_or(String::new(), digits),
                one.sigma.map_or(String::new(), rough),
                apart,
                one.trials.to_string(),
                one.verdict.word().to_owned(),
            ]
        });
        Table {
            title: String::new(),
            columns: columns.map(str::to_owned).to_vec(),
            rows: rows.collect(),
        }
    }
}

fn value_to_json(value: &Value) -> Json {
    match value {
        Value::Number(number) => json!(number),
        Value::Whole(number) => json!(number),
        Value::Word(word) => json!(word),
        Value::None => Json::Null,
    }
}

/// A number with seven digits that count.
pub fn digits(number: f64) -> String {
    significant(number, 7)
}

/// A number with three.
pub fn rough(number: f64) -> String {
    significant(number, 3)
}

fn significant(number: f64, count: usize) -> String {
    if number == 0.0 || !number.is_finite() {
        return format!("{number}");
    }
    let text = format!("{number:.*e}", count - 1);
    let exponent: i32 = text
        .rsplit('e')
        .next()
        .and_then(|e| e.parse().ok())
        .unwrap_or(0);
    if !(-5..15).contains(&exponent) {
        return text;
    }
    let decimals = (count as i32 - 1 - exponent).max(0) as usize;
    let mut plain = format!("{number:.decimals$}");
    if plain.contains('.') {
        plain.truncate(plain.trim_end_matches('0').trim_end_matches('.').len());
    }
    plain
}

impl Table {
    /// The table in lines: the first column to the left, the others to the right.
    pub fn to_text(&self) -> String {
        let width = |at: usize| {
            let cells = self.rows.iter().map(|row| row[at].chars().count());
            cells
                .chain([self.columns[at].chars().count()])
                .max()
                .unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.columns.len()).map(width).collect();
        let mut text = String::new();
        if !self.title.is_empty() {
            let _ = writeln!(text, "{}", self.title);
        }
        for row in std::iter::once(&self.columns).chain(&self.rows) {
            let mut line = String::new();
            for (at, cell) in row.iter().enumerate() {
                let width = widths[at];
                let _ = match at {
                    0 => write!(line, "{cell:<width$}"),
                    _ => write!(line, "  {cell:>width$}"),
                };
            }
            let _ = writeln!(text, "{}", line.trim_end());
        }
        text
    }
}
