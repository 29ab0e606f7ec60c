//! `/charts`: how the chain has grown, and what waits.

use adit_api::stats::{Stats, Window};
use adit_node::handle::NodeHandle;
use adit_node::queries::stats;
use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::format;
use super::layout::{Frame, OrPage, shown};
use crate::charts::{Point, SERIES, Series};
use crate::extract::Query;
use crate::problem::Problem;

/// How many blocks can be looked at.
const WINDOWS: [u64; 4] = [25, 100, 400, 1_000];

/// What is looked at if nobody says.
const WINDOW: u64 = 100;

/// A table has at most this many rows, the newest blocks'; the API has all.
const TABLE_ROWS: usize = 100;

#[derive(Template)]
#[template(path = "charts.html")]
struct Charts {
    frame: Frame,
    windows: Vec<(u64, bool)>,
    window: u64,
    looked_at: String,
    interval: String,
    transactions: String,
    difficulty: String,
    rate: String,
    charts: Vec<Chart>,
}

/// A chart and the table beside it.
struct Chart {
    name: &'static str,
    title: &'static str,
    svg: String,
    /// Where each value stands in the chart, and what it is, for those who point at it.
    places: String,
    says: String,
    heads: [&'static str; 2],
    rows: Vec<(String, String)>,
    is_cut: bool,
}

pub(super) async fn charts(
    State(node): State<NodeHandle>,
    OrPage(Query(window)): OrPage<Query<Window>>,
) -> Response {
    let page = page_of(&node, window.blocks.unwrap_or(WINDOW));
    shown(&node, page.await)
}

async fn page_of(node: &NodeHandle, window: u64) -> Result<Charts, Problem> {
    let snapshot = node.reader().snapshot().map_err(Problem::unreadable)?;
    let pending = node.status().pending_count;
    let blocks = Some(window);
    let stats = stats::stats(node, snapshot, pending, Window { blocks }).await?;
    let known = |value: Option<f64>, text: fn(f64) -> String| {
        value.map_or_else(|| "not known".to_owned(), text)
    };
    Ok(Charts {
        frame: Frame::of(node).here("charts"),
        windows: WINDOWS.map(|one| (one, one == window)).into(),
        window,
        looked_at: format::count(stats.window as u64, "block", "blocks"),
        interval: known(stats.mean_interval_ms, |ms| format::duration(ms as u64)),
        transactions: format::scaled(stats.mean_transactions),
        difficulty: known(stats.difficulty, format::scaled),
        rate: known(stats.guesses_per_s, format::scaled),
        charts: SERIES.iter().map(|series| chart(series, &stats)).collect(),
    })
}

fn chart(series: &Series, stats: &Stats) -> Chart {
    let points = (series.points)(stats);
    let says = summary(&points, series.y_label);
    let rows = points.iter().rev().take(TABLE_ROWS);
    let wanted = series.wanted(stats);
    let plot = series.plot(&points, &says, wanted.as_ref());
    Chart {
        name: series.name,
        title: series.title,
        svg: plot.svg(),
        places: places(series, &points, &plot.places()),
        says: says.clone(),
        heads: [series.x_label, series.title],
        rows: rows
            .map(|(at, value)| {
                (
                    place_text(series.name, *at),
                    value_text(series.name, *value),
                )
            })
            .collect(),
        is_cut: points.len() > TABLE_ROWS,
    }
}

/// One place a line: across, down, and what stands there.
fn places(series: &Series, points: &[Point], places: &[Option<(f64, f64)>]) -> String {
    let known = points.iter().zip(places);
    let lines = known.filter_map(|((at, value), place)| {
        let (x, y) = (*place)?;
        let (what, value) = (
            place_text(series.name, *at),
            value_text(series.name, *value),
        );
        Some(match series.name {
            "pending" => format!("{x:.0} {y:.0} {what} minutes before: {value}"),
            "rate" | "difficulty" => {
                format!("{x:.0} {y:.0} block {what}: {value} {}", series.y_label)
            }
            "transactions" => format!("{x:.0} {y:.0} block {what}: {value} transactions"),
            _ => format!("{x:.0} {y:.0} block {what}: {value}"),
        })
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn place_text(name: &str, at: f64) -> String {
    match name {
        "pending" => format!("{:.1}", -at),
        _ => format::grouped(at as u64),
    }
}

fn value_text(name: &str, value: Option<f64>) -> String {
    match (name, value) {
        (_, None) => "not known".to_owned(),
        ("size", Some(bytes)) => format::bytes(bytes as u64),
        ("interval", Some(seconds)) if seconds < 0.0 => format!("{seconds} s: clocks differed"),
        ("interval", Some(seconds)) => format::duration((seconds * 1_000.0).round() as u64),
        ("difficulty" | "rate", Some(value)) => format::scaled(value),
        (_, Some(count)) => format::grouped(count as u64),
    }
}

/// Returns what a chart shows, in a sentence.
fn summary(points: &[Point], unit: &str) -> String {
    let known = points.iter().filter_map(|(_, value)| *value);
    let known: Vec<f64> = known.filter(|value| value.is_finite()).collect();
    let Some(last) = known.last() else {
        return "Nothing to draw yet.".to_owned();
    };
    let least = known.iter().copied().fold(f64::INFINITY, f64::min);
    let most = known.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let [least, most, last] = [least, most, *last].map(format::scaled);
    format!("Least {least}, most {most}, last {last} {unit}.")
}
