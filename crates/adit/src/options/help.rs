//! How `adit --help` lists the commands, in groups by what people want to do, and
//! how each is typed. What the commands do is not known here.

use clap::Command;

/// The columns in front of a command's summary.
const NAME_COLUMNS: usize = 15;

/// Every command is in one of them; a unit test says so.
const GROUPS: [(&str, &[&str]); 5] = [
    ("Run a node", &["node", "join", "dev", "chain"]),
    ("Teach, learn and do research", &["class", "lab"]),
    (
        "Ask a running node",
        &[
            "status", "block", "blocks", "tx", "address", "mempool", "peers", "tips", "reorgs",
            "stats", "watch", "mine", "miner", "invite", "doctor",
        ],
    ),
    (
        "Pay and prove on a sealed chain",
        &[
            "wallet",
            "send",
            "balance",
            "sign",
            "broadcast",
            "notarize",
            "prove",
        ],
    ),
    ("For this machine", &["bench", "completions", "man", "help"]),
];

/// How each command is typed, most plainly first.
const EXAMPLES: [(&str, &[&str]); 31] = [
    (
        "node",
        &[
            "adit",
            "adit -p 5001 --peer http://localhost:5000",
            "adit --chain class.json --reward-to adit1... --mine",
        ],
    ),
    (
        "join",
        &["adit join adit:/ip4/192.168.1.7/tcp/15000/p2p/12D3KooW.../25da..."],
    ),
    ("invite", &["adit invite", "adit -p 5001 invite"]),
    (
        "dev",
        &[
            "adit dev",
            "adit dev --accounts 3 --balance 100",
            "adit dev time move 1h",
        ],
    ),
    (
        "chain",
        &[
            "adit chain new --name class --alloc adit1...=1000",
            "adit chain verify",
            "adit chain export chain.jsonl",
        ],
    ),
    (
        "class",
        &[
            "adit class",
            "adit class --address 192.168.0.7 --traffic 10s",
        ],
    ),
    ("status", &["adit status", "adit -p 5001 status --json"]),
    (
        "block",
        &["adit block", "adit block 7 --txs", "adit block 7 --raw"],
    ),
    ("blocks", &["adit blocks", "adit blocks -n 100"]),
    ("tx", &["adit tx 5a4f..."]),
    (
        "address",
        &["adit address bob", "adit address adit1... --txs"],
    ),
    ("mempool", &["adit mempool"]),
    (
        "peers",
        &["adit peers", "adit peers add http://localhost:5001"],
    ),
    ("tips", &["adit tips"]),
    ("reorgs", &["adit reorgs", "adit reorgs 5a4f..."]),
    ("stats", &["adit stats", "adit stats --svg blocks.svg"]),
    ("watch", &["adit watch", "adit watch --json"]),
    ("mine", &["adit mine"]),
    (
        "miner",
        &[
            "adit miner --node http://192.168.0.7:5000 --reward-to adit1...",
            "adit miner --reward-to bob --threads 1",
        ],
    ),
    ("doctor", &["adit doctor http://192.168.0.7:5000"]),
    (
        "wallet",
        &["adit wallet new", "adit wallet address --name ann"],
    ),
    (
        "send",
        &[
            "adit send adit1... 2.5",
            "adit send bob 2.5",
            "adit send adit1... 1 --from dev0 --wait",
        ],
    ),
    ("balance", &["adit balance", "adit balance adit1..."]),
    (
        "sign",
        &["adit sign --genesis class.json --nonce 7 --to adit1... --amount 1.5"],
    ),
    ("broadcast", &["adit broadcast tx.json"]),
    ("notarize", &["adit notarize thesis.pdf"]),
    ("prove", &["adit prove thesis.pdf"]),
    (
        "lab",
        &[
            "adit lab double-spend --attacker 0.3 --confirmations 6",
            "adit lab selfish --explain",
            "adit lab all --html lab.html",
        ],
    ),
    ("bench", &["adit bench pow"]),
    ("completions", &["adit completions bash"]),
    (
        "man",
        &["adit man | man -l -", "adit man ~/.local/share/man/man1"],
    ),
];

/// The command line, with its commands in groups, and with examples.
pub(super) fn arranged(adit: Command) -> Command {
    let examples = |adit: Command, (name, lines): (&str, &[&str])| {
        let lines: Vec<_> = lines.iter().map(|line| format!("\n  {line}")).collect();
        let text = format!("Examples:{}", lines.concat());
        adit.mut_subcommand(name, |command| command.after_help(text))
    };
    grouped(EXAMPLES.into_iter().fold(adit, examples))
}

fn grouped(adit: Command) -> Command {
    let mut text = String::new();
    for (title, names) in GROUPS {
        text += &format!("\n{title}:\n");
        for name in names {
            let about = adit.find_subcommand(name).and_then(Command::get_about);
            let about = match about {
                Some(about) => about.to_string(),
                // clap makes it later.
                None => "Print how a command is used".to_owned(),
            };
            text += &format!("  {name:<width$}{about}\n", width = NAME_COLUMNS - 2);
        }
    }
    adit.help_template(format!(
        "{{before-help}}{{about-with-newline}}\n{{usage-heading}} {{usage}}\n{text}\nOptions:\n{{options}}{{after-help}}"
    ))
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use clap::CommandFactory;

    use super::*;
    use crate::options::Cli;
    use crate::options::arguments::in_order;

    #[test]
    fn every_command_is_in_one_group_and_fits_a_line() {
        let adit = arranged(Cli::command());
        let mut names: Vec<&str> = adit.get_subcommands().map(Command::get_name).collect();
        names.push("help");
        let mut grouped: Vec<&str> = GROUPS
            .iter()
            .flat_map(|(_, names)| *names)
            .copied()
            .collect();
        names.sort_unstable();
        grouped.sort_unstable();
        assert_eq!(names, grouped);
        for command in adit.get_subcommands() {
            let about = command.get_about().expect("every command has a summary");
            let columns = NAME_COLUMNS + about.to_string().len();
            assert!(columns <= 80, "{}: {columns} columns", command.get_name());
        }
    }

    #[test]
    fn every_command_shows_how_it_is_typed() {
        const ADDRESS: &str = "adit1wgq2r8wanuw4ap4yycmsrvg88ws5xven5lr9mwd2rk3f6yukeenqdsx2g2";
        for command in arranged(Cli::command()).get_subcommands() {
            let name = command.get_name();
            let examples = command.get_after_help().map(ToString::to_string);
            let examples = examples.unwrap_or_default();
            assert!(examples.starts_with("Examples:\n"), "{name}");
            for line in examples.lines().skip(1) {
                assert!(line.starts_with("  adit") && line.len() <= 80, "{line}");
                let typed = line.split('|').next().unwrap_or_default();
                let typed = typed.replace("adit1...", ADDRESS);
                let typed = typed.replace("5a4f...", &"5a4f".repeat(16));
                let words = typed.split_whitespace().map(OsString::from);
                let words = in_order(words, Cli::command);
                let read = Cli::command().try_get_matches_from(words);
                assert!(read.is_ok(), "{line}: {}", read.unwrap_err());
            }
        }
    }
}
