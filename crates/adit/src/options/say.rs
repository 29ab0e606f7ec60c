//! What is said beside the output proper. Whether anybody hears it is not known
//! here.

use std::io::{self, Write};

/// Says something beside the output proper. That nobody hears it is no reason
/// to fail (as `eprintln!` would).
pub(crate) fn say(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}
