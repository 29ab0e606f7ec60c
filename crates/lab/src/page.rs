//! A report as one page that needs nothing else: what is asked, the comparisons,
//! the pictures. No script is in it.

use std::fmt::Write;

use crate::experiment::Experiment;
use crate::picture::escaped;
use crate::report::{Report, Table};

const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#23262b;--dim:#5c626c;--line:#dfd9cb;--paper:#fbfaf7;\
--theory:#9a5516;--dot:#1d5f8a;--good:#1f6b3a;--bad:#a3261f}\
@media(prefers-color-scheme:dark){:root{--ink:#e4e6ea;--dim:#a6acb6;--line:#343a43;--paper:#16181c;\
--theory:#e0a060;--dot:#7fbce6;--good:#7fc99a;--bad:#f0978f}}\
body{margin:0 auto;max-width:62rem;padding:1rem;background:var(--paper);color:var(--ink);\
font:16px/1.5 system-ui,sans-serif}\
pre{white-space:pre-wrap;font:inherit}.table{overflow-x:auto}\
table{border-collapse:collapse;font-variant-numeric:tabular-nums}\
th,td{padding:.2rem .6rem;border-bottom:1px solid var(--line);text-align:right;white-space:nowrap}\
th:first-child,td:first-child{text-align:left;white-space:normal}th{color:var(--dim);font-weight:600}\
.pass{color:var(--good)}.fail{color:var(--bad);font-weight:700}.dim{color:var(--dim)}\
svg.lab{width:100%;max-width:40rem;height:auto;display:block;margin:1rem 0}\
svg.lab text{font:13px sans-serif;fill:var(--dim)}svg.lab .title{font-weight:bold}\
.grid{stroke:var(--line)}.axis{stroke:var(--dim)}.theory{fill:none;stroke:var(--theory);stroke-width:2}\
.other{fill:none;stroke:var(--dim);stroke-width:2;stroke-dasharray:6 4}\
.dot{fill:var(--dot)}.bar{stroke:var(--dot);stroke-width:2}";

/// The page of a report.
pub fn of(
    experiment: &Experiment,
    report: &Report,
    version: &str,
    commit: &str,
    seed: u64,
) -> String {
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>adit lab: {name}</title><style>{STYLE}</style></head><body>\n\
         <h1>{name}</h1>\n<p>{}</p>\n",
        escaped(experiment.question),
        name = escaped(experiment.name),
    );
    let outcome = match report.passes() {
        true => {
            "<p class=\"pass\">Everything that is compared is within four sigma of theory.</p>\n"
        }
        false => "<p class=\"fail\">Not everything is within four sigma of theory.</p>\n",
    };
    out.push_str(outcome);
    write_table(&report.comparison(), &mut out);
    for figure in &report.figures {
        let _ = writeln!(out, "<figure>{}</figure>", figure.svg());
    }
    for table in &report.tables {
        write_table(table, &mut out);
    }
    let _ = write!(
        out,
        "<h2>What it is about</h2>\n<pre>{}</pre>\n<p class=\"dim\">adit {} ({}), seed {seed}</p>\n</body></html>\n",
        escaped(experiment.explanation),
        escaped(version),
        escaped(commit),
    );
    out
}

fn write_table(table: &Table, out: &mut String) {
    if !table.title.is_empty() {
        let _ = writeln!(out, "<h2>{}</h2>", escaped(&table.title));
    }
    out.push_str("<div class=\"table\" tabindex=\"0\"><table><thead><tr>");
    for column in &table.columns {
        let _ = write!(out, "<th scope=\"col\">{}</th>", escaped(column));
    }
    out.push_str("</tr></thead><tbody>\n");
    for row in &table.rows {
        out.push_str("<tr>");
        for cell in row {
            let class = match cell.as_str() {
                "pass" => " class=\"pass\"",
                "fail" => " class=\"fail\"",
                _ => "",
            };
            let _ = write!(out, "<td{class}>{}</td>", escaped(cell));
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody></table></div>\n");
}
