//! All: every other experiment as it is by default, on one page.

use std::collections::BTreeMap;

use crate::experiment::Experiment;
use crate::report::{Measured, Report, Table, Verdict};
use crate::run::{LabError, Run};
use crate::settings::Values;

pub(super) const EXPLANATION: &str = "\
Every other experiment, as it is by default, one after the other; `adit lab NAME
--explain` says what each of them is about. A true theory is more than four sigma away
once in 15,787 comparisons, and a seed is chosen once: what passes with it passes for
ever, on every machine. So whatever fails says that a rule, a formula or the simulation
is not what it was.

Look at: the verdicts, and the pictures below them.";

pub(super) fn run(others: &[&Experiment], run: &Run<'_>) -> Result<Report, LabError> {
    let values = Values::read(&[], &BTreeMap::new())?;
    let mut report = Report::new("all", &values);
    let mut rows = Vec::new();
    let count = others.len() as u64;
    for (number, experiment) in (0..).zip(others) {
        let progress = |done: u64, of: u64| {
            (run.progress)(number * 1_000 + done * 1_000 / of.max(1), count * 1_000)
        };
        let of_one = Run {
            progress: &progress,
            ..*run
        };
        let found = experiment.run(&BTreeMap::new(), &of_one)?;
        let compared = |one: &&Measured| matches!(one.verdict, Verdict::Pass | Verdict::Fail);
        let failed = found
            .results
            .iter()
            .filter(|one| one.verdict == Verdict::Fail)
            .count();
        rows.push(vec![
            experiment.name.to_owned(),
            found.results.iter().filter(compared).count().to_string(),
            if failed == 0 { "pass" } else { "fail" }.to_owned(),
        ]);
        for result in found.results {
            let name = format!("{}: {}", experiment.name, result.name);
            report.results.push(Measured { name, ..result });
        }
        report.figures.extend(found.figures);
    }
    report.tables.push(Table {
        title: "Experiments".to_owned(),
        columns: ["", "compared", "verdict"].map(str::to_owned).to_vec(),
        rows,
    });
    Ok(report)
}
