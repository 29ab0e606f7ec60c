//! `adit lab faults`, `replay` and `shrink`: whole networks that are treated badly, by
//! the seed. What happens in a case and what has to hold, the lab knows; here seeds
//! are shared among threads, and what was found is said.

use std::collections::BTreeMap;
use std::panic;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use adit_core::hash::Hash;
use adit_lab::faults::{Case, Failure, Fault, Passed, run, shrink};
use anyhow::Result;
use serde_json::{Value, json};

use crate::options::{CaseOptions, FaultsOptions, all_cores};
use crate::terminal::output::{Output, Style};
use crate::terminal::progress::progress_bar;

/// Which version of the program ran.
const COMMIT: &str = env!("BUILD_COMMIT");

/// A seed has failed. It was printed.
#[derive(Debug, thiserror::Error)]
#[error("something that has to hold did not")]
pub(crate) struct Failed;

/// What a campaign has found.
#[derive(Default)]
struct Campaign {
    blocks: u64,
    reorganisations: u64,
    acknowledged: u64,
    failures: BTreeMap<u64, Failure>,
}

impl Campaign {
    fn note(&mut self, seed: u64, result: Result<Passed, Failure>) {
        match result {
            Ok(passed) => {
                self.blocks += passed.blocks;
                self.reorganisations += passed.reorganisations;
                self.acknowledged += passed.acknowledged;
            }
            Err(failure) => drop(self.failures.insert(seed, failure)),
        }
    }
}

/// Tries seed after seed.
pub(crate) fn campaign(options: &FaultsOptions, json: bool) -> Result<()> {
    let started = Instant::now();
    let campaign = run_all(options)?;
    let mut output = Output::new(json);
    if json {
        output.document(document(options, &campaign).to_string().as_bytes())?;
    } else {
        let (seconds, count) = (started.elapsed().as_secs_f64(), options.seeds);
        output.line(&format!(
            "{count} seeds in {seconds:.0} s: {} blocks taken, {} reorganisations, {} payments acknowledged",
            campaign.blocks, campaign.reorganisations, campaign.acknowledged
        ))?;
        say_failures(&campaign, &mut output)?;
    }
    verdict(campaign.failures.is_empty())
}

fn say_failures(campaign: &Campaign, output: &mut Output) -> Result<()> {
    let Some(first) = campaign.failures.keys().next() else {
        let line = output.styled(Style::Good, "everything held, in each of them");
        return output.line(&line);
    };
    for (seed, failure) in &campaign.failures {
        let line = format!("seed {seed}, after {:.1?}: {}", failure.after, failure.what);
        output.line(&output.styled(Style::Bad, &line))?;
    }
    output.line(&format!("Make it small: adit lab shrink {first}"))
}

fn run_all(options: &FaultsOptions) -> Result<Campaign> {
    let bar = progress_bar("faults")?;
    bar.set_length(options.seeds);
    let found = Mutex::new(Campaign::default());
    let next = AtomicU64::new(0);
    let threads = options.threads.unwrap_or_else(all_cores).get();
    // An assertion that fails is a finding, which is said at the end.
    let loud = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    if at >= options.seeds {
                        return;
                    }
                    let seed = options.from.wrapping_add(at);
                    let result = run(&Case::of_seed(seed));
                    let mut found = found.lock().expect("no thread panics while it holds it");
                    found.note(seed, result);
                    bar.inc(1);
                }
            });
        }
    });
    panic::set_hook(loud);
    bar.finish_and_clear();
    Ok(found
        .into_inner()
        .expect("no thread panics while it holds it"))
}

