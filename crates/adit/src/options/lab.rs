//! What `adit lab` can be told: an experiment, its own settings, and what all have
//! in common. The settings come from the experiments themselves.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use adit_lab::experiment::Experiment;
use adit_lab::experiments::{EXPERIMENTS, by_name};
use clap::error::ErrorKind;
use clap::{Arg, ArgMatches, Args, Command, FromArgMatches, Subcommand};

use super::effort::read_lab_threads;
use super::faults::{CaseOptions, FaultsOptions};

#[derive(Debug, Args)]
pub(crate) struct LabOptions {
    #[command(subcommand)]
    pub(crate) command: LabCommand,
}

#[derive(Debug)]
pub(crate) enum LabCommand {
    Experiment(LabExperiment),
    Faults(FaultsOptions),
    Replay(CaseOptions),
    Shrink(CaseOptions),
}

/// An experiment with what was said of it.
pub(crate) struct LabExperiment {
    pub(crate) experiment: &'static Experiment,
    pub(crate) given: BTreeMap<String, String>,
    pub(crate) common: LabCommon,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Every experiment")]
pub(crate) struct LabCommon {
    /// One seed is one result, on every machine and on any number of threads.
    #[arg(long, default_value_t = 2009)]
    pub(crate) seed: u64,

    /// How many trials, in place of as many as the precision takes.
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    pub(crate) trials: Option<u64>,

    /// What four sigma shall be, as a share of what is measured: 0.05 for 5 %.
    #[arg(long, value_name = "SHARE", value_parser = read_precision)]
    pub(crate) precision: Option<f64>,

    /// On so many threads [default: all cores].
    #[arg(long, value_name = "COUNT", value_parser = read_lab_threads)]
    pub(crate) threads: Option<NonZeroUsize>,

    /// Draw the first picture into a file; - is the output.
    #[arg(long, value_name = "FILE")]
    pub(crate) svg: Option<PathBuf>,

    /// Write a page with the figures and pictures into a file; - is the output.
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,

    /// Say what is asked, what theory says, and what to look at; nothing is run.
    #[arg(long)]
    pub(crate) explain: bool,

    /// Fail if anything is more than four sigma from theory.
    #[arg(long)]
    pub(crate) check: bool,
}

impl std::fmt::Debug for LabExperiment {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = self.experiment.name;
        formatter
            .debug_struct("LabExperiment")
            .field("name", &name)
            .finish()
    }
}

impl FromArgMatches for LabCommand {
    fn from_arg_matches(matches: &ArgMatches) -> Result<LabCommand, clap::Error> {
        Ok(match matches.subcommand() {
            Some(("faults", given)) => LabCommand::Faults(FaultsOptions::from_arg_matches(given)?),
            Some(("replay", given)) => LabCommand::Replay(CaseOptions::from_arg_matches(given)?),
            Some(("shrink", given)) => LabCommand::Shrink(CaseOptions::from_arg_matches(given)?),
            _ => LabCommand::Experiment(LabExperiment::from_arg_matches(matches)?),
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = LabCommand::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Subcommand for LabCommand {
    fn augment_subcommands(command: Command) -> Command {
        let faults = Command::new("faults")
            .about("Treat whole networks badly, and check that everything holds")
            .display_order(1_000);
        let replay = Command::new("replay")
            .about("Run one seed of faults again")
            .display_order(1_001);
        let shrink = Command::new("shrink")
            .about("Make a seed of faults that fails small, as a test to paste")
            .display_order(1_002);
        LabExperiment::augment_subcommands(command)
            .subcommand(FaultsOptions::augment_args(faults))
            .subcommand(CaseOptions::augment_args(replay))
            .subcommand(CaseOptions::augment_args(shrink))
    }

    fn augment_subcommands_for_update(command: Command) -> Command {
        LabCommand::augment_subcommands(command)
    }

    fn has_subcommand(name: &str) -> bool {
        matches!(name, "faults" | "replay" | "shrink") || LabExperiment::has_subcommand(name)
    }
}

impl FromArgMatches for LabExperiment {
    fn from_arg_matches(matches: &ArgMatches) -> Result<LabExperiment, clap::Error> {
        let unknown =
            || clap::Error::raw(ErrorKind::MissingSubcommand, "an experiment is missing\n");
        let (name, of_experiment) = matches.subcommand().ok_or_else(unknown)?;
        let experiment = by_name(name).map_err(|_| unknown())?;
        let mut given = BTreeMap::new();
        for setting in experiment.settings {
            if let Some(value) = of_experiment.get_one::<String>(setting.name) {
                given.insert(setting.name.to_owned(), value.clone());
            }
        }
        Ok(LabExperiment {
            experiment,
            given,
            common: LabCommon::from_arg_matches(of_experiment)?,
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = LabExperiment::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Subcommand for LabExperiment {
    fn augment_subcommands(command: Command) -> Command {
        let experiments = EXPERIMENTS.iter().map(|experiment| subcommand(experiment));
        command
            .subcommands(experiments)
            .subcommand_required(true)
            .arg_required_else_help(true)
    }

    fn augment_subcommands_for_update(command: Command) -> Command {
        LabExperiment::augment_subcommands(command)
    }

    fn has_subcommand(name: &str) -> bool {
        by_name(name).is_ok()
    }
}

fn subcommand(experiment: &'static Experiment) -> Command {
    let args = experiment.settings.iter().map(|setting| {
        let kind = setting.kind;
        Arg::new(setting.name)
            .long(setting.name)
            .value_name(kind.placeholder())
            .allow_negative_numbers(true)
            .default_value(setting.default)
            .help(setting.help)
            .value_parser(move |text: &str| match kind.read(text) {
                Some(_) => Ok(text.to_owned()),
                None => Err(format!("expected {}", kind.expected())),
            })
    });
    let command = Command::new(experiment.name)
        .about(experiment.question)
        .args(args);
    LabCommon::augment_args(command)
}

fn read_precision(text: &str) -> Result<f64, String> {
    let number = text
        .parse()
        .ok()
        .filter(|number| (1e-4..=1.0).contains(number));
    number.ok_or_else(|| "expected a share from 0.0001 to 1".to_owned())
}
