//! Charts of the last blocks, as the page `/charts` draws them, for a file.
//! What goes into a chart, and how it looks, `adit-http` decides.

use adit_api::stats::Stats;
use adit_http::charts::SERIES;

use crate::options::ChartName;
use crate::terminal::output::counted;

/// The chart as an SVG document.
pub(crate) fn svg(name: ChartName, stats: &Stats) -> String {
    let series = SERIES.iter().find(|series| series.name == name.as_str());
    let series = series.expect("a chart of every name that can be chosen is drawn");
    let blocks = counted(stats.window as u64, "block");
    let description = match name {
        ChartName::Pending => "How many transactions waited.".to_owned(),
        _ => format!("Of the last {blocks}, {} for each.", series.y_label),
    };
    let points = (series.points)(stats);
    let wanted = series.wanted(stats);
    series
        .plot(&points, &description, wanted.as_ref())
        .standalone()
}
