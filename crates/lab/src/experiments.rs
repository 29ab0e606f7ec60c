//! The experiments, one a file: what is asked, what theory says of it, and how it is
//! simulated over real cores. Here is which ones there are.

mod all;
mod double_spend;
mod eclipse;
mod fees;
mod finality;
mod forge;
mod forks;
mod gossip;
mod intervals;
mod majority;
mod net;
mod partition;
mod private_chain;
mod rival;
mod selfish;
mod stamps;
mod target;

use crate::experiment::Experiment;
use crate::run::LabError;

/// All of them; the last one runs the others.
pub static EXPERIMENTS: &[&Experiment] = &[
    &double_spend::EXPERIMENT,
    &finality::EXPERIMENT,
    &selfish::EXPERIMENT,
    &forks::EXPERIMENT,
    &rival::EXPERIMENT,
    &private_chain::EXPERIMENT,
    &intervals::EXPERIMENT,
    &target::EXPERIMENT,
    &stamps::EXPERIMENT,
    &majority::EXPERIMENT,
    &eclipse::EXPERIMENT,
    &gossip::EXPERIMENT,
    &fees::EXPERIMENT,
    &forge::EXPERIMENT,
    &partition::EXPERIMENT,
    &net::EXPERIMENT,
    &ALL,
];

static ALL: Experiment = Experiment {
    name: "all",
    question: "Does everything agree with theory?",
    explanation: all::EXPLANATION,
    settings: &[],
    run: |_, run| all::run(&EXPERIMENTS[..EXPERIMENTS.len() - 1], run),
};

/// The experiment of that name.
pub fn by_name(name: &str) -> Result<&'static Experiment, LabError> {
    let mut all = EXPERIMENTS.iter();
    let found = all.find(|one| one.name == name);
    found.copied().ok_or_else(|| LabError::Unknown {
        found: name.to_owned(),
        known: EXPERIMENTS.iter().map(|one| one.name).collect(),
    })
}
