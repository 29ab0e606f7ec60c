//! Which fees are paid only when somebody says so once more: a slip of the hand
//! can't be taken back. What a fee buys, it does not know.

use std::io::{self, IsTerminal};

use anyhow::bail;

use crate::coins::Coins;

/// What is offered for a transaction, in coins, unless somebody says otherwise.
pub(crate) const USUAL_FEE: &str = "0.001";

/// Up to this fee, in base units, nobody is asked: a thousand times the usual
/// one.
const UNASKED_FEE_LIMIT: u64 = 1_000_000;

/// Beyond that, nobody is asked about a fee that goes so many times into the
/// amount.
const UNASKED_SHARE: u64 = 10;

/// Whether so high a fee may be paid: who is at a terminal is asked.
pub(crate) fn confirm(fee: Coins, amount: Coins, yes: bool) -> anyhow::Result<()> {
    if yes || !is_absurd(fee, amount) {
        return Ok(());
    }
    let problem = format!(
        "a fee of {fee} coins is very high: the usual one is {USUAL_FEE}, and {amount} coins are paid"
    );
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        bail!("{problem}; nothing was paid. If you mean it, say --yes");
    }
    eprint!("{problem}. Pay it? [y/N] ");
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    match answer.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => bail!("nothing was paid"),
    }
}

fn is_absurd(fee: Coins, amount: Coins) -> bool {
    fee.0 > UNASKED_FEE_LIMIT && fee.0.saturating_mul(UNASKED_SHARE) > amount.0
}
