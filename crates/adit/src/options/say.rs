//! What is printed beside the output proper. Whether anybody reads it is not
//! known here.

use std::io::{self, Write};

use crate::terminal::escape::{visible_error, visible_json};

/// Prints something beside the output proper. It is no reason to fail that
/// nobody reads it (as it is for `eprintln!`).
pub(crate) fn say(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Prints what may be wrong, and does not keep the command from going on.
pub(crate) fn warn(text: &str, json: bool) {
    match json {
        true => {
            let document = serde_json::json!({ "warning": text }).to_string();
            say(&visible_json(&document));
        }
        false => say(&format!("warning: {}", visible_error(text))),
    }
}
