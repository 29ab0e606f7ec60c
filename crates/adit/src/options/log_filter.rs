//! What is logged, as people write it.

use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;

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
