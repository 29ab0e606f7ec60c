//! `adit lab`: an experiment over real cores, and how what it measured stands to
//! what theory says. What is asked and how it is simulated, the lab knows.

mod faults;

use std::fs;
use std::path::Path;

use adit_lab::page;
use adit_lab::report::{Report, Verdict};
use adit_lab::run::Run;
use anyhow::{Context, Result};

use crate::options::{LabCommand, LabExperiment, LabOptions, all_cores};
use crate::terminal::output::{Output, Style};
use crate::terminal::progress::progress_bar;

pub(crate) use self::faults::Failed;

/// Which version of the program ran, for whoever wants to run it again.
const COMMIT: &str = env!("BUILD_COMMIT");

/// A picture in a terminal has this many lines, and in a pipe this many columns.
const PICTURE_ROWS: usize = 14;
const PICTURE_COLUMNS: usize = 80;

/// Something is more than four sigma from theory. It was printed.
#[derive(Debug, thiserror::Error)]
#[error("not everything is within four sigma of theory")]
pub(crate) struct Differs;

pub(crate) fn run(options: &LabOptions, json: bool) -> Result<()> {
    match &options.command {
        LabCommand::Experiment(asked) => experiment(asked, json),
        LabCommand::Faults(options) => faults::campaign(options, json),
        LabCommand::Replay(options) => faults::replay(options, json),
        LabCommand::Shrink(options) => faults::shrunk(options, json),
    }
}

fn experiment(asked: &LabExperiment, json: bool) -> Result<()> {
    let mut output = Output::new(json);
    if asked.common.explain {
        return explain(asked, &mut output);
    }
    let report = measure(asked)?;
    let common = &asked.common;
    let is_written = write_files(asked, &report, &mut output)?;
    match (json, is_written) {
        (true, _) => {
            let document = report.to_json(env!("CARGO_PKG_VERSION"), COMMIT, common.seed);
            output.document(document.to_string().as_bytes())?;
        }
        (false, true) => {}
        (false, false) => print(&report, &mut output)?,
    }
    match common.check && !report.passes() {
        true => Err(Differs.into()),
        false => Ok(()),
    }
}

fn explain(asked: &LabExperiment, output: &mut Output) -> Result<()> {
    let experiment = asked.experiment;
    if output.json {
        let document = serde_json::json!({
            "experiment": experiment.name,
            "question": experiment.question,
            "explanation": experiment.explanation,
        });
        return output.document(document.to_string().as_bytes());
    }
    output.line(experiment.question)?;
    output.line("")?;
    output.line(experiment.explanation)
}

/// Runs the experiment, and says how far it is where somebody looks.
fn measure(asked: &LabExperiment) -> Result<Report> {
    let bar = progress_bar(asked.experiment.name)?;
    let progress = |done, of| {
        bar.set_length(of);
        bar.set_position(done);
        true
    };
    let common = &asked.common;
    let run = Run {
        seed: common.seed,
        trials: common.trials,
        precision: common.precision,
        threads: common.threads.unwrap_or_else(all_cores).get(),
        progress: &progress,
    };
    let report = asked.experiment.run(&asked.given, &run);
    bar.finish_and_clear();
    Ok(report?)
}

/// Writes what is wanted in files. Returns whether the output is taken.
fn write_files(asked: &LabExperiment, report: &Report, output: &mut Output) -> Result<bool> {
    let mut is_taken = false;
    if let Some(file) = &asked.common.svg {
        let first = report.figures.first();
        let figure = first.context("this experiment has no picture")?;
        is_taken |= write_file(file, &figure.standalone(), output)?;
    }
    if let Some(file) = &asked.common.html {
        let version = env!("CARGO_PKG_VERSION");
        let page = page::of(asked.experiment, report, version, COMMIT, asked.common.seed);
        is_taken |= write_file(file, &page, output)?;
    }
    Ok(is_taken)
}

fn write_file(file: &Path, text: &str, output: &mut Output) -> Result<bool> {
    if file == Path::new("-") {
        output.bytes(text.as_bytes())?;
        return Ok(true);
    }
    fs::write(file, text).with_context(|| file.display().to_string())?;
    Ok(false)
}

fn print(report: &Report, output: &mut Output) -> Result<()> {
    let table = report.comparison().to_text();
    for (number, line) in table.lines().enumerate() {
        let result = number.checked_sub(1).and_then(|at| report.results.get(at));
        let style = match result.map(|result| result.verdict) {
            Some(Verdict::Pass) => Some(Style::Good),
            Some(Verdict::Fail) => Some(Style::Bad),
            None => Some(Style::Label),
            _ => None,
        };
        match style {
            Some(style) => output.line(&output.styled(style, line))?,
            None => output.line(line)?,
        }
    }
    for table in &report.tables {
        output.line("")?;
        output.bytes(table.to_text().as_bytes())?;
    }
    let columns = output.columns().unwrap_or(PICTURE_COLUMNS);
    for figure in &report.figures {
        output.line("")?;
        for line in figure.to_text(columns, PICTURE_ROWS).lines() {
            output.line(line)?;
        }
    }
    Ok(())
}