fn document(options: &FaultsOptions, campaign: &Campaign) -> Value {
    let failures = campaign.failures.iter();
    let failures: Vec<Value> = failures
        .map(|(seed, failure)| {
            json!({ "seed": seed, "after_ms": failure.after.as_millis() as u64, "what": failure.what })
        })
        .collect();
    let verdict = match failures.is_empty() {
        true => "pass",
        false => "fail",
    };
    json!({
        "experiment": "faults",
        "version": env!("CARGO_PKG_VERSION"),
        "commit": COMMIT,
        "seed": options.from,
        "parameters": { "seeds": options.seeds },
        "results": [{
            "name": "seeds that failed",
            "theory": 0.0,
            "measured": failures.len() as f64,
            "sigma": 0.0,
            "trials": options.seeds,
            "verdict": verdict,
        }],
        "blocks": campaign.blocks,
        "reorganisations": campaign.reorganisations,
        "acknowledged": campaign.acknowledged,
        "failures": failures,
    })
}

/// Runs one seed, and says what it is like.
pub(crate) fn replay(options: &CaseOptions, json: bool) -> Result<()> {
    let case = Case::of_seed(options.seed);
    let result = run(&case);
    let mut output = Output::new(json);
    if json {
        output.document(case_document(&case, &result).to_string().as_bytes())?;
        return verdict(result.is_ok());
    }
    output.line(&format!(
        "seed {}: {} nodes, {} of them liars, {} deeds; faults: {}",
        case.seed,
        case.nodes,
        case.liars(),
        case.deeds,
        names(&case.faults),
    ))?;
    match &result {
        Ok(passed) => {
            let Passed {
                blocks,
                reorganisations,
                acknowledged,
                trace,
            } = passed;
            output.line(&format!(
                "{blocks} blocks taken, {reorganisations} reorganisations, {acknowledged} payments acknowledged; \
                 history {}",
                Hash(*trace)
            ))?;
            output.line(&output.styled(Style::Good, "everything held"))?;
        }
        Err(failure) => {
            let line = format!("after {:.1?}: {}", failure.after, failure.what);
            output.line(&output.styled(Style::Bad, &line))?;
        }
    }
    verdict(result.is_ok())
}

/// Makes a seed that fails small, as a test to paste.
pub(crate) fn shrunk(options: &CaseOptions, json: bool) -> Result<()> {
    let case = Case::of_seed(options.seed);
    let mut output = Output::new(json);
    let loud = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let found = run(&case)
        .err()
        .map(|failure| shrink(case, failure, |case| run(case).err()));
    panic::set_hook(loud);
    let Some(found) = found else {
        match json {
            true => output.document(
                json!({ "seed": options.seed, "failure": null })
                    .to_string()
                    .as_bytes(),
            )?,
            false => output.line(&format!(
                "seed {} does not fail: there is nothing to shrink",
                options.seed
            ))?,
        }
        return Ok(());
    };
    if json {
        output.document(
            case_document(&found.case, &Err(found.failure))
                .to_string()
                .as_bytes(),
        )?;
    } else {
        let failure = &found.failure;
        output.line(&format!("after {:.1?}: {}", failure.after, failure.what))?;
        output.line(&format!(
            "The smallest of {} cases that were tried:",
            found.runs
        ))?;
        output.line("")?;
        output.bytes(found.case.to_test().as_bytes())?;
    }
    verdict(false)
}

fn case_document(case: &Case, result: &Result<Passed, Failure>) -> Value {
    json!({
        "seed": case.seed,
        "nodes": case.nodes,
        "liars": case.liars(),
        "deeds": case.deeds,
        "skipped": case.skipped,
        "faults": case.faults.iter().map(|fault| fault.name()).collect::<Vec<_>>(),
        "history": result.as_ref().ok().map(|passed| Hash(passed.trace).to_string()),
        "failure": result.as_ref().err().map(|failure| json!({
            "after_ms": failure.after.as_millis() as u64,
            "what": failure.what,
        })),
    })
}

fn names(faults: &[Fault]) -> String {
    match faults {
        [] => "none".to_owned(),
        some => some
            .iter()
            .map(|fault| fault.name())
            .collect::<Vec<_>>()
            .join(", "),
    }
}

fn verdict(holds: bool) -> Result<()> {
    match holds {
        true => Ok(()),
        false => Err(Failed.into()),
    }
}
