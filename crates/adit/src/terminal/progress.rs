//! How far something is that takes long, where somebody looks.

use std::io::{self, IsTerminal};

use anyhow::Result;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar of that name, which is hidden where nobody looks.
pub(crate) fn progress_bar(name: &'static str) -> Result<ProgressBar> {
    let style = "{prefix:>14} [{bar:40}] {percent:>3} %, {eta} left";
    let target = match io::stderr().is_terminal() {
        true => ProgressDrawTarget::stderr(),
        false => ProgressDrawTarget::hidden(),
    };
    let bar = ProgressBar::with_draw_target(None, target);
    bar.set_style(ProgressStyle::with_template(style)?);
    bar.set_prefix(name);
    Ok(bar)
}
