//! What is printed beside the output proper. Whether anybody reads it is not
//! known here.

use std::io::{self, Write};

/// Prints something beside the output proper. It is no reason to fail that
/// nobody reads it (as it is for `eprintln!`).
pub(crate) fn say(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}
