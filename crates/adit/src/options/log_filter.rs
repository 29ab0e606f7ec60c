//! What is logged, as people write it.

use clap::Args;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;

/// What is logged where the command says at the terminal what matters.
#[derive(Debug, Args)]
pub(crate) struct QuietLog {
    /// What to log, as for `adit node`.
    #[arg(
        long,
        value_name = "FILTER",
        env = "ADIT_LOG",
        default_value = "warn",
        value_parser = read_filter
    )]
    pub(crate) log: String,
}

/// A bare word in a filter would be taken for the name of a module, so that a
/// mistyped level would silence everything: only levels stand alone here.
pub(super) fn read_filter(text: &str) -> Result<String, String> {
    let is_level = |part: &str| part.trim().parse::<LevelFilter>().is_ok();
    let mut parts = text.split(',');
    let bare_words_are_levels = parts.all(|part| part.contains('=') || is_level(part));
    match EnvFilter::builder().parse(text) {
        Ok(_) if bare_words_are_levels => Ok(text.to_string()),
        _ => Err("write it as off, error, warn, info, debug or trace, \
             or as a filter such as info,adit_node=debug"
            .to_string()),
    }
}
