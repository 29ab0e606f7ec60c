//! The older text format of Prometheus (0.0.4), made of the newer (OpenMetrics):
//! the names of families differ, and nothing else that a node says. What it says is
//! not known here.

/// Returns the same in the older format: there a family has the name that its
/// samples have, and there are neither infos nor units nor an end.
pub(super) fn from_open_metrics(text: &str) -> String {
    let mut older = String::with_capacity(text.len() + text.len() / 16);
    let mut help = "";
    for line in text.lines() {
        if let Some(named) = line.strip_prefix("# HELP ") {
            help = named;
        } else if let Some(named) = line.strip_prefix("# TYPE ") {
            let (name, kind) = named.split_once(' ').unwrap_or((named, "untyped"));
            let (ending, kind) = match kind {
                "counter" => ("_total", "counter"),
                "info" => ("_info", "gauge"),
                "unknown" => ("", "untyped"),
                kind => ("", kind),
            };
            if let Some(help) = help.strip_prefix(name) {
                older += &format!("# HELP {name}{ending}{help}\n");
            }
            older += &format!("# TYPE {name}{ending} {kind}\n");
        } else if !line.starts_with('#') {
            older += line;
            older.push('\n');
        }
    }
    older
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_have_the_names_of_their_samples() {
        let newer = "# HELP adit_chain_length Blocks.\n\
            # TYPE adit_chain_length gauge\n\
            adit_chain_length 3.0\n\
            # HELP adit_syncs How often.\n\
            # TYPE adit_syncs counter\n\
            adit_syncs_total 7\n\
            # HELP adit_build What runs.\n\
            # TYPE adit_build info\n\
            adit_build_info{version=\"1\"} 1\n\
            # HELP wait How long.\n\
            # TYPE wait histogram\n\
            # UNIT wait seconds\n\
            wait_sum{group=\"a\"} 0.5\n\
            # EOF\n";
        let older = "# HELP adit_chain_length Blocks.\n\
            # TYPE adit_chain_length gauge\n\
            adit_chain_length 3.0\n\
            # HELP adit_syncs_total How often.\n\
            # TYPE adit_syncs_total counter\n\
            adit_syncs_total 7\n\
            # HELP adit_build_info What runs.\n\
            # TYPE adit_build_info gauge\n\
            adit_build_info{version=\"1\"} 1\n\
            # HELP wait How long.\n\
            # TYPE wait histogram\n\
            wait_sum{group=\"a\"} 0.5\n";
        assert_eq!(from_open_metrics(newer), older);
    }
}
